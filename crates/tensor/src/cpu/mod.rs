//! The CPU backend: rayon for threads, kernels of our own for f32 products (matrixmultiply for the rest), loops that vectorise.

mod buffer;
mod cross_entropy;
mod dtypes;
mod elementwise;
mod exp_sum;
mod gemm;
mod indexing;
mod kept;
mod lanes;
mod logits;
mod lstm;
mod math;
mod matmul;
mod random;
mod ranked;
mod reduce;
mod rows;
mod short;
mod threads;
mod top_k;
mod update;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use bytemuck::Pod;

use crate::backend::{Backend, Event, Memory, Result, Storage};

use crate::Modes;
use crate::fused::{
    CrossEntropy, CrossEntropyArgs, CrossEntropyGradients, CrossEntropyPartials, KeptLogits, KeptRows, LinearTopK,
    LinearTopKArgs, LinearTopKPartials, LstmArgs, LstmDataGradients, LstmGradients, LstmOutput, LstmOutputGradients,
    LstmWeightArgs, LstmWeightGradients, MergedPartials,
};
use crate::ops::{Binary, Compare, Distribution, Reduce, Unary, Update};
use crate::random::Key;
use crate::{DType, MatmulPrecision, Rounding, Tensor};
use buffer::{Buffer, Pool};
pub(crate) use dtypes::{Float, by_dtype, by_float};
use threads::GRAIN;

/// The CPU as a device.
///
/// The shared one ([`Device::cpu`](crate::Device::cpu)) runs on its caller's rayon pool; independent ones have a pool each.
pub struct CpuBackend {
    name: String,
    memory: Arc<Pool>,
    threads: Option<rayon::ThreadPool>,
    /// What products of f32 run in, a [`MatmulPrecision`].
    precision: AtomicU8,
}

impl CpuBackend {
    pub(crate) fn shared() -> CpuBackend {
        CpuBackend::with("cpu".into(), usize::MAX, None)
    }

    pub(crate) fn independent(index: usize, threads: usize, budget: usize) -> CpuBackend {
        let name = format!("cpu:{index}");
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(move |thread| format!("cpu:{index} thread {thread}"))
            .build()
            .expect("the system gives a CPU device its threads");
        CpuBackend::with(name, budget, Some(pool))
    }

    fn with(name: String, budget: usize, threads: Option<rayon::ThreadPool>) -> CpuBackend {
        CpuBackend {
            memory: Pool::new(name.clone(), budget),
            name,
            threads,
            precision: AtomicU8::new(MatmulPrecision::F32 as u8),
        }
    }

    /// What products of f32 run in.
    fn precision(&self) -> MatmulPrecision {
        MatmulPrecision::ALL[usize::from(self.precision.load(Relaxed))]
    }

    /// `work` on this device's threads. Who waits there for others takes up any task meanwhile, which must not see the [modes](Modes) of this one.
    fn on_threads<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        Modes::default().during(|| match &self.threads {
            Some(pool) if pool.current_thread_index().is_none() => pool.install(work),
            _ => work(),
        })
    }

    /// `work` of so many elements: where it would not be cut up anyway, the calling thread is quicker than waking another.
    fn on_threads_if_large<T: Send>(&self, elements: usize, work: impl FnOnce() -> T + Send) -> T {
        if elements <= GRAIN { work() } else { self.on_threads(work) }
    }

    /// Fresh storage of `len` elements that `write` fills.
    fn storage<T: Pod + Send + Sync>(&self, len: usize, write: impl FnOnce(&mut [T]) + Send) -> Result<Storage> {
        self.storage_from(len, len, write)
    }

    /// Fresh storage of `len` elements that `write` fills from so many others.
    fn storage_from<T: Pod + Send + Sync>(
        &self,
        others: usize,
        len: usize,
        write: impl FnOnce(&mut [T]) + Send,
    ) -> Result<Storage> {
        let mut buffer = self.memory.take_elements::<T>(len)?;
        self.on_threads_if_large(others.max(len), || write(buffer.elements_mut()));
        Ok(Arc::new(buffer))
    }

    /// The same elements without gaps: itself where it is so, else a copy.
    fn contiguous(&self, x: &Tensor) -> Result<Tensor> {
        if x.is_contiguous() {
            return Ok(x.clone());
        }
        Ok(Tensor::of(self.cast(x, x.dtype())?, x.shape(), x.dtype(), x.device()))
    }

    /// A fresh contiguous tensor on the device of `like`.
    fn tensor<T: Pod + Send + Sync>(
        &self,
        like: &Tensor,
        shape: &[usize],
        dtype: DType,
        write: impl FnOnce(&mut [T]) + Send,
    ) -> Result<Tensor> {
        Ok(Tensor::of(self.storage(shape.iter().product(), write)?, shape, dtype, like.device()))
    }
}

/// Terms of a sum over rows or along a product that are added up from zero before they are added to the rest: a sum that is made in pieces of a multiple
/// of this has the bits of one that is made at once.
pub const SUM_BLOCK: usize = matmul::K_BLOCK;

/// The floating-point operations a second (two a multiply–add) that the current rayon threads' vector units reach together in f32, with all operands in
/// registers: what products can be measured by. Takes some 30 ms. None on processors that no kernel was written for.
///
/// ```
/// if let Some(peak) = unrolled_tensor::peak_flops() {
///     assert!(peak > 1e9);
/// }
/// ```
pub fn peak_flops() -> Option<f64> {
    gemm::peak_flops()
}

impl fmt::Debug for CpuBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CpuBackend({})", self.name)
    }
}

/// The whole storage of a tensor as elements. The one place that looks inside.
pub(crate) fn elements<T: Pod>(x: &Tensor) -> &[T] {
    buffer_of(x).elements()
}

fn buffer_of(x: &Tensor) -> &Buffer {
    x.storage().downcast_ref().expect("a CPU tensor's storage is a CPU buffer")
}

/// The elements of a contiguous tensor where they are in this machine's memory; `None` of other backends' storage.
pub(crate) fn host_elements<T: Pod>(x: &Tensor) -> Option<&[T]> {
    x.storage().is::<Buffer>().then(|| contiguous_elements(x))
}

/// The storage of a contiguous tensor from its first element on.
pub(crate) fn contiguous_elements<T: Pod>(x: &Tensor) -> &[T] {
    debug_assert!(x.is_contiguous());
    &elements(x)[x.layout().offset()..][..x.elements()]
}

/// The elements of a tensor for writing; see [`Tensor::storage_mut`]. The storage may be longer than the tensor.
pub(crate) fn elements_mut<T: Pod>(x: &mut Tensor) -> Result<&mut [T]> {
    let len = x.elements();
    let buffer = x.storage_mut()?.downcast_mut::<Buffer>().expect("a CPU tensor's storage is a CPU buffer");
    Ok(&mut buffer.elements_mut()[..len])
}

impl Backend for CpuBackend {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn upload(&self, bytes: &[u8], _: DType) -> Result<Storage> {
        let mut buffer = self.memory.take(bytes.len())?;
        buffer.elements_mut().copy_from_slice(bytes);
        Ok(Arc::new(buffer))
    }

    fn download(&self, x: &Tensor, bytes: &mut [u8]) -> Result<()> {
        let size = x.dtype().size();
        bytes.copy_from_slice(&elements::<u8>(x)[x.layout().offset() * size..][..x.elements() * size]);
        Ok(())
    }

    fn fill(&self, value: f64, len: usize, dtype: DType) -> Result<Storage> {
        by_dtype!(dtype, T => self.storage(len, |out: &mut [T]| elementwise::fill(out, value)))
    }

    fn memory(&self) -> Memory {
        self.memory.memory()
    }

    fn reset_peak(&self) {
        self.memory.reset_peak();
    }

    // A CPU verb has done its work when it returns, so the order of work needs no marks.

    fn record(&self) -> Result<Event> {
        Ok(Arc::new(()))
    }

    fn wait(&self, _: &Event) -> Result<()> {
        Ok(())
    }

    fn synchronize(&self) -> Result<()> {
        Ok(())
    }

    fn run(&self, work: &mut (dyn FnMut() + Send)) {
        match &self.threads {
            // One of the caller's threads goes in and stays there: else each verb would hand its work over, and wait.
            None if rayon::current_thread_index().is_none() => rayon::scope(|_| work()),
            _ => self.on_threads(work),
        }
    }

    fn cast(&self, x: &Tensor, dtype: DType) -> Result<Storage> {
        by_dtype!(dtype, T => self.storage(x.elements(), |out: &mut [T]| elementwise::cast(x, out)))
    }

    fn unary(&self, op: Unary, x: &Tensor) -> Result<Storage> {
        by_dtype!(x.dtype(), T => self.storage(x.elements(), |out: &mut [T]| elementwise::unary(op, x, out)))
    }

    fn binary(&self, op: Binary, a: &Tensor, b: &Tensor) -> Result<Storage> {
        by_dtype!(a.dtype(), T => self.storage(a.elements(), |out: &mut [T]| elementwise::binary(op, a, b, out)))
    }

    fn compare(&self, op: Compare, a: &Tensor, b: &Tensor) -> Result<Storage> {
        self.storage(a.elements(), |out| elementwise::compare(op, a, b, out))
    }

    fn select(&self, condition: &Tensor, a: &Tensor, b: &Tensor) -> Result<Storage> {
        by_dtype!(a.dtype(), T => self.storage(a.elements(), |out: &mut [T]| elementwise::select(condition, a, b, out)))
    }

    fn reduce(&self, op: Reduce, x: &Tensor) -> Result<Storage> {
        let (n, rows) = (x.elements(), x.elements_without_last());
        match op {
            Reduce::ArgMax | Reduce::ArgMin => {
                self.storage_from(n, rows, |out: &mut [u32]| reduce::extreme_place(op, x, out))
            }
            _ => by_dtype!(x.dtype(), T => self.storage_from(n, rows, |out: &mut [T]| reduce::reduce(op, x, out))),
        }
    }

    fn cumulative_sum(&self, x: &Tensor) -> Result<Storage> {
        let x = &self.contiguous(x)?;
        by_dtype!(x.dtype(), T => self.storage(x.elements(), |out: &mut [T]| rows::cumulative_sum(x, out)))
    }

    fn softmax(&self, x: &Tensor, logarithm: bool) -> Result<Storage> {
        let x = &self.contiguous(x)?;
        by_float!(x.dtype(), T => self.storage(x.elements(), |out: &mut [T]| rows::softmax(x, logarithm, out)))
    }

    fn top_k(&self, x: &Tensor, k: usize) -> Result<(Storage, Storage)> {
        let x = &self.contiguous(x)?;
        let len = x.elements_without_last() * k;
        let mut places = self.memory.take_elements::<u32>(len)?;
        let values = by_dtype!(x.dtype(), T => {
            let places = places.elements_mut();
            self.storage_from(x.elements(), len, |values: &mut [T]| rows::top_k(x, k, values, places))
        })?;
        Ok((values, Arc::new(places)))
    }

    fn matmul(&self, a: &Tensor, b: &Tensor, onto: Option<Tensor>, out: DType) -> Result<Storage> {
        matmul::matmul(self, a, b, onto, out)
    }

    fn set_matmul_precision(&self, precision: MatmulPrecision) {
        let possible = if precision == MatmulPrecision::Tf32 { MatmulPrecision::F32 } else { precision };
        self.precision.store(possible as u8, Relaxed);
    }

    fn matmul_precision(&self) -> MatmulPrecision {
        self.precision()
    }

    fn keep_packed(&self, weight: &Tensor, blocks: usize) -> Result<()> {
        match weight.dtype() {
            DType::F32 => kept::keep::<f32>(self, weight, blocks),
            DType::F64 => kept::keep::<f64>(self, weight, blocks),
            _ => Ok(()),
        }
    }

    fn keep_rounded(&self, weight: &Tensor, blocks: usize, to: Rounding) -> Result<bool> {
        match weight.dtype() {
            DType::F32 => kept::keep_rounded::<f32>(self, weight, blocks, to),
            _ => Ok(false),
        }
    }

    fn gather(&self, x: &Tensor, axis: usize, index: &Tensor) -> Result<Storage> {
        by_dtype!(x.dtype(), T => self.storage(index.elements(), |out: &mut [T]| indexing::gather(x, axis, index, out)))
    }

    fn scatter_add(&self, mut x: Tensor, axis: usize, index: &Tensor, source: &Tensor) -> Result<Storage> {
        let dtype = x.dtype();
        if matches!(dtype, DType::F16 | DType::BF16) {
            // Sums of short floats run in f32.
            let wide = |x: &Tensor| Ok(Tensor::of(self.cast(x, DType::F32)?, x.shape(), DType::F32, x.device()));
            let sums = self.scatter_add(wide(&x)?, axis, index, &wide(source)?)?;
            return self.cast(&Tensor::of(sums, x.shape(), DType::F32, x.device()), dtype);
        }
        by_dtype!(x.dtype(), T => indexing::scatter_add::<T>(&mut x, axis, index, source))?;
        Ok(x.storage().clone())
    }

    fn concat(&self, parts: &[&Tensor], axis: usize) -> Result<Storage> {
        let len = parts.iter().map(|part| part.elements()).sum();
        by_dtype!(parts[0].dtype(), T => self.storage(len, |out: &mut [T]| indexing::concat(parts, axis, out)))
    }

    fn random(
        &self,
        distribution: Distribution,
        key: Key,
        step: Option<&Tensor>,
        len: usize,
        dtype: DType,
    ) -> Result<Storage> {
        let key = step.map_or(key, |step| key.at(step.item::<i64>() as u64));
        by_float!(dtype, T => self.storage(len, |out: &mut [T]| random::fill(distribution, key, out)))
    }

    fn accumulate(&self, onto: &mut Tensor, x: &Tensor, scale: f64) -> Result<()> {
        by_dtype!(onto.dtype(), T => {
            let out = elements_mut::<T>(onto)?;
            self.on_threads_if_large(out.len(), || elementwise::accumulate(out, x, scale));
        });
        Ok(())
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
        by_float!(parameter.dtype(), T => update::update::<T>(self, rule, parameter, gradient, rows, state, hyper))
    }

    fn lstm_sequence(&self, args: &LstmArgs<'_>) -> Result<LstmOutput> {
        lstm::forward(self, args)
    }

    fn lstm_sequence_backward(
        &self,
        args: &LstmArgs<'_>,
        output: &LstmOutput,
        gradients: &LstmOutputGradients<'_>,
    ) -> Result<LstmGradients> {
        lstm::backward(self, args, output.clone(), gradients)
    }

    fn lstm_sequence_backward_last(
        &self,
        args: &LstmArgs<'_>,
        output: LstmOutput,
        gradients: &LstmOutputGradients<'_>,
    ) -> Result<LstmGradients> {
        lstm::backward(self, args, output, gradients)
    }

    fn lstm_sequence_backward_data(
        &self,
        args: &LstmArgs<'_>,
        output: LstmOutput,
        gradients: &LstmOutputGradients<'_>,
    ) -> Result<LstmDataGradients> {
        lstm::backward_data(self, args, output, gradients)
    }

    fn lstm_weight_gradients(&self, args: &LstmWeightArgs<'_>) -> Result<LstmWeightGradients> {
        lstm::weight_gradients(self, args)
    }

    fn linear_cross_entropy(&self, args: &CrossEntropyArgs<'_>, gradients: bool) -> Result<CrossEntropy> {
        match args.hidden.dtype() {
            DType::F32 => cross_entropy::fused::<f32>(self, args, gradients),
            DType::F64 => cross_entropy::fused::<f64>(self, args, gradients),
            _ => crate::fused::cross_entropy::definition(args, gradients),
        }
    }

    fn linear_cross_entropy_partials(&self, args: &CrossEntropyArgs<'_>) -> Result<CrossEntropyPartials> {
        match args.hidden.dtype() {
            DType::F32 => cross_entropy::partials::<f32>(self, args),
            DType::F64 => cross_entropy::partials::<f64>(self, args),
            _ => crate::fused::cross_entropy::partials_definition(args),
        }
    }

    fn linear_cross_entropy_gradients(
        &self,
        args: &CrossEntropyArgs<'_>,
        log_sum: &Tensor,
    ) -> Result<CrossEntropyGradients> {
        match args.hidden.dtype() {
            DType::F32 => cross_entropy::gradients::<f32>(self, args, log_sum),
            DType::F64 => cross_entropy::gradients::<f64>(self, args, log_sum),
            _ => crate::fused::cross_entropy::gradients_definition(args, log_sum),
        }
    }

    fn linear_cross_entropy_begin(&self, args: &CrossEntropyArgs<'_>) -> Result<(CrossEntropyPartials, KeptLogits)> {
        match args.hidden.dtype() {
            DType::F32 => cross_entropy::phases::begin::<f32>(self, args),
            DType::F64 => cross_entropy::phases::begin::<f64>(self, args),
            _ => crate::fused::kept_logits::begin_definition(args),
        }
    }

    fn linear_cross_entropy_hidden(
        &self,
        args: &CrossEntropyArgs<'_>,
        kept: KeptLogits,
        merged: &MergedPartials,
    ) -> Result<(Tensor, KeptLogits)> {
        match args.hidden.dtype() {
            DType::F32 => cross_entropy::phases::hidden::<f32>(self, args, kept, merged),
            DType::F64 => cross_entropy::phases::hidden::<f64>(self, args, kept, merged),
            _ => crate::fused::kept_logits::hidden_definition(args, kept, merged),
        }
    }

    fn linear_cross_entropy_weights(
        &self,
        parts: &[KeptRows<'_>],
        rows: &[(u32, u32)],
        onto: Option<(Tensor, Tensor)>,
    ) -> Result<(Tensor, Tensor)> {
        match parts[0].hidden.dtype() {
            DType::F32 => cross_entropy::phases::weights::<f32>(self, parts, rows, onto),
            DType::F64 => cross_entropy::phases::weights::<f64>(self, parts, rows, onto),
            _ => crate::fused::kept_logits::weights_definition(parts, rows, onto),
        }
    }

    fn coalesce(&self, index: &Tensor, values: &Tensor, padded: bool) -> Result<(Tensor, Tensor)> {
        let (index, values) = (&self.contiguous(index)?, &self.contiguous(values)?);
        match values.dtype() {
            DType::F32 => rows::coalesce::<f32>(self, index, values, padded),
            DType::F64 => rows::coalesce::<f64>(self, index, values, padded),
            _ => crate::fused::rows::coalesce_definition(index, values, padded),
        }
    }

    fn linear_top_k_partials(&self, args: &LinearTopKArgs<'_>) -> Result<LinearTopKPartials> {
        match args.hidden.dtype() {
            DType::F32 => top_k::partials::<f32>(self, args),
            DType::F64 => top_k::partials::<f64>(self, args),
            _ => crate::fused::top_k::partials_definition(args),
        }
    }

    fn linear_top_k(&self, args: &LinearTopKArgs<'_>) -> Result<LinearTopK> {
        match args.hidden.dtype() {
            DType::F32 => top_k::linear_top_k::<f32>(self, args),
            DType::F64 => top_k::linear_top_k::<f64>(self, args),
            _ => crate::fused::top_k::definition(args),
        }
    }
}

impl Tensor {
    /// How many elements are left when the last axis is reduced to one.
    fn elements_without_last(&self) -> usize {
        self.shape()[..self.rank() - 1].iter().product()
    }
}
