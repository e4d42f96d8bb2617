//! Products with weights that are kept rounded: what they are, and that they do not depend on threads or on who else is in the batch.

use unrolled_tensor::fused::{LinearTopKArgs, LstmArgs};
use unrolled_tensor::ops::Distribution;
use unrolled_tensor::random::Key;
use unrolled_tensor::{DType, Device, MatmulPrecision, Rounding, Tensor};

const CELLS: usize = 37;
const INPUTS: usize = 21;
const WORDS: usize = 700;

/// An LSTM layer and a projection.
struct Weights {
    input: Tensor,
    recurrent: Tensor,
    bias: Tensor,
    projection: Tensor,
    words: Tensor,
}

fn random(seed: u64, shape: &[usize], device: &Device) -> Tensor {
    let normal = Distribution::Normal { mean: 0.0, deviation: 0.3 };
    Tensor::random(normal, Key::new(seed), shape, DType::F32, device)
}

impl Weights {
    fn new(device: &Device) -> Weights {
        Weights {
            input: random(1, &[4 * CELLS, INPUTS], device),
            recurrent: random(2, &[4 * CELLS, CELLS], device),
            bias: random(3, &[4 * CELLS], device),
            projection: random(4, &[WORDS, CELLS], device),
            words: random(5, &[WORDS], device),
        }
    }

    fn keep(&self, to: Rounding) {
        let kept =
            [self.input.keep_rounded(1, to), self.recurrent.keep_rounded(4, to), self.projection.keep_rounded(1, to)];
        assert_eq!(kept, [true; 3]);
    }

    /// h of all steps, the logits of the last, and the best words with their log-probabilities.
    fn answers(&self, input: &Tensor) -> [Tensor; 4] {
        let state = Tensor::zeros([input.dim(1), CELLS], DType::F32, input.device());
        let output = Tensor::lstm_sequence(&LstmArgs {
            input,
            weight_ih: &self.input,
            weight_hh: &self.recurrent,
            bias: &self.bias,
            hidden: &state,
            cell: &state,
            lengths: None,
            start: 0,
        });
        let logits = output.hidden.linear(&self.projection, Some(&self.words));
        let (hidden, weight, bias) = (&output.hidden, &self.projection, &self.words);
        let best = Tensor::linear_top_k(&LinearTopKArgs { hidden, weight, bias, k: 5, watched: 1 });
        [output.sequence, logits, best.values, best.words]
    }
}

fn bytes(answers: &[Tensor]) -> Vec<Vec<u8>> {
    answers.iter().map(Tensor::to_bytes).collect()
}

#[test]
fn bf16_weights_are_those_that_are_rounded_before() {
    for precision in [MatmulPrecision::F32, MatmulPrecision::F32Fma, MatmulPrecision::Bf16] {
        let device = Device::cpu_with(0, 2, usize::MAX);
        device.set_matmul_precision(precision);
        for rows in [1, 3, 30] {
            let (weights, input) = (Weights::new(&device), random(6, &[4, rows, INPUTS], &device));
            let rounded = |x: &Tensor| x.cast(DType::BF16).cast(DType::F32);
            let before = Weights {
                input: rounded(&weights.input),
                recurrent: rounded(&weights.recurrent),
                projection: rounded(&weights.projection),
                ..Weights::new(&device)
            };
            let exact = weights.answers(&input);
            weights.keep(Rounding::Bf16);
            let found = weights.answers(&input);
            assert!(bytes(&found) == bytes(&before.answers(&input)), "{precision:?}, {rows} rows");
            assert!(
                precision == MatmulPrecision::Bf16 || bytes(&found[..1]) != bytes(&exact[..1]),
                "nothing was rounded"
            );
        }
    }
}

#[test]
fn whole_numbers_give_a_row_the_same_bits_in_any_batch_and_on_any_threads() {
    let found = [1, 2, 3, 8].map(|threads| {
        let device = Device::cpu_with(0, threads, usize::MAX);
        let (weights, input) = (Weights::new(&device), random(6, &[4, 70, INPUTS], &device));
        let exact = weights.answers(&input);
        weights.keep(Rounding::Int8);
        let all = weights.answers(&input);
        for row in [0, 41, 69] {
            let alone = weights.answers(&input.narrow(1, row, 1).contiguous());
            let of_all = [all[0].narrow(1, row, 1).contiguous(), all[1].narrow(0, row, 1), all[2].narrow(0, row, 1)];
            assert!(bytes(&alone[..3]) == bytes(&of_all), "row {row} on {threads} threads");
        }
        // Near, and not the same.
        for (found, exact) in all[..2].iter().zip(&exact) {
            let distance = (found - exact).abs().to_f64_vec().into_iter().fold(0.0, f64::max);
            assert!((1e-6..0.1).contains(&distance), "{distance}");
        }
        bytes(&all)
    });
    assert!(found.iter().all(|of_threads| *of_threads == found[0]));
}

#[test]
fn a_rounded_weight_stays_so_until_it_changes() {
    let device = Device::cpu_with(0, 1, usize::MAX);
    let (x, mut weight) = (random(7, &[3, 40], &device), random(8, &[12, 40], &device));
    let exact = x.linear(&weight, None).to_bytes();
    assert!(weight.keep_rounded(4, Rounding::Int8));
    let rounded = x.linear(&weight, None).to_bytes();
    assert!(rounded != exact, "in other blocks than those that are kept");
    weight.keep_packed(1);
    device.set_matmul_precision(MatmulPrecision::F32Fma);
    assert!(x.linear(&weight, None).to_bytes() == rounded, "kept again, and in another precision");
    device.set_matmul_precision(MatmulPrecision::F32);
    weight.accumulate(&Tensor::zeros([12, 40], DType::F32, &device), 1.0);
    assert!(x.linear(&weight, None).to_bytes() == exact, "it was written to");
    assert!(!weight.narrow(0, 0, 4).keep_rounded(1, Rounding::Int8), "a part");
    assert!(!weight.cast(DType::F64).keep_rounded(1, Rounding::Bf16), "f64 has no such products");
}
