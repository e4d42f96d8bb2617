//! Layers of LSTM cells over whole sequences.

use unrolled_autograd::{LstmStates, LstmWeights, Var};
use unrolled_tensor::random::Key;
use unrolled_tensor::{DType, Device, Tensor};

use super::dropout::Dropout;
use super::uniform;
use crate::{Parameter, module};

/// One layer; the equations are at [`LstmArgs`](unrolled_tensor::fused::LstmArgs).
#[derive(Clone, Debug)]
pub struct LstmLayer {
    /// `[4H, I]`, gates in the order input, forget, candidate, output
    pub weight_ih: Parameter,
    /// `[4H, H]`
    pub weight_hh: Parameter,
    /// `[4H]`; PyTorch's layers have two, whose sum this is
    pub bias: Parameter,
}

module!(LstmLayer { weight_ih, weight_hh, bias });

impl LstmLayer {
    /// A layer whose parameters start uniform in [−range, range).
    pub fn new(inputs: usize, hidden: usize, range: f64, key: Key, device: &Device) -> LstmLayer {
        LstmLayer {
            weight_ih: uniform(&[4 * hidden, inputs], range, key.purpose("weight_ih"), device),
            weight_hh: uniform(&[4 * hidden, hidden], range, key.purpose("weight_hh"), device),
            bias: uniform(&[4 * hidden], range, key.purpose("bias"), device),
        }
    }

    /// The number of cells, H.
    pub fn hidden_size(&self) -> usize {
        self.weight_hh.tensor().dim(1)
    }

    /// The weights as the sequence operation takes them.
    pub fn weights(&self) -> LstmWeights<'_> {
        LstmWeights { ih: self.weight_ih.var(), hh: self.weight_hh.var(), bias: self.bias.var() }
    }
}

/// The state of every layer after the last step: what an encoder hands to a decoder.
#[derive(Clone, Debug)]
pub struct LstmState {
    /// h of each layer, `[B, H]`
    pub hidden: Vec<Var>,
    /// c of each layer, `[B, H]`
    pub cell: Vec<Var>,
}

impl LstmState {
    /// Zeros for `layers` layers and a batch of `batch`.
    pub fn zeros(layers: usize, batch: usize, hidden: usize, dtype: DType, device: &Device) -> LstmState {
        let zeros = || Var::constant(Tensor::zeros([batch, hidden], dtype, device));
        LstmState { hidden: (0..layers).map(|_| zeros()).collect(), cell: (0..layers).map(|_| zeros()).collect() }
    }

    /// The rows of the batch that `index` (u32 `[n]`) names, in its order: which hypotheses go on.
    #[must_use]
    pub fn rows(&self, index: &Tensor) -> LstmState {
        let rows =
            |states: &[Var]| states.iter().map(|state| Var::constant(state.tensor().index_select(0, index))).collect();
        LstmState { hidden: rows(&self.hidden), cell: rows(&self.cell) }
    }

    /// The rows of the batch in this range.
    #[must_use]
    pub fn narrow(&self, start: usize, len: usize) -> LstmState {
        let part = |states: &[Var]| states.iter().map(|state| state.narrow(0, start, len)).collect();
        LstmState { hidden: part(&self.hidden), cell: part(&self.cell) }
    }
}

/// A stack of LSTM layers, with dropout between them while learning.
#[derive(Clone, Debug)]
pub struct Lstm {
    /// From the input up.
    pub layers: Vec<LstmLayer>,
    dropout: Dropout,
}

module!(Lstm { flatten layers; skip dropout });

impl Lstm {
    /// `layers` layers of `hidden` cells over `inputs` inputs; parameters uniform in [−range, range).
    pub fn new(
        inputs: usize,
        hidden: usize,
        layers: usize,
        dropout: f64,
        range: f64,
        key: Key,
        device: &Device,
    ) -> Lstm {
        let layer = |l: usize| {
            let inputs = if l == 0 { inputs } else { hidden };
            LstmLayer::new(inputs, hidden, range, key.purpose(&l.to_string()), device)
        };
        Lstm { layers: (0..layers).map(layer).collect(), dropout: Dropout::new(dropout) }
    }

    /// `x` `[T, B, I]` from `state` → h of the last layer at every step `[T, B, H]`, and the state after the last. With `lengths` (u32 `[B]`) a
    /// row keeps its state from its end on. `dropout` is the mask's key while learning. T = 0 answers the state as it came.
    ///
    /// # Panics
    /// Where the shapes do not fit, or the state has not one entry for each layer.
    #[track_caller]
    pub fn forward(
        &self,
        x: &Var,
        state: &LstmState,
        lengths: Option<&Tensor>,
        dropout: Option<Key>,
    ) -> (Var, LstmState) {
        if state.hidden.len() != self.layers.len() || state.cell.len() != self.layers.len() {
            panic!("lstm: a state of {} layers for {}", state.hidden.len(), self.layers.len());
        }
        let mut sequence = x.clone();
        let mut after = LstmState { hidden: Vec::new(), cell: Vec::new() };
        for (l, layer) in self.layers.iter().enumerate() {
            if l > 0 {
                sequence = self.dropout.forward(&sequence, dropout.map(|key| key.purpose(&l.to_string())));
            }
            let (h, c) = (&state.hidden[l], &state.cell[l]);
            let states: LstmStates = sequence.lstm_sequence(layer.weights(), h, c, lengths, 0);
            sequence = states.sequence;
            after.hidden.push(states.hidden);
            after.cell.push(states.cell);
        }
        (sequence, after)
    }
}
