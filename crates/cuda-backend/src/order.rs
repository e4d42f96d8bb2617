//! Whose turn it is to enqueue work, and in which stream.
//!
//! A verb has its turn for the moment of one call, and any number of threads may have theirs together. Two kinds of work need the order of work to
//! themselves: what is captured ([`crate::graphs`]), for whatever enters the stream then becomes part of the graph, and a layer that is enqueued into a lane
//! beside the others ([`crate::wave`]).

use std::cell::Cell;
use std::sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use cudarc::driver::result::DriverError;
use unrolled_tensor::Result;

use crate::driver::Stream;
use crate::gpu::Gpu;
use crate::verbs::blas::Blas;

/// The lane of all verbs that are not overlapped.
pub(crate) const COMPUTE: usize = 0;

/// A stream, and a handle of cuBLAS that works in it.
#[derive(Debug)]
pub(crate) struct Lane {
    pub stream: Stream,
    /// Made when first wanted; None where cuBLAS is missing.
    blas: OnceLock<Option<Blas>>,
}

impl Lane {
    pub fn new() -> Result<Lane, DriverError> {
        Ok(Lane { stream: Stream::new()?, blas: OnceLock::new() })
    }
}

thread_local! {
    /// The device that this thread has to itself, and the lane that its verbs work in.
    static MINE: Cell<Option<(usize, usize)>> = const { Cell::new(None) };
}

/// The right to enqueue work into a stream, for as long as it is held.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    pub stream: &'a Stream,
    _shared: Option<RwLockReadGuard<'a, ()>>,
}

/// The order of a device's work, for this thread alone.
#[derive(Debug)]
pub(crate) struct Alone<'a> {
    before: Option<(usize, usize)>,
    _guard: Option<RwLockWriteGuard<'a, ()>>,
}

impl Alone<'_> {
    /// From now on this thread's verbs work in another lane of the device.
    pub fn in_lane(self, lane: usize) -> Self {
        MINE.set(MINE.get().map(|(gpu, _)| (gpu, lane)));
        self
    }
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        MINE.set(self.before);
    }
}

impl Gpu {
    fn id(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// The lane of this thread's verbs.
    fn lane(&self) -> Option<usize> {
        MINE.get().filter(|(gpu, _)| *gpu == self.id()).map(|(_, lane)| lane)
    }

    /// The turn of one call of the driver, whose context is then current.
    pub fn turn(&self) -> Result<Turn<'_>> {
        self.bind()?;
        let (lane, shared) = match self.lane() {
            Some(lane) => (lane, None),
            None => (COMPUTE, Some(self.order.read().unwrap_or_else(PoisonError::into_inner))),
        };
        if lane == COMPUTE {
            self.join()?;
        }
        Ok(Turn { stream: &self.lanes[lane].stream, _shared: shared })
    }

    /// The order of work for this thread alone, whose verbs work in the compute stream; until the answer is dropped.
    pub fn alone(&self) -> Alone<'_> {
        let _guard = match self.lane() {
            Some(_) => None,
            None => Some(self.order.write().unwrap_or_else(PoisonError::into_inner)),
        };
        Alone { before: MINE.replace(Some((self.id(), COMPUTE))), _guard }
    }

    /// cuBLAS for this thread's verbs, loaded when first wanted; None where it is missing.
    pub fn blas(&self) -> Option<&Blas> {
        let lane = &self.lanes[self.lane().unwrap_or(COMPUTE)];
        lane.blas.get_or_init(|| self.bind().ok().and_then(|()| Blas::new(&lane.stream))).as_ref()
    }
}

/// What [`Gpu::turn`] goes by.
pub(crate) type Order = RwLock<()>;
