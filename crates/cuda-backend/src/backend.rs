//! The seam, filled: each verb is a call into its group.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use unrolled_tensor::ops::{Binary, Compare, Distribution, Reduce, Unary, Update};
use unrolled_tensor::random::Key;
use unrolled_tensor::{Backend, DType, Event, MatmulPrecision, Memory, Result, Storage, Tensor};

use crate::driver::{self, DeviceInfo, Unusable};
use crate::gpu::Gpu;
use crate::storage::pointer;
use crate::verbs;

/// One GPU as a device.
pub struct CudaBackend {
    gpu: Arc<Gpu>,
    /// Whether products may round their f32 operands to bf16.
    brain_products: AtomicBool,
}

impl CudaBackend {
    /// GPU number `index`, with as much memory as it has free now.
    ///
    /// # Errors
    /// Where there is no driver, no such device, or one that cannot be used.
    pub fn new(index: usize) -> Result<CudaBackend, Unusable> {
        CudaBackend::with(index, None)
    }

    /// [`new`](CudaBackend::new), whose tensors may hold `budget` bytes.
    ///
    /// # Errors
    /// As [`new`](CudaBackend::new).
    pub fn with_budget(index: usize, budget: usize) -> Result<CudaBackend, Unusable> {
        CudaBackend::with(index, Some(budget))
    }

    fn with(index: usize, budget: Option<usize>) -> Result<CudaBackend, Unusable> {
        Ok(CudaBackend { gpu: Arc::new(Gpu::new(index, budget)?), brain_products: AtomicBool::new(false) })
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

    fn copy_from(&self, x: &Tensor) -> Result<Option<Storage>> {
        verbs::memory::copy_from(&self.gpu, x)
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

    fn softmax(&self, _x: &Tensor, _logarithm: bool) -> Result<Storage> {
        verbs::missing(&self.gpu, "softmax")
    }

    fn top_k(&self, _x: &Tensor, _k: usize) -> Result<(Storage, Storage)> {
        verbs::missing(&self.gpu, "top_k")
    }

    fn matmul(&self, a: &Tensor, b: &Tensor, onto: Option<Tensor>, out: DType) -> Result<Storage> {
        verbs::matmul::matmul(&self.gpu, self.matmul_precision(), a, b, onto, out)
    }

    fn set_matmul_precision(&self, precision: MatmulPrecision) {
        self.brain_products.store(precision == MatmulPrecision::Bf16, Relaxed);
    }

    fn matmul_precision(&self) -> MatmulPrecision {
        if self.brain_products.load(Relaxed) { MatmulPrecision::Bf16 } else { MatmulPrecision::F32 }
    }

    fn gather(&self, _x: &Tensor, _axis: usize, _index: &Tensor) -> Result<Storage> {
        verbs::missing(&self.gpu, "gather")
    }

    fn scatter_add(&self, _x: Tensor, _axis: usize, _index: &Tensor, _source: &Tensor) -> Result<Storage> {
        verbs::missing(&self.gpu, "scatter_add")
    }

    fn concat(&self, parts: &[&Tensor], axis: usize) -> Result<Storage> {
        verbs::elementwise::concat(&self.gpu, parts, axis)
    }

    fn random(
        &self,
        _distribution: Distribution,
        _key: Key,
        _step: Option<&Tensor>,
        _len: usize,
        _dtype: DType,
    ) -> Result<Storage> {
        verbs::missing(&self.gpu, "random")
    }

    fn accumulate(&self, _onto: &mut Tensor, _x: &Tensor, _scale: f64) -> Result<()> {
        verbs::missing(&self.gpu, "accumulate")
    }

    fn update(
        &self,
        _rule: &Update,
        _parameter: &mut Tensor,
        _gradient: &Tensor,
        _rows: Option<&Tensor>,
        _state: &mut [Tensor],
        _hyper: &Tensor,
    ) -> Result<()> {
        verbs::missing(&self.gpu, "update")
    }
}
