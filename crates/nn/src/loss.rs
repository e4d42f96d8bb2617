//! What is minimised.

use unrolled_autograd::{CrossEntropyOptions, Var};
use unrolled_tensor::{DType, Tensor};

pub use unrolled_autograd::Reduction;

/// Losses are computed in f32 where their inputs are f16 or bf16: a sum over a batch has no room there.
fn wide(x: &Var) -> Var {
    match x.dtype() {
        DType::F16 | DType::BF16 => x.cast(DType::F32),
        _ => x.clone(),
    }
}

/// The cross-entropy of `logits` `[N, V]` and `targets` (u32 `[N]`): −ln softmax(logits)ₜ for target t. Rows whose target is `ignored` do not count
/// and get a gradient of exactly 0. Of f16 and bf16 it is computed in f32, and is f32. [`Var::cross_entropy`] has more options.
///
/// # Panics
/// Where the shapes are not these, or a target that counts is outside the vocabulary.
///
/// ```
/// use unrolled_autograd::Var;
/// use unrolled_nn::loss::{cross_entropy, Reduction};
/// use unrolled_tensor::{Device, DType, Tensor};
///
/// let device = Device::cpu();
/// let logits = Var::leaf(Tensor::zeros([2, 4], DType::F64, &device));
/// let targets = Tensor::from_slice(&[3u32, 0], [2], &device);
/// let loss = cross_entropy(&logits, &targets, Some(0), Reduction::Sum);
/// assert!((loss.tensor().item::<f64>() - 4f64.ln()).abs() < 1e-12);
/// ```
#[track_caller]
pub fn cross_entropy(logits: &Var, targets: &Tensor, ignored: Option<u32>, reduction: Reduction) -> Var {
    wide(logits).cross_entropy(targets, CrossEntropyOptions { ignore_index: ignored, reduction, ..Default::default() })
}

/// 1 for each target that counts, 0 for those that are `ignored`: `[N]` of `dtype`.
pub fn row_weights(targets: &Tensor, ignored: Option<u32>, dtype: DType) -> Tensor {
    match ignored {
        Some(ignored) => targets.ne(&Tensor::full([], ignored.into(), DType::U32, targets.device())).cast(dtype),
        None => Tensor::ones(targets.shape(), dtype, targets.device()),
    }
}

/// The mean of (a − b)² ([`Var::mse_loss`]); of f16 and bf16 it is computed in f32, and is f32.
///
/// # Panics
/// Where the shapes differ.
#[track_caller]
pub fn mean_squared_error(a: &Var, b: &Var) -> Var {
    wide(a).mse_loss(&wide(b), Reduction::Mean)
}
