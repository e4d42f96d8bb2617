//! The seam, filled: each verb is a call into its group.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use unrolled_tensor::fused::{
    CrossEntropy, CrossEntropyArgs, CrossEntropyGradients, CrossEntropyPartials, KeptLogits, KeptRows, LinearTopK,
    LinearTopKArgs, LinearTopKPartials, LstmArgs, LstmDataGradients, LstmGradients, LstmOutput, LstmOutputGradients,
    LstmWeightArgs, LstmWeightGradients, MergedPartials,
};
use unrolled_tensor::ops::{Binary, Compare, Distribution, Reduce, Unary, Update};
use unrolled_tensor::random::Key;
use unrolled_tensor::{
    Backend, Captured, DType, Event, MatmulPrecision, Memory, Recorder, Result, Storage, Tensor, Work,
};

use crate::driver::{self, DeviceInfo, Unusable};
use crate::gpu::Gpu;
use crate::graphs::{self, GraphCounts};
use crate::options::Options;
use crate::storage::pointer;
use crate::verbs;

/// One GPU as a device.
pub struct CudaBackend {
    gpu: Arc<Gpu>,
    /// What products of f32 run in.
    precision: Mutex<MatmulPrecision>,
}

impl CudaBackend {
    /// GPU number `index`, with as much memory as it has free now.
    ///
    /// # Errors
    /// Where there is no driver, no such device, or one that cannot be used.
    pub fn new(index: usize) -> Result<CudaBackend, Unusable> {
        CudaBackend::with(index, Options::default())
    }

    /// [`new`](CudaBackend::new), whose tensors may hold `budget` bytes.
    ///
    /// # Errors
    /// As [`new`](CudaBackend::new).
    pub fn with_budget(index: usize, budget: usize) -> Result<CudaBackend, Unusable> {
        CudaBackend::with(index, Options { budget: Some(budget), ..Options::default() })
    }

    /// [`new`](CudaBackend::new), to work in another way.
    ///
    /// # Errors
    /// As [`new`](CudaBackend::new).
    pub fn with(index: usize, options: Options) -> Result<CudaBackend, Unusable> {
        Ok(CudaBackend { gpu: Arc::new(Gpu::new(index, options)?), precision: Mutex::default() })
    }

    /// How often work was captured and replayed.
    pub fn graph_counts(&self) -> GraphCounts {
        self.gpu.graphs.counts()
    }

    /// Why some work cannot be captured; empty where all can.
    pub fn uncaptured(&self) -> Vec<String> {
        self.gpu.graphs.refusals()
    }

    pub(crate) fn gpu(&self) -> &Arc<Gpu> {
        &self.gpu
    }

    /// What the driver says of the device.
    pub fn info(&self) -> &DeviceInfo {
        &self.gpu.info
    }
}

impl fmt::Debug for CudaBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CudaBackend({}, {})", self.gpu.name, self.gpu.info.name)
    }
}

impl Recorder for CudaBackend {
    fn run(&self, what: &Captured<'_>, work: &mut dyn Work) -> Result<Vec<Tensor>> {
        graphs::run(self, what, work)
    }
}

impl Backend for CudaBackend {
    fn name(&self) -> String {
        self.gpu.name.clone()
    }

    fn upload(&self, bytes: &[u8], _: DType) -> Result<Storage> {
        Ok(self.gpu.upload(bytes)?.storage())
    }

    fn download(&self, x: &Tensor, bytes: &mut [u8]) -> Result<()> {
        self.gpu.download(pointer(x), bytes)
    }

    fn fill(&self, value: f64, len: usize, dtype: DType) -> Result<Storage> {
        verbs::memory::fill(&self.gpu, value, len, dtype)
    }

    fn copy_from(&self, x: &Tensor, made: Option<&Event>) -> Result<Option<Storage>> {
        verbs::memory::copy_from(&self.gpu, x, made)
    }

    fn memory(&self) -> Memory {
        self.gpu.pool.memory()
    }

    fn reset_peak(&self) {
        self.gpu.pool.reset_peak();
    }

    fn record(&self) -> Result<Event> {
        Ok(self.gpu.record()?)
    }

    fn wait(&self, event: &Event) -> Result<()> {
        // A CPU device's work is done when its verb returns: its mark is nothing to wait for.
        event.downcast_ref::<driver::Event>().map_or(Ok(()), |event| self.gpu.wait(event))
    }

    fn synchronize(&self) -> Result<()> {
        self.gpu.synchronize()
    }

    fn recorder(&self) -> Option<&dyn Recorder> {
        if self.gpu.options.graphs { Some(self) } else { None }
    }

    fn cast(&self, x: &Tensor, dtype: DType) -> Result<Storage> {
        verbs::elementwise::cast(&self.gpu, x, dtype)
    }

    fn unary(&self, op: Unary, x: &Tensor) -> Result<Storage> {
        verbs::elementwise::unary(&self.gpu, op, x)
    }

    fn binary(&self, op: Binary, a: &Tensor, b: &Tensor) -> Result<Storage> {
        verbs::elementwise::binary(&self.gpu, op, a, b)
    }

    fn compare(&self, op: Compare, a: &Tensor, b: &Tensor) -> Result<Storage> {
        verbs::elementwise::compare(&self.gpu, op, a, b)
    }

    fn select(&self, condition: &Tensor, a: &Tensor, b: &Tensor) -> Result<Storage> {
        verbs::elementwise::select(&self.gpu, condition, a, b)
    }

    fn reduce(&self, op: Reduce, x: &Tensor) -> Result<Storage> {
        verbs::reduce::reduce(&self.gpu, op, x)
    }

    fn cumulative_sum(&self, x: &Tensor) -> Result<Storage> {
        verbs::reduce::cumulative_sum(&self.gpu, x)
    }

    fn softmax(&self, x: &Tensor, logarithm: bool) -> Result<Storage> {
        verbs::softmax::softmax(&self.gpu, x, logarithm)
    }

    fn top_k(&self, x: &Tensor, k: usize) -> Result<(Storage, Storage)> {
        verbs::top_k::top_k(&self.gpu, x, k)
    }

    fn matmul(&self, a: &Tensor, b: &Tensor, onto: Option<Tensor>, out: DType) -> Result<Storage> {
        verbs::matmul::matmul(&self.gpu, self.matmul_precision(), a, b, onto, out)
    }

    fn set_matmul_precision(&self, precision: MatmulPrecision) {
        *self.precision.lock().unwrap_or_else(PoisonError::into_inner) = precision;
    }

    fn matmul_precision(&self) -> MatmulPrecision {
        *self.precision.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gather(&self, x: &Tensor, axis: usize, index: &Tensor) -> Result<Storage> {
        verbs::indexing::gather(&self.gpu, x, axis, index)
    }

    fn scatter_add(&self, x: Tensor, axis: usize, index: &Tensor, source: &Tensor) -> Result<Storage> {
        verbs::indexing::scatter_add(&self.gpu, x, axis, index, source)
    }

    fn concat(&self, parts: &[&Tensor], axis: usize) -> Result<Storage> {
        verbs::elementwise::concat(&self.gpu, parts, axis)
    }

    fn random(
        &self,
        distribution: Distribution,
        key: Key,
        step: Option<&Tensor>,
        len: usize,
        dtype: DType,
    ) -> Result<Storage> {
        verbs::random::random(&self.gpu, distribution, key, step, len, dtype)
    }

    fn accumulate(&self, onto: &mut Tensor, x: &Tensor, scale: f64) -> Result<()> {
        verbs::update::accumulate(&self.gpu, onto, x, scale)
    }

    fn update(
        &self,
        rule: &Update,
        parameter: &mut Tensor,
        gradient: &Tensor,
        rows: Option<&Tensor>,
        state: &mut [Tensor],
        hyper: &Tensor,
    ) -> Result<()> {
        verbs::update::update(&self.gpu, rule, parameter, gradient, rows, state, hyper)
    }

    fn lstm_sequence(&self, args: &LstmArgs<'_>) -> Result<LstmOutput> {
        verbs::lstm::forward(self, args)
    }

    fn lstm_sequence_backward(
        &self,
        args: &LstmArgs<'_>,
        output: &LstmOutput,
        gradients: &LstmOutputGradients<'_>,
    ) -> Result<LstmGradients> {
        verbs::lstm::backward(self, args, output.clone(), gradients)
    }

    fn lstm_sequence_backward_last(
        &self,
        args: &LstmArgs<'_>,
        output: LstmOutput,
        gradients: &LstmOutputGradients<'_>,
    ) -> Result<LstmGradients> {
        verbs::lstm::backward(self, args, output, gradients)
    }

    fn lstm_sequence_backward_data(
        &self,
        args: &LstmArgs<'_>,
        output: LstmOutput,
        gradients: &LstmOutputGradients<'_>,
    ) -> Result<LstmDataGradients> {
        verbs::lstm::backward_data(self, args, output, gradients)
    }

    fn lstm_weight_gradients(&self, args: &LstmWeightArgs<'_>) -> Result<LstmWeightGradients> {
        verbs::lstm::weight_gradients(self, args)
    }

    fn linear_cross_entropy(&self, args: &CrossEntropyArgs<'_>, gradients: bool) -> Result<CrossEntropy> {
        verbs::cross_entropy::fused(self, args, gradients)
    }

    fn linear_cross_entropy_partials(&self, args: &CrossEntropyArgs<'_>) -> Result<CrossEntropyPartials> {
        verbs::cross_entropy::partials(self, args)
    }

    fn linear_cross_entropy_gradients(
        &self,
        args: &CrossEntropyArgs<'_>,
        log_sum: &Tensor,
    ) -> Result<CrossEntropyGradients> {
        verbs::cross_entropy::gradients(self, args, log_sum)
    }

    fn linear_cross_entropy_begin(&self, args: &CrossEntropyArgs<'_>) -> Result<(CrossEntropyPartials, KeptLogits)> {
        verbs::cross_entropy::phases::begin(self, args)
    }

    fn linear_cross_entropy_hidden(
        &self,
        args: &CrossEntropyArgs<'_>,
        kept: KeptLogits,
        merged: &MergedPartials,
    ) -> Result<(Tensor, KeptLogits)> {
        verbs::cross_entropy::phases::hidden(self, args, kept, merged)
    }

    fn linear_cross_entropy_weights(
        &self,
        parts: &[KeptRows<'_>],
        rows: &[(u32, u32)],
        onto: Option<(Tensor, Tensor)>,
    ) -> Result<(Tensor, Tensor)> {
        verbs::cross_entropy::phases::weights(self, parts, rows, onto)
    }

    fn linear_top_k_partials(&self, args: &LinearTopKArgs<'_>) -> Result<LinearTopKPartials> {
        verbs::top_k::linear_top_k_partials(self, args)
    }

    fn linear_top_k(&self, args: &LinearTopKArgs<'_>) -> Result<LinearTopK> {
        verbs::top_k::linear_top_k(self, args)
    }

    fn coalesce(&self, index: &Tensor, values: &Tensor, padded: bool) -> Result<(Tensor, Tensor)> {
        verbs::indexing::coalesce(&self.gpu, index, values, padded)
    }
}
