//! σ, tanh and the gates: over all exponents, and the same bits in every width.

use super::gates::{Backward, Forward, Sums};
use crate::cpu::lanes::Kind;
use crate::random::Key;

/// Numbers of every exponent and both signs, zeros, subnormals, infinities and NaN among them.
fn all_exponents(mantissas: u64) -> Vec<f32> {
    let key = Key::new(3);
    let mut values = Vec::new();
    for exponent in 0..256u32 {
        for i in 0..mantissas {
            let mantissa = match i {
                0 => 0,
                1 => 0x7f_ffff,
                _ => key.below(u64::from(exponent) * mantissas + i, 1 << 23) as u32,
            };
            let bits = exponent << 23 | mantissa;
            values.extend([f32::from_bits(bits), f32::from_bits(bits | 1 << 31)]);
        }
    }
    values
}

/// What a tile of one row made: the four gates, c and h.
#[derive(PartialEq, Debug)]
struct Made {
    gates: Vec<f32>,
    cell: Vec<f32>,
    hidden: Vec<f32>,
}

fn forward(kind: Kind, sums: &[f32], before: &[f32]) -> Made {
    let n = before.len();
    // Adding −0 changes nothing, the sign of a zero included.
    let (mut gates, bias) = (vec![0.0; 4 * n], vec![-0.0; 4 * n]);
    let (mut cell, mut hidden) = (vec![0.0; n], vec![0.0; n]);
    let tile = Forward {
        h_len: n,
        rows: &[0],
        cells: 0..n,
        inputs: Sums { start: sums.as_ptr(), rows: &[0], step: n },
        states: Sums { start: bias.as_ptr(), rows: &[0], step: n },
        gates: gates.as_mut_ptr(),
        bias: bias.as_ptr(),
        cell_before: before.as_ptr(),
        cell: cell.as_mut_ptr(),
        hidden: hidden.as_mut_ptr(),
    };
    // SAFETY: the slices are as long as one row needs, and the kind is one of this processor's.
    unsafe { kind.run(&tile) };
    Made { gates, cell, hidden }
}

/// How far `found` is from `truth`, in units of the last place of `truth` as f32.
fn error(found: f32, truth: f64) -> f64 {
    let near = (truth as f32).abs();
    let unit = f32::from_bits(near.to_bits() + 1) as f64 - near as f64;
    (found as f64 - truth).abs() / unit
}

fn sigmoid(x: f64) -> f64 {
    let e = (-x.abs()).exp();
    if x < 0.0 { e / (1.0 + e) } else { 1.0 / (1.0 + e) }
}

/// The stated bound of `squash`, in units of the last place.
const BOUND: f64 = 6.0;

#[test]
fn gates_are_within_their_bound_at_every_exponent() {
    let values = all_exponents(40);
    let n = values.len();
    for kind in Kind::all() {
        let (mut worst_sigmoid, mut worst_tanh) = (0f64, 0f64);
        // Each turn puts other exponents together: a cell's four gates share a division.
        for turn in [0, 1, n / 3, n / 2 + 1] {
            let turned: Vec<f32> = (0..n).map(|i| values[(i + turn) % n]).collect();
            let steady = vec![0.5; n];
            // NaN goes to its whole cell, so only finite numbers keep it company.
            let company: Vec<f32> = turned.iter().map(|&x| if x.is_nan() { 1.0 } else { x }).collect();
            let made = forward(*kind, &[&values[..], &company, &values, &company].concat(), &steady);
            for (i, &x) in values.iter().enumerate() {
                let (sigma, tanh) = (made.gates[i], made.gates[2 * n + i]);
                if x.is_nan() {
                    assert!(sigma.is_nan() && tanh.is_nan() && made.hidden[i].is_nan());
                    continue;
                }
                let wide = x as f64;
                if wide < -87.3 {
                    assert_eq!(sigma, 0.0, "σ of {x:e}");
                } else {
                    worst_sigmoid = worst_sigmoid.max(error(sigma, sigmoid(wide)));
                }
                worst_tanh = worst_tanh.max(error(tanh, wide.tanh()));
                assert!(tanh.is_sign_negative() == x.is_sign_negative(), "tanh of {x:e} is {tanh:e}");
                assert!((0.0..=1.0 + f32::EPSILON).contains(&sigma) && tanh.abs() <= 1.0 + f32::EPSILON);
            }
        }
        eprintln!("{kind:?}: sigmoid {worst_sigmoid:.3}, tanh {worst_tanh:.3} units in the last place");
        assert!(worst_sigmoid < BOUND && worst_tanh < BOUND, "{kind:?}: {worst_sigmoid} and {worst_tanh}");
    }
}

#[test]
fn cells_near_where_functions_turn_are_within_their_bound() {
    let n = 400_001;
    let values: Vec<f32> = (0..n).map(|i| (i as f32 / 200_000.0 - 1.0) * 20.0).collect();
    let made = forward(Kind::widest(), &[&values[..]; 4].concat(), &vec![0.25; n]);
    for (i, &x) in values.iter().enumerate() {
        let x = x as f64;
        let (sigma, tanh) = (error(made.gates[i], sigmoid(x)), error(made.gates[2 * n + i], x.tanh()));
        assert!(sigma < BOUND && tanh < BOUND, "at {x}: {sigma} and {tanh}");
        let cell = sigmoid(x) * (0.25 + x.tanh());
        assert!((made.cell[i] as f64 - cell).abs() < 5e-7, "c at {x}");
        let hidden = sigmoid(x) * cell.tanh();
        assert!((made.hidden[i] as f64 - hidden).abs() < 5e-7, "h at {x}");
    }
}

fn same_bits(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()))
}

#[test]
fn every_width_gives_the_same_bits() {
    let values = all_exponents(3);
    for n in [1, 3, 4, 7, 8, 15, 16, 17, 31, 33, values.len() / 4] {
        let sums: Vec<f32> = (0..4 * n).map(|i| values[i * 7 % values.len()]).collect();
        let before: Vec<f32> = (0..n).map(|i| values[i * 13 % values.len()] / 3.0).collect();
        let narrow = forward(Kind::Array, &sums, &before);
        for kind in Kind::all() {
            let wide = forward(*kind, &sums, &before);
            assert!(same_bits(&narrow.gates, &wide.gates), "gates of {n} cells, {kind:?}");
            assert!(same_bits(&narrow.cell, &wide.cell) && same_bits(&narrow.hidden, &wide.hidden), "{n}, {kind:?}");
        }
        let gates: Vec<f32> = (0..4 * n).map(|i| (i % 97) as f32 / 97.0).collect();
        let d: Vec<f32> = (0..n).map(|i| (i % 31) as f32 - 15.0).collect();
        for arriving in [None, Some(d.as_ptr())] {
            let back = |kind: Kind| {
                let (mut deltas, mut d_cell) = (gates.clone(), d.clone());
                let tile = Backward {
                    h_len: n,
                    rows: &[0],
                    cells: 0..n,
                    gates: deltas.as_ptr(),
                    deltas: deltas.as_mut_ptr(),
                    cell_before: before.as_ptr(),
                    cell: narrow.cell.as_ptr(),
                    d_hidden: d.as_ptr(),
                    arriving,
                    d_cell: d_cell.as_mut_ptr(),
                };
                // SAFETY: the slices are as long as one row needs, and the kind is one of this processor's.
                unsafe { kind.run(&tile) };
                [deltas, d_cell].concat()
            };
            let narrow = back(Kind::Array);
            assert!(Kind::all().iter().all(|&kind| same_bits(&narrow, &back(kind))), "backward of {n} cells");
        }
    }
}

/// Only the chosen rows and cells are touched.
#[test]
fn a_tile_keeps_to_its_rows_and_cells() {
    let (batch, h) = (3, 40);
    let mut gates: Vec<f32> = (0..batch * 4 * h).map(|i| i as f32 / 100.0).collect();
    let (before, bias) = (vec![0.5; batch * h], vec![0.0; 4 * h]);
    let (mut cell, mut hidden) = (vec![9.0; batch * h], vec![9.0; batch * h]);
    let untouched = gates.clone();
    let start = gates.as_mut_ptr();
    let states: Vec<f32> = (0..2 * 4 * 19).map(|i| i as f32 / 50.0).collect();
    let tile = Forward {
        h_len: h,
        rows: &[2, 0],
        cells: 16..35,
        inputs: Sums { start: start.wrapping_add(16).cast_const(), rows: &[2 * 4 * h, 0], step: h },
        states: Sums { start: states.as_ptr(), rows: &[0, 4 * 19], step: 19 },
        gates: start,
        bias: bias.as_ptr(),
        cell_before: before.as_ptr(),
        cell: cell.as_mut_ptr(),
        hidden: hidden.as_mut_ptr(),
    };
    // SAFETY: the slices hold all rows, and the kind is one of this processor's.
    unsafe { Kind::widest().run(&tile) };
    for row in 0..batch {
        for k in 0..h {
            let inside = row != 1 && (16..35).contains(&k);
            assert_eq!(cell[row * h + k] != 9.0, inside, "c at {row}, {k}");
            assert_eq!(hidden[row * h + k] != 9.0, inside, "h at {row}, {k}");
            for gate in 0..4 {
                let place = (row * 4 + gate) * h + k;
                assert_eq!(gates[place] != untouched[place], inside, "gate {gate} at {row}, {k}");
            }
        }
    }
}
