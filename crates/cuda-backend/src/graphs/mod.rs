//! Work that is captured in a CUDA graph and replayed: the device's side of [`Device::captured`](unrolled_tensor::Device::captured).
//!
//! Work that is new runs as ever, but in the [arena](crate::arena), which grows by what it needs; kernels and cuBLAS are loaded on the way. The second time its
//! launches are captured: they get the same addresses. From then on its inputs are copied to where the graph reads them, the step of its random streams to
//! where their kernels do, and one call launches all of it. Parameters are read, and changed, where they are; where one has moved, the work is captured again.
//!
//! What cannot be captured is found out while it runs (see [`crate::recording`]) and runs as ever from then on; so does work whose last answers somebody
//! still holds, once.

mod job;
mod places;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use unrolled_tensor::{Backend, Captured, DType, MatmulPrecision, Result, Tensor, Work};

use self::job::Job;
use self::places::{Ready, place};
use crate::CudaBackend;
use crate::gpu::Gpu;
use crate::order::COMPUTE;
use crate::recording;
use crate::verbs::elementwise::contiguous;

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
