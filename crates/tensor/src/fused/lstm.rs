//! One LSTM layer over a range of time steps (Hochreiter, Schmidhuber 1997; forget gate of Gers, Schmidhuber, Cummins 2000; no peepholes).

use crate::{DType, Result, Tensor};

/// The arguments of [`Tensor::lstm_sequence`]: `T` steps of a batch of `B` sequences, `I` inputs, `H` cells.
///
/// With σ the logistic function and ⊙ the product of elements, for each step
///
/// ```text
/// [i; f; g; o] = W_ih x_t + W_hh h_{t−1} + b          (four blocks of H rows, in this order)
/// c_t = σ(f) ⊙ c_{t−1} + σ(i) ⊙ tanh(g)
/// h_t = σ(o) ⊙ tanh(c_t)
/// ```
///
/// A row whose sequence has ended (`start + t ≥ length`) keeps its h and c. So the last step holds the state of every row, and a
/// caller may cut the time axis into pieces, each started with the state of the one before.
#[derive(Clone, Copy, Debug)]
pub struct LstmArgs<'a> {
    /// `[T, B, I]`
    pub input: &'a Tensor,
    /// `[4H, I]`
    pub weight_ih: &'a Tensor,
    /// `[4H, H]`
    pub weight_hh: &'a Tensor,
    /// `[4H]`
    pub bias: &'a Tensor,
    /// h before the first step, `[B, H]`
    pub hidden: &'a Tensor,
    /// c before the first step, `[B, H]`
    pub cell: &'a Tensor,
    /// Steps of each sequence in all, u32 `[B]`; without it no row ends.
    pub lengths: Option<&'a Tensor>,
    /// Where this range of steps begins in the sequences.
    pub start: usize,
}

/// What an LSTM layer answers, and what its backward needs.
#[derive(Clone, Debug)]
pub struct LstmOutput {
    /// h after each step, `[T, B, H]`
    pub sequence: Tensor,
    /// h after the last step, `[B, H]`
    pub hidden: Tensor,
    /// c after the last step, `[B, H]`
    pub cell: Tensor,
    /// c after each step, `[T, B, H]`
    pub cells: Tensor,
    /// σ(i), σ(f), tanh(g), σ(o) of each step, `[T, B, 4H]`; unspecified for rows that had ended
    pub gates: Tensor,
}

/// Gradients that arrive at an LSTM layer's outputs; what is absent is 0.
#[derive(Clone, Copy, Debug, Default)]
pub struct LstmOutputGradients<'a> {
    /// `[T, B, H]`
    pub sequence: Option<&'a Tensor>,
    /// `[B, H]`
    pub hidden: Option<&'a Tensor>,
    /// `[B, H]`
    pub cell: Option<&'a Tensor>,
}

/// Gradients of an LSTM layer's arguments, each in its argument's shape.
#[derive(Clone, Debug)]
pub struct LstmGradients {
    /// `[T, B, I]`
    pub input: Tensor,
    /// `[4H, I]`
    pub weight_ih: Tensor,
    /// `[4H, H]`
    pub weight_hh: Tensor,
    /// `[4H]`
    pub bias: Tensor,
    /// `[B, H]`
    pub hidden: Tensor,
    /// `[B, H]`
    pub cell: Tensor,
}

/// The gradients of what an LSTM layer reads, without those of its weights, and what those are made from.
#[derive(Clone, Debug)]
pub struct LstmDataGradients {
    /// Of the sums before the gates, `[T, B, 4H]`; 0 for rows that had ended
    pub sums: Tensor,
    /// `[T, B, I]`
    pub input: Tensor,
    /// `[B, H]`
    pub hidden: Tensor,
    /// `[B, H]`
    pub cell: Tensor,
}

/// What the gradients of an LSTM layer's weights are made from, for all steps of a sequence.
#[derive(Clone, Copy, Debug)]
pub struct LstmWeightArgs<'a> {
    /// [`LstmDataGradients::sums`] of all steps, `[T, B, 4H]`
    pub sums: &'a Tensor,
    /// What the layer read, `[T, B, I]`
    pub input: &'a Tensor,
    /// h before the first step, `[B, H]`
    pub hidden: &'a Tensor,
    /// h after each step, `[T, B, H]`
    pub sequence: &'a Tensor,
}

/// The gradients of an LSTM layer's weights.
#[derive(Clone, Debug)]
pub struct LstmWeightGradients {
    /// `[4H, I]`
    pub weight_ih: Tensor,
    /// `[4H, H]`
    pub weight_hh: Tensor,
    /// `[4H]`
    pub bias: Tensor,
}

impl LstmWeightArgs<'_> {
    /// `(T, B, I, H)`.
    ///
    /// # Panics
    /// Where the shapes do not fit together.
    #[track_caller]
    pub fn sizes(&self) -> (usize, usize, usize, usize) {
        let (sums, input, hidden) = (self.sums.shape(), self.input.shape(), self.hidden.shape());
        let fits = sums.len() == 3
            && input.len() == 3
            && hidden.len() == 2
            && sums == [input[0], input[1], 4 * hidden[1]]
            && hidden[0] == input[1]
            && self.sequence.shape() == [input[0], input[1], hidden[1]];
        if !fits {
            let sequence = self.sequence.shape();
            panic!(
                "lstm weights: sums {sums:?}, input {input:?}, hidden {hidden:?} and sequence {sequence:?} do not fit"
            );
        }
        [self.input, self.hidden, self.sequence].iter().for_each(|x| self.sums.check_same("lstm weights", x));
        (input[0], input[1], input[2], hidden[1])
    }
}

impl LstmArgs<'_> {
    /// `(T, B, I, H)`.
    ///
    /// # Panics
    /// Where the shapes do not fit together.
    #[track_caller]
    pub fn sizes(&self) -> (usize, usize, usize, usize) {
        let shape = self.input.shape();
        if shape.len() != 3 || self.hidden.rank() != 2 {
            panic!("lstm: input of shape {shape:?} is not [T, B, I], or state {:?} not [B, H]", self.hidden.shape());
        }
        let (t, b, i, h) = (shape[0], shape[1], shape[2], self.hidden.shape()[1]);
        for (name, tensor, wanted) in [
            ("weight_ih", self.weight_ih, &[4 * h, i][..]),
            ("weight_hh", self.weight_hh, &[4 * h, h]),
            ("bias", self.bias, &[4 * h]),
            ("hidden", self.hidden, &[b, h]),
            ("cell", self.cell, &[b, h]),
        ] {
            self.input.check_same("lstm", tensor);
            if tensor.shape() != wanted {
                panic!("lstm: {name} of shape {:?} where {wanted:?} is needed", tensor.shape());
            }
        }
        self.input.check_float("lstm");
        if let Some(lengths) = self.lengths {
            self.input.check_device("lstm", lengths);
            if lengths.shape() != [b] || lengths.dtype() != DType::U32 {
                panic!("lstm: lengths are {} of shape {:?}, not u32 [{b}]", lengths.dtype(), lengths.shape());
            }
        }
        (t, b, i, h)
    }

    /// # Panics
    /// Where what [`Tensor::lstm_sequence_backward`] gets beside the arguments does not fit them.
    #[track_caller]
    fn check_backward(&self, output: &LstmOutput, gradients: &LstmOutputGradients<'_>) {
        let (t, b, _, h) = self.sizes();
        let (sequence, state) = ([t, b, h], [b, h]);
        for (name, tensor, wanted) in [
            ("output's sequence", Some(&output.sequence), &sequence[..]),
            ("output's cells", Some(&output.cells), &sequence),
            ("output's gates", Some(&output.gates), &[t, b, 4 * h]),
            ("gradient of the sequence", gradients.sequence, &sequence),
            ("gradient of hidden", gradients.hidden, &state),
            ("gradient of cell", gradients.cell, &state),
        ] {
            let Some(tensor) = tensor else { continue };
            self.input.check_same("lstm backward", tensor);
            if tensor.shape() != wanted {
                panic!("lstm backward: {name} of shape {:?} where {wanted:?} is needed", tensor.shape());
            }
        }
    }

    /// bool `[B, 1]`: which rows step `t` still belongs to.
    fn alive(&self, t: usize) -> Option<Tensor> {
        let lengths = self.lengths?;
        let now = Tensor::full([], (self.start + t) as f64, DType::U32, lengths.device());
        Some(lengths.gt(&now).unsqueeze(1))
    }
}

fn choose(alive: &Option<Tensor>, living: Tensor, ended: &Tensor) -> Tensor {
    match alive {
        Some(alive) => alive.select(&living, ended),
        None => living,
    }
}

/// Joins the steps; of none, an empty tensor.
fn joined(steps: &[Tensor], shape: [usize; 3], like: &Tensor) -> Tensor {
    if steps.is_empty() {
        return Tensor::zeros(shape, like.dtype(), like.device());
    }
    Tensor::stack(&steps.iter().collect::<Vec<_>>(), 0)
}

/// The forward pass, step by step.
pub fn definition(args: &LstmArgs<'_>) -> Result<LstmOutput> {
    let (steps, b, _, h) = args.sizes();
    let (mut hidden, mut cell) = (args.hidden.clone(), args.cell.clone());
    let (mut sequence, mut cells, mut gates) = (Vec::new(), Vec::new(), Vec::new());
    for t in 0..steps {
        let sums = args.input.index(0, t).matmul(&args.weight_ih.t()) + hidden.matmul(&args.weight_hh.t()) + args.bias;
        let blocks = sums.chunk(4, 1);
        let (i, f, g, o) = (blocks[0].sigmoid(), blocks[1].sigmoid(), blocks[2].tanh(), blocks[3].sigmoid());
        let alive = args.alive(t);
        let new_cell = &f * &cell + &i * &g;
        hidden = choose(&alive, &o * new_cell.tanh(), &hidden);
        cell = choose(&alive, new_cell, &cell);
        sequence.push(hidden.clone());
        cells.push(cell.clone());
        gates.push(Tensor::concat(&[&i, &f, &g, &o], 1));
    }
    Ok(LstmOutput {
        sequence: joined(&sequence, [0, b, h], args.input),
        cells: joined(&cells, [0, b, h], args.input),
        gates: joined(&gates, [0, b, 4 * h], args.input),
        hidden,
        cell,
    })
}

/// The backward pass, step by step from the last. With `δ` for gradients and σ' = σ(1 − σ), tanh' = 1 − tanh²:
///
/// ```text
/// δc += δh ⊙ o ⊙ (1 − tanh² c_t)
/// δ[i; f; g; o] = [δc ⊙ g ⊙ i(1−i);  δc ⊙ c_{t−1} ⊙ f(1−f);  δc ⊙ i ⊙ (1−g²);  δh ⊙ tanh c_t ⊙ o(1−o)]
/// δh_{t−1} = W_hhᵀ δ[i; f; g; o]      δc_{t−1} = δc ⊙ f
/// ```
pub fn backward_definition(
    args: &LstmArgs<'_>,
    output: &LstmOutput,
    gradients: &LstmOutputGradients<'_>,
) -> Result<LstmGradients> {
    let LstmDataGradients { sums, input, hidden, cell } = data_definition(args, output, gradients)?;
    let args = LstmWeightArgs { sums: &sums, input: args.input, hidden: args.hidden, sequence: &output.sequence };
    let LstmWeightGradients { weight_ih, weight_hh, bias } = weights_definition(&args)?;
    Ok(LstmGradients { input, weight_ih, weight_hh, bias, hidden, cell })
}

/// What of [`backward_definition`] goes from step to step.
pub fn data_definition(
    args: &LstmArgs<'_>,
    output: &LstmOutput,
    gradients: &LstmOutputGradients<'_>,
) -> Result<LstmDataGradients> {
    let (steps, b, i_len, h_len) = args.sizes();
    let nothing = args.hidden.zeros_like();
    let mut dh = gradients.hidden.unwrap_or(&nothing).clone();
    let mut dc = gradients.cell.unwrap_or(&nothing).clone();
    let mut sums = Vec::new();
    for t in (0..steps).rev() {
        if let Some(sequence) = gradients.sequence {
            dh = dh + sequence.index(0, t);
        }
        let blocks = output.gates.index(0, t).chunk(4, 1);
        let (i, f, g, o) = (&blocks[0], &blocks[1], &blocks[2], &blocks[3]);
        let before = if t == 0 { args.cell.clone() } else { output.cells.index(0, t - 1) };
        let squashed = output.cells.index(0, t).tanh();
        let dc_here = &dc + &dh * o * (1.0 - squashed.square());
        let d = Tensor::concat(
            &[
                &(&dc_here * g * i * (1.0 - i)),
                &(&dc_here * &before * f * (1.0 - f)),
                &(&dc_here * i * (1.0 - g.square())),
                &(&dh * &squashed * o * (1.0 - o)),
            ],
            1,
        );
        let alive = args.alive(t);
        let d = choose(&alive, d.clone(), &d.zeros_like());
        dh = choose(&alive, d.matmul(args.weight_hh), &dh);
        dc = choose(&alive, &dc_here * f, &dc);
        sums.push(d);
    }
    sums.reverse();
    let sums = joined(&sums, [0, b, 4 * h_len], args.input);
    let input = sums.reshape([steps * b, 4 * h_len]).matmul(args.weight_ih).reshape([steps, b, i_len]);
    Ok(LstmDataGradients { sums, input, hidden: dh.contiguous(), cell: dc.contiguous() })
}

/// What of [`backward_definition`] can wait: sums over all steps and rows.
pub fn weights_definition(args: &LstmWeightArgs<'_>) -> Result<LstmWeightGradients> {
    let (steps, b, i_len, h_len) = args.sizes();
    let sums = args.sums.reshape([steps * b, 4 * h_len]);
    let before = Tensor::concat(&[&args.hidden.unsqueeze(0), args.sequence], 0).narrow(0, 0, steps);
    Ok(LstmWeightGradients {
        weight_ih: sums.t().matmul(&args.input.reshape([steps * b, i_len])),
        weight_hh: sums.t().matmul(&before.reshape([steps * b, h_len])),
        bias: sums.sum(0, false),
    })
}

impl Tensor {
    /// One LSTM layer over a range of time steps; see [`LstmArgs`].
    ///
    /// # Panics
    /// Where the shapes, dtypes or devices do not fit together.
    #[track_caller]
    pub fn lstm_sequence(args: &LstmArgs<'_>) -> LstmOutput {
        use crate::error::OrRaise;
        args.sizes();
        args.input.backend().lstm_sequence(args).or_raise()
    }

    /// The gradients of [`lstm_sequence`](Tensor::lstm_sequence), whose arguments and answer these are.
    ///
    /// # Panics
    /// Where the shapes, dtypes or devices do not fit together.
    #[track_caller]
    pub fn lstm_sequence_backward(
        args: &LstmArgs<'_>,
        output: &LstmOutput,
        gradients: &LstmOutputGradients<'_>,
    ) -> LstmGradients {
        use crate::error::OrRaise;
        args.check_backward(output, gradients);
        args.input.backend().lstm_sequence_backward(args, output, gradients).or_raise()
    }

    /// [`lstm_sequence_backward`](Tensor::lstm_sequence_backward) where the answer is not needed any more: its gates' memory becomes that of their
    /// gradients where nobody else holds it, and the largest buffer of the pass is spared.
    ///
    /// ```
    /// use unrolled_tensor::fused::{LstmArgs, LstmOutputGradients};
    /// use unrolled_tensor::{DType, Device, Tensor};
    /// let ones = |shape: &[usize]| Tensor::ones(shape, DType::F32, &Device::cpu());
    /// let (input, state, ih, hh, bias) = (ones(&[2, 1, 3]), ones(&[1, 1]), ones(&[4, 3]), ones(&[4, 1]), ones(&[4]));
    /// let args = LstmArgs {
    ///     input: &input, weight_ih: &ih, weight_hh: &hh, bias: &bias, hidden: &state, cell: &state, lengths: None, start: 0,
    /// };
    /// let output = Tensor::lstm_sequence(&args);
    /// let arriving = LstmOutputGradients { hidden: Some(&state), ..Default::default() };
    /// let gradients = Tensor::lstm_sequence_backward_last(&args, output, &arriving);
    /// assert_eq!(gradients.input.shape(), [2, 1, 3]);
    /// ```
    ///
    /// # Panics
    /// Where the shapes, dtypes or devices do not fit together.
    #[track_caller]
    pub fn lstm_sequence_backward_last(
        args: &LstmArgs<'_>,
        output: LstmOutput,
        gradients: &LstmOutputGradients<'_>,
    ) -> LstmGradients {
        use crate::error::OrRaise;
        args.check_backward(&output, gradients);
        args.input.backend().lstm_sequence_backward_last(args, output, gradients).or_raise()
    }
    /// [`lstm_sequence_backward_last`](Tensor::lstm_sequence_backward_last) without the gradients of the weights, for whoever cuts time into pieces: they
    /// are sums over all of it, which [`lstm_weight_gradients`](Tensor::lstm_weight_gradients) makes when every piece is there.
    ///
    /// # Panics
    /// Where the shapes, dtypes or devices do not fit together.
    #[track_caller]
    pub fn lstm_sequence_backward_data(
        args: &LstmArgs<'_>,
        output: LstmOutput,
        gradients: &LstmOutputGradients<'_>,
    ) -> LstmDataGradients {
        use crate::error::OrRaise;
        args.check_backward(&output, gradients);
        args.input.backend().lstm_sequence_backward_data(args, output, gradients).or_raise()
    }

    /// The gradients of a layer's weights over all steps of a sequence: the bits of
    /// [`lstm_sequence_backward`](Tensor::lstm_sequence_backward).
    ///
    /// # Panics
    /// Where the shapes, dtypes or devices do not fit together.
    #[track_caller]
    pub fn lstm_weight_gradients(args: &LstmWeightArgs<'_>) -> LstmWeightGradients {
        use crate::error::OrRaise;
        args.sizes();
        args.input.backend().lstm_weight_gradients(args).or_raise()
    }
}
