//! Where the time goes: a device that times its verbs.
//!
//! [`Device::profiled`] wraps a device in one that forwards every verb of the seam and takes the time, so nothing is slower where it is not asked
//! for, and nothing computes otherwise where it is. Only what happens within a [step](Profile::step) counts.
//!
//! ```
//! use unrolled_tensor::{DType, Device, Tensor};
//!
//! let (device, profile) = Device::cpu().profiled();
//! let x = Tensor::ones([300, 200], DType::F32, &device);
//! {
//!     let _step = profile.step();
//!     x.matmul(&x.t());
//! }
//! let report = profile.report();
//! let product = &report.calls[0];
//! assert_eq!((product.call.verb, product.call.sizes.as_str()), ("matmul", "[300, 200] × [200, 300] f32"));
//! assert_eq!((product.calls, product.flops), (1, 2 * 300 * 200 * 300));
//! println!("{report}");
//! ```

mod backend;
mod call;
mod report;

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::{DType, Device, Tensor};
use backend::Profiled;
pub use call::Call;
pub use report::{Measured, Report};

/// What the verbs of a profiled device have cost, in the steps so far.
#[derive(Debug)]
pub struct Profile {
    /// The device that is wrapped.
    device: Device,
    tallies: Mutex<Tallies>,
}

#[derive(Debug, Default)]
struct Tallies {
    calls: HashMap<Call, Tally>,
    /// Steps within which nothing else began yet; nested ones are part of the outermost.
    open: usize,
    began: Option<Instant>,
    steps: u64,
    seconds: f64,
    peak: f64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    calls: u64,
    flops: u64,
    seconds: f64,
}

thread_local! {
    /// How many verbs this thread is within: a verb may be made of others, which then do not count.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// A step under way, until it is dropped.
#[derive(Debug)]
#[must_use = "the step ends where this is dropped"]
pub struct Step<'a>(&'a Profile);

impl Device {
    /// This device with a clock around each verb, and what the clock tells. The two handles are different devices: tensors belong to one or the other.
    pub fn profiled(&self) -> (Device, Arc<Profile>) {
        let profile = Arc::new(Profile { device: self.clone(), tallies: Mutex::default() });
        (Device::new(Arc::new(Profiled::new(self.clone(), Arc::clone(&profile)))), profile)
    }

    /// The clock of a [profiled](Device::profiled) device; `None` of any other.
    ///
    /// ```
    /// use unrolled_tensor::Device;
    ///
    /// assert!(Device::cpu().profile().is_none());
    /// assert!(Device::cpu().profiled().0.profile().is_some());
    /// ```
    pub fn profile(&self) -> Option<&Profile> {
        self.backend().profile()
    }
}

impl Profile {
    /// Begins a step. What is done until it is dropped counts; within another step it is a part of that one.
    pub fn step(&self) -> Step<'_> {
        let mut tallies = self.tallies();
        tallies.open += 1;
        if tallies.open == 1 {
            tallies.began = Some(Instant::now());
        }
        Step(self)
    }

    /// Runs `work`, which is no verb of the seam, and counts its time under `name`. Verbs within do not count.
    pub fn time<T>(&self, name: &'static str, work: impl FnOnce() -> T) -> T {
        let _watch = self.watch(|| Call { verb: name, sizes: String::new(), flops: 0 });
        work()
    }

    /// Multiplies square f32 matrices, as large and as often as it takes to see how fast this device can: the FLOP/s of the quickest so far, which
    /// [`report`](Profile::report) takes as what could be reached. The products do not count in the profile.
    ///
    /// # Panics
    /// With a [`DeviceError`](crate::DeviceError) where the device fails.
    #[track_caller]
    pub fn measure_peak(&self) -> f64 {
        const SIDE: usize = 2048;
        const TIMES: usize = 8;
        let quickest = self.device.run(|| {
            let x = Tensor::full([SIDE, SIDE], 0.5, DType::F32, &self.device);
            let once = || {
                let began = Instant::now();
                drop(x.matmul(&x));
                self.device.synchronize();
                began.elapsed().as_secs_f64()
            };
            once();
            (0..TIMES).map(|_| once()).fold(f64::INFINITY, f64::min)
        });
        let mut tallies = self.tallies();
        tallies.peak = tallies.peak.max(2.0 * (SIDE as f64).powi(3) / quickest);
        tallies.peak
    }

    /// What has been counted since the beginning or the last [`reset`](Profile::reset).
    pub fn report(&self) -> Report {
        let tallies = self.tallies();
        let mut calls: Vec<Measured> = tallies
            .calls
            .iter()
            .map(|(call, tally)| Measured {
                call: call.clone(),
                calls: tally.calls,
                flops: tally.flops,
                seconds: tally.seconds,
            })
            .collect();
        calls.sort_by(|a, b| b.seconds.total_cmp(&a.seconds).then_with(|| a.call.cmp(&b.call)));
        let peak_flops = (tallies.peak > 0.0).then_some(tallies.peak);
        Report { calls, steps: tallies.steps, seconds: tallies.seconds, peak_flops }
    }

    /// Forgets all steps that have ended, but not the peak.
    pub fn reset(&self) {
        let mut tallies = self.tallies();
        tallies.calls.clear();
        (tallies.steps, tallies.seconds) = (0, 0.0);
    }

    fn tallies(&self) -> MutexGuard<'_, Tallies> {
        // Numbers are never left half written, whoever panicked.
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the clock of a call, unless it is part of another or of no step.
    fn watch(&self, call: impl FnOnce() -> Call) -> Watch<'_> {
        let outermost = DEPTH.get() == 0;
        DEPTH.set(DEPTH.get() + 1);
        let call = (outermost && self.tallies().open > 0).then(call);
        Watch { profile: self, call, began: Instant::now() }
    }
}

impl Drop for Step<'_> {
    fn drop(&mut self) {
        let mut tallies = self.0.tallies();
        tallies.open -= 1;
        if tallies.open == 0
            && let Some(began) = tallies.began.take()
        {
            tallies.seconds += began.elapsed().as_secs_f64();
            tallies.steps += 1;
        }
    }
}

/// A call under way; its time counts when this is dropped.
struct Watch<'a> {
    profile: &'a Profile,
    call: Option<Call>,
    began: Instant,
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
        if let Some(call) = self.call.take() {
            let seconds = self.began.elapsed().as_secs_f64();
            let mut tallies = self.profile.tallies();
            let flops = call.flops;
            let tally = tallies.calls.entry(call).or_default();
            tally.calls += 1;
            tally.flops += flops;
            tally.seconds += seconds;
        }
    }
}
