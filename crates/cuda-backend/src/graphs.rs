//! Work that is captured in a CUDA graph and replayed: the device's side of [`Device::captured`](unrolled_tensor::Device::captured).
//!
//! Work that is new runs as ever, but in the [arena](crate::arena), which grows by what it needs; kernels and cuBLAS are loaded on the way. The second time its
//! launches are captured: they get the same addresses. From then on its inputs are copied to where the graph reads them, the step of its random streams to
//! where their kernels do, and one call launches all of it. Parameters are read, and changed, where they are; where one has moved, the work is captured again.
//!
//! What cannot be captured is found out while it runs (see [`crate::recording`]) and runs as ever from then on; so does work whose last answers somebody
//! still holds, once.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cudarc::driver::result;
use unrolled_tensor::{
    Backend, Captured, DType, Device, DeviceError, Layout, MatmulPrecision, Result, Tensor, Work, catch_device_error,
};

use crate::CudaBackend;
use crate::driver::{Capture, Graph};
use crate::gpu::Gpu;
use crate::order::COMPUTE;
use crate::pool::{Block, Home};
use crate::recording::{self, Recorded, Recording, Refusal};
use crate::storage::{Buffer, Pointer, buffer, pointer};
use crate::verbs::elementwise::{contiguous, copy};

/// The most graphs that are kept. One of the paper's step has some three thousand nodes, which take the driver a few megabytes.
const MOST: usize = 64;
/// The most that is known of work that has no graph.
const MOST_SEEN: usize = 4096;

/// How often work was captured, replayed, and run as ever although it might have been captured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GraphCounts {
    /// Graphs that were captured.
    pub captured: u64,
    /// Launches of graphs, the first of each included.
    pub launched: u64,
    /// Work that ran without: what is new, cannot be captured, or came while the answers of other work were still held.
    pub without: u64,
}

/// What must be equal for work to be the same: its name, shapes and dtypes of what it reads, and what products run in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Identity {
    name: String,
    shapes: Vec<(Vec<usize>, DType)>,
    precision: u8,
}

/// What is known of some work.
#[derive(Clone, Debug)]
enum Known {
    /// It has run, so the arena has room and its kernels are loaded.
    Seen,
    Ready(Arc<Ready>),
    /// Why it cannot be captured.
    Refused(String),
}

/// A graph, and where it reads and writes.
#[derive(Debug)]
struct Ready {
    graph: Graph,
    places: Places,
    parameters: Vec<Place>,
    answers: Vec<Answer>,
}

/// Where a parameter is: its storage's addresses, and which of its elements are the parameter's.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    memory: Range<u64>,
    layout: Layout,
}

/// Where work that is captured finds its step and its inputs.
#[derive(Clone, Debug)]
struct Places {
    counter: Pointer,
    inputs: Vec<Pointer>,
}

/// Where an answer is, without gaps.
#[derive(Clone, Debug)]
struct Answer {
    block: Block,
    bytes: usize,
    shape: Vec<usize>,
    dtype: DType,
}

/// A device's graphs.
#[derive(Debug, Default)]
pub(crate) struct Graphs {
    /// With the number of the use that was the last.
    known: Mutex<HashMap<Identity, (u64, Known)>>,
    uses: AtomicU64,
    captured: AtomicU64,
    launched: AtomicU64,
    without: AtomicU64,
}

impl Graphs {
    fn known(&self) -> MutexGuard<'_, HashMap<Identity, (u64, Known)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, identity: &Identity) -> Option<Known> {
        let now = self.uses.fetch_add(1, Ordering::Relaxed);
        self.known().get_mut(identity).map(|(last, known)| {
            *last = now;
            known.clone()
        })
    }

    fn note(&self, gpu: &Gpu, identity: Identity, what: Known) -> Result<()> {
        let now = self.uses.load(Ordering::Relaxed);
        let mut known = self.known();
        let is_ready = |known: &Known| matches!(known, Known::Ready(_));
        let mut gone = Vec::from_iter(known.insert(identity, (now, what)));
        let ready = || known.iter().filter(|(_, (_, known))| is_ready(known));
        if ready().count() > MOST {
            let oldest = ready().min_by_key(|(_, (last, _))| *last).map(|(identity, _)| identity.clone());
            gone.extend(oldest.and_then(|oldest| known.insert(oldest, (now, Known::Seen))));
        }
        if known.len() > MOST_SEEN {
            known.retain(|_, (last, known)| is_ready(known) || *last + MOST_SEEN as u64 / 2 > now);
        }
        if gone.iter().any(|(_, known)| is_ready(known)) {
            // It may still be running.
            gpu.check(gpu.lanes[COMPUTE].stream.synchronize(), "cuStreamSynchronize")?;
        }
        Ok(())
    }

    /// Forgets all graphs and gives the arena's memory to the pool, where nobody holds an answer. The caller has the order of work to itself.
    pub fn clear(&self, gpu: &Gpu) -> bool {
        if recording::is_active() || !gpu.arena.is_idle() || gpu.lanes[COMPUTE].stream.synchronize().is_err() {
            return false;
        }
        self.known().retain(|_, (_, known)| matches!(known, Known::Refused(_)));
        gpu.arena.clear(&gpu.pool);
        true
    }

    pub fn counts(&self) -> GraphCounts {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        GraphCounts { captured: of(&self.captured), launched: of(&self.launched), without: of(&self.without) }
    }

    /// Why some work is not captured.
    pub fn refusals(&self) -> Vec<String> {
        let why = |(_, known): &(u64, Known)| match known {
            Known::Refused(why) => Some(why.clone()),
            _ => None,
        };
        self.known().values().filter_map(why).collect()
    }
}

/// See [`Recorder::run`](unrolled_tensor::Recorder::run).
pub(crate) fn run(cuda: &CudaBackend, what: &Captured<'_>, work: &mut dyn Work) -> Result<Vec<Tensor>> {
    let gpu = cuda.gpu();
    if recording::is_active() {
        return Ok(work.run(&handles(what)));
    }
    gpu.bind()?;
    work.changed().into_iter().try_for_each(|x| x.storage_mut().map(drop))?;
    let first = what.inputs.first().copied().or_else(|| work.parameters().first().copied());
    let Some(device) = first.map(|x| x.device().clone()) else { return plainly(gpu, what, work) };
    // What has gaps is copied to memory of the pool, where a graph's copy finds it.
    let inputs = what.inputs.iter().map(|x| contiguous(gpu, x)).collect::<Result<Vec<_>>>()?;
    let alone = gpu.alone();
    gpu.join()?;
    if !gpu.arena.is_idle() {
        drop(alone);
        return plainly(gpu, what, work);
    }
    let parameters = work.parameters();
    let identity = Identity::of(cuda.matmul_precision(), what, &parameters);
    let parameters = parameters.into_iter().map(place).collect();
    let job = Job { gpu, device, identity, what, inputs, parameters };
    let answers = match gpu.graphs.find(&job.identity) {
        Some(Known::Ready(ready)) if ready.parameters == job.parameters => Some(job.replay(&ready)?),
        Some(Known::Refused(_)) => None,
        Some(_) => job.capture(work)?,
        None => job.first(work)?,
    };
    drop(alone);
    match answers {
        Some(answers) => Ok(answers),
        None => plainly(gpu, what, work),
    }
}

fn handles(what: &Captured<'_>) -> Vec<Tensor> {
    what.inputs.iter().map(|&x| x.clone()).collect()
}

/// As ever.
fn plainly(gpu: &Gpu, what: &Captured<'_>, work: &mut dyn Work) -> Result<Vec<Tensor>> {
    gpu.graphs.without.fetch_add(1, Ordering::Relaxed);
    Ok(work.run(&handles(what)))
}

fn place(x: &Tensor) -> Place {
    let buffer = buffer(x).expect("a CUDA tensor's storage is a CUDA buffer");
    Place { memory: buffer.start().0..buffer.start().0 + buffer.bytes() as u64, layout: x.layout().clone() }
}

impl Identity {
    fn of(precision: MatmulPrecision, what: &Captured<'_>, parameters: &[&Tensor]) -> Identity {
        let shape = |x: &&Tensor| (x.shape().to_vec(), x.dtype());
        Identity {
            name: what.name.to_owned(),
            shapes: what.inputs.iter().chain(parameters).map(shape).collect(),
            precision: precision as u8,
        }
    }
}

/// One call, whose thread has the order of work to itself.
struct Job<'a> {
    gpu: &'a Arc<Gpu>,
    device: Device,
    identity: Identity,
    what: &'a Captured<'a>,
    /// Without gaps.
    inputs: Vec<Tensor>,
    parameters: Vec<Place>,
}

impl Job<'_> {
    fn recording(&self) -> Recording {
        let parameters = self.parameters.iter().map(|place| place.memory.clone()).collect();
        Recording {
            device: self.gpu.name.clone(),
            step: self.what.step,
            counter: Pointer::NULL,
            parameters,
            capturing: false,
            changed: false,
            refused: None,
        }
    }

    /// The answers of `work`, launched; each alone in memory of the arena.
    fn answers(&self, work: &mut dyn Work, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let answers = owned(self.gpu, catch_device_error(|| work.run(inputs))?)?;
        self.gpu.join()?;
        if work.parameters().into_iter().map(place).ne(self.parameters.iter().cloned()) {
            panic!("captured work has replaced a parameter: {}", self.what.name);
        }
        Ok(answers)
    }

    /// Memory for the step and the inputs, which this work's first requests are.
    fn places(&self) -> Result<(Buffer, Vec<Tensor>)> {
        let counter = self.gpu.empty(1, DType::I64)?;
        recording::counter_at(counter.start());
        let place = |x: &Tensor| {
            let buffer = self.gpu.empty(x.elements(), x.dtype())?;
            Ok(Tensor::of(buffer.storage(), x.shape(), x.dtype(), &self.device))
        };
        Ok((counter, self.inputs.iter().map(place).collect::<Result<_>>()?))
    }

    /// Copies step and inputs to where the work finds them.
    fn fill(&self, places: &Places) -> Result<()> {
        let gpu = self.gpu;
        let turn = gpu.turn()?;
        let step = self.what.step.cast_signed().to_ne_bytes();
        gpu.check(gpu.staging.upload(&step, places.counter.0, turn.stream), "copying a step to the device")?;
        for (x, to) in self.inputs.iter().zip(&places.inputs) {
            let bytes = x.elements() * x.dtype().size();
            if bytes > 0 {
                // SAFETY: both have so many bytes, and the copy is behind whatever made the one and used the other.
                let copied = unsafe { result::memcpy_dtod_async(to.0, pointer(x).0, bytes, turn.stream.handle()) };
                gpu.check(copied, "copying an input of captured work")?;
            }
        }
        Ok(())
    }

    /// Work that is new: runs in the arena. None where it must run as ever, for nothing has come of it.
    fn first(&self, work: &mut dyn Work) -> Result<Option<Vec<Tensor>>> {
        let run = || {
            let (counter, inputs) = self.places()?;
            self.fill(&Places::of(&counter, &inputs))?;
            self.answers(work, &inputs)
        };
        let (outcome, Recorded { refused, changed }) = self.recording().run(run);
        match (outcome, refused) {
            (Ok(answers), refused) => {
                let known = refused.map_or(Known::Seen, |refused| Known::Refused(refused.to_string()));
                self.gpu.graphs.without.fetch_add(1, Ordering::Relaxed);
                self.gpu.graphs.note(self.gpu, self.identity.clone(), known)?;
                Ok(Some(answers))
            }
            // A second time would change parameters twice.
            (Err(error), refused) if changed => {
                if let Some(refused) = refused {
                    self.gpu.graphs.note(self.gpu, self.identity.clone(), Known::Refused(refused.to_string()))?;
                }
                Err(error)
            }
            (Err(error), refused) => self.instead(error, refused),
        }
    }

    /// Work that has run once: is captured, and launched. None where it must run as ever.
    fn capture(&self, work: &mut dyn Work) -> Result<Option<Vec<Tensor>>> {
        let gpu = self.gpu;
        let run = || -> Result<(Graph, Places, Vec<Tensor>)> {
            // Declared before the capture, so dropped after its end.
            let _wave = Unfinished(gpu);
            let (counter, inputs) = self.places()?;
            let capture = gpu.check(Capture::begin(&gpu.lanes[COMPUTE].stream), "cuStreamBeginCapture")?;
            recording::capturing(true);
            let answers = self.answers(work, &inputs)?;
            recording::capturing(false);
            let graph = gpu.check(capture.end(), "cuStreamEndCapture")?;
            Ok((graph, Places::of(&counter, &inputs), answers))
        };
        let (outcome, Recorded { refused, .. }) = self.recording().run(run);
        match (outcome, refused) {
            (Ok((graph, places, answers)), None) => {
                let described = answers.iter().map(Answer::of).collect();
                let ready = Ready { graph, places, parameters: self.parameters.clone(), answers: described };
                gpu.graphs.captured.fetch_add(1, Ordering::Relaxed);
                self.launch(&ready)?;
                gpu.graphs.note(gpu, self.identity.clone(), Known::Ready(Arc::new(ready)))?;
                Ok(Some(answers))
            }
            (_, Some(Refusal::NoRoom)) => self.first(work),
            (Ok(_), refused) => self.instead(gpu.error("captured work was refused"), refused),
            (Err(error), refused) => {
                let why = Refusal::Never(error.to_string());
                self.instead(error, Some(refused.unwrap_or(why)))
            }
        }
    }

    /// Work that was captured.
    fn replay(&self, ready: &Ready) -> Result<Vec<Tensor>> {
        self.launch(ready)?;
        let answer = |answer: &Answer| {
            let buffer = Buffer::new(self.gpu.clone(), self.gpu.arena.retake(answer.block), answer.bytes);
            Tensor::of(buffer.storage(), &answer.shape, answer.dtype, &self.device)
        };
        Ok(ready.answers.iter().map(answer).collect())
    }

    fn launch(&self, ready: &Ready) -> Result<()> {
        self.fill(&ready.places)?;
        let turn = self.gpu.turn()?;
        self.gpu.check(ready.graph.launch(turn.stream), "cuGraphLaunch")?;
        self.gpu.graphs.launched.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// What could not be recorded, or not in the memory that there is, runs as ever, now and from then on.
    fn instead(&self, error: DeviceError, refused: Option<Refusal>) -> Result<Option<Vec<Tensor>>> {
        let gpu = self.gpu;
        let why = match (error, refused) {
            (_, Some(refused)) => refused.to_string(),
            (error @ DeviceError::OutOfMemory { .. }, None) => {
                // What lanes have kept back is the arena's again behind them.
                gpu.join()?;
                gpu.graphs.clear(gpu);
                error.to_string()
            }
            (error, None) => return Err(error),
        };
        gpu.graphs.note(gpu, self.identity.clone(), Known::Refused(why))?;
        Ok(None)
    }
}

/// A capture during which lanes may be under way. Where it has failed nothing of them is to be waited for.
struct Unfinished<'a>(&'a Gpu);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        self.0.forget_wave();
    }
}

impl Places {
    fn of(counter: &Buffer, inputs: &[Tensor]) -> Places {
        Places { counter: counter.start(), inputs: inputs.iter().map(pointer).collect() }
    }
}

impl Answer {
    fn of(x: &Tensor) -> Answer {
        let buffer = buffer(x).expect("a CUDA tensor's storage is a CUDA buffer");
        Answer { block: buffer.block(), bytes: buffer.bytes(), shape: x.shape().to_vec(), dtype: x.dtype() }
    }
}

/// The answers, each alone in memory of the arena.
fn owned(gpu: &Arc<Gpu>, answers: Vec<Tensor>) -> Result<Vec<Tensor>> {
    let is_owned = |x: &Tensor| {
        let home = buffer(x).map(|buffer| buffer.block().home);
        x.is_unique() && x.is_contiguous() && x.layout().offset() == 0 && home == Some(Home::Arena)
    };
    let one = |x: &Tensor| {
        if is_owned(x) {
            return Ok(x.clone());
        }
        Ok(Tensor::of(copy(gpu, x)?, x.shape(), x.dtype(), x.device()))
    };
    answers.iter().map(one).collect()
}
