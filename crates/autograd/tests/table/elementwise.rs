//! Rows of operations on single elements.

use unrolled_autograd::Var;
use unrolled_tensor::DType;
use unrolled_tensor::ops::{Binary, Unary};

use crate::row::{Case, Row};
use crate::sample::{Sample, Values};

pub fn rows() -> Vec<Row> {
    let unary = Unary::ALL.into_iter().filter(|op| op.takes(DType::F64)).map(unary);
    let binary = Binary::ALL.into_iter().filter(|op| op.takes(DType::F64)).map(binary);
    unary.chain(binary).chain([powers(), select(), cast()]).collect()
}

/// A value at which `op` is smooth, a good step away from any kink or pole.
fn smooth(op: Unary, s: &mut Values) -> f64 {
    let sign = s.of(&[-1.0, 1.0]);
    match op {
        Unary::Log | Unary::Sqrt | Unary::Rsqrt | Unary::Powf(_) => s.uniform(0.4, 2.5),
        Unary::Log1p => s.uniform(-0.6, 2.0),
        Unary::Recip | Unary::Abs | Unary::Sign | Unary::Relu => sign * s.uniform(0.4, 2.0),
        // Steps at whole numbers, and of `round` half-way between.
        Unary::Floor | Unary::Ceil | Unary::Round => s.below(4) as f64 - 2.0 + s.of(&[0.1, 0.6]) + s.uniform(0.0, 0.3),
        Unary::Clamp { low, high } => {
            let width = high - low;
            let start = s.of(&[low - width, low, high]);
            start + width * s.uniform(0.1, 0.9)
        }
        _ => s.uniform(-2.0, 2.0),
    }
}

fn unary(op: Unary) -> Row {
    Row::new(op.name(), move |s| {
        let shape = s.shape();
        let (leaf, view) = s.view(&shape, true);
        Case::new(vec![s.tensor(&leaf, |s| smooth(op, s))], move |v| view(&v[0]).unary(op))
    })
}

/// Whole exponents, where 0 and negative numbers have powers too.
fn powers() -> Row {
    Row::new("powf", |s| {
        let (exponent, shape) = (s.of(&[0.0, 1.0, 2.0, 3.0, 4.0]), s.shape());
        Case::new(vec![s.tensor(&shape, |s| s.below(5) as f64 / 2.0 - 1.0)], move |v| v[0].powf(exponent))
    })
    .named("powf, whole exponents")
}

fn binary(op: Binary) -> Row {
    Row::new(op.name(), move |s| if s.once_in(4) { aliased(op, s) } else { pair(op, s) })
}

fn apply(op: Binary, a: &Var, b: &Var) -> Var {
    match op {
        Binary::Add => a + b,
        Binary::Sub => a - b,
        Binary::Mul => a * b,
        Binary::Div => a / b,
        Binary::Pow => a.pow(b),
        Binary::Maximum => a.maximum(b),
        Binary::Minimum => a.minimum(b),
        other => panic!("{}: no method of Var known here", other.name()),
    }
}

fn pair(op: Binary, s: &mut Sample) -> Case {
    let (a, b) = s.broadcast_pair();
    let ((a, view_a), (b, view_b)) = (s.view(&a, true), s.view(&b, true));
    let inputs = match op {
        Binary::Maximum | Binary::Minimum => s.distinct(&[&a, &b]),
        Binary::Pow => vec![s.within(&a, 0.4, 2.0), s.within(&b, -2.0, 2.0)],
        _ => vec![s.within(&a, -2.0, 2.0), s.tensor(&b, |s| s.of(&[-1.0, 1.0]) * s.uniform(0.5, 2.0))],
    };
    Case::new(inputs, move |v| apply(op, &view_a(&v[0]), &view_b(&v[1])))
}

/// Both operands are the same variable, or views of it.
fn aliased(op: Binary, s: &mut Sample) -> Case {
    let n = 1 + s.below(3);
    let x = match op {
        Binary::Maximum | Binary::Minimum => s.distinct(&[&[n, n]]).remove(0),
        Binary::Pow => s.within(&[n, n], 0.5, 2.0),
        _ => s.tensor(&[n, n], |s| s.of(&[-1.0, 1.0]) * s.uniform(0.5, 2.0)),
    };
    match s.below(3) {
        0 => Case::new(vec![x], move |v| apply(op, &v[0], &v[0])),
        1 => Case::new(vec![x], move |v| apply(op, &v[0], &v[0].t())),
        _ => Case::new(vec![x], move |v| apply(op, &v[0].index(0, 0), &v[0])),
    }
}

fn select() -> Row {
    Row::new("select", |s| {
        let (a, b) = s.broadcast_pair();
        let condition = if s.once_in(2) { a.clone() } else { b.clone() };
        let condition = s.truths(&condition);
        let ((a, view_a), (b, view_b)) = (s.view(&a, true), s.view(&b, true));
        let inputs = vec![s.within(&a, -2.0, 2.0), s.within(&b, -2.0, 2.0)];
        if s.once_in(5) {
            let twice = inputs[..1].to_vec();
            return Case::new(twice, move |v| Var::select(&condition, &view_a(&v[0]), &(view_a(&v[0]) * 3.0)));
        }
        Case::new(inputs, move |v| Var::select(&condition, &view_a(&v[0]), &view_b(&v[1])))
    })
}

/// There and back. Values and step are sums of few powers of 2, which f32 holds exactly.
fn cast() -> Row {
    Row::new("cast", |s| {
        let shape = s.shape();
        let (leaf, view) = s.view(&shape, true);
        let x = s.tensor(&leaf, |s| s.below(17) as f64 / 8.0 - 1.0);
        Case::new(vec![x], move |v| view(&v[0]).cast(DType::F32).cast(v[0].dtype()))
    })
    .with_step(1.0 / 32.0)
}
