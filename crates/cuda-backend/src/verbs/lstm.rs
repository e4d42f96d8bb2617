//! An LSTM layer over a range of time steps. The definition is [`unrolled_tensor::fused::lstm`].
//!
//! Forward: one product for the inputs of all steps; then two launches a step, the product with the recurrent weight and a kernel for everything
//! between two of them. Backward likewise, and the gradient of each weight as one product over all steps. Rows that have ended are computed along
//! with the others and change nothing: a product that leaves them out would have to know on the host how many they are.

use std::sync::Arc;

use unrolled_tensor::fused::{LstmArgs, LstmGradients, LstmOutput, LstmOutputGradients};
use unrolled_tensor::ops::Reduce;
use unrolled_tensor::{Backend, DType, Result, Tensor};

use super::elementwise::{cast, contiguous, copy};
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

    fn product(&self, a: &Tensor, b: &Tensor, onto: Option<Tensor>, dtype: DType) -> Result<Tensor> {
        let storage = self.cuda.matmul(a, b, onto, dtype)?;
        Ok(Tensor::of(storage, [a.dim(0), b.dim(1)], dtype, self.like.device()))
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
    let shares = layer.product(&args.input.reshape([rows, inputs]), &args.weight_ih.t(), None, layer.wide())?;
    // The gates take the place of the inputs' share where they are of one type.
    let gates = if layer.wide() == dtype { shares.clone() } else { layer.empty(&[rows, 4 * h], dtype)? };
    let sequence = layer.empty(&[steps, batch, h], dtype)?;
    let cells = layer.empty(&[steps, batch, h], dtype)?;
    let carried = layer.carried(Some(args.cell))?;
    let kernel = format!("lstm_forward_{dtype}");
    for t in 0..steps {
        let before = if t == 0 { first_hidden.clone() } else { sequence.index(0, t - 1) };
        let recurrent = layer.product(&before, &args.weight_hh.t(), None, layer.wide())?;
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
    let layer = Layer::new(cuda, args)?;
    let (steps, batch, inputs, h) = args.sizes();
    let (gpu, dtype) = (layer.gpu(), layer.dtype());
    let LstmOutput { gates, cells, sequence, .. } = output;
    let (deltas, d_hidden, d_cell) = through_time(&layer, args, gates, cells, gradients)?;
    let rows = steps * batch;
    let deltas = deltas.reshape([rows, 4 * h]);
    let input = layer.product(&deltas, args.weight_ih, None, dtype)?.reshape([steps, batch, inputs]);
    let weight_ih = layer.product(&deltas.t(), &args.input.reshape([rows, inputs]), None, dtype)?;
    let weight_hh = recurrent_gradient(&layer, &deltas, args.hidden, &contiguous(gpu, &sequence)?)?;
    let bias = Tensor::of(cuda.reduce(Reduce::Sum, &deltas.t())?, [4 * h], dtype, layer.like.device());
    let narrow = |x: &Tensor| if x.dtype() == dtype { Ok(x.clone()) } else { layer.cast(x, dtype) };
    Ok(LstmGradients {
        input,
        weight_ih,
        weight_hh: narrow(&weight_hh)?,
        bias,
        hidden: narrow(&d_hidden)?,
        cell: narrow(&d_cell)?,
    })
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
    let mut product: Option<Tensor> = None;
    let kernel = format!("lstm_backward_{}", layer.dtype());
    for t in (0..steps).rev() {
        let (lengths, now, width, all) = layer.common(t)?;
        let (state, gate) = (t * batch * h * layer.dtype().size(), t * batch * 4 * h * layer.dtype().size());
        let before = if t == 0 { pointer(&first_cell) } else { pointer(&cells.index(0, t - 1)) };
        let sent = product.as_ref().map_or(Pointer::NULL, pointer);
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
                &sent,
                &arrives,
                &cell,
                &before,
                &lengths,
                &now,
                &width,
                &all,
            ],
        )?;
        product = Some(layer.product(&deltas.index(0, t), args.weight_hh, None, layer.wide())?);
    }
    if let Some(product) = &product {
        accumulate(gpu, &mut kept, product, 1.0)?;
    }
    Ok((deltas, kept, d_cell))
}

/// The gradient of the recurrent weight: h before each step with the gradients of the sums that it went into.
fn recurrent_gradient(layer: &Layer<'_>, deltas: &Tensor, first: &Tensor, sequence: &Tensor) -> Result<Tensor> {
    let &Layer { steps, batch, h, .. } = layer;
    let now = batch * steps.min(1);
    let first = first.narrow(0, 0, now);
    let of_first = layer.product(&deltas.narrow(0, 0, now).t(), &first, None, layer.wide())?;
    if steps < 2 {
        return Ok(of_first);
    }
    let later = batch * (steps - 1);
    let before = sequence.narrow(0, 0, steps - 1).reshape([later, h]);
    layer.product(&deltas.narrow(0, batch, later).t(), &before, Some(of_first), layer.wide())
}
