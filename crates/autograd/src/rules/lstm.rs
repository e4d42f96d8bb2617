//! One LSTM layer over a range of time steps, as one operation.

use std::sync::{Arc, Mutex, PoisonError};

use unrolled_tensor::Tensor;
use unrolled_tensor::fused::{LstmArgs, LstmOutput, LstmOutputGradients};

use super::{Answers, Context, dense};
use crate::Var;
use crate::graph::{Extra, record};
use crate::ops::Op;

/// A layer's weights: `ih` `[4H, I]`, `hh` `[4H, H]`, `bias` `[4H]`, gates in the order i, f, g, o.
#[derive(Clone, Copy, Debug)]
pub struct LstmWeights<'a> {
    /// `[4H, I]`
    pub ih: &'a Var,
    /// `[4H, H]`
    pub hh: &'a Var,
    /// `[4H]`
    pub bias: &'a Var,
}

/// What an LSTM layer answers.
#[derive(Clone, Debug)]
pub struct LstmStates {
    /// h after each step, `[T, B, H]`
    pub sequence: Var,
    /// h after each sequence's last step, `[B, H]`
    pub hidden: Var,
    /// c after each sequence's last step, `[B, H]`
    pub cell: Var,
}

pub(crate) fn rule(
    context: &Context<'_>,
    gradients: &[Option<Var>],
    lengths: Option<&Tensor>,
    start: usize,
) -> Answers {
    if context.tracked {
        panic!("lstm_sequence has no second derivative; use `Var::lstm_sequence_plain` where one is needed");
    }
    let Extra::Lstm(output) = &context.saved.extra else { unreachable!("recorded with its output") };
    let inputs: Vec<Var> = (0..6).map(|i| context.input(i)).collect();
    let args = arguments([0, 1, 2, 3, 4, 5].map(|i| inputs[i].tensor()), lengths, start);
    let arrived = |slot: usize| gradients[slot].as_ref().map(Var::tensor);
    let arrived = LstmOutputGradients { sequence: arrived(0), hidden: arrived(1), cell: arrived(2) };
    let made = Tensor::lstm_sequence_backward_last(&args, for_this_pass(output), &arrived);
    let made = [made.input, made.weight_ih, made.weight_hh, made.bias, made.hidden, made.cell].into_iter().enumerate();
    dense(made.map(|(i, gradient)| context.wants(i).then(|| Var::constant(gradient))))
}

/// The output itself where the graph has let go of it, so that its memory can be used; else another handle.
fn for_this_pass(output: &Arc<Mutex<Option<LstmOutput>>>) -> LstmOutput {
    let alone = Arc::strong_count(output) == 1;
    let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
    let found = if alone { output.take() } else { output.clone() };
    found.expect("only a pass that alone has the output takes it")
}

fn arguments<'a>(inputs: [&'a Tensor; 6], lengths: Option<&'a Tensor>, start: usize) -> LstmArgs<'a> {
    let [input, weight_ih, weight_hh, bias, hidden, cell] = inputs;
    LstmArgs { input, weight_ih, weight_hh, bias, hidden, cell, lengths, start }
}

impl Var {
    /// One LSTM layer over the steps of this `[T, B, I]`, from the state (`hidden`, `cell`), `[B, H]` each. `lengths` (u32 `[B]`)
    /// says where each sequence ends: from there on its row keeps its state. `start` is the number of steps that went before. The
    /// equations are at [`LstmArgs`]. First derivatives only.
    ///
    /// ```
    /// use unrolled_autograd::{LstmWeights, Var};
    /// use unrolled_tensor::{DType, Device, Tensor};
    /// let ones = |shape: &[usize]| Var::leaf(Tensor::ones(shape, DType::F64, &Device::cpu()));
    /// let (ih, hh, bias, state) = (ones(&[4, 2]), ones(&[4, 1]), ones(&[4]), ones(&[1, 1]));
    /// let weights = LstmWeights { ih: &ih, hh: &hh, bias: &bias };
    /// let states = ones(&[3, 1, 2]).lstm_sequence(weights, &state, &state, None, 0);
    /// assert_eq!((states.sequence.shape(), states.hidden.shape()), (&[3, 1, 1][..], &[1, 1][..]));
    /// assert_eq!(format!("{:.3}", states.cell.tensor()), "[[3.834]]");
    /// ```
    ///
    /// # Panics
    /// Where the shapes do not fit together.
    #[track_caller]
    pub fn lstm_sequence(
        &self,
        weights: LstmWeights<'_>,
        hidden: &Var,
        cell: &Var,
        lengths: Option<&Tensor>,
        start: usize,
    ) -> LstmStates {
        let inputs = [self, weights.ih, weights.hh, weights.bias, hidden, cell];
        let output = Tensor::lstm_sequence(&arguments(inputs.map(Var::tensor), lengths, start));
        let values = vec![output.sequence.clone(), output.hidden.clone(), output.cell.clone()];
        let op = Op::Lstm { lengths: lengths.cloned().map(Arc::new), start };
        let mut outputs = record(op, &inputs, values, Extra::Lstm(Arc::new(Mutex::new(Some(output))))).into_iter();
        let mut next = || outputs.next().expect("three outputs");
        LstmStates { sequence: next(), hidden: next(), cell: next() }
    }

    /// [`lstm_sequence`](Var::lstm_sequence) in plain operations: slower, and differentiable any number of times.
    ///
    /// ```
    /// use unrolled_autograd::{LstmWeights, Var};
    /// use unrolled_tensor::{DType, Device, Tensor};
    /// let ones = |shape: &[usize]| Var::leaf(Tensor::ones(shape, DType::F64, &Device::cpu()));
    /// let (ih, hh, bias, state) = (ones(&[4, 2]), ones(&[4, 1]), ones(&[4]), ones(&[1, 1]));
    /// let weights = LstmWeights { ih: &ih, hh: &hh, bias: &bias };
    /// let states = ones(&[3, 1, 2]).lstm_sequence_plain(weights, &state, &state, None, 0);
    /// assert_eq!((states.sequence.shape(), states.hidden.shape()), (&[3, 1, 1][..], &[1, 1][..]));
    /// assert_eq!(format!("{:.3}", states.cell.tensor()), "[[3.834]]");
    /// ```
    #[track_caller]
    pub fn lstm_sequence_plain(
        &self,
        weights: LstmWeights<'_>,
        hidden: &Var,
        cell: &Var,
        lengths: Option<&Tensor>,
        start: usize,
    ) -> LstmStates {
        let (mut hidden, mut cell) = (hidden.clone(), cell.clone());
        let mut sequence = Vec::new();
        for t in 0..self.dim(0) {
            let sums = self.index(0, t).linear(weights.ih, Some(weights.bias)) + hidden.linear(weights.hh, None);
            let gates = sums.chunk(4, 1);
            let new_cell = gates[1].sigmoid() * &cell + gates[0].sigmoid() * gates[2].tanh();
            let new_hidden = gates[3].sigmoid() * new_cell.tanh();
            (hidden, cell) = match lengths {
                None => (new_hidden, new_cell),
                Some(lengths) => {
                    let now = Tensor::full([], (start + t) as f64, lengths.dtype(), lengths.device());
                    let alive = lengths.gt(&now).unsqueeze(1);
                    (Var::select(&alive, &new_hidden, &hidden), Var::select(&alive, &new_cell, &cell))
                }
            };
            sequence.push(hidden.clone());
        }
        let sequence = if sequence.is_empty() {
            Var::constant(Tensor::zeros([0, hidden.dim(0), hidden.dim(1)], hidden.dtype(), hidden.device()))
        } else {
            Var::stack(&sequence.iter().collect::<Vec<_>>(), 0)
        };
        LstmStates { sequence, hidden, cell }
    }
}
