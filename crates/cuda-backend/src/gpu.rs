//! A device made ready for work.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use unrolled_tensor::{DType, DeviceError, Result, Storage};

use crate::driver::{Context, DeviceInfo, Event, Lost, Stream, Unusable, told};
use crate::kernels::Kernels;
use crate::pool::{self, Forget, Pool};
use crate::staging::Staging;
use crate::storage::{Buffer, Pointer};
use crate::verbs::blas::Blas;

/// One GPU. Buffers hold on to it, so it outlives every tensor. (Fields are dropped in this order, the context last.)
#[derive(Debug)]
pub(crate) struct Gpu {
    pub name: String,
    pub info: DeviceInfo,
    pub pool: Pool,
    pub kernels: Kernels,
    pub staging: Staging,
    blas: OnceLock<Option<Blas>>,
    /// What another device's copy still reads here, until the event.
    lent: Mutex<Vec<(Arc<Event>, Storage)>>,
    /// Devices whose memory this one has asked to read where it lies.
    reached: Mutex<BTreeSet<usize>>,
    /// The order of all work but copies between devices.
    pub compute: Stream,
    /// Copies from other devices.
    pub copy: Stream,
    forget: Option<Forget>,
    pub context: Context,
}

impl Gpu {
    /// Device `index`, with a budget of what its memory has free where none is given.
    pub fn new(index: usize, budget: Option<usize>) -> Result<Gpu, Unusable> {
        let info = DeviceInfo::of(index)?;
        info.usable()?;
        let failed = |call| move |error| Unusable::Failed { call, reason: told(error) };
        let context = Context::new(index).map_err(failed("cuDevicePrimaryCtxRetain"))?;
        let free = pool::free_memory().map_err(failed("cuMemGetInfo"))?;
        let name = format!("cuda:{index}");
        Ok(Gpu {
            pool: Pool::new(name.clone(), budget.unwrap_or(free)),
            kernels: Kernels::new(),
            staging: Staging::default(),
            blas: OnceLock::new(),
            lent: Mutex::default(),
            reached: Mutex::default(),
            compute: Stream::new().map_err(failed("cuStreamCreate"))?,
            copy: Stream::new().map_err(failed("cuStreamCreate"))?,
            forget: pool::forget(),
            context,
            name,
            info,
        })
    }

    /// Makes its context current to this thread, as each call of the driver needs it.
    pub fn bind(&self) -> Result<()> {
        self.context.bind().lost(&self.name, "cuCtxSetCurrent")
    }

    /// Reads another device's memory where it lies from now on, if the two can.
    pub fn reach(&self, other: &Gpu) -> Result<()> {
        let mut reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        if reached.insert(other.info.index) && other.info.index != self.info.index {
            self.check(self.context.reach(&other.context), "cuCtxEnablePeerAccess")?;
        }
        Ok(())
    }

    /// cuBLAS, loaded when first wanted; None where it is missing.
    pub fn blas(&self) -> Option<&Blas> {
        self.blas.get_or_init(|| self.bind().ok().and_then(|()| Blas::new(self))).as_ref()
    }

    /// An answer of the driver, as the seam's.
    pub fn check<T>(&self, outcome: Result<T, cudarc::driver::DriverError>, doing: &str) -> Result<T> {
        outcome.lost(&self.name, doing)
    }

    /// A failure that is not the driver's.
    pub fn error(&self, reason: impl Into<String>) -> DeviceError {
        DeviceError::Lost { device: self.name.clone(), reason: reason.into() }
    }

    /// Room for `bytes` bytes, with whatever is there.
    pub fn bytes(self: &Arc<Gpu>, bytes: usize) -> Result<Buffer> {
        self.bind()?;
        let block = match self.pool.take(bytes) {
            // What other devices still read is as good as free.
            Err(_) if self.take_all_back()? => self.pool.take(bytes),
            block => block,
        }?;
        if let (Some(forget), true) = (self.forget, block.used) {
            // SAFETY: a block of this size, in a stream of this device.
            unsafe { forget(block.address, block.size, self.compute.handle()) };
        }
        Ok(Buffer::new(self.clone(), block, bytes))
    }

    /// Room for `len` elements, with whatever is there: the kernel that is launched next writes all of them.
    pub fn empty(self: &Arc<Gpu>, len: usize, dtype: DType) -> Result<Buffer> {
        self.bytes(len.saturating_mul(dtype.size()))
    }

    /// Copies bytes of the host to a fresh buffer.
    pub fn upload(self: &Arc<Gpu>, bytes: &[u8]) -> Result<Buffer> {
        let buffer = self.bytes(bytes.len())?;
        self.check(self.staging.upload(bytes, buffer.start().0, &self.compute), "copying to the device")?;
        Ok(buffer)
    }

    /// Copies from the device; waits for the work that makes the bytes.
    pub fn download(&self, from: Pointer, bytes: &mut [u8]) -> Result<()> {
        self.bind()?;
        self.check(self.staging.download(from.0, bytes, &self.compute), "copying from the device")
    }

    /// A mark after all work that was enqueued so far.
    pub fn record(&self) -> Result<Arc<Event>> {
        self.bind()?;
        self.check(Event::after(&self.compute), "cuEventRecord").map(Arc::new)
    }

    pub fn wait(&self, event: &Event) -> Result<()> {
        self.bind()?;
        self.check(self.compute.wait(event), "cuStreamWaitEvent")
    }

    pub fn synchronize(&self) -> Result<()> {
        self.bind()?;
        self.check(self.copy.synchronize(), "cuStreamSynchronize")?;
        self.check(self.compute.synchronize(), "cuStreamSynchronize")?;
        self.take_back()
    }

    /// Keeps `storage` until `copied`: another device reads it.
    pub fn lend(&self, copied: Arc<Event>, storage: Storage) -> Result<()> {
        self.take_back()?;
        self.lent.lock().unwrap_or_else(PoisonError::into_inner).push((copied, storage));
        Ok(())
    }

    /// Waits until no other device reads anything here, and lets go of it; false where none did.
    fn take_all_back(&self) -> Result<bool> {
        let lent = std::mem::take(&mut *self.lent.lock().unwrap_or_else(PoisonError::into_inner));
        lent.iter().try_for_each(|(copied, _)| self.check(copied.synchronize(), "cuEventSynchronize"))?;
        Ok(!lent.is_empty())
    }

    /// Lets go of what no other device reads any more.
    fn take_back(&self) -> Result<()> {
        let mut lent = self.lent.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kept = Vec::new();
        for (copied, storage) in lent.drain(..) {
            if !self.check(copied.is_done(), "cuEventQuery")? {
                kept.push((copied, storage));
            }
        }
        *lent = kept;
        Ok(())
    }
}

impl Drop for Gpu {
    fn drop(&mut self) {
        // Whatever fails here, the device goes.
        let _ = self.bind();
        let _ = self.synchronize();
        self.pool.trim();
    }
}
