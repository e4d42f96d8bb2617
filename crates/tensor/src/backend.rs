//! The seam: what a device must be able to do.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::capture::Recorder;
use crate::fused::{
    self, CrossEntropy, CrossEntropyArgs, CrossEntropyGradients, CrossEntropyPartials, KeptLogits, KeptRows,
    LinearTopK, LinearTopKArgs, LinearTopKPartials, LstmArgs, LstmDataGradients, LstmGradients, LstmOutput,
    LstmOutputGradients, LstmWeightArgs, LstmWeightGradients, MergedPartials,
};
use crate::ops::{Binary, Compare, Distribution, Reduce, Unary, Update};
use crate::profile::Profile;
use crate::random::Key;
use crate::{DType, DeviceError, Tensor};

/// A device's memory that holds the elements of one or more views. Only the backend that made it can look inside.
pub type Storage = Arc<dyn Any + Send + Sync>;

/// A point in a device's order of work, from [`Backend::record`].
pub type Event = Arc<dyn Any + Send + Sync>;

/// What a verb answers: storage, or the device's failure.
pub type Result<T, E = DeviceError> = std::result::Result<T, E>;

/// A device's memory, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Held by live tensors now.
    pub in_use: usize,
    /// The most that live tensors have held since the start or the last reset.
    pub peak: usize,
    /// The most that they may hold; `usize::MAX` where nothing limits it.
    pub budget: usize,
}

/// What products of f32 matrices run in; see [`Device::set_matmul_precision`](crate::Device::set_matmul_precision).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MatmulPrecision {
    /// In f32's accuracy, by whatever gives it fastest. On the CPU with AMX that is products of three bf16 parts of each operand, whose errors are
    /// about half of those of f32 multiply–adds, except that numbers below about 2⁻¹⁰² lose bits; elsewhere, and in sums over fewer than 16 products, it
    /// is [`F32Fma`](Self::F32Fma).
    #[default]
    F32,
    /// f32 multiply–adds throughout.
    F32Fma,
    /// Operands rounded to TF32 (11 bits of mantissa) by tensor cores, products exact, sums in f32: of CUDA devices alone.
    Tf32,
    /// Operands rounded to bf16 (8 bits of mantissa, to nearest even), products exact, sums in f32.
    Bf16,
}

/// What a weight that is used and not learnt may be rounded to; see [`Tensor::keep_rounded`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// bf16, to nearest even: 2 bytes a number. Products with it are those of the precision in force, of the rounded weight.
    Bf16,
    /// Whole numbers of 8 bits with one scale for each row: 1 byte a number.
    ///
    /// A row w becomes q = round(w · 127 / m) with m = max |w|, to nearest even, and the scale s = m / 127; so does each row x of the other operand when a
    /// product is made. Then y = (Σ q_x q_w) · (s_w s_x), where the sum is exact: every processor gives the same bits, whatever the precision in force.
    /// A row whose largest size is below 2⁻¹⁰⁰ counts as zeros; one with a number that is not finite gives NaN.
    Int8,
}

impl MatmulPrecision {
    /// All of them.
    pub const ALL: [MatmulPrecision; 4] = [Self::F32, Self::F32Fma, Self::Tf32, Self::Bf16];
}

/// The seam: what a device must be able to do, in some thirty verbs over [`Tensor`]s.
///
/// Which elementwise operation or reduction is meant is data ([`Unary`], [`Binary`], …), so a backend is a handful of kernels and not a
/// hundred methods. A verb gets operands that are already checked: on its own device, of equal dtype, broadcast to one shape where it
/// says so. It answers with fresh, contiguous [`Storage`] in row-major order. The fused verbs at the end have default bodies in terms
/// of the plain ones: those bodies are their definition, and every override is tested against them.
/// [`conformance::check`](crate::conformance::check) puts a backend through all of it.
pub trait Backend: Send + Sync + fmt::Debug {
    /// The device's name, as a person writes it: `cpu`, `cpu:1`, `cuda:0`.
    fn name(&self) -> String;

    // ---- memory and order of work ----

    /// Storage with a copy of `bytes`, elements of `dtype` in native byte order.
    fn upload(&self, bytes: &[u8], dtype: DType) -> Result<Storage>;
    /// Copies a contiguous tensor's elements to `bytes`; waits for the work that makes them.
    fn download(&self, x: &Tensor, bytes: &mut [u8]) -> Result<()>;
    /// A copy of another device's contiguous tensor where this one can read that device's memory; None where the elements must go by way of the
    /// host. It waits for `made`, the other device's mark behind the work that makes them; without one for all that was enqueued there so far.
    fn copy_from(&self, _x: &Tensor, _made: Option<&Event>) -> Result<Option<Storage>> {
        Ok(None)
    }
    /// `len` elements, all of them `value`.
    fn fill(&self, value: f64, len: usize, dtype: DType) -> Result<Storage>;
    /// What live tensors hold.
    fn memory(&self) -> Memory;
    /// Sets the peak to what is in use now.
    fn reset_peak(&self);
    /// A mark after all work that was enqueued so far.
    fn record(&self) -> Result<Event>;
    /// Later work on this device starts after `event`, which may be another device's.
    fn wait(&self, event: &Event) -> Result<()>;
    /// Returns when all enqueued work is done.
    fn synchronize(&self) -> Result<()>;
    /// The clock of a device that times its verbs; see [`Device::profiled`](crate::Device::profiled).
    fn profile(&self) -> Option<&Profile> {
        None
    }
    /// What records work and replays it, on a device that can; see [`Device::captured`](crate::Device::captured).
    fn recorder(&self) -> Option<&dyn Recorder> {
        None
    }
    /// Runs `work` as on this device: with its own threads where it has some.
    fn run(&self, work: &mut (dyn FnMut() + Send)) {
        work();
    }

    // ---- one output element from one element of each operand ----

    /// The view's elements, gathered and converted to `dtype`.
    fn cast(&self, x: &Tensor, dtype: DType) -> Result<Storage>;
    /// `op` of every element.
    fn unary(&self, op: Unary, x: &Tensor) -> Result<Storage>;
    /// `op` of pairs of elements; equal shapes (broadcast strides) and dtypes.
    fn binary(&self, op: Binary, a: &Tensor, b: &Tensor) -> Result<Storage>;
    /// Truth values; equal shapes and dtypes.
    fn compare(&self, op: Compare, a: &Tensor, b: &Tensor) -> Result<Storage>;
    /// `a` where `condition` (bool) is true, else `b`; equal shapes.
    fn select(&self, condition: &Tensor, a: &Tensor, b: &Tensor) -> Result<Storage>;

    // ---- reductions ----

    /// Reduces the last axis of `x` `[.., n]`; the result has one element for each leading index. [`Reduce::ArgMax`] and
    /// [`Reduce::ArgMin`] answer u32 and take the first of equals; all others keep the dtype.
    /// The order of a sum depends on `n` alone.
    fn reduce(&self, op: Reduce, x: &Tensor) -> Result<Storage>;
    /// Running sums along the last axis, of f16 and bf16 in f32.
    fn cumulative_sum(&self, x: &Tensor) -> Result<Storage>;
    /// Softmax, or its logarithm, along the last axis of `x`.
    fn softmax(&self, x: &Tensor, logarithm: bool) -> Result<Storage>;
    /// The `k` largest along the last axis, in descending order, and where they stood (u32); of equals the first comes first, and NaN
    /// counts as larger than any number.
    fn top_k(&self, x: &Tensor, k: usize) -> Result<(Storage, Storage)>;

    // ---- products ----

    /// `a` `[.., m, k]` times `b` `[.., k, n]`, any strides, leading axes equal (broadcast strides), plus `onto` `[.., m, n]`
    /// where given, whose storage is reused if nobody else holds it. Sums of f16 and bf16 run in f32; the result is of dtype `out`.
    /// The order of a sum depends on `k` alone.
    fn matmul(&self, a: &Tensor, b: &Tensor, onto: Option<Tensor>, out: DType) -> Result<Storage>;

    /// Allows products of f32 this precision, in `matmul` and the fused verbs. A backend without such products stays at f32: this is a
    /// permission, and [`matmul_precision`](Backend::matmul_precision) tells what is in force.
    fn set_matmul_precision(&self, _: MatmulPrecision) {}
    /// The precision in force.
    fn matmul_precision(&self) -> MatmulPrecision {
        MatmulPrecision::F32
    }

    /// A hint: `weight` `[N, K]` will be used again and again, transposed, as the right operand of products with the precision now in force, in so
    /// many equal blocks of rows (an LSTM's four gates). A backend may keep it in the order that its products like, until it changes or goes.
    /// No answer changes.
    fn keep_packed(&self, _weight: &Tensor, _blocks: usize) -> Result<()> {
        Ok(())
    }

    /// From now on `weight` `[N, K]` counts as rounded where it is used transposed, as the right operand of [`matmul`](Backend::matmul), in
    /// [`lstm_sequence`](Backend::lstm_sequence) and in [`linear_top_k`](Backend::linear_top_k), until it changes or goes; blocks as for
    /// [`keep_packed`](Backend::keep_packed). Says false, and changes nothing, where the backend has no such products.
    fn keep_rounded(&self, _weight: &Tensor, _blocks: usize, _to: Rounding) -> Result<bool> {
        Ok(false)
    }

    // ---- indexed ----

    /// `out[.., i, ..] = x[.., index[.., i, ..], ..]` along `axis`; `index` (u32) has the shape of the result and agrees with
    /// `x` on every other axis. An index outside `x` is the caller's mistake and panics where the device can tell.
    fn gather(&self, x: &Tensor, axis: usize, index: &Tensor) -> Result<Storage>;
    /// A copy of `x` with `source` added at `index` along `axis`, in the order of `source`; of f16 and bf16 in f32, rounded once.
    fn scatter_add(&self, x: Tensor, axis: usize, index: &Tensor, source: &Tensor) -> Result<Storage>;
    /// The parts one after another along `axis`.
    fn concat(&self, parts: &[&Tensor], axis: usize) -> Result<Storage>;

    // ---- random ----

    /// `len` elements of the stream `key`, at the step that `step` (one i64) holds where it is given.
    fn random(
        &self,
        distribution: Distribution,
        key: Key,
        step: Option<&Tensor>,
        len: usize,
        dtype: DType,
    ) -> Result<Storage>;

    // ---- changing in place ----

    /// Adds `scale · x` to `onto`, in place where nobody else holds its storage.
    fn accumulate(&self, onto: &mut Tensor, x: &Tensor, scale: f64) -> Result<()>;
    /// One optimiser step on `parameter` and its `state`, in place where nobody else holds them. `hyper` (f32 or f64) is
    /// `[learning rate, gradient scale, bias correction 1, bias correction 2]`, read on the device. With `rows` (u32, distinct)
    /// the gradient is that of these rows only, and only they change.
    fn update(
        &self,
        rule: &Update,
        parameter: &mut Tensor,
        gradient: &Tensor,
        rows: Option<&Tensor>,
        state: &mut [Tensor],
        hyper: &Tensor,
    ) -> Result<()>;

    // ---- fused: the default bodies are the definitions ----

    /// A range of time steps of one LSTM layer; see [`LstmArgs`].
    fn lstm_sequence(&self, args: &LstmArgs<'_>) -> Result<LstmOutput> {
        fused::lstm::definition(args)
    }
    /// The gradients of [`lstm_sequence`](Backend::lstm_sequence).
    fn lstm_sequence_backward(
        &self,
        args: &LstmArgs<'_>,
        output: &LstmOutput,
        gradients: &LstmOutputGradients<'_>,
    ) -> Result<LstmGradients> {
        fused::lstm::backward_definition(args, output, gradients)
    }
    /// [`lstm_sequence_backward`](Backend::lstm_sequence_backward) for the last time: the output's memory may be used.
    fn lstm_sequence_backward_last(
        &self,
        args: &LstmArgs<'_>,
        output: LstmOutput,
        gradients: &LstmOutputGradients<'_>,
    ) -> Result<LstmGradients> {
        self.lstm_sequence_backward(args, &output, gradients)
    }
    /// [`lstm_sequence_backward_last`](Backend::lstm_sequence_backward_last) without the gradients of the weights.
    fn lstm_sequence_backward_data(
        &self,
        args: &LstmArgs<'_>,
        output: LstmOutput,
        gradients: &LstmOutputGradients<'_>,
    ) -> Result<LstmDataGradients> {
        fused::lstm::data_definition(args, &output, gradients)
    }
    /// The gradients of a layer's weights over all steps; see [`LstmWeightArgs`].
    fn lstm_weight_gradients(&self, args: &LstmWeightArgs<'_>) -> Result<LstmWeightGradients> {
        fused::lstm::weights_definition(args)
    }
    /// Loss and gradients of a linear layer under softmax and cross-entropy; see [`CrossEntropyArgs`].
    fn linear_cross_entropy(&self, args: &CrossEntropyArgs<'_>, gradients: bool) -> Result<CrossEntropy> {
        fused::cross_entropy::definition(args, gradients)
    }
    /// First phase over a slice of the vocabulary: the numbers that the slices merge.
    fn linear_cross_entropy_partials(&self, args: &CrossEntropyArgs<'_>) -> Result<CrossEntropyPartials> {
        fused::cross_entropy::partials_definition(args)
    }
    /// Second phase: a slice's gradients, given the merged `log_sum` `[N]`.
    fn linear_cross_entropy_gradients(
        &self,
        args: &CrossEntropyArgs<'_>,
        log_sum: &Tensor,
    ) -> Result<CrossEntropyGradients> {
        fused::cross_entropy::gradients_definition(args, log_sum)
    }
    /// As [`linear_cross_entropy_partials`](Backend::linear_cross_entropy_partials), and keeps the logits; see [`fused::kept_logits`].
    fn linear_cross_entropy_begin(&self, args: &CrossEntropyArgs<'_>) -> Result<(CrossEntropyPartials, KeptLogits)> {
        fused::kept_logits::begin_definition(args)
    }
    /// A slice's part of the gradient of h, `[N, H]`; what was kept becomes the logits' gradients.
    fn linear_cross_entropy_hidden(
        &self,
        args: &CrossEntropyArgs<'_>,
        kept: KeptLogits,
        merged: &MergedPartials,
    ) -> Result<(Tensor, KeptLogits)> {
        fused::kept_logits::hidden_definition(args, kept, merged)
    }
    /// The gradients of a slice's weight and bias over some rows, `(part, row)` each, added to what is given.
    fn linear_cross_entropy_weights(
        &self,
        parts: &[KeptRows<'_>],
        rows: &[(u32, u32)],
        onto: Option<(Tensor, Tensor)>,
    ) -> Result<(Tensor, Tensor)> {
        fused::kept_logits::weights_definition(parts, rows, onto)
    }
    /// The most probable words of a linear layer under softmax; see [`LinearTopKArgs`].
    fn linear_top_k(&self, args: &LinearTopKArgs<'_>) -> Result<LinearTopK> {
        fused::top_k::definition(args)
    }
    /// What a slice of the vocabulary knows of its most probable words; see [`fused::merge_top_k`].
    fn linear_top_k_partials(&self, args: &LinearTopKArgs<'_>) -> Result<LinearTopKPartials> {
        fused::top_k::partials_definition(args)
    }
    /// Distinct rows of `index` `[n]` in ascending order, and for each the sum of its rows of `values` `[n, d]`, in order. If `padded`, both answers have n
    /// rows: behind the distinct ones [`NO_ROW`](crate::ops::NO_ROW), whose sums are 0.
    fn coalesce(&self, index: &Tensor, values: &Tensor, padded: bool) -> Result<(Tensor, Tensor)> {
        fused::rows::coalesce_definition(index, values, padded)
    }
}
