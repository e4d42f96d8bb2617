//! Concatenation and stacking.

use super::host::Host;
use super::inputs::{List, Operand, Values, View};
use super::report::{Checker, exactly};
use crate::{DType, Tensor};

/// The parts' shapes and the axis that they follow one another along.
const PARTS: [(&[&[usize]], isize); 9] = [
    (&[&[3]], 0),
    (&[&[3], &[0], &[2], &[1]], 0),
    (&[&[2, 3], &[1, 3], &[4, 3]], 0),
    (&[&[2, 3], &[2, 1], &[2, 0], &[2, 2]], 1),
    (&[&[0, 3], &[0, 2]], 1),
    (&[&[2, 3, 4], &[2, 5, 4]], -2),
    (&[&[2, 3, 4], &[2, 3, 1], &[2, 3, 4]], -1),
    (&[&[90, 120], &[90, 130]], 1),
    (&[&[90, 120], &[70, 120]], 0),
];

pub(super) fn check(checker: &mut Checker) {
    let device = checker.device();
    for dtype in DType::ALL {
        for (turn, (shapes, axis)) in PARTS.into_iter().enumerate() {
            for turn in turn..turn + View::ALL.len() {
                let parts: Vec<Operand> = (shapes.iter().enumerate())
                    .map(|(i, shape)| {
                        let view = View::ALL[(turn + 4 * i) % View::ALL.len()];
                        let view = if view.fits(shape) { view } else { View::Offset };
                        Operand::new(&format!("part {i}"), Values::Whole, view, shape, dtype, &device)
                    })
                    .collect();
                concat(checker, dtype, &parts, axis);
                if shapes.iter().all(|shape| shape == &shapes[0]) {
                    stack(checker, dtype, &parts);
                }
            }
        }
        for shape in [&[][..], &[2, 3], &[0, 2], &[130, 70]] {
            let parts: Vec<Operand> = [View::Plain, View::Offset, View::Mixed, View::Flipped]
                .into_iter()
                .filter(|view| view.fits(shape))
                .map(|view| Operand::new("part", Values::Whole, view, shape, dtype, &device))
                .collect();
            stack(checker, dtype, &parts);
        }
    }
}

fn concat(checker: &mut Checker, dtype: DType, parts: &[Operand], axis: isize) {
    let at = axis.rem_euclid(parts[0].host.shape.len() as isize) as usize;
    let named: Vec<&dyn std::fmt::Display> = parts.iter().map(|part| part as _).collect();
    checker.case("concat", dtype, List(&named), |_| {
        let mut shape = parts[0].host.shape.clone();
        shape[at] = parts.iter().map(|part| part.host.shape[at]).sum();
        let expected = Host::from_fn(&shape, |index| {
            let mut index = index.to_vec();
            let mut part = parts.iter();
            loop {
                let part = part.next().expect("an index inside one of the parts");
                if index[at] < part.host.shape[at] {
                    return part.host.at(&index);
                }
                index[at] -= part.host.shape[at];
            }
        });
        let tensors: Vec<&Tensor> = parts.iter().map(|part| &part.tensor).collect();
        exactly(&Tensor::concat(&tensors, axis), &expected)
    });
}

fn stack(checker: &mut Checker, dtype: DType, parts: &[Operand]) {
    let named: Vec<&dyn std::fmt::Display> = parts.iter().map(|part| part as _).collect();
    for axis in 0..=parts[0].host.shape.len() {
        checker.case("stack", dtype, List(&named), |_| {
            let mut shape = parts[0].host.shape.clone();
            shape.insert(axis, parts.len());
            let expected = Host::from_fn(&shape, |index| {
                let mut index = index.to_vec();
                let part = index.remove(axis);
                parts[part].host.at(&index)
            });
            let tensors: Vec<&Tensor> = parts.iter().map(|part| &part.tensor).collect();
            exactly(&Tensor::stack(&tensors, axis as isize), &expected)
        });
    }
}
