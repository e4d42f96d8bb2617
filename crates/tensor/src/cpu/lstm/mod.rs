//! An LSTM layer over a range of time steps. The definition is [`crate::fused::lstm`].
//!
//! Forward ([`forward`]): one product for the inputs of all steps; then, step by step, a product with the recurrent weight, which is packed once,
//! tile by tile with the gates ([`gates`]) while the sums are in the nearest cache; of equal rows one ([`distinct`]). Backward ([`backward`])
//! likewise, and each weight's gradient as one product over all steps. Who does what is the [`plan`]'s; rows whose sequence has ended cost nothing
//! (but in the weights' gradients where bf16 instructions make the products, which sum over zeros too).
//!
//! A row's numbers depend on that row alone and on none of this: products add in an order of their own whatever the rows and columns, and the
//! gates of a cell are computed by themselves.

mod backward;
mod distinct;
mod forward;
mod gates;
mod plan;
pub(super) mod squash;
#[cfg(test)]
mod tests;
mod weights;

use super::math::Real;
use super::{CpuBackend, elements};
use crate::cpu::matmul::Matrix;
use crate::fused::lstm::{data_definition, weights_definition};
use crate::fused::{
    LstmArgs, LstmDataGradients, LstmGradients, LstmOutput, LstmOutputGradients, LstmWeightArgs, LstmWeightGradients,
};
use crate::{DType, Result, Tensor};

/// [`Backend::lstm_sequence`](crate::Backend::lstm_sequence)
pub(super) fn forward(cpu: &CpuBackend, args: &LstmArgs<'_>) -> Result<LstmOutput> {
    match args.input.dtype() {
        DType::F32 => forward::forward::<f32>(cpu, args),
        DType::F64 => forward::forward::<f64>(cpu, args),
        dtype => {
            let wide = Wide::of(args);
            let output = forward::forward::<f32>(cpu, &wide.args(args))?;
            Ok(LstmOutput {
                sequence: output.sequence.cast(dtype),
                hidden: output.hidden.cast(dtype),
                cell: output.cell.cast(dtype),
                cells: output.cells.cast(dtype),
                gates: output.gates.cast(dtype),
            })
        }
    }
}

/// [`Backend::lstm_sequence_backward_last`](crate::Backend::lstm_sequence_backward_last)
pub(super) fn backward(
    cpu: &CpuBackend,
    args: &LstmArgs<'_>,
    output: LstmOutput,
    gradients: &LstmOutputGradients<'_>,
) -> Result<LstmGradients> {
    match args.input.dtype() {
        DType::F32 => backward::backward::<f32>(cpu, args, output, gradients),
        DType::F64 => backward::backward::<f64>(cpu, args, output, gradients),
        dtype => {
            let (wide, widen) = (Wide::of(args), |x: &Tensor| x.cast(DType::F32));
            let output = LstmOutput {
                sequence: widen(&output.sequence),
                hidden: widen(&output.hidden),
                cell: widen(&output.cell),
                cells: widen(&output.cells),
                gates: widen(&output.gates),
            };
            let arriving = [gradients.sequence, gradients.hidden, gradients.cell].map(|x| x.map(widen));
            let [sequence, hidden, cell] = [0, 1, 2].map(|i| arriving[i].as_ref());
            let gradients = LstmOutputGradients { sequence, hidden, cell };
            let made = backward::backward::<f32>(cpu, &wide.args(args), output, &gradients)?;
            Ok(LstmGradients {
                input: made.input.cast(dtype),
                weight_ih: made.weight_ih.cast(dtype),
                weight_hh: made.weight_hh.cast(dtype),
                bias: made.bias.cast(dtype),
                hidden: made.hidden.cast(dtype),
                cell: made.cell.cast(dtype),
            })
        }
    }
}

/// [`Backend::lstm_sequence_backward_data`](crate::Backend::lstm_sequence_backward_data)
pub(super) fn backward_data(
    cpu: &CpuBackend,
    args: &LstmArgs<'_>,
    output: LstmOutput,
    gradients: &LstmOutputGradients<'_>,
) -> Result<LstmDataGradients> {
    match args.input.dtype() {
        DType::F32 => backward::data::<f32>(cpu, args, output, gradients),
        DType::F64 => backward::data::<f64>(cpu, args, output, gradients),
        // Nobody cuts up time in f16 or bf16 yet.
        _ => data_definition(args, &output, gradients),
    }
}

/// [`Backend::lstm_weight_gradients`](crate::Backend::lstm_weight_gradients)
pub(super) fn weight_gradients(cpu: &CpuBackend, args: &LstmWeightArgs<'_>) -> Result<LstmWeightGradients> {
    match args.input.dtype() {
        DType::F32 => backward::weights::<f32>(cpu, args),
        DType::F64 => backward::weights::<f64>(cpu, args),
        _ => weights_definition(args),
    }
}

/// The arguments of f16 or bf16 in f32, in which their sums run.
struct Wide([Tensor; 6]);

impl Wide {
    fn of(args: &LstmArgs<'_>) -> Wide {
        let LstmArgs { input, weight_ih, weight_hh, bias, hidden, cell, .. } = *args;
        Wide([input, weight_ih, weight_hh, bias, hidden, cell].map(|x| x.cast(DType::F32)))
    }

    fn args<'a>(&'a self, args: &LstmArgs<'a>) -> LstmArgs<'a> {
        let [input, weight_ih, weight_hh, bias, hidden, cell] = &self.0;
        LstmArgs { input, weight_ih, weight_hh, bias, hidden, cell, ..*args }
    }
}

/// A tensor of two axes, whatever its strides, as an operand of a product.
fn matrix<T: Real + bytemuck::Pod>(x: &Tensor) -> Matrix<'_, T> {
    let layout = x.layout();
    let strides = layout.strides();
    Matrix::new(elements(x), layout.offset(), x.dim(0), x.dim(1), [strides[0], strides[1]])
}

/// Memory that several threads write, each its own elements.
#[derive(Clone, Copy)]
struct Shared<T>(*mut T);

// SAFETY: whoever writes through it says why no other thread does so there.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// The element at `place`.
    fn at(self, place: usize) -> *mut T {
        self.0.wrapping_add(place)
    }
}
