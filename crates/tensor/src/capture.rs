//! Work that a device may record once and replay.

use crate::error::OrRaise;
use crate::{Device, Result, Tensor};

/// Which work is done: what comes again and again with other numbers, like a training step on batches of one shape.
///
/// Equal `name`, shapes and dtypes must mean the same verbs in the same order, on the calling thread. What may differ from one time to the next is what the
/// elements of `inputs` and of the work's [parameters](Work::parameters) are, and `step`; anything else that the work reads would be what it was when it was
/// recorded, so a device refuses to record work that reads another tensor, uploads, or waits for the device, and runs it each time.
/// Nor is anything looked at that is looked at on the host, like values in which anomalies are searched for.
#[derive(Clone, Copy, Debug)]
pub struct Captured<'a> {
    /// What work this is.
    pub name: &'a str,
    /// What is different each time: the work is handed tensors of these elements, which may be copies.
    pub inputs: &'a [&'a Tensor],
    /// The step of the random streams that the work draws from.
    pub step: u64,
}

/// What [`Device::captured`] runs, or has recorded and replays.
///
/// It may be called several times, or not at all; so it leaves nothing behind but its answers and what it has changed on the device.
pub trait Work {
    /// All tensors that the work reads where they lie, whoever changes them between two calls; always in the same order.
    fn parameters(&self) -> Vec<&Tensor>;

    /// Those of the parameters that the work itself changes, none twice. A replay does so without asking, so each is made [unique](Tensor::make_unique) before;
    /// work that still holds one when it changes it is not recorded. Work that has changed one and then fails is not done again: the failure is the caller's.
    fn changed(&mut self) -> Vec<&mut Tensor> {
        Vec::new()
    }

    /// Does the work on inputs of the shapes and dtypes that were announced.
    fn run(&mut self, inputs: &[Tensor]) -> Vec<Tensor>;
}

/// Work that reads some parameters and is otherwise a closure.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a, F> {
    /// What the closure reads where it is.
    pub parameters: &'a [&'a Tensor],
    /// From the inputs to the answers.
    pub run: F,
}

impl<F: FnMut(&[Tensor]) -> Vec<Tensor>> Work for Reading<'_, F> {
    fn parameters(&self) -> Vec<&Tensor> {
        self.parameters.to_vec()
    }

    fn run(&mut self, inputs: &[Tensor]) -> Vec<Tensor> {
        (self.run)(inputs)
    }
}

/// A device's way to record work and replay it; see [`Device::captured`].
pub trait Recorder {
    /// What `work` answers for `what.inputs`, run or replayed.
    ///
    /// # Errors
    /// Where the device fails.
    fn run(&self, what: &Captured<'_>, work: &mut dyn Work) -> Result<Vec<Tensor>>;
}

impl Device {
    /// Whether work is recorded here and replayed; see [`captured`](Device::captured).
    pub fn captures(&self) -> bool {
        self.backend().recorder().is_some()
    }

    /// What `work` answers for `what.inputs`. A device that [captures](Device::captures) records the work and later replays it with other numbers, so that
    /// `work` is not called again: a GPU then has not to be told each of thousands of small kernels. The answers' bits are the same.
    ///
    /// ```
    /// use unrolled_tensor::{Captured, Device, Reading, Tensor};
    /// let device = Device::cpu();
    /// let weight = Tensor::from_slice(&[2f32, 3.0], [2], &device);
    /// for x in [1f32, 5.0] {
    ///     let x = Tensor::from_slice(&[x, x], [2], &device);
    ///     let what = Captured { name: "scaled", inputs: &[&x], step: 0 };
    ///     let scaling = Reading { parameters: &[&weight], run: |inputs: &[Tensor]| vec![&inputs[0] * &weight] };
    ///     let scaled = device.captured(&what, scaling).remove(0);
    ///     assert_eq!(scaled.to_vec::<f32>(), (&x * &weight).to_vec::<f32>());
    /// }
    /// ```
    ///
    /// # Panics
    /// With a [`DeviceError`](crate::DeviceError) where the device fails. Where the work replaces one of its parameters.
    #[track_caller]
    pub fn captured(&self, what: &Captured<'_>, mut work: impl Work) -> Vec<Tensor> {
        match self.backend().recorder() {
            Some(recorder) => recorder.run(what, &mut work).or_raise(),
            None => {
                let inputs: Vec<Tensor> = what.inputs.iter().map(|&input| input.clone()).collect();
                work.run(&inputs)
            }
        }
    }
}
