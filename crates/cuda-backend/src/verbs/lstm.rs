//! An LSTM layer over a range of time steps. The definition is [`unrolled_tensor::fused::lstm`].
//!
//! Forward: one product for the inputs of all steps; then two launches a step, the product with the recurrent weight and a kernel for everything
//! between two of them. Backward likewise, and the gradient of each weight as one product over all steps. Rows that have ended are computed along
//! with the others and change nothing: a product that leaves them out would have to know on the host how many they are.

use std::sync::Arc;

use unrolled_tensor::fused::{
    LstmArgs, LstmDataGradients, LstmGradients, LstmOutput, LstmOutputGradients, LstmWeightArgs, LstmWeightGradients,
};
use unrolled_tensor::ops::Reduce;
use unrolled_tensor::{Backend, DType, Result, Tensor};

use super::elementwise::{cast, contiguous, contiguous_as, copy};
use super::update::accumulate;
use super::wide;
use crate::CudaBackend;
use crate::gpu::Gpu;
use crate::storage::{Pointer, pointer, pointer_mut};
use crate::view::count;

/// What is the same in every step.
struct Layer<'a> {
    cuda: &'a CudaBackend,
    steps: usize,
    batch: usize,
    h: usize,
    like: &'a Tensor,
    lengths: Option<Tensor>,
    start: usize,
}

impl<'a> Layer<'a> {
    fn new(cuda: &'a CudaBackend, args: &LstmArgs<'a>) -> Result<Layer<'a>> {
        let (steps, batch, _, h) = args.sizes();
        let lengths = args.lengths.map(|lengths| contiguous(cuda.gpu(), lengths)).transpose()?;
        Ok(Layer { cuda, steps, batch, h, like: args.input, lengths, start: args.start })
    }

    fn gpu(&self) -> &'a Arc<Gpu> {
        self.cuda.gpu()
    }

    fn dtype(&self) -> DType {
        self.like.dtype()
    }

    /// What sums and the states that go from step to step are in.
    fn wide(&self) -> DType {
        wide(self.dtype())
    }

    fn state(&self) -> [usize; 2] {
        [self.batch, self.h]
    }

    fn empty(&self, shape: &[usize], dtype: DType) -> Result<Tensor> {
        let buffer = self.gpu().empty(shape.iter().product(), dtype)?;
        Ok(Tensor::of(buffer.storage(), shape, dtype, self.like.device()))
    }

    fn cast(&self, x: &Tensor, dtype: DType) -> Result<Tensor> {
        Ok(Tensor::of(cast(self.gpu(), x, dtype)?, x.shape(), dtype, x.device()))
    }

    /// A copy to carry from step to step, of 0 where there is none.
    fn carried(&self, x: Option<&Tensor>) -> Result<Tensor> {
        match x {
            Some(x) => self.cast(x, self.wide()),
            None => Ok(Tensor::zeros(self.state(), self.wide(), self.like.device())),
        }
    }

    /// Where the sequences' lengths are, which step this is in them, and the number of cells of the whole batch.
    fn common(&self, step: usize) -> Result<(Pointer, u32, u32, u32)> {
        let lengths = self.lengths.as_ref().map_or(Pointer::NULL, pointer);
        // Steps beyond what a length can say are all alike.
        let now = u32::try_from(self.start + step).unwrap_or(u32::MAX);
        Ok((lengths, now, self.h as u32, count(self.gpu(), self.batch * self.h)?))
    }
}

pub(crate) fn forward(cuda: &CudaBackend, args: &LstmArgs<'_>) -> Result<LstmOutput> {
    let layer = Layer::new(cuda, args)?;
    let (steps, batch, inputs, h) = args.sizes();
    let (gpu, dtype) = (layer.gpu(), layer.dtype());
    let (first_hidden, bias) = (contiguous(gpu, args.hidden)?, contiguous(gpu, args.bias)?);
    let rows = steps * batch;
    let shares = product(cuda, &args.input.reshape([rows, inputs]), &args.weight_ih.t(), None, layer.wide())?;
    // The gates take the place of the inputs' share where they are of one type.
    let gates = if layer.wide() == dtype { shares.clone() } else { layer.empty(&[rows, 4 * h], dtype)? };
    let sequence = layer.empty(&[steps, batch, h], dtype)?;
    let cells = layer.empty(&[steps, batch, h], dtype)?;
    let carried = layer.carried(Some(args.cell))?;
    let kernel = format!("lstm_forward_{dtype}");
    for t in 0..steps {
        let before = if t == 0 { first_hidden.clone() } else { sequence.index(0, t - 1) };
        let recurrent = product(cuda, &before, &args.weight_hh.t(), None, layer.wide())?;
        let step = |x: &Tensor| pointer(x).plus(t * x.elements() / steps * x.dtype().size());
        let (lengths, now, width, all) = layer.common(t)?;
        let made = [step(&gates), step(&cells), step(&sequence), pointer(&carried)];
        let read = [step(&shares), pointer(&recurrent), pointer(&bias), pointer(&before), lengths];
        let [to_gates, to_cells, to_hidden, state] = &made;
        let [shares, recurrent, bias, before, lengths] = &read;
        gpu.launch_each(
            "lstm",
            &kernel,
            all,
            &[to_gates, to_cells, to_hidden, state, shares, recurrent, bias, before, lengths, &now, &width, &all],
        )?;
    }
    Ok(LstmOutput {
        hidden: last(gpu, &sequence, args.hidden)?,
        cell: last(gpu, &cells, args.cell)?,
        gates: gates.reshape([steps, batch, 4 * h]),
        sequence,
        cells,
    })
}

/// The state after the last of all steps.
fn last(gpu: &Arc<Gpu>, all: &Tensor, first: &Tensor) -> Result<Tensor> {
    match all.dim(0) {
        0 => Ok(first.clone()),
        1 => Ok(all.index(0, 0)),
        steps => {
            // A view would hold all steps for as long as somebody holds the state.
            let state = all.index(0, steps - 1);
            Ok(Tensor::of(copy(gpu, &state)?, state.shape(), state.dtype(), state.device()))
        }
    }
}

pub(crate) fn backward(
    cuda: &CudaBackend,
    args: &LstmArgs<'_>,
    output: LstmOutput,
    gradients: &LstmOutputGradients<'_>,
) -> Result<LstmGradients> {
    let sequence = output.sequence.clone();
    let LstmDataGradients { sums, input, hidden, cell } = backward_data(cuda, args, output, gradients)?;
    let args = LstmWeightArgs { sums: &sums, input: args.input, hidden: args.hidden, sequence: &sequence };
    let LstmWeightGradients { weight_ih, weight_hh, bias } = weight_gradients(cuda, &args)?;
    Ok(LstmGradients { input, weight_ih, weight_hh, bias, hidden, cell })
}

/// All but the weights' gradients.
pub(crate) fn backward_data(
    cuda: &CudaBackend,
    args: &LstmArgs<'_>,
    output: LstmOutput,
    gradients: &LstmOutputGradients<'_>,
) -> Result<LstmDataGradients> {
    let layer = Layer::new(cuda, args)?;
    let (steps, batch, inputs, h) = args.sizes();
    let LstmOutput { gates, cells, .. } = output;
    let (sums, hidden, cell) = through_time(&layer, args, gates, cells, gradients)?;
    let input = product(cuda, &sums.reshape([steps * batch, 4 * h]), args.weight_ih, None, layer.dtype())?;
    let narrow = |x: &Tensor| contiguous_as(layer.gpu(), x, layer.dtype());
    let (hidden, cell) = (narrow(&hidden)?, narrow(&cell)?);
    Ok(LstmDataGradients { sums, input: input.reshape([steps, batch, inputs]), hidden, cell })
}

/// Those of the weights, each as one product over all steps.
pub(crate) fn weight_gradients(cuda: &CudaBackend, args: &LstmWeightArgs<'_>) -> Result<LstmWeightGradients> {
    let (steps, batch, inputs, h) = args.sizes();
    let (rows, dtype, gpu) = (steps * batch, args.sums.dtype(), cuda.gpu());
    let sums = contiguous(gpu, args.sums)?.reshape([rows, 4 * h]);
    let weight_ih = product(cuda, &sums.t(), &args.input.reshape([rows, inputs]), None, dtype)?;
    let weight_hh = recurrent_gradient(cuda, args, &sums)?;
    let bias = Tensor::of(cuda.reduce(Reduce::Sum, &sums.t())?, [4 * h], dtype, sums.device());
    Ok(LstmWeightGradients { weight_ih, weight_hh: contiguous_as(gpu, &weight_hh, dtype)?, bias })
}

/// The gradients of the sums before the gates, `[T, B, 4H]`, and of h and c before the first step.
fn through_time(
    layer: &Layer<'_>,
    args: &LstmArgs<'_>,
    gates: Tensor,
    cells: Tensor,
    gradients: &LstmOutputGradients<'_>,
) -> Result<(Tensor, Tensor, Tensor)> {
    let (gpu, &Layer { steps, batch, h, .. }) = (layer.gpu(), layer);
    let (cells, first_cell) = (contiguous(gpu, &cells)?, contiguous(gpu, args.cell)?);
    let arriving = gradients.sequence.map(|arriving| contiguous(gpu, arriving)).transpose()?;
    // Where nobody else has the gates, the gradients of the sums before them take their place: a thread reads its own before it writes.
    let whole = gates.is_contiguous() && gates.layout().offset() == 0;
    let (gates, mut deltas) = if whole && gates.is_unique() {
        (None, gates)
    } else {
        (Some(contiguous(gpu, &gates)?), layer.empty(&[steps, batch, 4 * h], layer.dtype())?)
    };
    let to_deltas = pointer_mut(&mut deltas)?;
    let from_gates = gates.as_ref().map_or(to_deltas, pointer);
    let (mut kept, d_cell) = (layer.carried(gradients.hidden)?, layer.carried(gradients.cell)?);
    let mut sent: Option<Tensor> = None;
    let kernel = format!("lstm_backward_{}", layer.dtype());
    for t in (0..steps).rev() {
        let (lengths, now, width, all) = layer.common(t)?;
        let (state, gate) = (t * batch * h * layer.dtype().size(), t * batch * 4 * h * layer.dtype().size());
        let before = if t == 0 { pointer(&first_cell) } else { pointer(&cells.index(0, t - 1)) };
        let arrives = arriving.as_ref().map_or(Pointer::NULL, |arriving| pointer(arriving).plus(state));
        let (to, from, cell) = (to_deltas.plus(gate), from_gates.plus(gate), pointer(&cells).plus(state));
        gpu.launch_each(
            "lstm",
            &kernel,
            all,
            &[
                &to,
                &pointer(&kept),
                &pointer(&d_cell),
                &from,
                &sent.as_ref().map_or(Pointer::NULL, pointer),
                &arrives,
                &cell,
                &before,
                &lengths,
                &now,
                &width,
                &all,
            ],
        )?;
        sent = Some(product(layer.cuda, &deltas.index(0, t), args.weight_hh, None, layer.wide())?);
    }
    if let Some(sent) = &sent {
        accumulate(gpu, &mut kept, sent, 1.0)?;
    }
    Ok((deltas, kept, d_cell))
}

/// The gradient of the recurrent weight: h before each step with the gradients of the sums that it went into, `[T · B, 4H]`.
fn recurrent_gradient(cuda: &CudaBackend, args: &LstmWeightArgs<'_>, sums: &Tensor) -> Result<Tensor> {
    let (steps, batch, _, h) = args.sizes();
    let (now, wide) = (batch * steps.min(1), wide(sums.dtype()));
    let of_first = product(cuda, &sums.narrow(0, 0, now).t(), &args.hidden.narrow(0, 0, now), None, wide)?;
    if steps < 2 {
        return Ok(of_first);
    }
    let later = batch * (steps - 1);
    let before = args.sequence.narrow(0, 0, steps - 1).reshape([later, h]);
    product(cuda, &sums.narrow(0, batch, later).t(), &before, Some(of_first), wide)
}

fn product(cuda: &CudaBackend, a: &Tensor, b: &Tensor, onto: Option<Tensor>, dtype: DType) -> Result<Tensor> {
    let storage = cuda.matmul(a, b, onto, dtype)?;
    Ok(Tensor::of(storage, [a.dim(0), b.dim(1)], dtype, a.device()))
}
