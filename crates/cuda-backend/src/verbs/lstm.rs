//! An LSTM layer over a range of time steps. The definition is [`unrolled_tensor::fused::lstm`].
//!
//! Forward: products for the inputs of a few steps at a time; then two launches a step, the product with the recurrent weight and a kernel for everything
//! between two of them. Backward likewise, and the gradient of each weight as one product over all steps. Rows that have ended are computed along
//! with the others and change nothing: a product that leaves them out would have to know on the host how many they are.
//!
//! Layers that follow one another work at the same time, each some steps behind the one that it reads: see [`crate::wave`]. The chunks of steps are those of
//! the inputs' products, overlapped or not, so that both have the same bits whatever cuBLAS makes of a product's size.

use std::sync::Arc;

use unrolled_tensor::fused::{
    LstmArgs, LstmDataGradients, LstmGradients, LstmOutput, LstmOutputGradients, LstmWeightArgs, LstmWeightGradients,
};
use unrolled_tensor::ops::Reduce;
use unrolled_tensor::{Backend, DType, MatmulPrecision, Result, Tensor};

use super::elementwise::{cast, cast_to, contiguous, contiguous_as, copy};
use super::matmul::{product_to, rounded};
use super::update::accumulate;
use super::wide;
use crate::CudaBackend;
use crate::gpu::Gpu;
use crate::storage::{Pointer, pointer, pointer_mut};
use crate::view::count;
use crate::wave::{self, Marks};

/// Time steps of a chunk. The paper's 128 sentences are then 512 rows, whose product fills a GPU once; and the layer above begins after few steps.
const CHUNK: usize = 4;

/// What is the same in every step.
struct Layer<'a> {
    cuda: &'a CudaBackend,
    precision: MatmulPrecision,
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
        let precision = cuda.matmul_precision();
        Ok(Layer { cuda, precision, steps, batch, h, like: args.input, lengths, start: args.start })
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

    /// The first step and the number of steps of each chunk.
    fn chunks(&self) -> impl DoubleEndedIterator<Item = (usize, usize)> + ExactSizeIterator + use<> {
        let steps = self.steps;
        (0..steps.div_ceil(CHUNK)).map(move |chunk| (chunk * CHUNK, CHUNK.min(steps - chunk * CHUNK)))
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

    /// An operand as products take it.
    fn rounded(&self, x: &Tensor) -> Result<Tensor> {
        rounded(self.gpu(), self.precision, x)
    }

    /// A product of [rounded](Layer::rounded) operands to where there is room for it.
    fn product_to(&self, a: &Tensor, b: &Tensor, to: Pointer, dtype: DType) -> Result<()> {
        product_to(self.gpu(), self.precision, a, b, to, false, dtype)
    }

    /// Where the sequences' lengths are, which step this is in them, and the number of cells of the whole batch.
    fn common(&self, step: usize) -> Result<(Pointer, u32, u32, u32)> {
        let lengths = self.lengths.as_ref().map_or(Pointer::NULL, pointer);
        // Steps beyond what a length can say are all alike.
        let now = u32::try_from(self.start + step).unwrap_or(u32::MAX);
        Ok((lengths, now, self.h as u32, count(self.gpu(), self.batch * self.h)?))
    }
}

/// Rows of `[rows, ..]` further: where row `row` begins.
fn row(x: &Tensor, row: usize) -> Pointer {
    let width = x.elements().checked_div(x.dim(0)).unwrap_or(0);
    pointer(x).plus(row * width * x.dtype().size())
}

/// What this layer's first launches read, weights among them. (Lengths are whole numbers, which no lane makes.)
fn reads(turn: &wave::Layer<'_>, args: &LstmArgs<'_>) -> Result<()> {
    let LstmArgs { weight_ih, weight_hh, bias, hidden, cell, .. } = *args;
    [weight_ih, weight_hh, bias, hidden, cell].into_iter().try_for_each(|x| turn.reads(x))
}

pub(crate) fn forward(cuda: &CudaBackend, args: &LstmArgs<'_>) -> Result<LstmOutput> {
    let turn = cuda.gpu().layer(&[args.hidden, args.cell], args.input.dim(0) > CHUNK)?;
    reads(&turn, args)?;
    let layer = Layer::new(cuda, args)?;
    let (steps, batch, inputs, h) = args.sizes();
    let (gpu, dtype) = (layer.gpu(), layer.dtype());
    let (first_hidden, bias) = (contiguous(gpu, args.hidden)?, contiguous(gpu, args.bias)?);
    let (weight_ih, weight_hh) = (layer.rounded(args.weight_ih)?.t(), layer.rounded(args.weight_hh)?.t());
    let (rows, arriving) = (steps * batch, turn.chunks(args.input)?);
    let shares = match inputs {
        0 => Tensor::zeros([rows, 4 * h], layer.wide(), layer.like.device()),
        _ => layer.empty(&[rows, 4 * h], layer.wide())?,
    };
    let recurrent = layer.empty(&[batch, 4 * h], layer.wide())?;
    // The gates take the place of the inputs' share where they are of one type.
    let gates = if layer.wide() == dtype { shares.clone() } else { layer.empty(&[rows, 4 * h], dtype)? };
    let sequence = layer.empty(&[steps, batch, h], dtype)?;
    let cells = layer.empty(&[steps, batch, h], dtype)?;
    let carried = layer.carried(Some(args.cell))?;
    let kernel = format!("lstm_forward_{dtype}");
    let mut marks = Marks::new();
    for (chunk, (first, len)) in layer.chunks().enumerate() {
        turn.waits(&arriving, chunk)?;
        let input = layer.rounded(&args.input.narrow(0, first, len).reshape([len * batch, inputs]))?;
        layer.product_to(&input, &weight_ih, row(&shares, first * batch), layer.wide())?;
        for t in first..first + len {
            let before = if t == 0 { first_hidden.clone() } else { sequence.index(0, t - 1) };
            layer.product_to(&layer.rounded(&before)?, &weight_hh, pointer(&recurrent), layer.wide())?;
            let (lengths, now, width, all) = layer.common(t)?;
            let made = [row(&gates, t * batch), row(&cells, t), row(&sequence, t), pointer(&carried)];
            let read = [row(&shares, t * batch), pointer(&recurrent), pointer(&bias), pointer(&before), lengths];
            let [to_gates, to_cells, to_hidden, state] = &made;
            let [shares, recurrent, bias, before, lengths] = &read;
            gpu.launch_each(
                "lstm",
                &kernel,
                all,
                &[to_gates, to_cells, to_hidden, state, shares, recurrent, bias, before, lengths, &now, &width, &all],
            )?;
        }
        turn.mark(&mut marks)?;
    }
    let gates = gates.reshape([steps, batch, 4 * h]);
    let (hidden, cell) = (last(gpu, &sequence, args.hidden)?, last(gpu, &cells, args.cell)?);
    turn.makes([&hidden, &cell, &gates, &cells].map(|x| (x, Marks::new())))?;
    turn.makes([(&sequence, marks)])?;
    turn.end()?;
    Ok(LstmOutput { hidden, cell, gates, sequence, cells })
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
    let (turn, data, rounded) = data_gradients(cuda, args, output, gradients)?;
    let LstmDataGradients { sums, input, hidden, cell } = data;
    let args = LstmWeightArgs { sums: &sums, input: args.input, hidden: args.hidden, sequence: &sequence };
    let LstmWeightGradients { weight_ih, weight_hh, bias } = of_weights(cuda, &args, &rounded)?;
    turn.makes([&weight_ih, &weight_hh, &bias].map(|x| (x, Marks::new())))?;
    turn.end()?;
    Ok(LstmGradients { input, weight_ih, weight_hh, bias, hidden, cell })
}

/// All but the weights' gradients.
pub(crate) fn backward_data(
    cuda: &CudaBackend,
    args: &LstmArgs<'_>,
    output: LstmOutput,
    gradients: &LstmOutputGradients<'_>,
) -> Result<LstmDataGradients> {
    let (turn, data, _) = data_gradients(cuda, args, output, gradients)?;
    turn.makes([(&data.sums, Marks::new())])?;
    turn.end()?;
    Ok(data)
}

/// The gradients of what a layer reads, in its turn, which goes on; and those of the sums as products take them.
fn data_gradients<'a>(
    cuda: &'a CudaBackend,
    args: &LstmArgs<'a>,
    output: LstmOutput,
    gradients: &LstmOutputGradients<'_>,
) -> Result<(wave::Layer<'a>, LstmDataGradients, Tensor)> {
    let states: Vec<&Tensor> = gradients.hidden.into_iter().chain(gradients.cell).collect();
    let turn = cuda.gpu().layer(&states, args.input.dim(0) > CHUNK)?;
    reads(&turn, args)?;
    let LstmOutput { gates, cells, sequence, .. } = output;
    states.into_iter().chain([&gates, &cells, &sequence, args.input]).try_for_each(|x| turn.reads(x))?;
    drop(sequence);
    let layer = Layer::new(cuda, args)?;
    let narrow = |x: &Tensor| contiguous_as(layer.gpu(), x, layer.dtype());
    let Through { deltas, rounded, input, hidden, cell, marks } =
        through_time(&layer, &turn, args, gates, cells, gradients)?;
    let (hidden, cell) = (narrow(&hidden)?, narrow(&cell)?);
    turn.makes([(&hidden, Marks::new()), (&cell, Marks::new()), (&input, marks)])?;
    let sums = deltas.reshape([layer.steps, layer.batch, 4 * layer.h]);
    Ok((turn, LstmDataGradients { sums, input, hidden, cell }, rounded))
}

/// Those of the weights, each as one product over all steps.
pub(crate) fn weight_gradients(cuda: &CudaBackend, args: &LstmWeightArgs<'_>) -> Result<LstmWeightGradients> {
    let (steps, batch, _, h) = args.sizes();
    let sums = contiguous(cuda.gpu(), args.sums)?.reshape([steps * batch, 4 * h]);
    of_weights(cuda, args, &rounded(cuda.gpu(), cuda.matmul_precision(), &sums)?)
}

/// The same, with the gradients of the sums `[T · B, 4H]` as products take them.
fn of_weights(cuda: &CudaBackend, args: &LstmWeightArgs<'_>, sums: &Tensor) -> Result<LstmWeightGradients> {
    let (steps, batch, inputs, h) = args.sizes();
    let (rows, dtype, gpu) = (steps * batch, args.sums.dtype(), cuda.gpu());
    let read = rounded(gpu, cuda.matmul_precision(), &args.input.reshape([rows, inputs]))?;
    let weight_ih = product(cuda, &sums.t(), &read, None, dtype)?;
    let weight_hh = recurrent_gradient(cuda, args, sums)?;
    let exact = contiguous(gpu, args.sums)?.reshape([rows, 4 * h]);
    let bias = Tensor::of(cuda.reduce(Reduce::Sum, &exact.t())?, [4 * h], dtype, sums.device());
    Ok(LstmWeightGradients { weight_ih, weight_hh: contiguous_as(gpu, &weight_hh, dtype)?, bias })
}

/// What comes of going back through time.
struct Through {
    /// The gradients of the sums before the gates, `[T · B, 4H]`.
    deltas: Tensor,
    /// The same as products take them.
    rounded: Tensor,
    /// The gradient of the input, `[T, B, I]`, and marks after its chunks.
    input: Tensor,
    marks: Marks,
    /// Those of h and c before the first step.
    hidden: Tensor,
    cell: Tensor,
}

fn through_time(
    layer: &Layer<'_>,
    turn: &wave::Layer<'_>,
    args: &LstmArgs<'_>,
    gates: Tensor,
    cells: Tensor,
    gradients: &LstmOutputGradients<'_>,
) -> Result<Through> {
    let (gpu, &Layer { steps, batch, h, .. }) = (layer.gpu(), layer);
    let arrives = gradients.sequence.map_or(Ok(Marks::new()), |arriving| turn.chunks(arriving))?;
    let (cells, first_cell) = (contiguous(gpu, &cells)?, contiguous(gpu, args.cell)?);
    let arriving = gradients.sequence.map(|arriving| contiguous(gpu, arriving)).transpose()?;
    // Where nobody else has the gates, the gradients of the sums before them take their place: a thread reads its own before it writes.
    let whole = gates.is_contiguous() && gates.layout().offset() == 0;
    let (gates, mut deltas) = if whole && gates.is_unique() {
        turn.overwrites(&gates)?;
        (None, gates)
    } else {
        turn.goes_on_reading(&gates);
        (Some(contiguous(gpu, &gates)?), layer.empty(&[steps, batch, 4 * h], layer.dtype())?)
    };
    let to_deltas = pointer_mut(&mut deltas)?;
    let from_gates = gates.as_ref().map_or(to_deltas, pointer);
    let deltas = deltas.reshape([steps * batch, 4 * h]);
    let (mut kept, d_cell) = (layer.carried(gradients.hidden)?, layer.carried(gradients.cell)?);
    let (weight_ih, weight_hh) = (layer.rounded(args.weight_ih)?, layer.rounded(args.weight_hh)?);
    let rounded = if weight_hh.dtype() == deltas.dtype() {
        deltas.clone()
    } else {
        layer.empty(&[steps * batch, 4 * h], weight_hh.dtype())?
    };
    let input = layer.empty(&[steps, batch, args.input.dim(2)], layer.dtype())?;
    let product = layer.empty(&layer.state(), layer.wide())?;
    let kernel = format!("lstm_backward_{}", layer.dtype());
    let mut marks = Marks::new();
    for (chunk, (first, len)) in layer.chunks().enumerate().rev() {
        turn.waits(&arrives, chunk)?;
        for t in (first..first + len).rev() {
            let (lengths, now, width, all) = layer.common(t)?;
            let (state, gate) = (t * batch * h * layer.dtype().size(), t * batch * 4 * h * layer.dtype().size());
            let before = if t == 0 { pointer(&first_cell) } else { row(&cells, t - 1) };
            let sent = if t + 1 == steps { Pointer::NULL } else { pointer(&product) };
            let arrives = arriving.as_ref().map_or(Pointer::NULL, |arriving| pointer(arriving).plus(state));
            let (to, from, cell) = (to_deltas.plus(gate), from_gates.plus(gate), row(&cells, t));
            let made = [to, pointer(&kept), pointer(&d_cell)];
            let read = [from, sent, arrives, cell, before, lengths];
            let [to, kept, d_cell] = &made;
            let [from, sent, arrives, cell, before, lengths] = &read;
            gpu.launch_each(
                "lstm",
                &kernel,
                all,
                &[to, kept, d_cell, from, sent, arrives, cell, before, lengths, &now, &width, &all],
            )?;
            if rounded.dtype() != deltas.dtype() {
                cast_to(gpu, &deltas.narrow(0, t * batch, batch), rounded.dtype(), row(&rounded, t * batch))?;
            }
            let now = rounded.narrow(0, t * batch, batch);
            layer.product_to(&now, &weight_hh, pointer(&product), layer.wide())?;
        }
        let these = rounded.narrow(0, first * batch, len * batch);
        layer.product_to(&these, &weight_ih, row(&input, first), layer.dtype())?;
        turn.mark(&mut marks)?;
    }
    marks.reverse();
    if steps > 0 {
        accumulate(gpu, &mut kept, &product, 1.0)?;
    }
    Ok(Through { deltas, rounded, input, marks, hidden: kept, cell: d_cell })
}

/// The gradient of the recurrent weight: h before each step with the gradients of the sums that it went into, `[T · B, 4H]`.
fn recurrent_gradient(cuda: &CudaBackend, args: &LstmWeightArgs<'_>, sums: &Tensor) -> Result<Tensor> {
    let (steps, batch, _, h) = args.sizes();
    let (now, wide) = (batch * steps.min(1), wide(args.sums.dtype()));
    let as_taken = |x: &Tensor| rounded(cuda.gpu(), cuda.matmul_precision(), x);
    let of_first = product(cuda, &sums.narrow(0, 0, now).t(), &as_taken(&args.hidden.narrow(0, 0, now))?, None, wide)?;
    if steps < 2 {
        return Ok(of_first);
    }
    let later = batch * (steps - 1);
    let before = as_taken(&args.sequence.narrow(0, 0, steps - 1).reshape([later, h]))?;
    product(cuda, &sums.narrow(0, batch, later).t(), &before, Some(of_first), wide)
}

fn product(cuda: &CudaBackend, a: &Tensor, b: &Tensor, onto: Option<Tensor>, dtype: DType) -> Result<Tensor> {
    let storage = cuda.matmul(a, b, onto, dtype)?;
    Ok(Tensor::of(storage, [a.dim(0), b.dim(1)], dtype, a.device()))
}
