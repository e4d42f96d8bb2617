//! Reductions over every choice of axes.

use super::host::{Host, sum};
use super::inputs::{List, Operand, Values, View};
use super::report::{Checker, Within, compare, exactly};
use super::table::{larger, smaller};
use crate::DType;
use crate::ops::Reduce;

/// Short ones, and those longer than a block along, across and beside memory.
const SHAPES: [&[usize]; 15] = [
    &[],
    &[1],
    &[7],
    &[0],
    &[2, 3],
    &[3, 0],
    &[0, 4],
    &[5, 1, 3],
    &[2, 3, 4],
    &[17, 33],
    &[4500],
    &[70001],
    &[4099, 3],
    &[2, 4103],
    &[12, 37, 20],
];

pub(super) fn check(checker: &mut Checker) {
    let device = checker.device();
    for dtype in DType::ALL {
        for shape in SHAPES {
            let views = match shape.iter().product() {
                0..1000 => &View::ALL[..],
                1000..50_000 => &[View::Plain, View::Transposed, View::Flipped],
                _ => &[View::Plain],
            };
            for &view in views.iter().filter(|view| view.fits(shape)) {
                let operand = |values| Operand::new("x", values, view, shape, dtype, &device);
                let operands = [Values::Whole, Values::Real, Values::NearOne].map(operand);
                for axes in choices(shape.len()) {
                    over(checker, dtype, &operands, &axes);
                }
            }
        }
    }
    special(checker);
    means(checker);
}

/// Each axis alone, all of them, none, and the outer two.
fn choices(rank: usize) -> Vec<Vec<isize>> {
    let mut choices: Vec<Vec<isize>> = (0..rank as isize).map(|axis| vec![axis]).collect();
    choices.push(vec![]);
    if rank > 1 {
        choices.push((0..rank as isize).collect());
    }
    if rank > 2 {
        choices.push(vec![-1, 0]);
    }
    choices
}

fn takes(op: Reduce, dtype: DType) -> bool {
    dtype != DType::Bool || matches!(op, Reduce::Sum | Reduce::Prod)
}

fn over(checker: &mut Checker, dtype: DType, [whole, real, near_one]: &[Operand; 3], axes: &[isize]) {
    let groups = Groups::new(&whole.host.shape, axes);
    for op in Reduce::ALL.into_iter().filter(|&op| takes(op, dtype) && (groups.count > 0 || op.has_identity())) {
        // Of whole numbers a sum is exact whatever its order; of others it loses as a random walk does.
        for (x, exact) in [(whole, true), (if op == Reduce::Prod { near_one } else { real }, false)] {
            // A product of whole floats overflows and then meets a zero; integers are whole either way.
            let skipped = if dtype.is_float() { op == Reduce::Prod && exact } else { !exact };
            if skipped {
                continue;
            }
            let keep = !exact;
            checker.case(op.name(), dtype, List(&[x, &format!("axes {axes:?}")]), |_| {
                let found = x.tensor.reduce(op, axes, keep);
                let (values, sizes) = groups.reduce(op, dtype, &x.host);
                let expected = Host { shape: groups.shape(keep), values };
                if exact || !dtype.is_float() || matches!(op, Reduce::ArgMax | Reduce::ArgMin) {
                    return exactly(&found, &expected);
                }
                // Factors that are repeated round alike, again and again.
                let walk = if op == Reduce::Prod { 3.0 } else { 2.0 };
                let epsilons = 4.0 + walk * (groups.count as f64).sqrt();
                compare(&found, &expected, Within::Each { epsilons, sizes: &sizes })
            });
        }
    }
}

/// Which elements are reduced to which.
struct Groups {
    kept: Vec<bool>,
    shape: Vec<usize>,
    /// How many elements become one.
    count: usize,
    /// The group of each element.
    of: Vec<usize>,
}

impl Groups {
    fn new(shape: &[usize], axes: &[isize]) -> Groups {
        let rank = shape.len() as isize;
        let kept: Vec<bool> = (0..rank).map(|a| !axes.contains(&a) && !axes.contains(&(a - rank))).collect();
        let count = (0..shape.len()).filter(|&a| !kept[a]).map(|a| shape[a]).product();
        let mut of = Vec::new();
        Host::from_fn(shape, |index| {
            let group = (0..index.len()).filter(|&a| kept[a]).fold(0, |at, a| at * shape[a] + index[a]);
            of.push(group);
            0.0
        });
        Groups { kept, shape: shape.to_vec(), count, of }
    }

    fn shape(&self, keep: bool) -> Vec<usize> {
        let axes = self.shape.iter().zip(&self.kept);
        axes.filter(|&(_, &kept)| keep || kept).map(|(&n, &kept)| if kept { n } else { 1 }).collect()
    }

    /// The reduction of each group, and the size that its error is measured by.
    fn reduce(&self, op: Reduce, dtype: DType, x: &Host) -> (Vec<f64>, Vec<f64>) {
        let groups = self.shape(false).iter().product();
        let mut members: Vec<Vec<f64>> = (0..groups).map(|_| Vec::with_capacity(self.count)).collect();
        self.of.iter().zip(&x.values).for_each(|(&group, &value)| members[group].push(value));
        members.iter().map(|members| one(op, dtype, members)).unzip()
    }
}

fn one(op: Reduce, dtype: DType, x: &[f64]) -> (f64, f64) {
    let integers = || x.iter().map(|&x| x as i64);
    let first = |better: fn(f64, f64) -> bool| {
        (1..x.len())
            .fold(0, |best, i| if better(x[i], x[best]) || x[i].is_nan() && !x[best].is_nan() { i } else { best })
    };
    match (op, dtype) {
        (Reduce::Sum, DType::Bool) => (x.contains(&1.0) as u8 as f64, 0.0),
        (Reduce::Prod, DType::U32) => (integers().fold(1, i64::wrapping_mul) as u32 as f64, 0.0),
        (Reduce::Prod, DType::I64) => (integers().fold(1, i64::wrapping_mul) as f64, 0.0),
        (Reduce::Sum, _) => (sum(x.iter().copied()), x.iter().map(|x| x.abs()).sum()),
        (Reduce::SumSquares, _) => (sum(x.iter().map(|x| x * x)), 0.0),
        (Reduce::Prod, _) => (x.iter().product(), 0.0),
        (Reduce::Max, _) => (x.iter().copied().fold(f64::NEG_INFINITY, larger), 0.0),
        (Reduce::Min, _) => (x.iter().copied().fold(f64::INFINITY, smaller), 0.0),
        (Reduce::ArgMax, _) => (first(|a, b| a > b) as f64, 0.0),
        (Reduce::ArgMin, _) => (first(|a, b| a < b) as f64, 0.0),
    }
}

/// Infinities and what is not a number, at the ends of lanes and blocks, along and across memory.
fn special(checker: &mut Checker) {
    for dtype in DType::FLOATS {
        for n in [1, 2, 17, 40, 5000] {
            for (name, value) in [("NaN", f64::NAN), ("infinity", f64::INFINITY), ("−infinity", f64::NEG_INFINITY)] {
                for place in [0, n / 2, n - 1] {
                    let x = Host::from_fn(&[2, n], |i| if *i == [1, place] { value } else { (i[1] % 5) as f64 });
                    let groups = Groups::new(&x.shape, &[1]);
                    for op in Reduce::ALL {
                        if op == Reduce::Prod {
                            continue; // 0 · ∞
                        }
                        checker.case(op.name(), dtype, format_args!("{name} at {place} of {n}"), |device| {
                            let (values, _) = groups.reduce(op, dtype, &x);
                            let (tensor, expected) = (x.upload(dtype, device), Host { shape: vec![2], values });
                            exactly(&tensor.reduce(op, [1], false), &expected)?;
                            exactly(&tensor.t().contiguous().reduce(op, [0], false), &expected)
                        });
                    }
                }
            }
        }
    }
}

fn means(checker: &mut Checker) {
    let device = checker.device();
    for dtype in DType::FLOATS {
        for shape in SHAPES {
            let x = Operand::new("x", Values::Real, View::Plain, shape, dtype, &device);
            for axes in choices(shape.len()) {
                let groups = Groups::new(shape, &axes);
                checker.case("mean", dtype, List(&[&x, &format!("axes {axes:?}")]), |_| {
                    let (sums, sizes) = groups.reduce(Reduce::Sum, dtype, &x.host);
                    let n = groups.count as f64;
                    let expected = Host { shape: groups.shape(true), values: sums.iter().map(|sum| sum / n).collect() };
                    let sizes: Vec<f64> = sizes.iter().map(|size| size / n).collect();
                    let within = Within::Each { epsilons: 5.0 + 2.0 * n.sqrt(), sizes: &sizes };
                    compare(&x.tensor.mean(&axes[..], true), &expected, within)
                });
            }
        }
    }
}
