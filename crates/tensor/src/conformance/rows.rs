//! What works along one axis: running sums, softmax, the largest k.

use super::host::{Host, rounded};
use super::inputs::{List, Operand, Values, View};
use super::report::{Checker, Named, Outcome, Within, compare, exactly};
use crate::{DType, Device, Tensor};

const SHAPES: [&[usize]; 12] =
    [&[1], &[7], &[0], &[2, 3], &[3, 0], &[0, 4], &[2, 3, 4], &[17, 33], &[5003], &[3, 5003], &[5003, 3], &[600, 50]];

pub(super) fn check(checker: &mut Checker) {
    let device = checker.device();
    for shape in SHAPES {
        let large = shape.iter().product::<usize>() > 1000;
        let views = if large { &[View::Plain, View::Mixed][..] } else { &View::ALL };
        for &view in views.iter().filter(|view| view.fits(shape)) {
            for axis in 0..shape.len() {
                for dtype in DType::ALL.into_iter().filter(|&dtype| dtype != DType::Bool) {
                    let x = |values| Operand::new("x", values, view, shape, dtype, &device);
                    cumulative_sum(checker, &x(Values::Whole), dtype, axis);
                    top_k(checker, &x(Values::Whole), dtype, axis);
                }
                for dtype in DType::FLOATS {
                    for values in [Values::Real, Values::Far] {
                        softmax(checker, &Operand::new("x", values, view, shape, dtype, &device), dtype, axis);
                    }
                }
            }
        }
    }
    special(checker);
}

/// `x` with each run along `axis` replaced by `of` it, which may have another length.
fn along(x: &Host, axis: usize, of: impl Fn(&[f64]) -> Vec<f64>) -> Host {
    let rank = x.shape.len();
    let mut order: Vec<usize> = (0..rank).filter(|&a| a != axis).collect();
    order.push(axis);
    let last = x.permute(&order);
    let n = x.shape[axis];
    let empty = of(&vec![0.0; n]).len();
    let values: Vec<f64> = last.values.chunks(n.max(1)).flat_map(of).collect();
    let mut shape = last.shape;
    shape[rank - 1] = empty;
    let mut back = vec![0; rank];
    order.iter().enumerate().for_each(|(place, &a)| back[a] = place);
    Host { shape, values }.permute(&back)
}

fn cumulative_sum(checker: &mut Checker, x: &Operand, dtype: DType, axis: usize) {
    checker.case("cumsum", dtype, List(&[x, &format!("axis {axis}")]), |_| {
        let sums = |row: &[f64]| {
            let mut sum = 0.0;
            row.iter().map(|x| (sum += x, sum).1).collect()
        };
        let mut expected = along(&x.host, axis, sums);
        if dtype == DType::U32 {
            expected = expected.map(|x| x.rem_euclid(4_294_967_296.0));
        }
        exactly(&x.tensor.cumsum(axis as isize), &expected)
    });
}

fn log_softmax(row: &[f64]) -> Vec<f64> {
    let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let total = row.iter().map(|x| (x - max).exp()).sum::<f64>().ln();
    row.iter().map(|x| x - max - total).collect()
}

fn softmax(checker: &mut Checker, x: &Operand, dtype: DType, axis: usize) {
    // x − max is rounded before its exponential, and the sum wanders with the length.
    let epsilons = 16.0 + (x.host.shape[axis] as f64).sqrt();
    checker.case("log_softmax", dtype, List(&[x, &format!("axis {axis}")]), |_| {
        let expected = along(&x.host, axis, log_softmax);
        compare(&x.tensor.log_softmax(axis as isize), &expected, Within::Relative { epsilons, floor: 1.0 })
    });
    checker.case("softmax", dtype, List(&[x, &format!("axis {axis}")]), |_| {
        let expected = along(&x.host, axis, log_softmax).map(f64::exp);
        compare(&x.tensor.softmax(axis as isize), &expected, Within::Relative { epsilons, floor: 0.0 })
    });
}

/// The places of the `k` largest: NaN before all numbers, and the first of equals first.
fn largest(row: &[f64], k: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..row.len()).collect();
    order.sort_by(|&a, &b| {
        let (x, y) = (row[a], row[b]);
        y.is_nan().cmp(&x.is_nan()).then(y.partial_cmp(&x).unwrap_or(std::cmp::Ordering::Equal))
    });
    order.truncate(k);
    order
}

fn top(tensor: &Tensor, x: &Host, k: usize, axis: usize) -> Outcome {
    let (values, places) = tensor.top_k(k, axis as isize);
    let expected = along(x, axis, |row| largest(row, k).iter().map(|&i| i as f64).collect());
    exactly(&places, &expected).named("places")?;
    let picked = Host::from_fn(&expected.shape, |index| {
        let mut at = index.to_vec();
        at[axis] = expected.at(index) as usize;
        x.at(&at)
    });
    exactly(&values, &picked).named("values")
}

fn top_k(checker: &mut Checker, x: &Operand, dtype: DType, axis: usize) {
    let n = x.host.shape[axis];
    let mut counts = if n > 1000 { vec![2, n] } else { vec![0, 1, 2, n / 2, n] };
    counts.retain(|&k| k <= n);
    counts.sort_unstable();
    counts.dedup();
    for k in counts {
        checker
            .case("top_k", dtype, List(&[x, &format!("{k} along axis {axis}")]), |_| top(&x.tensor, &x.host, k, axis));
    }
}

fn special(checker: &mut Checker) {
    let (infinity, nan) = (f64::INFINITY, f64::NAN);
    let rows = [
        [0.0, -infinity, 1.0, -infinity, 2.0, 5.0, 5.0],
        [-infinity, -infinity, -infinity, 3.0, -infinity, -infinity, -infinity],
        [0.0, -60000.0, 0.0, 60000.0, 0.0, 59999.0, -1.0],
    ];
    let masked = Host { shape: vec![rows.len(), 7], values: rows.concat() };
    let unordered =
        Host { shape: vec![2, 5], values: vec![1.0, nan, infinity, 3.0, nan, -infinity, 2.0, nan, 2.0, 7.0] };
    for dtype in DType::FLOATS {
        let masked = masked.map(|x| rounded(dtype, x));
        let upload = |device: &Device, x: &Host| x.upload(dtype, device);
        checker.case("softmax", dtype, "rows with −infinity and far values", |device| {
            let expected = along(&masked, 1, log_softmax);
            let within = Within::Relative { epsilons: 16.0, floor: 1.0 };
            compare(&upload(device, &masked).log_softmax(1), &expected, within).named("logarithm")?;
            compare(&upload(device, &masked).softmax(1), &expected.map(f64::exp), within)
        });
        checker.case("softmax", dtype, "NaN spreads over its row and no further", |device| {
            let x = Host::from_fn(&[3, 40], |i| if *i == [1, 20] { nan } else { (i[1] % 3) as f64 });
            let expected = along(&x, 1, log_softmax).map(f64::exp);
            let expected = Host::from_fn(&[3, 40], |i| if i[0] == 1 { nan } else { expected.at(i) });
            compare(&upload(device, &x).softmax(1), &expected, Within::Relative { epsilons: 16.0, floor: 0.0 })
        });
        checker.case("top_k", dtype, "NaN and infinities", |device| top(&upload(device, &unordered), &unordered, 4, 1));
    }
}
