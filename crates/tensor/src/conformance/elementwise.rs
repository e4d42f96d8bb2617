//! Unary and binary operations, comparisons, selection, casts, accumulation: all views, all dtypes, shapes that broadcast.

use super::host::{Host, broadcast, rounded};
use super::inputs::{List, Operand, SMALL, Values, View, layouts, pairs};
use super::report::{Checker, compare, equal, exactly, holds};
use super::table;
use crate::DType;
use crate::ops::{Binary, Compare, Unary};

/// Shapes that broadcast with one another.
const PAIRS: [(&[usize], &[usize]); 17] = [
    (&[], &[]),
    (&[7], &[7]),
    (&[2, 3], &[2, 3]),
    (&[2, 3], &[3]),
    (&[3], &[2, 3]),
    (&[2, 1], &[1, 3]),
    (&[4, 1, 5], &[3, 1]),
    (&[], &[3]),
    (&[5], &[1]),
    (&[0], &[1]),
    (&[3, 0], &[1]),
    (&[2, 3, 4], &[2, 3, 4]),
    (&[17, 33], &[17, 33]),
    (&[130, 140], &[130, 140]),
    (&[130, 140], &[140]),
    (&[6007, 3], &[6007, 1]),
    (&[20011], &[]),
];

pub(super) fn check(checker: &mut Checker) {
    unary(checker);
    binary(checker);
    select(checker);
    cast(checker);
    accumulate(checker);
}

fn unary(checker: &mut Checker) {
    let device = checker.device();
    for dtype in DType::ALL {
        for (view, shape) in layouts() {
            let operand = |values| Operand::new("x", values, view, shape, dtype, &device);
            let (real, positive) = (operand(Values::Real), operand(Values::Positive));
            for op in Unary::ALL.into_iter().filter(|op| op.takes(dtype)) {
                let row = table::unary(op);
                let x = if row.values == Values::Positive { &positive } else { &real };
                checker.case(op.name(), dtype, x, |_| {
                    compare(&x.tensor.unary(op), &x.host.map(&*row.of), row.within(dtype))
                });
            }
        }
    }
}

/// The pair of operands at each index of the shape that both broadcast to.
fn joined(a: &Host, b: &Host, of: impl Fn(f64, f64) -> f64) -> Host {
    Host::from_fn(&broadcast(&a.shape, &b.shape), |index| of(a.at(index), b.at(index)))
}

/// Calls `with` for each dtype, pair of shapes and pair of views, large shapes in fewer views.
fn each_pair(checker: &mut Checker, mut with: impl FnMut(&mut Checker, DType, [View; 2], [&[usize]; 2])) {
    for dtype in DType::ALL {
        for (turn, (a, b)) in PAIRS.into_iter().enumerate() {
            let large = a.iter().product::<usize>() > 10_000;
            let views = pairs(turn).filter(|views| views.0.fits(a) && views.1.fits(b));
            for (one, two) in views.take(if large { 1 } else { usize::MAX }) {
                with(checker, dtype, [one, two], [a, b]);
            }
        }
    }
}

fn binary(checker: &mut Checker) {
    let device = checker.device();
    each_pair(checker, |checker, dtype, views, shapes| {
        let operand = |name, i: usize, values| Operand::new(name, values, views[i], shapes[i], dtype, &device);
        let (a, b) = (operand("a", 0, Values::Real), operand("b", 1, Values::Real));
        let base = operand("a", 0, Values::Positive);
        for op in Binary::ALL.into_iter().filter(|op| op.takes(dtype)) {
            let row = table::binary(op, dtype);
            let a = if row.values == Values::Positive { &base } else { &a };
            checker.case(op.name(), dtype, List(&[a, &b]), |_| {
                compare(&a.tensor.binary(op, &b.tensor), &joined(&a.host, &b.host, &*row.of), row.within(dtype))
            });
        }
        let (a, b) = (operand("a", 0, Values::Whole), operand("b", 1, Values::Whole));
        for op in Compare::ALL {
            let of = table::compare(op);
            checker.case(op.name(), dtype, List(&[&a, &b]), |_| {
                exactly(&a.tensor.compare(op, &b.tensor), &joined(&a.host, &b.host, |a, b| of(a, b) as u8 as f64))
            });
        }
    });
}

fn select(checker: &mut Checker) {
    let device = checker.device();
    let mut turn = 0;
    each_pair(checker, |checker, dtype, views, [one, two]| {
        turn += 1;
        let a = Operand::new("a", Values::Real, views[0], one, dtype, &device);
        let b = Operand::new("b", Values::Real, views[1], two, dtype, &device);
        let view = if views[1].fits(one) { views[1] } else { View::Plain };
        let condition_shape = if turn % 2 == 0 { one } else { &[] };
        let view = if view.fits(condition_shape) { view } else { View::Offset };
        let condition = Operand::new("condition", Values::Whole, view, condition_shape, DType::Bool, &device);
        checker.case("select", dtype, List(&[&condition, &a, &b]), |_| {
            let expected = Host::from_fn(&broadcast(one, two), |index| {
                if condition.host.at(index) != 0.0 { a.host.at(index) } else { b.host.at(index) }
            });
            exactly(&condition.tensor.select(&a.tensor, &b.tensor), &expected)
        });
    });
}

/// Numbers at which conversions differ: ties, ends of ranges, signs, what is not a number.
const CONVERTED: [f64; 40] = [
    0.0,
    -0.0,
    0.5,
    -0.5,
    1.0,
    -1.0,
    1.5,
    2.5,
    -2.5,
    255.7,
    256.0,
    2049.0,
    2051.0,
    65504.0,
    65519.0,
    65519.999,
    65520.0,
    1e6,
    -1e6,
    16_777_217.0,
    2_147_483_648.0,
    4_294_967_295.0,
    4_294_967_296.0,
    -5e9,
    9_007_199_254_740_992.0,
    1e19,
    -1e19,
    // 1 and half of f16's epsilon, of bf16's and of f32's: ties; then a little more.
    1.000_488_281_25,
    1.000_488_281_250_1,
    1.003_906_25,
    1.003_906_250_1,
    1.000_000_059_604_644_8,
    1.000_000_059_604_645,
    6e-8,
    1e-8,
    1e-40,
    1e300,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
];

fn cast(checker: &mut Checker) {
    let device = checker.device();
    for from in DType::ALL {
        let values = CONVERTED.map(|x| rounded(from, x));
        let special = Host { shape: vec![values.len()], values: values.into() };
        for to in DType::ALL {
            let name = format!("cast to {to}");
            checker.case(&name, from, "special numbers", |device| {
                exactly(&special.upload(from, device).cast(to), &special.map(|x| rounded(to, x)))
            });
            for (view, shape) in layouts() {
                let x = Operand::new("x", Values::Real, view, shape, from, &device);
                checker.case(&name, from, &x, |_| exactly(&x.tensor.cast(to), &x.host.map(|x| rounded(to, x))));
            }
        }
        for (view, shape) in layouts() {
            let x = Operand::new("x", Values::Real, view, shape, from, &device);
            checker.case("copy", from, &x, |_| {
                let (copy, dense) = (x.tensor.copy(), x.tensor.contiguous());
                exactly(&copy, &x.host)?;
                exactly(&dense, &x.host)?;
                holds("a copy has storage of its own", !copy.shares_storage(&x.tensor))?;
                equal(dense.shares_storage(&x.tensor), x.tensor.is_contiguous())
            });
        }
    }
}

fn accumulate(checker: &mut Checker) {
    let device = checker.device();
    for dtype in DType::ALL.into_iter().filter(|&dtype| dtype != DType::Bool) {
        for shape in SMALL.into_iter().chain([&[130, 140][..], &[20011]]) {
            for view in View::ALL.into_iter().filter(|view| view.fits(shape)) {
                let x = Operand::new("x", Values::Whole, view, shape, dtype, &device);
                let onto = Operand::new("onto", Values::Whole, View::Plain, shape, dtype, &device);
                for scale in [1.0, 3.0] {
                    checker.case("accumulate", dtype, List(&[&x, &format!("times {scale}")]), |_| {
                        let expected = joined(&onto.host, &x.host, |onto, x| onto + scale * x);
                        let mut shared = onto.tensor.clone();
                        shared.accumulate(&x.tensor, scale);
                        exactly(&shared, &expected)?;
                        exactly(&onto.tensor, &onto.host)?;
                        let mut alone = onto.tensor.copy();
                        alone.accumulate(&x.tensor, scale);
                        exactly(&alone, &expected)
                    });
                }
            }
        }
    }
}
