//! Filling, and copies between devices.

use std::sync::Arc;

use cudarc::driver::result;
use half::{bf16, f16};
use unrolled_tensor::{DType, Element, Event as Mark, Result, Storage, Tensor};

use crate::driver::Event;
use crate::gpu::Gpu;
use crate::kernels::{Argument, BLOCK};
use crate::recording;
use crate::storage::{Buffer, buffer, pointer};

pub(crate) fn fill(gpu: &Arc<Gpu>, value: f64, len: usize, dtype: DType) -> Result<Storage> {
    filled(gpu, value, len, dtype).map(Buffer::storage)
}

/// `len` elements of that value.
pub(crate) fn filled(gpu: &Arc<Gpu>, value: f64, len: usize, dtype: DType) -> Result<Buffer> {
    let out = gpu.empty(len, dtype)?;
    let (start, count) = (out.start(), len as u64);
    let grid = [gpu.grid_for(u32::try_from(len).unwrap_or(u32::MAX)), 1, 1];
    let with =
        |kernel: &str, bits: &dyn Argument| gpu.launch("copy", kernel, grid, [BLOCK, 1, 1], 0, &[&start, bits, &count]);
    match dtype {
        DType::F32 => with("fill_32", &f32::of_f64(value).to_bits()),
        DType::F64 => with("fill_64", &value.to_bits()),
        DType::F16 => with("fill_16", &f16::of_f64(value).to_bits()),
        DType::BF16 => with("fill_16", &bf16::of_f64(value).to_bits()),
        DType::U32 => with("fill_32", &u32::of_f64(value)),
        DType::I64 => with("fill_64", &i64::of_f64(value).cast_unsigned()),
        DType::Bool => with("fill_8", &u8::from(value != 0.0)),
    }?;
    Ok(out)
}

/// A copy of another GPU's contiguous tensor, without the way over the host where this one can reach its memory (else the driver knows a way); None where
/// it is not a GPU's.
///
/// The copy runs in this device's copy stream, behind the work that makes the tensor there and whatever used the new block here before. Later
/// work here waits for it; the other device goes on, and keeps the tensor's memory until it is read.
pub(crate) fn copy_from(gpu: &Arc<Gpu>, x: &Tensor, made: Option<&Mark>) -> Result<Option<Storage>> {
    let Some(source) = buffer(x) else { return Ok(None) };
    recording::forbids(gpu, "it copies from another device")?;
    let theirs = source.gpu();
    let marked;
    let made = match made.and_then(|made| made.downcast_ref::<Event>()) {
        Some(made) => made,
        None => {
            marked = theirs.record()?;
            &*marked
        }
    };
    gpu.reach(theirs)?;
    let bytes = x.elements() * x.dtype().size();
    let out = gpu.bytes(bytes)?;
    let free = gpu.record()?;
    let doing = "copying between devices";
    gpu.check(gpu.copy.wait(made), doing)?;
    gpu.check(gpu.copy.wait(&free), doing)?;
    if bytes > 0 {
        let (to, from) = (gpu.context.handle(), theirs.context.handle());
        // SAFETY: both buffers have so many bytes; the events put the copy behind their last use, and `lend` keeps the source.
        let copied =
            unsafe { result::memcpy_peer_async(to, out.start().0, from, pointer(x).0, bytes, gpu.copy.handle()) };
        gpu.check(copied, doing)?;
    }
    let copied = Arc::new(gpu.check(Event::after(&gpu.copy), doing)?);
    gpu.wait(&copied)?;
    theirs.lend(copied, x.storage().clone())?;
    Ok(Some(out.storage()))
}
