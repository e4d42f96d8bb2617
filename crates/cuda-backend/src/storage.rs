//! A tensor's storage on a GPU.

use std::sync::Arc;

use unrolled_tensor::{Result, Storage, Tensor};

use crate::gpu::Gpu;
use crate::pool::Block;
use crate::recording;

/// The address of an element in device memory: what kernels take for a pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Pointer(pub u64);

impl Pointer {
    /// No element.
    pub const NULL: Pointer = Pointer(0);

    /// So many bytes further.
    pub fn plus(self, bytes: usize) -> Pointer {
        Pointer(self.0 + bytes as u64)
    }
}

/// Device memory that goes back to its pool when dropped.
///
/// It may be handed out again while work that reads it is still queued: whatever writes to it next comes later in the same stream.
#[derive(Debug)]
pub(crate) struct Buffer {
    gpu: Arc<Gpu>,
    block: Block,
    bytes: usize,
}

impl Buffer {
    pub fn new(gpu: Arc<Gpu>, block: Block, bytes: usize) -> Buffer {
        Buffer { gpu, block, bytes }
    }

    /// Its first element.
    pub fn start(&self) -> Pointer {
        Pointer(self.block.address)
    }

    /// Where it lies.
    pub fn block(&self) -> Block {
        self.block
    }

    /// How many bytes were asked for.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The device that it lies on.
    pub fn gpu(&self) -> &Arc<Gpu> {
        &self.gpu
    }

    /// As a tensor's storage.
    pub fn storage(self) -> Storage {
        Arc::new(self)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.gpu.give_back(self.block, self.bytes);
    }
}

/// What is under a tensor, where that is a GPU's. The one place that looks inside.
pub(crate) fn buffer(x: &Tensor) -> Option<&Buffer> {
    x.storage().downcast_ref()
}

/// The element of a tensor whose indices are all 0.
pub(crate) fn pointer(x: &Tensor) -> Pointer {
    let buffer = buffer(x).expect("a CUDA tensor's storage is a CUDA buffer");
    buffer.start().plus(x.layout().offset() * x.dtype().size())
}

/// The first element of a tensor for writing; see [`Tensor::storage_mut`]: contiguous, and nobody else holds it.
pub(crate) fn pointer_mut(x: &mut Tensor) -> Result<Pointer> {
    if let Some(buffer) = buffer(x) {
        recording::changes(buffer.gpu(), buffer.start(), x.is_unique())?;
    }
    let buffer = x.storage_mut()?.downcast_mut::<Buffer>().expect("a CUDA tensor's storage is a CUDA buffer");
    Ok(buffer.start())
}
