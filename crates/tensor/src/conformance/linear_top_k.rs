//! Linear layer, log-softmax and the k best in one, against the definition in f64.

use super::host::{Host, host, read};
use super::inputs::{Operand, Values, View};
use super::report::{Checker, Named, Outcome, Within, compare, exactly, holds};
use crate::fused::top_k::definition;
use crate::fused::{LinearTopK, LinearTopKArgs, TopKSlice, merge_top_k};
use crate::{DType, Device, Tensor};

/// Rows, features, words, k.
const SIZES: [[usize; 4]; 10] = [
    [1, 1, 1, 1],
    [5, 4, 7, 3],
    [0, 3, 5, 2],
    [3, 0, 4, 4],
    [4, 6, 9, 0],
    [1, 300, 700, 13],
    [150, 8, 50, 2],
    [33, 20, 3000, 13],
    [3, 5, 2000, 2000],
    [300, 16, 1000, 4],
];

pub(super) fn check(checker: &mut Checker) {
    for dtype in DType::FLOATS {
        for [n, h, v, k] in SIZES {
            for view in [View::Plain, View::Transposed, View::Flipped] {
                let described = format!("{view:?} N {n}, H {h}, V {v}, k {k}").to_lowercase();
                checker.case("linear_top_k", dtype, described, |device| {
                    let operand = |name: &str, values, shape: &[usize]| {
                        let view = if view.fits(shape) { view } else { View::Offset };
                        Operand::new(name, values, view, shape, dtype, device).tensor
                    };
                    let weight = operand("weight", Values::Real, &[v, h]).affine(0.5 / (h.max(1) as f64).sqrt(), 0.0);
                    near(&operand("hidden", Values::Real, &[n, h]), &weight, &operand("bias", Values::Real, &[v]), k)
                });
            }
        }
        checker.case("linear_top_k", dtype, "equal logits", |device| equals(dtype, device));
        checker.case("linear_top_k", dtype, "infinities and NaN", |device| specials(dtype, device));
    }
}

fn near(hidden: &Tensor, weight: &Tensor, bias: &Tensor, k: usize) -> Outcome {
    let v = bias.elements();
    let found = |hidden: &Tensor| Tensor::linear_top_k(&LinearTopKArgs { hidden, weight, bias, k, watched: v - 1 });
    let wide = |x: &Tensor| x.cast(DType::F64);
    let (hidden_wide, weight_wide, bias_wide) = (wide(hidden), wide(weight), wide(bias));
    let args = LinearTopKArgs { hidden: &hidden_wide, weight: &weight_wide, bias: &bias_wide, k, watched: v - 1 };
    let expected = definition(&args).expect("the definition runs");
    let all = hidden_wide.linear(&weight_wide, Some(&bias_wide)).log_softmax(1);
    let best = found(hidden);
    let within = || {
        let epsilons = match hidden.dtype() {
            // The definition rounds its logits.
            DType::F16 => 32.0 * 8192.0,
            DType::BF16 => 32.0 * 65536.0,
            _ => 128.0,
        };
        Within::Relative { epsilons, floor: 1.0 }
    };
    compare(&best.values, &host(&expected.values), within()).named("values")?;
    compare(&best.watched, &host(&expected.watched), within()).named("watched")?;
    // Near ones may change places, but each word has its own value, and none is there twice.
    compare(&best.values, &host(&all.gather(1, &best.words)), within()).named("values of the words")?;
    distinct(&best.words)?;
    let merged = in_slices(hidden, weight, bias, k);
    compare(&merged.values, &host(&expected.values), within()).named("values, in slices")?;
    compare(&merged.watched, &host(&expected.watched), within()).named("watched, in slices")?;
    compare(&merged.values, &host(&all.gather(1, &merged.words)), within()).named("values of the words, in slices")?;
    rows_alone(hidden, &best, found)
}

/// A third of the words, then the others, merged; watched is the last word.
fn in_slices(hidden: &Tensor, weight: &Tensor, bias: &Tensor, k: usize) -> LinearTopK {
    let v = bias.elements();
    let slice = |from: usize, words: usize| {
        let (weight, bias) = (weight.narrow(0, from, words), bias.narrow(0, from, words));
        let (k, watched) = (k.min(words), words - 1);
        Tensor::linear_top_k_partials(&LinearTopKArgs { hidden, weight: &weight, bias: &bias, k, watched })
    };
    let cuts = if v < 3 { vec![0, v] } else { vec![0, v / 3, v] };
    let parts: Vec<_> = cuts.windows(2).map(|cut| slice(cut[0], cut[1] - cut[0])).collect();
    let slices: Vec<TopKSlice<'_>> =
        parts.iter().zip(&cuts).map(|(partials, &offset)| TopKSlice { partials, offset }).collect();
    merge_top_k(&slices, k, slices.len() - 1)
}

fn distinct(words: &Tensor) -> Outcome {
    for row in words.to_vec::<u32>().chunks(words.dim(1).max(1)) {
        let mut sorted = row.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        holds("the words of a row are distinct", sorted.len() == row.len())?;
    }
    Ok(())
}

/// A row alone has the bits that it has among others.
fn rows_alone(hidden: &Tensor, best: &LinearTopK, found: impl Fn(&Tensor) -> LinearTopK) -> Outcome {
    let n = hidden.dim(0);
    for row in [0, n / 2, n.saturating_sub(1)].into_iter().filter(|&row| row < n) {
        let alone = found(&hidden.narrow(0, row, 1));
        exactly(&alone.values, &host(&best.values.narrow(0, row, 1))).named("values of a row alone")?;
        exactly(&alone.words, &host(&best.words.narrow(0, row, 1))).named("words of a row alone")?;
        exactly(&alone.watched, &host(&best.watched.narrow(0, row, 1))).named("watched of a row alone")?;
    }
    Ok(())
}

/// What `bias` alone makes, over one row of nothing.
fn of_bias(bias: &Host, k: usize, watched: usize, dtype: DType, device: &Device) -> LinearTopK {
    let bias = bias.upload(dtype, device);
    let zeros = |rows: usize| Tensor::zeros([rows, 1], dtype, device);
    let (hidden, weight) = (zeros(1), zeros(bias.elements()));
    Tensor::linear_top_k(&LinearTopKArgs { hidden: &hidden, weight: &weight, bias: &bias, k, watched })
}

/// Of equals the first words, whatever was computed first.
fn equals(dtype: DType, device: &Device) -> Outcome {
    let v = 2500;
    let best = of_bias(&Host::from_fn(&[v], |at| if at[0] % 500 == 499 { 2.0 } else { 1.0 }), 9, 0, dtype, device);
    let expected = [499, 999, 1499, 1999, 2499, 0, 1, 2, 3];
    exactly(&best.words, &Host::from_fn(&[1, 9], |at| expected[at[1]] as f64))
}

/// −∞ is a word of no probability, over whole tiles too; NaN comes first and spoils its row.
fn specials(dtype: DType, device: &Device) -> Outcome {
    let (v, infinity) = (2000, f64::INFINITY);
    let best = of_bias(&Host::from_fn(&[v], |at| if at[0] == 1700 { 3.0 } else { -infinity }), 2, 5, dtype, device);
    exactly(&best.words, &Host { shape: vec![1, 2], values: vec![1700.0, 0.0] }).named("words")?;
    exactly(&best.values, &Host { shape: vec![1, 2], values: vec![0.0, -infinity] }).named("values")?;
    exactly(&best.watched, &Host { shape: vec![1], values: vec![-infinity] }).named("watched")?;
    // A slice of −∞ alone takes nothing from the others.
    let bias = Host::from_fn(&[v], |at| if at[0] >= 1700 { 3.0 } else { -infinity }).upload(dtype, device);
    let zeros = |rows: usize| Tensor::zeros([rows, 1], dtype, device);
    let merged = in_slices(&zeros(1), &zeros(v), &bias, 2);
    exactly(&merged.words, &Host { shape: vec![1, 2], values: vec![1700.0, 1701.0] }).named("words in slices")?;
    let each = Host { shape: vec![1, 2], values: vec![-300f64.ln(); 2] };
    compare(&merged.values, &each, Within::Relative { epsilons: 8.0, floor: 1.0 }).named("values in slices")?;
    let best = of_bias(&Host::from_fn(&[v], |at| if at[0] == 900 { f64::NAN } else { 0.0 }), 2, 5, dtype, device);
    exactly(&best.words, &Host { shape: vec![1, 2], values: vec![900.0, 0.0] }).named("words beside NaN")?;
    holds("NaN spoils its row", read(&best.values).iter().chain(&read(&best.watched)).all(|x| x.is_nan()))
}
