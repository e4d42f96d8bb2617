//! Dynamic loss scaling for f16 (Micikevicius et al. 2018, "Mixed Precision Training").

use serde::{Deserialize, Serialize};
use unrolled_autograd::{Gradients, Var};
use unrolled_tensor::{DType, Tensor};

use crate::{Module, Optimiser, clip_factor, global_norm};

/// Multiplies the loss, so that small gradients do not vanish in f16, and divides the gradients again before the step. Where one has overflowed, the step
/// is skipped and the scale falls; after enough good steps in a row it rises. bf16 has the range of f32 and does without.
///
/// ```
/// use unrolled_autograd::Var;
/// use unrolled_nn::{loss, Linear, LossScaler, Module, Optimiser, StepOutcome};
/// use unrolled_tensor::{random::Key, DType, Device, Tensor};
///
/// // Learn y = 2x + 1 in f16; the parameters themselves stay in f32.
/// let device = Device::cpu();
/// let mut layer = Linear::new(1, 1, 0.1, Key::new(1), &device);
/// let column = |numbers: &[f32]| Var::constant(Tensor::from_slice(numbers, [4, 1], &device).cast(DType::F16));
/// let (x, y) = (column(&[-1.0, 0.0, 1.0, 2.0]), column(&[-1.0, 1.0, 3.0, 5.0]));
/// let (mut optimiser, mut scaler) = (Optimiser::sgd(), LossScaler::new());
/// let mut skipped = 0;
/// for _ in 0..200 {
///     let error = loss::mean_squared_error(&layer.in_dtype(DType::F16).forward(&x), &y);
///     let mut gradients = scaler.scale(&error).backward();
///     match scaler.step(&mut optimiser, &mut layer, &mut gradients, 0.1, 1.0) {
///         StepOutcome::Taken { norm } => assert!(norm.is_finite()),
///         StepOutcome::Skipped { .. } => skipped += 1,
///     }
/// }
/// assert!((layer.weight.tensor().item::<f32>() - 2.0).abs() < 0.01);
/// assert_eq!((scaler.skipped(), optimiser.steps()), (skipped, 200 - skipped));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LossScaler {
    options: ScalerOptions,
    state: ScalerState,
}

/// How the scale moves. Powers of 2 round nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScalerOptions {
    /// The first scale.
    pub initial: f64,
    /// What the scale is multiplied by after `growth_interval` good steps in a row.
    pub growth: f64,
    /// What the scale is multiplied by after a step that was skipped.
    pub backoff: f64,
    /// Good steps in a row before the scale rises.
    pub growth_interval: u64,
    /// The scale does not fall below this.
    pub minimum: f64,
    /// The scale does not rise above this.
    pub maximum: f64,
}

impl Default for ScalerOptions {
    /// From 2¹⁶, between 1 and 2²⁴; doubled after 2000 good steps, halved after a skipped one.
    fn default() -> ScalerOptions {
        ScalerOptions {
            initial: 65536.0,
            growth: 2.0,
            backoff: 0.5,
            growth_interval: 2000,
            minimum: 1.0,
            maximum: 16_777_216.0,
        }
    }
}

/// Where a [`LossScaler`] stands: what a checkpoint saves, so that a resumed run goes on as it would have.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScalerState {
    /// What the loss is multiplied by.
    pub scale: f64,
    /// Good steps in a row since the scale last moved.
    pub good_steps: u64,
    /// Steps skipped so far.
    pub skipped: u64,
}

/// What became of a step.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StepOutcome {
    /// The parameters have moved.
    Taken {
        /// The global norm of the gradients without their scale, before clipping.
        norm: f64,
    },
    /// A gradient was not finite: parameters and optimiser are as they were.
    Skipped {
        /// The scale of the next step.
        scale: f64,
    },
}

impl Default for LossScaler {
    fn default() -> LossScaler {
        LossScaler::new()
    }
}

impl LossScaler {
    /// A scaler with the usual options.
    pub fn new() -> LossScaler {
        LossScaler::with_options(ScalerOptions::default())
    }

    /// A scaler of any options.
    ///
    /// # Panics
    /// Where the options are not `0 < backoff ≤ 1 ≤ growth` and `0 < minimum ≤ initial ≤ maximum`, all finite.
    #[track_caller]
    pub fn with_options(options: ScalerOptions) -> LossScaler {
        let ScalerOptions { initial, growth, backoff, minimum, maximum, .. } = options;
        let factors = 0.0 < backoff && backoff <= 1.0 && 1.0 <= growth && growth.is_finite();
        let limits = 0.0 < minimum && minimum <= initial && initial <= maximum && maximum.is_finite();
        if !factors || !limits {
            panic!("LossScaler: {options:?} is not 0 < backoff ≤ 1 ≤ growth and 0 < minimum ≤ initial ≤ maximum");
        }
        LossScaler { options, state: ScalerState { scale: initial, good_steps: 0, skipped: 0 } }
    }

    /// A scaler whose scale is always 1, for f32 and bf16 in the same loop: steps that are not finite are skipped, and that is all.
    pub fn disabled() -> LossScaler {
        LossScaler::with_options(ScalerOptions { initial: 1.0, minimum: 1.0, maximum: 1.0, ..Default::default() })
    }

    /// What the loss is multiplied by now.
    pub fn factor(&self) -> f64 {
        self.state.scale
    }

    /// How many steps were skipped so far.
    pub fn skipped(&self) -> u64 {
        self.state.skipped
    }

    /// Whether the scale can still fall. Where it cannot, it is not the scale that overflows.
    pub fn can_fall(&self) -> bool {
        self.state.scale > self.options.minimum && self.options.backoff < 1.0
    }

    /// `loss` times the scale, in f32 where the loss is in f16 or bf16. The scale is in the device's memory, not part of the operation.
    #[must_use]
    pub fn scale(&self, loss: &Var) -> Var {
        let dtype = if loss.dtype() == DType::F64 { DType::F64 } else { DType::F32 };
        let scale = Tensor::full([], self.state.scale, dtype, loss.device());
        loss.cast(dtype) * Var::constant(scale)
    }

    /// The global norm of scaled gradients, without their scale: not finite where one has overflowed. The sums are taken on the device; the decision
    /// whether to step is the host's, which reads them.
    pub fn norm(&self, module: &dyn Module, gradients: &Gradients) -> f64 {
        global_norm(module, gradients) / self.state.scale
    }

    /// One step of `rate` along the gradients of a [scaled](LossScaler::scale) loss, clipped to a global norm of `clip` (0: not clipped), if all of them
    /// are finite; else none. The scale moves accordingly. The division by the scale is part of the optimiser's step, and costs nothing.
    ///
    /// # Panics
    /// As [`Optimiser::step`].
    #[track_caller]
    pub fn step(
        &mut self,
        optimiser: &mut Optimiser,
        module: &mut dyn Module,
        gradients: &mut Gradients,
        rate: f64,
        clip: f64,
    ) -> StepOutcome {
        let norm = self.norm(module, gradients);
        let factor = clip_factor(norm, clip) / self.state.scale;
        if !self.decide(norm) {
            return StepOutcome::Skipped { scale: self.state.scale };
        }
        optimiser.step(module, gradients, rate, factor);
        StepOutcome::Taken { norm }
    }

    /// Whether to take a step whose gradients, without their scale, have this global norm: what [`step`](LossScaler::step) does where the norm and the step are
    /// somebody else's. The scale moves accordingly.
    ///
    /// ```
    /// let mut scaler = unrolled_nn::LossScaler::new();
    /// assert!(scaler.decide(1.0) && !scaler.decide(f64::INFINITY));
    /// assert_eq!((scaler.factor(), scaler.skipped()), (32768.0, 1));
    /// ```
    pub fn decide(&mut self, norm: f64) -> bool {
        if norm.is_finite() {
            self.succeeded()
        } else {
            self.overflowed()
        }
        norm.is_finite()
    }

    fn overflowed(&mut self) {
        let ScalerOptions { backoff, minimum, .. } = self.options;
        let ScalerState { scale, skipped, .. } = self.state;
        self.state = ScalerState { scale: (scale * backoff).max(minimum), good_steps: 0, skipped: skipped + 1 };
    }

    fn succeeded(&mut self) {
        self.state.good_steps += 1;
        if self.state.good_steps >= self.options.growth_interval {
            self.state.scale = (self.state.scale * self.options.growth).min(self.options.maximum);
            self.state.good_steps = 0;
        }
    }

    /// What must be saved to go on later.
    pub fn state(&self) -> ScalerState {
        self.state
    }

    /// Goes on from a saved state; a scale outside the limits goes to the nearer one.
    pub fn load(&mut self, state: ScalerState) {
        let ScalerOptions { minimum, maximum, .. } = self.options;
        // `max` first: of a scale that is not a number, the minimum is left.
        self.state = ScalerState { scale: state.scale.max(minimum).min(maximum), ..state };
    }
}
