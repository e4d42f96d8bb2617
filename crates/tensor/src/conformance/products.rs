//! Matrix products: every view of both operands, batches that broadcast, other dtypes of the result, adding onto another tensor.

use super::host::{Host, broadcast, flat, host};
use super::inputs::{List, Operand, Values, View, pairs};
use super::report::{Checker, Named, Outcome, Within, compare, equal, exactly, holds};
use crate::{DType, MatmulPrecision};

const SHAPES: [(&[usize], &[usize]); 20] = [
    (&[2, 3], &[3, 4]),
    (&[1, 1], &[1, 1]),
    (&[5, 7], &[7, 1]),
    (&[1, 300], &[300, 5]),
    (&[33, 65], &[65, 40]),
    (&[0, 3], &[3, 2]),
    (&[2, 0], &[0, 3]),
    (&[2, 3], &[3, 0]),
    (&[4, 2, 3], &[4, 3, 5]),
    (&[4, 2, 3], &[3, 5]),
    (&[2, 3], &[4, 3, 5]),
    (&[2, 1, 2, 3], &[3, 3, 2]),
    (&[0, 2, 3], &[3, 2]),
    (&[3], &[3]),
    (&[3], &[3, 2]),
    (&[2, 3], &[3]),
    (&[3], &[4, 3, 2]),
    (&[70, 600], &[600, 30]),
    (&[40, 8, 8], &[40, 8, 8]),
    (&[3, 64, 70], &[70, 65]),
];

/// The product in f64, and for each element the sum of the sizes of what was added.
fn product(a: &Host, b: &Host) -> (Host, Vec<f64>) {
    let matrix = |x: &Host, column: bool| {
        let mut shape = x.shape.clone();
        if shape.len() == 1 {
            shape.insert(column as usize, 1);
        }
        Host { shape, values: x.values.clone() }
    };
    let (left, right) = (matrix(a, false), matrix(b, true));
    let (lead_a, [m, k]) = left.shape.split_last_chunk::<2>().expect("two axes");
    let (lead_b, [_, n]) = right.shape.split_last_chunk::<2>().expect("two axes");
    let mut shape = broadcast(lead_a, lead_b);
    shape.extend([m, n]);
    let rank = shape.len();
    let mut sizes = Vec::new();
    let mut out = Host::from_fn(&shape, |index| {
        let (mut i, mut j) = (index.to_vec(), index.to_vec());
        (i[rank - 1], j[rank - 2]) = (0, 0);
        let (row, column) = (flat(&left.shape, &i), flat(&right.shape, &j));
        let (mut sum, mut size) = (0.0, 0.0);
        for inner in 0..*k {
            let term = left.values[row + inner] * right.values[column + inner * n];
            (sum, size) = (sum + term, size + term.abs());
        }
        sizes.push(size);
        sum
    });
    if b.shape.len() == 1 {
        out.shape.remove(rank - 1);
    }
    if a.shape.len() == 1 {
        out.shape.remove(out.shape.len() - 1 - (b.shape.len() > 1) as usize);
    }
    (out, sizes)
}

pub(super) fn check(checker: &mut Checker) {
    let device = checker.device();
    for dtype in DType::FLOATS {
        for (turn, (a, b)) in SHAPES.into_iter().enumerate() {
            let large = a.iter().product::<usize>() * b[b.len() - 1] > 100_000;
            let views = pairs(turn).filter(|views| views.0.fits(a) && views.1.fits(b));
            for (one, two) in views.take(if large { 5 } else { usize::MAX }) {
                let operand = |name, view, shape, values| Operand::new(name, values, view, shape, dtype, &device);
                for values in [Values::Whole, Values::Real] {
                    let (a, b) = (operand("a", one, a, values), operand("b", two, b, values));
                    checker.case("matmul", dtype, List(&[&a, &b]), |_| {
                        let (expected, sizes) = product(&a.host, &b.host);
                        let found = a.tensor.matmul(&b.tensor);
                        if values == Values::Whole {
                            return exactly(&found, &expected);
                        }
                        let k = a.host.shape.last().copied().unwrap_or(1) as f64;
                        compare(&found, &expected, Within::Each { epsilons: 2.0 + k.sqrt(), sizes: &sizes })
                    });
                }
            }
        }
        for out in DType::FLOATS {
            onto(checker, dtype, out);
        }
        linear(checker, dtype);
    }
    for dtype in DType::FLOATS {
        precision(checker, dtype);
    }
}

/// What is f32 comes out within bf16's rounding of both operands, or as before on a device that has no such products; other dtypes keep
/// every bit; and so does f32 once its precision is back.
fn precision(checker: &mut Checker, dtype: DType) {
    let device = checker.device();
    for (a, b) in [(&[5usize, 300][..], &[300usize, 6][..]), (&[70, 64], &[64, 70]), (&[3, 4, 7], &[7, 2])] {
        let a = Operand::new("a", Values::Real, View::Transposed, a, dtype, &device);
        let b = Operand::new("b", Values::Real, View::Flipped, b, dtype, &device);
        checker.case("matmul in bf16", dtype, List(&[&a, &b]), |device| {
            let with = |precision| {
                device.set_matmul_precision(precision);
                let found = a.tensor.matmul(&b.tensor);
                let now = device.matmul_precision();
                device.set_matmul_precision(MatmulPrecision::F32);
                (found, now)
            };
            let (before, _) = with(MatmulPrecision::F32);
            let (found, now) = with(MatmulPrecision::Bf16);
            equal(a.tensor.matmul(&b.tensor).to_bytes(), before.to_bytes()).named("f32 again")?;
            if dtype != DType::F32 || now == MatmulPrecision::F32 {
                return equal(found.to_bytes(), before.to_bytes()).named("untouched");
            }
            holds("rounding shows", found.to_bytes() != before.to_bytes())?;
            let (expected, sizes) = product(&a.host, &b.host);
            // Half an epsilon of each operand.
            let epsilons = 1.01 * DType::BF16.epsilon() / DType::F32.epsilon();
            compare(&found, &expected, Within::Each { epsilons, sizes: &sizes })
        });
    }
}

fn onto(checker: &mut Checker, dtype: DType, out: DType) {
    let device = checker.device();
    let name = format!("matmul to {out}");
    for (a, b, c) in [
        (&[2usize, 3][..], &[3usize, 4][..], &[2usize, 4][..]),
        (&[5, 300], &[300, 6], &[5, 6]),
        (&[2, 0], &[0, 3], &[2, 3]),
        (&[0, 2], &[2, 3], &[0, 3]),
        (&[4, 2, 3], &[3, 5], &[4, 2, 5]),
    ] {
        let a = Operand::new("a", Values::Whole, View::Transposed, a, dtype, &device);
        let b = Operand::new("b", Values::Whole, View::Flipped, b, dtype, &device);
        let (product, _) = product(&a.host, &b.host);
        checker.case(&name, dtype, List(&[&a, &b]), |_| {
            let found = a.tensor.matmul_with(&b.tensor, None, out);
            equal(found.dtype(), out)?;
            exactly(&found, &product)
        });
        for view in View::ALL {
            let onto = Operand::new("onto", Values::Whole, view, c, out, &device);
            checker.case(&name, dtype, List(&[&a, &b, &"onto", &onto]), |_| {
                let expected = Host::from_fn(&product.shape, |i| product.at(i) + onto.host.at(i));
                let shared = a.tensor.matmul_with(&b.tensor, Some(onto.tensor.clone()), out);
                exactly(&shared, &expected)?;
                exactly(&onto.tensor, &onto.host)?;
                let alone = a.tensor.matmul_with(&b.tensor, Some(onto.tensor.copy()), out);
                exactly(&alone, &expected)
            });
        }
    }
    checker.case(&name, dtype, "onto the first rows of a longer storage", |device| {
        let operand = |name, shape, dtype| Operand::new(name, Values::Whole, View::Plain, shape, dtype, device);
        let (a, b) = (operand("a", &[2, 3], dtype), operand("b", &[3, 4], dtype));
        let onto = operand("onto", &[5, 4], out).tensor.narrow(0, 0, 2);
        let before = host(&onto);
        let (product, _) = product(&a.host, &b.host);
        let expected = Host::from_fn(&product.shape, |i| product.at(i) + before.at(i));
        exactly(&a.tensor.matmul_with(&b.tensor, Some(onto), out), &expected)
    });
}

fn linear(checker: &mut Checker, dtype: DType) {
    let device = checker.device();
    for (input, outputs) in
        [(&[5usize, 3][..], 4), (&[3], 2), (&[2, 4, 3], 5), (&[3, 0], 4), (&[0, 3], 4), (&[2, 3], 0)]
    {
        let operand = |name, view, shape: &[usize]| Operand::new(name, Values::Whole, view, shape, dtype, &device);
        let features = input[input.len() - 1];
        let x = operand("x", View::Flipped, input);
        let weight = operand("weight", View::Transposed, &[outputs, features]);
        let bias = operand("bias", View::Stepped, &[outputs]);
        let with = |bias: Option<&Operand>| -> Outcome {
            let (product, _) = product(&x.host, &weight.host.permute(&[1, 0]));
            let expected = Host::from_fn(&product.shape, |i| product.at(i) + bias.map_or(0.0, |bias| bias.host.at(i)));
            exactly(&x.tensor.linear(&weight.tensor, bias.map(|bias| &bias.tensor)), &expected)
        };
        checker.case("linear", dtype, List(&[&x, &weight, &bias]), |_| with(Some(&bias)));
        checker.case("linear", dtype, List(&[&x, &weight]), |_| with(None));
    }
}
