//! A CPU device that does everything right but one thing.

use unrolled_tensor::fused::{
    CrossEntropy, CrossEntropyArgs, CrossEntropyGradients, CrossEntropyPartials, LstmArgs, LstmGradients, LstmOutput,
    LstmOutputGradients,
};
use unrolled_tensor::ops::{Binary, Compare, Distribution, Reduce, Unary, Update};
use unrolled_tensor::random::Key;
use unrolled_tensor::{Backend, DType, Device, DeviceError, Event, Memory, Result, Storage, Tensor};

/// What is wrong with a backend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    None,
    UploadShifted,
    DownloadIgnoresOffset,
    FillOneMore,
    MemoryNeverFreed,
    PeakNeverReset,
    RecordLost,
    WaitLost,
    SynchronizeLost,
    CastIgnoresStrides,
    CastTwice,
    UnarySign,
    UnaryIgnoresStrides,
    BinarySwapped,
    BinaryIgnoresStrides,
    CompareNotStrict,
    SelectInverted,
    ReduceIgnoresLast,
    ReduceIgnoresNan,
    ArgmaxTakesLast,
    CumulativeSumExclusive,
    SoftmaxNeverLogarithm,
    SoftmaxOverflows,
    TopKAscending,
    TopKLastOfEquals,
    MatmulForgetsOnto,
    MatmulIgnoresStrides,
    MatmulNarrowSum,
    GatherOneOff,
    GatherIgnoresIndexStrides,
    ScatterForgetsRepeats,
    ScatterReplaces,
    ConcatReversed,
    RandomOtherKey,
    RandomIgnoresStep,
    RandomTouchesBound,
    AccumulateIgnoresScale,
    UpdateIgnoresRows,
    UpdateIgnoresGradientScale,
    UpdateForgetsState,
    UpdateIsNotCalledOff,
    LstmIgnoresLengths,
    LstmIgnoresStart,
    LstmForgetsBias,
    LstmBackwardForgetsCell,
    LstmBackwardIgnoresLengths,
    CrossEntropyIgnoresWeights,
    CrossEntropyForgetsBias,
    PartialsIgnoreOffset,
    GradientsIgnoreOffset,
    CoalesceUnsorted,
    CoalesceOneRow,
    CoalesceUnpadded,
}

/// A CPU device with one fault. Tensors of it hold the CPU's storage, and its verbs look at nothing but that and the layout.
#[derive(Debug)]
pub struct Broken {
    pub cpu: Device,
    pub fault: Fault,
}

impl Broken {
    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn cpu(&self) -> &dyn Backend {
        self.cpu.backend()
    }
}

fn lost() -> DeviceError {
    DeviceError::Lost { device: "broken".into(), reason: "on purpose".into() }
}

/// The view as if its storage were contiguous: what a kernel sees that forgets strides and offset.
fn careless(x: &Tensor) -> Tensor {
    Tensor::of(x.storage().clone(), x.shape(), x.dtype(), x.device())
}

fn storage(x: Tensor) -> Storage {
    x.contiguous().copy().storage().clone()
}

impl Backend for Broken {
    fn name(&self) -> String {
        format!("cpu with {:?}", self.fault)
    }
    fn upload(&self, bytes: &[u8], dtype: DType) -> Result<Storage> {
        let mut bytes = bytes.to_vec();
        if self.is(Fault::UploadShifted) && bytes.len() > dtype.size() {
            bytes.rotate_left(dtype.size());
        }
        self.cpu().upload(&bytes, dtype)
    }
    fn download(&self, x: &Tensor, bytes: &mut [u8]) -> Result<()> {
        if self.is(Fault::DownloadIgnoresOffset) {
            return self.cpu().download(&careless(x), bytes);
        }
        self.cpu().download(x, bytes)
    }
    fn fill(&self, value: f64, len: usize, dtype: DType) -> Result<Storage> {
        self.cpu().fill(if self.is(Fault::FillOneMore) { value + 1.0 } else { value }, len, dtype)
    }
    fn memory(&self) -> Memory {
        let memory = self.cpu().memory();
        if self.is(Fault::MemoryNeverFreed) { Memory { in_use: memory.peak, ..memory } } else { memory }
    }
    fn reset_peak(&self) {
        if !self.is(Fault::PeakNeverReset) {
            self.cpu().reset_peak();
        }
    }
    fn record(&self) -> Result<Event> {
        if self.is(Fault::RecordLost) { Err(lost()) } else { self.cpu().record() }
    }
    fn wait(&self, event: &Event) -> Result<()> {
        if self.is(Fault::WaitLost) { Err(lost()) } else { self.cpu().wait(event) }
    }
    fn synchronize(&self) -> Result<()> {
        if self.is(Fault::SynchronizeLost) { Err(lost()) } else { self.cpu().synchronize() }
    }
    fn cast(&self, x: &Tensor, dtype: DType) -> Result<Storage> {
        if self.is(Fault::CastIgnoresStrides) {
            return self.cpu().cast(&careless(x), dtype);
        }
        if self.is(Fault::CastTwice) && x.dtype() == DType::F64 && dtype == DType::F16 {
            let once = Tensor::of(self.cpu().cast(x, DType::F32)?, x.shape(), DType::F32, x.device());
            return self.cpu().cast(&once, dtype);
        }
        self.cpu().cast(x, dtype)
    }
    fn unary(&self, op: Unary, x: &Tensor) -> Result<Storage> {
        match op {
            Unary::Sign if self.is(Fault::UnarySign) => self.cpu().unary(Unary::Abs, x),
            _ if self.is(Fault::UnaryIgnoresStrides) => self.cpu().unary(op, &careless(x)),
            _ => self.cpu().unary(op, x),
        }
    }
    fn binary(&self, op: Binary, a: &Tensor, b: &Tensor) -> Result<Storage> {
        match op {
            Binary::Sub if self.is(Fault::BinarySwapped) => self.cpu().binary(op, b, a),
            _ if self.is(Fault::BinaryIgnoresStrides) => self.cpu().binary(op, a, &careless(b)),
            _ => self.cpu().binary(op, a, b),
        }
    }
    fn compare(&self, op: Compare, a: &Tensor, b: &Tensor) -> Result<Storage> {
        let op = if self.is(Fault::CompareNotStrict) && op == Compare::Lt { Compare::Le } else { op };
        self.cpu().compare(op, a, b)
    }
    fn select(&self, condition: &Tensor, a: &Tensor, b: &Tensor) -> Result<Storage> {
        if self.is(Fault::SelectInverted) {
            return self.cpu().select(condition, b, a);
        }
        self.cpu().select(condition, a, b)
    }
    fn reduce(&self, op: Reduce, x: &Tensor) -> Result<Storage> {
        let n = x.dim(-1);
        if self.is(Fault::ReduceIgnoresLast) && n > 4096 {
            return self.cpu().reduce(op, &x.narrow(-1, 0, n - 1));
        }
        if self.is(Fault::ReduceIgnoresNan) && op == Reduce::Max && x.dtype().is_float() {
            let low = x.zeros_like().affine(0.0, f64::NEG_INFINITY);
            return self.cpu().reduce(op, &x.eq(x).select(x, &low));
        }
        if self.is(Fault::ArgmaxTakesLast) && op == Reduce::ArgMax {
            let places = self.cpu().reduce(op, &x.flip(-1))?;
            let shape = &x.shape()[..x.rank() - 1];
            let places = Tensor::of(places, shape, DType::U32, x.device());
            return Ok(storage(Tensor::full(shape, (n - 1) as f64, DType::U32, x.device()).sub(&places)));
        }
        self.cpu().reduce(op, x)
    }
    fn cumulative_sum(&self, x: &Tensor) -> Result<Storage> {
        if self.is(Fault::CumulativeSumExclusive) {
            let sums = Tensor::of(self.cpu().cumulative_sum(x)?, x.shape(), x.dtype(), x.device());
            return Ok(storage(sums.sub(x)));
        }
        self.cpu().cumulative_sum(x)
    }
    fn softmax(&self, x: &Tensor, logarithm: bool) -> Result<Storage> {
        if self.is(Fault::SoftmaxOverflows) && !logarithm {
            let powers = x.exp();
            return Ok(storage(powers.div(&powers.sum(-1, true))));
        }
        self.cpu().softmax(x, logarithm && !self.is(Fault::SoftmaxNeverLogarithm))
    }
    fn top_k(&self, x: &Tensor, k: usize) -> Result<(Storage, Storage)> {
        let (values, places) = self.cpu().top_k(x, k)?;
        let mut shape = x.shape().to_vec();
        *shape.last_mut().expect("an axis") = k;
        if self.is(Fault::TopKAscending) {
            let of = |s, dtype| storage(Tensor::of(s, &shape, dtype, x.device()).flip(-1));
            return Ok((of(values, x.dtype()), of(places, DType::U32)));
        }
        if self.is(Fault::TopKLastOfEquals) {
            let (values, places) = self.cpu().top_k(&x.flip(-1), k)?;
            let places = Tensor::of(places, &shape, DType::U32, x.device());
            let last = Tensor::full(&shape, x.dim(-1).saturating_sub(1) as f64, DType::U32, x.device());
            return Ok((values, storage(last.sub(&places))));
        }
        Ok((values, places))
    }
    fn matmul(&self, a: &Tensor, b: &Tensor, onto: Option<Tensor>, out: DType) -> Result<Storage> {
        match self.fault {
            Fault::MatmulForgetsOnto => self.cpu().matmul(a, b, None, out),
            Fault::MatmulIgnoresStrides => self.cpu().matmul(a, &careless(b), onto, out),
            Fault::MatmulNarrowSum if a.dtype() == DType::F16 && onto.is_none() => {
                let terms = a.unsqueeze(-1) * b.unsqueeze(-3);
                let steps: Vec<Tensor> = (0..a.dim(-1)).map(|k| terms.index(-2, k)).collect();
                let mut shape = a.shape().to_vec();
                *shape.last_mut().expect("an axis") = b.dim(-1);
                let nothing = Tensor::zeros(&shape, DType::F16, a.device());
                Ok(storage(steps.iter().fold(nothing, |sum, term| sum + term).cast(out)))
            }
            _ => self.cpu().matmul(a, b, onto, out),
        }
    }
    fn gather(&self, x: &Tensor, axis: usize, index: &Tensor) -> Result<Storage> {
        if self.is(Fault::GatherOneOff) && x.shape()[axis] > 1 {
            let last = (x.shape()[axis] - 1) as f64;
            return self.cpu().gather(x, axis, &index.affine(1.0, 1.0).clamp(0.0, last));
        }
        if self.is(Fault::GatherIgnoresIndexStrides) {
            return self.cpu().gather(x, axis, &careless(index));
        }
        self.cpu().gather(x, axis, index)
    }
    fn scatter_add(&self, x: Tensor, axis: usize, index: &Tensor, source: &Tensor) -> Result<Storage> {
        if self.is(Fault::ScatterReplaces) {
            let nothing = Tensor::zeros(x.shape(), x.dtype(), x.device());
            return self.cpu().scatter_add(nothing, axis, index, source);
        }
        if self.is(Fault::ScatterForgetsRepeats) && source.shape()[axis] > 1 {
            // What is written last wins over what was added to the same place just before.
            let n = source.shape()[axis];
            let (i, s) = (index.narrow(axis as isize, 1, n - 1), source.narrow(axis as isize, 1, n - 1));
            return self.cpu().scatter_add(x, axis, &i, &s);
        }
        self.cpu().scatter_add(x, axis, index, source)
    }
    fn concat(&self, parts: &[&Tensor], axis: usize) -> Result<Storage> {
        let mut parts = parts.to_vec();
        if self.is(Fault::ConcatReversed) {
            parts.reverse();
        }
        self.cpu().concat(&parts, axis)
    }
    fn random(
        &self,
        distribution: Distribution,
        key: Key,
        step: Option<&Tensor>,
        len: usize,
        dtype: DType,
    ) -> Result<Storage> {
        match (self.fault, distribution) {
            (Fault::RandomOtherKey, _) => self.cpu().random(distribution, key.purpose("other"), step, len, dtype),
            (Fault::RandomIgnoresStep, _) => self.cpu().random(distribution, key, None, len, dtype),
            (Fault::RandomTouchesBound, Distribution::Uniform { low, high }) => {
                let wide =
                    self.cpu().random(Distribution::Uniform { low: 0.0, high: 1.0 }, key, step, len, DType::F32)?;
                let wide = Tensor::of(wide, [len], DType::F32, &self.cpu).cast(DType::F64);
                Ok(wide.affine(high - low, low).cast(dtype).storage().clone())
            }
            _ => self.cpu().random(distribution, key, step, len, dtype),
        }
    }
    fn accumulate(&self, onto: &mut Tensor, x: &Tensor, scale: f64) -> Result<()> {
        self.cpu().accumulate(onto, x, if self.is(Fault::AccumulateIgnoresScale) { 1.0 } else { scale })
    }
    fn update(
        &self,
        rule: &Update,
        parameter: &mut Tensor,
        gradient: &Tensor,
        rows: Option<&Tensor>,
        state: &mut [Tensor],
        hyper: &Tensor,
    ) -> Result<()> {
        match self.fault {
            Fault::UpdateIgnoresRows if rows.is_some_and(|rows| rows.elements() < parameter.dim(0)) => {
                let rows = Tensor::arange(gradient.dim(0), DType::U32, parameter.device());
                self.cpu().update(rule, parameter, gradient, Some(&rows), state, hyper)
            }
            Fault::UpdateIgnoresGradientScale => {
                let mut values = hyper.to_vec::<f32>();
                values[1] = 1.0;
                let hyper = Tensor::from_slice(&values, [4], parameter.device());
                self.cpu().update(rule, parameter, gradient, rows, state, &hyper)
            }
            Fault::UpdateIsNotCalledOff => {
                let taken = |x: f64| if x.is_nan() { 1.0 } else { x };
                let values: Vec<f64> = hyper.to_f64_vec().into_iter().map(taken).collect();
                let hyper = Tensor::from_slice(&values, [4], parameter.device());
                self.cpu().update(rule, parameter, gradient, rows, state, &hyper)
            }
            Fault::UpdateForgetsState => {
                let mut copies: Vec<Tensor> = state.iter().map(Tensor::copy).collect();
                self.cpu().update(rule, parameter, gradient, rows, &mut copies, hyper)
            }
            _ => self.cpu().update(rule, parameter, gradient, rows, state, hyper),
        }
    }
    fn lstm_sequence(&self, args: &LstmArgs<'_>) -> Result<LstmOutput> {
        let no_bias = args.bias.zeros_like();
        self.cpu().lstm_sequence(&match self.fault {
            Fault::LstmIgnoresLengths => LstmArgs { lengths: None, ..*args },
            Fault::LstmIgnoresStart => LstmArgs { start: 0, ..*args },
            Fault::LstmForgetsBias => LstmArgs { bias: &no_bias, ..*args },
            _ => *args,
        })
    }
    fn lstm_sequence_backward(
        &self,
        args: &LstmArgs<'_>,
        output: &LstmOutput,
        gradients: &LstmOutputGradients<'_>,
    ) -> Result<LstmGradients> {
        match self.fault {
            Fault::LstmBackwardForgetsCell => {
                let gradients = LstmOutputGradients { cell: None, ..*gradients };
                self.cpu().lstm_sequence_backward(args, output, &gradients)
            }
            Fault::LstmBackwardIgnoresLengths => {
                self.cpu().lstm_sequence_backward(&LstmArgs { lengths: None, ..*args }, output, gradients)
            }
            _ => self.cpu().lstm_sequence_backward(args, output, gradients),
        }
    }
    fn linear_cross_entropy(&self, args: &CrossEntropyArgs<'_>, gradients: bool) -> Result<CrossEntropy> {
        let (ones, no_bias) = (args.row_weights.ones_like(), args.bias.zeros_like());
        let args = match self.fault {
            Fault::CrossEntropyIgnoresWeights => CrossEntropyArgs { row_weights: &ones, ..*args },
            Fault::CrossEntropyForgetsBias => CrossEntropyArgs { bias: &no_bias, ..*args },
            _ => *args,
        };
        self.cpu().linear_cross_entropy(&args, gradients)
    }
    fn linear_cross_entropy_partials(&self, args: &CrossEntropyArgs<'_>) -> Result<CrossEntropyPartials> {
        let offset = if self.is(Fault::PartialsIgnoreOffset) { 0 } else { args.offset };
        self.cpu().linear_cross_entropy_partials(&CrossEntropyArgs { offset, ..*args })
    }
    fn linear_cross_entropy_gradients(
        &self,
        args: &CrossEntropyArgs<'_>,
        log_sum: &Tensor,
    ) -> Result<CrossEntropyGradients> {
        let offset = if self.is(Fault::GradientsIgnoreOffset) { 0 } else { args.offset };
        self.cpu().linear_cross_entropy_gradients(&CrossEntropyArgs { offset, ..*args }, log_sum)
    }
    fn coalesce(&self, index: &Tensor, values: &Tensor, padded: bool) -> Result<(Tensor, Tensor)> {
        let padded = padded && !self.is(Fault::CoalesceUnpadded);
        let (rows, sums) = self.cpu().coalesce(index, values, padded)?;
        Ok(match self.fault {
            Fault::CoalesceUnsorted => (rows.flip(0).contiguous(), sums.flip(0).contiguous()),
            Fault::CoalesceOneRow => (rows.narrow(0, 0, rows.dim(0).min(1)), sums.narrow(0, 0, rows.dim(0).min(1))),
            _ => (rows, sums),
        })
    }
}
