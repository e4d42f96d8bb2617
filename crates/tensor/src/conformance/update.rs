//! Optimiser steps, of whole parameters and of some rows.

use super::host::{Host, rounded};
use super::inputs::{Operand, Values, View};
use super::report::{Checker, Named, Within, compare, exactly};
use crate::ops::{NO_ROW, Update};
use crate::{DType, Tensor};

const ADAM: Update = Update::Adam { beta1: 0.9, beta2: 0.98, epsilon: 1e-4, weight_decay: 0.1, decoupled: false };
const ADAM_W: Update = Update::Adam { beta1: 0.8, beta2: 0.95, epsilon: 1e-4, weight_decay: 0.1, decoupled: true };
const RULES: [Update; 4] = [Update::Sgd { momentum: 0.0 }, Update::Sgd { momentum: 0.9 }, ADAM, ADAM_W];

/// Learning rate, gradient scale, bias corrections; all exact in f32.
const HYPER: [f32; 4] = [0.25, 0.5, 0.125, 0.0625];

/// A parameter's element and its two states after a step, by the rule's own words.
fn step(rule: Update, p: f64, g: f64, [first, second]: [f64; 2]) -> [f64; 3] {
    let [rate, scale, c1, c2] = HYPER.map(f64::from);
    let mut g = scale * g;
    match rule {
        Update::Sgd { momentum: 0.0 } => [p - rate * g, first, second],
        Update::Sgd { momentum } => {
            let velocity = momentum * first + g;
            [p - rate * velocity, velocity, second]
        }
        Update::Adam { beta1, beta2, epsilon, weight_decay, decoupled } => {
            if !decoupled {
                g += weight_decay * p;
            }
            let m = beta1 * first + (1.0 - beta1) * g;
            let v = beta2 * second + (1.0 - beta2) * g * g;
            let shrunk = if decoupled { p - rate * weight_decay * p } else { p };
            [shrunk - rate * (m / c1) / ((v / c2).sqrt() + epsilon), m, v]
        }
    }
}

pub(super) fn check(checker: &mut Checker) {
    for dtype in DType::FLOATS {
        for rule in RULES {
            for shape in [&[][..], &[1], &[0], &[5, 3], &[4, 2, 3], &[130, 140]] {
                one(checker, dtype, rule, shape, None);
            }
            let some: [(&[usize], &[u32]); 7] = [
                (&[5, 3], &[4, 0, 2]),
                (&[6], &[1]),
                (&[3, 2], &[]),
                (&[400, 90], &[399, 7]),
                (&[5, 3], &[1, 3, NO_ROW, NO_ROW]),
                (&[400, 90], &[399, NO_ROW, 7]),
                (&[2, 2], &[NO_ROW]),
            ];
            for (shape, rows) in some {
                one(checker, dtype, rule, shape, Some(rows));
            }
            called_off(checker, dtype, rule);
        }
    }
}

/// A gradient whose scale is no number.
fn called_off(checker: &mut Checker, dtype: DType, rule: Update) {
    checker.case(name_of(rule), dtype, format_args!("{rule:?}, called off"), |device| {
        let hyper = Tensor::from_slice(&[0.25, f32::NAN, 0.125, 0.0625], [4], device);
        let old = Host { shape: vec![3], values: vec![1.0, -2.0, 0.5] };
        let gradient = Host { shape: vec![3], values: vec![f64::NAN, 1.0, f64::INFINITY] }.upload(dtype, device);
        for rows in [None, Some(Tensor::from_slice(&[0u32, 1, 2], [3], device))] {
            let mut parameter = old.upload(dtype, device);
            let mut state: Vec<Tensor> = (0..rule.states()).map(|_| old.upload(dtype, device)).collect();
            parameter.update(&rule, &gradient, rows.as_ref(), &mut state, &hyper);
            exactly(&parameter, &old).named("parameter")?;
            state.iter().try_for_each(|state| exactly(state, &old).named("state"))?;
        }
        Ok(())
    });
}

fn name_of(rule: Update) -> &'static str {
    match rule {
        Update::Sgd { .. } => "update by SGD",
        Update::Adam { .. } => "update by Adam",
    }
}

fn one(checker: &mut Checker, dtype: DType, rule: Update, shape: &[usize], rows: Option<&[u32]>) {
    let device = checker.device();
    let operand = |name, values, view: View, shape: &[usize]| {
        let view = if view.fits(shape) { view } else { View::Offset };
        Operand::new(name, values, view, shape, dtype, &device)
    };
    let mut arriving = shape.to_vec();
    if let Some(rows) = rows {
        arriving[0] = rows.len();
    }
    let (p, g) = (operand("p", Values::Real, View::Plain, shape), operand("g", Values::Real, View::Mixed, &arriving));
    let states = ["first", "second"].map(|name| operand(name, Values::Positive, View::Plain, shape));
    let expected = |part: usize| {
        Host::from_fn(shape, |index| {
            let state = [states[0].host.at(index), states[1].host.at(index)];
            let mut from = index.to_vec();
            if let Some(rows) = rows {
                match rows.iter().position(|&row| row as usize == index[0]) {
                    Some(row) => from[0] = row,
                    None => return [p.host.at(index), state[0], state[1]][part],
                }
            }
            step(rule, p.host.at(index), g.host.at(&from), state)[part]
        })
    };
    checker.case(name_of(rule), dtype, format_args!("{rule:?}, parameter {shape:?}, rows {rows:?}"), |device| {
        let hyper = [Tensor::from_slice(&HYPER, [4], device), Tensor::from_slice(&HYPER.map(f64::from), [4], device)];
        let rows = rows.map(|rows| Tensor::from_slice(rows, [rows.len()], device));
        // Once where somebody else holds the old values, once in place.
        for (shared, hyper) in [true, false].into_iter().zip(&hyper) {
            let fresh = |x: &Tensor| if shared { x.clone() } else { x.copy() };
            let mut parameter = fresh(&p.tensor);
            let mut state: Vec<Tensor> = states[..rule.states()].iter().map(|state| fresh(&state.tensor)).collect();
            parameter.update(&rule, &g.tensor, rows.as_ref(), &mut state, hyper);
            let within = Within::Relative { epsilons: 16.0, floor: 1.0 };
            compare(&parameter, &expected(0), within).named("parameter")?;
            for (i, state) in state.iter().enumerate() {
                compare(state, &expected(i + 1), within).named(["first state", "second state"][i])?;
            }
            exactly(&p.tensor, &p.host).named("the old parameter")?;
        }
        exactly(&states[0].tensor, &states[0].host.map(|x| rounded(dtype, x))).named("the old state")
    });
}
