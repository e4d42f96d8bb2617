//! A device made ready for work.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use unrolled_tensor::{DType, DeviceError, Result, Storage};

use crate::arena::Arena;
use crate::driver::{Context, DeviceInfo, Event, Lost, Stream, Unusable, told};
use crate::graphs::Graphs;
use crate::kernels::Kernels;
use crate::options::Options;
use crate::order::{Lane, Order};
use crate::pool::{self, Block, Forget, Home, Pool};
use crate::recording;
use crate::staging::Staging;
use crate::storage::{Buffer, Pointer};
use crate::wave::{LANES, Wave};

/// One GPU. Buffers hold on to it, so it outlives every tensor. (Fields are dropped in this order, the context last.)
#[derive(Debug)]
pub(crate) struct Gpu {
    pub name: String,
    pub info: DeviceInfo,
    pub options: Options,
    pub pool: Pool,
    pub arena: Arena,
    pub graphs: Graphs,
    pub kernels: Kernels,
    pub staging: Staging,
    /// What another device's copy still reads here, until the event.
    lent: Mutex<Vec<(Arc<Event>, Storage)>>,
    /// Devices whose memory this one has asked to read where it lies.
    reached: Mutex<BTreeSet<usize>>,
    pub order: Order,
    pub wave: Wave,
    /// The compute stream, which is the order of all work but copies between devices, and the lanes of overlapped layers.
    pub lanes: Vec<Lane>,
    /// Copies from other devices.
    pub copy: Stream,
    forget: Option<Forget>,
    pub context: Context,
}

impl Gpu {
    /// Device `index`, with a budget of what its memory has free where none is given.
    pub fn new(index: usize, options: Options) -> Result<Gpu, Unusable> {
        let info = DeviceInfo::of(index)?;
        info.usable()?;
        let failed = |call| move |error| Unusable::Failed { call, reason: told(error) };
        let context = Context::new(index).map_err(failed("cuDevicePrimaryCtxRetain"))?;
        let free = pool::free_memory().map_err(failed("cuMemGetInfo"))?;
        let name = format!("cuda:{index}");
        Ok(Gpu {
            pool: Pool::new(name.clone(), options.budget.unwrap_or(free)),
            arena: Arena::default(),
            graphs: Graphs::default(),
            kernels: Kernels::new(),
            staging: Staging::default(),
            lent: Mutex::default(),
            reached: Mutex::default(),
            order: Order::default(),
            wave: Wave::default(),
            lanes: (0..=LANES).map(|_| Lane::new()).collect::<Result<_, _>>().map_err(failed("cuStreamCreate"))?,
            copy: Stream::new().map_err(failed("cuStreamCreate"))?,
            forget: pool::forget(),
            context,
            options,
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
        let block = match recording::block(self, bytes)? {
            Some(block) => block,
            None => self.block(bytes)?,
        };
        let buffer = Buffer::new(self.clone(), block, bytes);
        if let (Some(forget), true) = (self.forget, block.used) {
            let turn = self.turn()?;
            // SAFETY: a block of this size, in a stream of this device.
            unsafe { forget(block.address, block.size, turn.stream.handle()) };
        }
        Ok(buffer)
    }

    /// A block of the pool; if need be, of what captured work holds while nobody uses it.
    fn block(&self, bytes: usize) -> Result<Block> {
        let block = match self.pool.take(bytes) {
            // What other devices still read is as good as free.
            Err(_) if !recording::is_active() && self.take_all_back()? => self.pool.take(bytes),
            block => block,
        };
        block.or_else(|error| {
            let cleared = {
                let _alone = self.alone();
                self.graphs.clear(self)
            };
            if cleared { self.pool.take(bytes) } else { Err(error) }
        })
    }

    /// Takes back a block that was handed out for `bytes`.
    pub fn give_back(&self, block: Block, bytes: usize) {
        if self.wave.keep(block, bytes) {
            return;
        }
        match block.home {
            Home::Pool => self.pool.give_back(block, bytes),
            Home::Arena => self.arena.give_back(block),
        }
    }

    /// Room for `len` elements, with whatever is there: the kernel that is launched next writes all of them.
    pub fn empty(self: &Arc<Gpu>, len: usize, dtype: DType) -> Result<Buffer> {
        self.bytes(len.saturating_mul(dtype.size()))
    }

    /// Copies bytes of the host to a fresh buffer.
    pub fn upload(self: &Arc<Gpu>, bytes: &[u8]) -> Result<Buffer> {
        recording::forbids(self, "it copies something of the host's to the device")?;
        let buffer = self.bytes(bytes.len())?;
        let turn = self.turn()?;
        self.check(self.staging.upload(bytes, buffer.start().0, turn.stream), "copying to the device")?;
        drop(turn);
        Ok(buffer)
    }

    /// Copies from the device; waits for the work that makes the bytes.
    pub fn download(&self, from: Pointer, bytes: &mut [u8]) -> Result<()> {
        recording::forbids(self, "it copies something to the host")?;
        let turn = self.turn()?;
        self.check(self.staging.download(from.0, bytes, turn.stream), "copying from the device")
    }

    /// A mark after all work that was enqueued so far.
    pub fn record(&self) -> Result<Arc<Event>> {
        recording::forbids(self, "it makes a mark for others")?;
        let turn = self.turn()?;
        self.check(Event::after(turn.stream), "cuEventRecord").map(Arc::new)
    }

    pub fn wait(&self, event: &Event) -> Result<()> {
        recording::forbids(self, "it waits for other work")?;
        let turn = self.turn()?;
        self.check(turn.stream.wait(event), "cuStreamWaitEvent")
    }

    pub fn synchronize(&self) -> Result<()> {
        recording::forbids(self, "it waits for the device")?;
        let turn = self.turn()?;
        self.check(self.copy.synchronize(), "cuStreamSynchronize")?;
        self.check(turn.stream.synchronize(), "cuStreamSynchronize")?;
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
        self.graphs.clear(self);
        self.pool.trim();
    }
}
