//! One call of work that may be captured.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use cudarc::driver::result;
use unrolled_tensor::{Captured, DType, Device, DeviceError, Result, Tensor, Work, catch_device_error};

use super::places::{Answer, Place, Places, Ready, owned, place};
use super::{Identity, Known};
use crate::driver::{Capture, Graph};
use crate::gpu::Gpu;
use crate::order::COMPUTE;
use crate::recording::{self, Recorded, Recording, Refusal};
use crate::storage::{Buffer, Pointer, pointer};

/// One call, whose thread has the order of work to itself.
pub(super) struct Job<'a> {
    pub gpu: &'a Arc<Gpu>,
    pub device: Device,
    pub identity: Identity,
    pub what: &'a Captured<'a>,
    /// Without gaps.
    pub inputs: Vec<Tensor>,
    pub parameters: Vec<Place>,
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
    pub fn first(&self, work: &mut dyn Work) -> Result<Option<Vec<Tensor>>> {
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
    pub fn capture(&self, work: &mut dyn Work) -> Result<Option<Vec<Tensor>>> {
        let gpu = self.gpu;
        let run = || -> Result<(Graph, Places, Vec<Tensor>)> {
            // Declared before the capture, so dropped after its end.
            let _wave = Unfinished(gpu);
            let (counter, inputs) = self.places()?;
            let capture = gpu.check(Capture::begin(&gpu.lanes[COMPUTE].stream), "cuStreamBeginCapture")?;
            recording::capturing(true);
            let answers = self.answers(work, &inputs)?;
            recording::capturing(false);
            let captured = gpu.check(capture.end(), "cuStreamEndCapture")?;
            let stream = &gpu.lanes[COMPUTE].stream;
            let graph = captured.ready(stream).or_else(|_| {
                // The driver's memory for it is what the pool does not hold.
                gpu.pool.trim();
                captured.ready(stream)
            });
            let graph = gpu.check(graph, "cuGraphInstantiate")?;
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
    pub fn replay(&self, ready: &Ready) -> Result<Vec<Tensor>> {
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
