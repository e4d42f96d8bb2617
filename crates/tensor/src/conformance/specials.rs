//! Zeros with a sign, infinities, what is not a number, and integers at the ends of their range.

use super::host::{Host, rounded};
use super::inputs::{Operand, Values, View};
use super::report::{Checker, compare, equal, exactly};
use super::table;
use crate::ops::{Binary, Compare, Unary};
use crate::{DType, Tensor};

const NUMBERS: [f64; 20] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    -2.0,
    3.0,
    0.5,
    -0.5,
    1.5,
    2.5,
    -2.5,
    1e-6,
    -1e-6,
    20.0,
    -20.0,
    100.0,
    -0.9999,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
];

pub(super) fn check(checker: &mut Checker) {
    for dtype in DType::FLOATS {
        let numbers = NUMBERS.map(|x| rounded(dtype, x));
        unary(checker, dtype, &numbers);
        binary(checker, dtype, &numbers);
        long_accumulated(checker, dtype);
    }
    integers(checker);
}

fn unary(checker: &mut Checker, dtype: DType, numbers: &[f64]) {
    for op in Unary::ALL.into_iter().filter(|op| op.takes(dtype)) {
        // x · Φ(x) and x · sigmoid(x) at −∞ are ∞ · 0, which is left open.
        let open = matches!(op, Unary::Gelu | Unary::GeluTanh | Unary::Silu);
        let values: Vec<f64> = numbers.iter().copied().filter(|&x| !(open && x == f64::NEG_INFINITY)).collect();
        let row = table::unary(op);
        let x = Host { shape: vec![values.len()], values };
        checker.case(op.name(), dtype, "special numbers", |device| {
            compare(&x.upload(dtype, device).unary(op), &x.map(&*row.of), row.within(dtype))
        });
    }
}

fn binary(checker: &mut Checker, dtype: DType, numbers: &[f64]) {
    let n = numbers.len();
    let x = Host { shape: vec![n], values: numbers.to_vec() };
    let all_pairs = |of: &dyn Fn(f64, f64) -> f64| Host::from_fn(&[n, n], |i| of(numbers[i[0]], numbers[i[1]]));
    for op in Binary::ALL.into_iter().filter(|op| op.takes(dtype)) {
        let row = table::binary(op, dtype);
        checker.case(op.name(), dtype, "pairs of special numbers", |device| {
            let x = x.upload(dtype, device);
            compare(&x.unsqueeze(1).binary(op, &x), &all_pairs(&*row.of), row.within(dtype))
        });
    }
    for op in Compare::ALL {
        let of = table::compare(op);
        checker.case(op.name(), dtype, "pairs of special numbers", |device| {
            let x = x.upload(dtype, device);
            exactly(&x.unsqueeze(1).compare(op, &x), &all_pairs(&|a, b| of(a, b) as u8 as f64))
        });
    }
}

/// Whoever holds a larger storage may see only the part that a tensor shows of it.
fn long_accumulated(checker: &mut Checker, dtype: DType) {
    checker.case("accumulate", dtype, "the first rows of a longer storage", |device| {
        let x = Operand::new("x", Values::Whole, View::Plain, &[2, 3], dtype, device);
        let mut first = Operand::new("onto", Values::Whole, View::Plain, &[5, 3], dtype, device).tensor.narrow(0, 0, 2);
        let before = super::host::host(&first);
        first.accumulate(&x.tensor, 1.0);
        exactly(&first, &Host::from_fn(&[2, 3], |i| before.at(i) + x.host.at(i)))
    });
}

fn integers(checker: &mut Checker) {
    let long = [i64::MIN, i64::MIN + 1, -3, -1, 0, 1, 2, 5, (1 << 53) + 1, i64::MAX];
    let short = [0u32, 1, 2, 7, 65536, 1 << 31, u32::MAX - 1, u32::MAX];
    for (op, of_long, of_short) in [
        (Binary::Add, i64::wrapping_add as fn(i64, i64) -> i64, u32::wrapping_add as fn(u32, u32) -> u32),
        (Binary::Sub, i64::wrapping_sub, u32::wrapping_sub),
        (Binary::Mul, i64::wrapping_mul, u32::wrapping_mul),
        (Binary::Div, |a, b| if b == 0 { 0 } else { a.wrapping_div(b) }, |a, b| a.checked_div(b).unwrap_or(0)),
        (Binary::Maximum, i64::max, u32::max),
        (Binary::Minimum, i64::min, u32::min),
    ] {
        checker.case(op.name(), DType::I64, "ends of the range", |device| {
            let x = Tensor::from_slice(&long, [long.len()], device);
            let expected: Vec<i64> = long.iter().flat_map(|&a| long.map(|b| of_long(a, b))).collect();
            equal(x.unsqueeze(1).binary(op, &x).to_vec::<i64>(), expected)
        });
        checker.case(op.name(), DType::U32, "ends of the range", |device| {
            let x = Tensor::from_slice(&short, [short.len()], device);
            let expected: Vec<u32> = short.iter().flat_map(|&a| short.map(|b| of_short(a, b))).collect();
            equal(x.unsqueeze(1).binary(op, &x).to_vec::<u32>(), expected)
        });
    }
    for (op, of) in [
        (Unary::Neg, i64::wrapping_neg as fn(i64) -> i64),
        (Unary::Abs, i64::wrapping_abs),
        (Unary::Square, |x| x.wrapping_mul(x)),
        (Unary::Sign, i64::signum),
        (Unary::Clamp { low: -4.0, high: 1e30 }, |x| x.max(-4)),
    ] {
        checker.case(op.name(), DType::I64, "ends of the range", |device| {
            let x = Tensor::from_slice(&long, [long.len()], device);
            equal(x.unary(op).to_vec::<i64>(), long.map(of).to_vec())
        });
    }
}
