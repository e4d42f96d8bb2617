//! Gathering and scattering along an axis, whole slices, and sums of equal rows.

use super::host::{Host, flat};
use super::inputs::{List, Operand, Values, View, pairs};
use super::report::{Checker, Named, Within, compare, exactly};
use crate::ops::NO_ROW;
use crate::{DType, Tensor};

/// A tensor's shape, the axis, and how many indices along it.
const SHAPES: [(&[usize], usize, usize); 14] = [
    (&[5], 0, 3),
    (&[1], 0, 4),
    (&[4, 3], 0, 6),
    (&[4, 3], 1, 2),
    (&[4, 3], 0, 0),
    (&[4, 0], 0, 2),
    (&[0, 3], 0, 0),
    (&[0, 3], 1, 5),
    (&[2, 3, 4], 0, 3),
    (&[2, 3, 4], 1, 5),
    (&[2, 3, 4], 2, 1),
    (&[50, 70], 0, 300),
    (&[130, 140], 1, 141),
    (&[20011], 0, 20000),
];

pub(super) fn check(checker: &mut Checker) {
    let device = checker.device();
    for dtype in DType::ALL {
        for (turn, (shape, axis, count)) in SHAPES.into_iter().enumerate() {
            let mut indexed = shape.to_vec();
            indexed[axis] = count;
            let large = indexed.iter().product::<usize>() > 10_000;
            for (one, two) in
                pairs(turn).filter(|v| v.0.fits(shape) && v.1.fits(shape)).take(if large { 2 } else { 18 })
            {
                let x = Operand::new("x", Values::Whole, one, shape, dtype, &device);
                let index = Operand::indices("index", shape[axis].max(1), two, &indexed, &device);
                gather(checker, &x, &index, axis);
                let row = Operand::indices("row", shape[axis].max(1), View::Stepped, &[count], &device);
                index_select(checker, &x, &row, axis);
                if dtype != DType::Bool {
                    let source = Operand::new("source", Values::Whole, two, &indexed, dtype, &device);
                    scatter_add(checker, &x, &index, &source, axis);
                    index_add(checker, &x, &row, &source, axis);
                }
            }
        }
    }
    coalesce(checker);
}

fn gather(checker: &mut Checker, x: &Operand, index: &Operand, axis: usize) {
    checker.case("gather", x.tensor.dtype(), List(&[x, &"index", index, &format!("axis {axis}")]), |_| {
        let expected = Host::from_fn(&index.host.shape, |i| {
            let mut at = i.to_vec();
            at[axis] = index.host.at(i) as usize;
            x.host.at(&at)
        });
        exactly(&x.tensor.gather(axis as isize, &index.tensor), &expected)
    });
}

fn index_select(checker: &mut Checker, x: &Operand, rows: &Operand, axis: usize) {
    checker.case("index_select", x.tensor.dtype(), List(&[x, &"index", rows, &format!("axis {axis}")]), |_| {
        let mut shape = x.host.shape.clone();
        shape[axis] = rows.host.values.len();
        let expected = Host::from_fn(&shape, |i| {
            let mut at = i.to_vec();
            at[axis] = rows.host.values[i[axis]] as usize;
            x.host.at(&at)
        });
        exactly(&x.tensor.index_select(axis as isize, &rows.tensor), &expected)
    });
}

/// `x` with each element of `source` added at the place that `of` names.
fn added(x: &Host, source: &Host, of: impl Fn(&[usize]) -> Vec<usize>) -> Host {
    let mut out = x.clone();
    Host::from_fn(&source.shape, |index| {
        out.values[flat(&x.shape, &of(index))] += source.at(index);
        0.0
    });
    out
}

fn scatter_add(checker: &mut Checker, x: &Operand, index: &Operand, source: &Operand, axis: usize) {
    checker.case("scatter_add", x.tensor.dtype(), List(&[x, &"index", index, &format!("axis {axis}")]), |_| {
        let expected = added(&x.host, &source.host, |i| {
            let mut at = i.to_vec();
            at[axis] = index.host.at(i) as usize;
            at
        });
        exactly(&x.tensor.scatter_add(axis as isize, &index.tensor, &source.tensor), &expected)?;
        exactly(&x.tensor, &x.host).named("the tensor itself")
    });
}

fn index_add(checker: &mut Checker, x: &Operand, rows: &Operand, source: &Operand, axis: usize) {
    checker.case("index_add", x.tensor.dtype(), List(&[x, &"index", rows, &format!("axis {axis}")]), |_| {
        let expected = added(&x.host, &source.host, |i| {
            let mut at = i.to_vec();
            at[axis] = rows.host.values[i[axis]] as usize;
            at
        });
        exactly(&x.tensor.index_add(axis as isize, &rows.tensor, &source.tensor), &expected)
    });
}

fn coalesce(checker: &mut Checker) {
    let device = checker.device();
    for dtype in DType::FLOATS {
        for (count, width, bound) in [(0, 3, 5), (1, 1, 1), (7, 0, 3), (6, 3, 4), (500, 40, 60)] {
            for values in [Values::Whole, Values::Real] {
                let index = Operand::indices("index", bound, View::Flipped, &[count], &device);
                let x = Operand::new("values", values, View::Transposed, &[count, width], dtype, &device);
                checker.case("coalesce", dtype, List(&[&x, &"index", &index]), |_| {
                    let (rows, sums) = x.tensor.coalesce(&index.tensor);
                    let mut distinct = index.host.values.clone();
                    distinct.sort_by(f64::total_cmp);
                    distinct.dedup();
                    let row_of = |row: f64| distinct.iter().position(|&r| r == row).expect("a distinct row");
                    let nothing = Host::from_fn(&[distinct.len(), width], |_| 0.0);
                    let place = |i: &[usize]| vec![row_of(index.host.values[i[0]]), i[1]];
                    let sizes = added(&nothing, &x.host.map(f64::abs), place).values;
                    let expected = added(&nothing, &x.host, place);
                    exactly(&rows, &Host { shape: vec![distinct.len()], values: distinct.clone() }).named("rows")?;
                    let within = match values {
                        Values::Whole => Within::Exactly,
                        _ => Within::Each { epsilons: 8.0, sizes: &sizes },
                    };
                    compare(&sums, &expected, within).named("sums")?;
                    let (padded_rows, padded_sums) = x.tensor.coalesce_padded(&index.tensor);
                    let found = distinct.len();
                    let row = |i: &[usize]| if i[0] < found { distinct[i[0]] } else { f64::from(NO_ROW) };
                    exactly(&padded_rows, &Host::from_fn(&[count], row)).named("padded rows")?;
                    let sums = Host { shape: vec![found, width], values: sums.to_f64_vec() };
                    let sum = |i: &[usize]| if i[0] < found { sums.at(i) } else { 0.0 };
                    exactly(&padded_sums, &Host::from_fn(&[count, width], sum)).named("padded sums")
                });
            }
        }
    }
    checker.case("coalesce", DType::F32, "the largest index", |device| {
        let index = Tensor::from_slice(&[u32::MAX, 0, u32::MAX], [3], device);
        let values = Tensor::from_slice(&[1f32, 2.0, 4.0], [3, 1], device);
        let (rows, sums) = values.coalesce(&index);
        exactly(&rows, &Host { shape: vec![2], values: vec![0.0, u32::MAX as f64] }).named("rows")?;
        exactly(&sums, &Host { shape: vec![2, 1], values: vec![2.0, 5.0] }).named("sums")
    });
}
