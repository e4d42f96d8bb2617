//! Layers overlapped along the diagonal: while one layer of an LSTM is at a time step, the layer above is at an earlier one, in another stream.
//!
//! A step of one layer is far too small for a GPU, and the steps of a layer must follow one another; so several layers work at once. Each call of a layer's
//! verb takes a lane, waits there for what it reads, chunk of time steps by chunk, and leaves marks after the chunks that it makes: then it returns, and the next
//! layer's call finds them. The first verb of another kind waits for all lanes, so nobody else has to know.
//!
//! From the first layer's call to that moment, the wave, memory that is given back is kept: who gets it next might be in another lane, ahead of its last
//! reader. What was idle before the wave was last used before it, and each lane begins behind that.
//!
//! The same kernels run on the same numbers as one layer after another: the bits are the same.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use unrolled_tensor::{Result, Tensor};

use crate::driver::Event;
use crate::gpu::Gpu;
use crate::order::{Alone, COMPUTE};
use crate::pool::Block;
use crate::storage::buffer;

/// Lanes beside the compute stream: as many layers as the paper has.
pub(crate) const LANES: usize = 4;

/// Marks after the chunks of time steps, the first steps' first.
pub(crate) type Marks = Vec<Arc<Event>>;

/// What is under way in the lanes.
#[derive(Debug, Default)]
pub(crate) struct Wave {
    open: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// After all that came before the wave.
    begin: Option<Arc<Event>>,
    /// After the last work of each lane that takes part.
    ends: BTreeMap<usize, Arc<Event>>,
    /// By its address, what is being made.
    made: HashMap<u64, Made>,
    /// By its address, after each layer that reads what another may overwrite.
    read: HashMap<u64, Marks>,
    /// Memory that was given back since the wave began, and how many bytes of each block had been asked for.
    kept: Vec<(Block, usize)>,
    /// The layers so far.
    layers: usize,
    /// Events that are in use, and those that are not.
    used: Marks,
    spare: Marks,
}

/// A tensor that a lane makes.
#[derive(Clone, Debug)]
struct Made {
    lane: usize,
    /// After the chunks of time steps, where it has such.
    chunks: Marks,
    /// Elements of a time step.
    step: usize,
    /// After the whole.
    whole: Arc<Event>,
}

impl Wave {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a block that was given back, if there is a wave.
    pub fn keep(&self, block: Block, bytes: usize) -> bool {
        if !self.open.load(Ordering::Acquire) {
            return false;
        }
        let mut state = self.state();
        let open = self.open.load(Ordering::Acquire);
        if open {
            state.kept.push((block, bytes));
        }
        open
    }
}

impl State {
    /// A mark that moves with each wave.
    fn mark(&mut self, gpu: &Gpu, lane: usize) -> Result<Arc<Event>> {
        let event = match self.spare.pop() {
            Some(event) => event,
            None => Arc::new(gpu.check(Event::new(), "cuEventCreate")?),
        };
        self.used.push(event.clone());
        gpu.check(event.record(&gpu.lanes[lane].stream), "cuEventRecord")?;
        Ok(event)
    }
}

/// A layer's turn in the wave: until it is dropped, all verbs of this thread work in its lane.
#[derive(Debug)]
pub(crate) struct Layer<'a> {
    gpu: &'a Gpu,
    lane: usize,
    ended: bool,
    /// The address of what it reads to its end and another may overwrite.
    reading: Cell<Option<u64>>,
    _alone: Option<Alone<'a>>,
}

impl Gpu {
    /// The next layer's turn. `states` are what its first step reads: a layer that follows another in time takes its lane. Where layers are not
    /// overlapped, or this one is not `long` enough to be, all of this is the compute stream and no mark is made.
    pub fn layer(&self, states: &[&Tensor], long: bool) -> Result<Layer<'_>> {
        if !(self.options.overlap && long) {
            return Ok(Layer { gpu: self, lane: COMPUTE, ended: true, reading: Cell::new(None), _alone: None });
        }
        let alone = self.alone();
        self.bind()?;
        let mut state = self.wave.state();
        if !self.wave.open.load(Ordering::Acquire) {
            self.wave.open.store(true, Ordering::Release);
            state.begin = Some(state.mark(self, COMPUTE)?);
        }
        let before = states.iter().filter_map(|x| state.made.get(&address(x)?)).map(|made| made.lane).next();
        let lane = before.unwrap_or(1 + state.layers % LANES);
        state.layers += 1;
        if !state.ends.contains_key(&lane) {
            let begin = state.begin.clone().expect("marked when the wave began");
            self.check(self.lanes[lane].stream.wait(&begin), "cuStreamWaitEvent")?;
        }
        drop(state);
        Ok(Layer { gpu: self, lane, ended: false, reading: Cell::new(None), _alone: Some(alone.in_lane(lane)) })
    }

    /// Ends the wave, if there is one: later work of the compute stream comes after that of all lanes.
    pub fn join(&self) -> Result<()> {
        if !self.wave.open.load(Ordering::Acquire) {
            return Ok(());
        }
        let state = self.wave.state();
        for end in state.ends.values() {
            self.check(self.lanes[COMPUTE].stream.wait(end), "cuStreamWaitEvent")?;
        }
        drop(state);
        self.forget_wave();
        Ok(())
    }

    /// Ends the wave without waiting: the caller has waited, or the lanes' work was part of a capture that has failed.
    pub fn forget_wave(&self) {
        if !self.wave.open.load(Ordering::Acquire) {
            return;
        }
        let mut state = self.wave.state();
        let State { used, mut spare, kept, .. } = std::mem::take(&mut *state);
        spare.extend(used);
        state.spare = spare;
        self.wave.open.store(false, Ordering::Release);
        drop(state);
        kept.into_iter().for_each(|(block, bytes)| self.give_back(block, bytes));
    }
}

/// The address by which a tensor is known.
fn address(x: &Tensor) -> Option<u64> {
    buffer(x).map(|buffer| buffer.start().0)
}

/// Elements of a time step of `[T, ..]`.
fn step(x: &Tensor) -> usize {
    x.elements().checked_div(x.dim(0)).unwrap_or(0)
}

impl Layer<'_> {
    fn overlapped(&self) -> bool {
        self.lane != COMPUTE
    }

    fn made(&self, x: &Tensor) -> Option<Made> {
        let state = self.gpu.wave.state();
        address(x).and_then(|at| state.made.get(&at).cloned()).filter(|made| made.lane != self.lane)
    }

    fn wait(&self, event: &Event) -> Result<()> {
        self.gpu.check(self.gpu.lanes[self.lane].stream.wait(event), "cuStreamWaitEvent")
    }

    /// What comes next in this lane reads all of `x`.
    pub fn reads(&self, x: &Tensor) -> Result<()> {
        if !self.overlapped() {
            return Ok(());
        }
        self.made(x).map_or(Ok(()), |made| self.wait(&made.whole))
    }

    /// All of this layer's turn reads `x`, which another layer may [overwrite](Layer::overwrites).
    pub fn goes_on_reading(&self, x: &Tensor) {
        self.reading.set(address(x));
    }

    /// What comes next in this lane writes to `x`, which others may still be reading.
    pub fn overwrites(&self, x: &Tensor) -> Result<()> {
        let state = self.gpu.wave.state();
        let readers = address(x).and_then(|at| state.read.get(&at)).into_iter().flatten();
        readers.into_iter().try_for_each(|reader| self.wait(reader))
    }

    /// The marks of a tensor that is read chunk by chunk, each of which must be [awaited](Layer::waits); none where it is there already. One that does not lie
    /// as it was made is waited for as a whole.
    pub fn chunks(&self, x: &Tensor) -> Result<Marks> {
        if !self.overlapped() {
            return Ok(Marks::new());
        }
        match self.made(x) {
            Some(made) if x.is_contiguous() && x.layout().offset() == 0 && step(x) == made.step => Ok(made.chunks),
            Some(made) => self.wait(&made.whole).map(|()| Marks::new()),
            None => Ok(Marks::new()),
        }
    }

    /// What comes next in this lane reads chunk `number`.
    pub fn waits(&self, marks: &Marks, number: usize) -> Result<()> {
        marks.get(number).map_or(Ok(()), |mark| self.wait(mark))
    }

    /// Adds a mark after what this lane has done so far.
    pub fn mark(&self, marks: &mut Marks) -> Result<()> {
        if self.overlapped() {
            marks.push(self.gpu.wave.state().mark(self.gpu, self.lane)?);
        }
        Ok(())
    }

    /// Tells the next layers of tensors that are there once this lane has done what it has so far, and their chunks at their marks.
    pub fn makes<const N: usize>(&self, tensors: [(&Tensor, Marks); N]) -> Result<()> {
        if !self.overlapped() {
            return Ok(());
        }
        let mut state = self.gpu.wave.state();
        let whole = state.mark(self.gpu, self.lane)?;
        for (x, chunks) in tensors {
            if let Some(at) = address(x) {
                let step = if chunks.is_empty() { 0 } else { step(x) };
                state.made.insert(at, Made { lane: self.lane, chunks, step, whole: whole.clone() });
            }
        }
        Ok(())
    }

    /// Ends the turn; the work goes on.
    pub fn end(mut self) -> Result<()> {
        self.close()
    }

    fn close(&mut self) -> Result<()> {
        if !std::mem::replace(&mut self.ended, true) {
            let mut state = self.gpu.wave.state();
            let end = state.mark(self.gpu, self.lane)?;
            if let Some(at) = self.reading.get() {
                state.read.entry(at).or_default().push(end.clone());
            }
            state.ends.insert(self.lane, end);
        }
        Ok(())
    }
}

impl Drop for Layer<'_> {
    /// A verb that has failed half way: what it has enqueued is waited for too.
    fn drop(&mut self) {
        let _ = self.close();
    }
}
