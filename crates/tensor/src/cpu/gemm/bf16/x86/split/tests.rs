use super::super::tests::{any_numbers, flushed, fused};
use super::super::{Choice, product, split};
use super::pack::parts_with_care;
use super::*;
use crate::cpu::gemm::tests::{bits, numbers};
use crate::cpu::gemm::{self, Precision};
use crate::cpu::matmul::Matrix;
use crate::random::Key;

/// `c + a b` for a row and a column, in the order of the module's documentation.
pub(in super::super) fn definition(a: &[f32], b: &[f32], c: f32) -> f32 {
    a.chunks(Split::DEEP).zip(b.chunks(Split::DEEP)).fold(c, |c, (a, b)| part(a, b, c))
}

fn part(a: &[f32], b: &[f32], c: f32) -> f32 {
    let blocks = |len: usize| (0..a.len()).step_by(len).map(move |from| from..a.len().min(from + len));
    if a.iter().chain(b).any(|x| !x.is_finite()) {
        return blocks(K_BLOCK).fold(c, |c, k| c + k.fold(0.0, |sum, k| a[k].mul_add(b[k], sum)));
    }
    let [a, b] = [a, b].map(|x| x.iter().map(|&x| parts_with_care(x).map(flushed)).collect::<Vec<_>>());
    let chain = |k: Range<usize>, i: usize, j: usize| k.fold(0.0, |sum, k| fused(a[k][i], b[k][j], sum));
    blocks(K_BLOCK).fold(c, |c, block| {
        let mut sum = 0.0;
        for k in block.clone().step_by(DEPTH) {
            let (middle, end) = (block.end.min(k + LINES), block.end.min(k + DEPTH));
            for (i, j) in [(2, 0), (1, 0), (1, 1), (0, 1), (0, 2), (0, 0)] {
                sum = flushed(sum + flushed(chain(k..middle, i, j) + chain(middle..end, i, j)));
            }
        }
        c + sum
    })
}

/// None where there is no AMX: then there is nothing to test.
fn multiplied(a: &[f32], b: &[f32], [m, k, n]: [usize; 3]) -> Option<Vec<f32>> {
    let mut c = vec![0.0; m * n];
    product(split(1000)?, Matrix::row_major(a, m, k), Matrix::row_major(b, k, n), &mut c, false);
    Some(c)
}

fn fma(a: &[f32], b: &[f32], [m, k, n]: [usize; 3]) -> Vec<f32> {
    let mut c = vec![0.0; m * n];
    gemm::product(Matrix::row_major(a, m, k), Matrix::row_major(b, k, n), &mut c, false, Precision::F32Fma);
    c
}

/// For each element Σ a b and Σ |a b| in f64.
fn exact(a: &[f32], b: &[f32], [_, k, n]: [usize; 3]) -> Vec<(f64, f64)> {
    let element = |place: usize| {
        let products = (0..k).map(|i| f64::from(a[place / n * k + i]) * f64::from(b[i * n + place % n]));
        products.fold((0.0, 0.0), |(sum, size), x| (sum + x, size + x.abs()))
    };
    (0..a.len() / k * n).map(element).collect()
}

#[test]
fn the_parts_of_a_number_are_exact() {
    let edges =
        [f32::MAX, f32::MIN, 0.0, -0.0, f32::from_bits(0x7f7f_8000), f32::from_bits(0x7f7f_7fff), 1.0 + f32::EPSILON];
    for x in any_numbers(1, 100_000, 1).into_iter().chain(edges) {
        let parts = parts_with_care(x);
        assert!(parts.iter().all(|part| part.to_bits() & 0xffff == 0), "{x:e}: {parts:?}");
        assert_eq!(parts[0] + (parts[1] + parts[2]), x, "{parts:?}");
        assert!(parts[1].abs() <= x.abs() / 255.0 && parts[2].abs() <= x.abs() / 65000.0, "{x:e}: {parts:?}");
    }
    assert_eq!(parts_with_care(f32::NEG_INFINITY), [f32::NEG_INFINITY, 0.0, 0.0]);
    // What says that it is not a number may stand in the bits that are cut off.
    assert!(parts_with_care(f32::from_bits(0x7f80_0001))[0].is_nan());
}

/// Gaussian; positive; pairs that cancel all but a thousandth; of sizes from 2⁻²⁰ to 2²⁰.
fn operands(kind: usize, m: usize, k: usize, n: usize) -> (Vec<f32>, Vec<f32>) {
    let normal = |seed: u64, len: usize| -> Vec<f32> {
        let x: Vec<_> = (0..12).map(|i| numbers(len, seed + i)).collect();
        (0..len).map(|i| x.iter().map(|x| x[i]).sum()).collect()
    };
    let spread = |x: Vec<f32>, seed: u64| -> Vec<f32> {
        x.into_iter().enumerate().map(|(i, x)| x * 2f32.powi(Key::new(seed).below(i as u64, 41) as i32 - 20)).collect()
    };
    let (mut a, mut b) = (normal(20, m * k), normal(40, k * n));
    match kind {
        0 => {}
        1 => [&mut a, &mut b].into_iter().flatten().for_each(|x| *x = x.abs()),
        2 => {
            for row in a.chunks_mut(k) {
                (0..k / 2).for_each(|i| row[k / 2 + i] = -row[i]);
            }
            for i in 0..k / 2 * n {
                b[k / 2 * n + i] = b[i] * 1.001;
            }
        }
        _ => (a, b) = (spread(a, 60), spread(b, 61)),
    }
    (a, b)
}

/// The roundings that a product goes through at most, as the module's documentation counts them.
fn bound(k: usize) -> f64 {
    (20 + 6 * k.div_ceil(DEPTH).min(8) + k.div_ceil(K_BLOCK)) as f64
}

/// What the module's documentation promises.
#[test]
fn errors_are_within_the_bound_and_no_larger_than_those_of_multiply_adds() {
    for (kind, k) in (0..4).flat_map(|kind| [16, 32, 100, 256, 512, 1024, 4096].map(|k| (kind, k))) {
        let sizes @ [m, _, n] = [16, k, 32];
        let (a, b) = operands(kind, m, k, n);
        let Some(ours) = multiplied(&a, &b, sizes) else { return };
        let exact = exact(&a, &b, sizes);
        let errors = |found: &[f32]| -> Vec<f64> {
            let relative = |(&x, (sum, size)): (&f32, &(f64, f64))| (f64::from(x) - sum) / size * f64::from(1 << 24);
            found.iter().zip(&exact).map(relative).collect()
        };
        let (ours, theirs) = (errors(&ours), errors(&fma(&a, &b, sizes)));
        let most = |x: &[f64]| x.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
        let mean = |x: &[f64]| (x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64).sqrt();
        eprintln!(
            "kind {kind} K {k}: most {:.3} against {:.3}, mean {:.3} against {:.3}",
            most(&ours),
            most(&theirs),
            mean(&ours),
            mean(&theirs)
        );
        assert!(most(&ours) <= bound(k), "kind {kind}, K {k}: {}", most(&ours));
        assert!(mean(&ours) <= 1.15 * mean(&theirs), "kind {kind}, K {k}: {} against {}", mean(&ours), mean(&theirs));
    }
}

/// Of small numbers parts are lost, and no more than the documentation says.
#[test]
fn small_numbers_lose_no_more_than_is_documented() {
    let [m, k, n] = [16, 64, 32];
    for (down, up) in [(-100, 0), (-110, 0), (-120, 0), (-126, 0), (-120, 100), (-140, 20), (-70, -70)] {
        let scaled = |x: Vec<f32>, power: i32| -> Vec<f32> {
            x.into_iter().map(|x| (f64::from(x) * 2f64.powi(power)) as f32).collect()
        };
        let (a, b) = (scaled(numbers(m * k, 1), down), scaled(numbers(k * n, 2), up));
        let Some(ours) = multiplied(&a, &b, [m, k, n]) else { return };
        for (place, (&x, (sum, size))) in ours.iter().zip(exact(&a, &b, [m, k, n])).enumerate() {
            let sizes =
                (0..k).map(|i| f64::from(a[place / n * k + i].abs()) + f64::from(b[i * n + place % n].abs()) + 4.0);
            let bound = bound(k) / f64::from(1 << 24) * size + sizes.sum::<f64>() * 2f64.powi(-125);
            assert!((f64::from(x) - sum).abs() <= bound, "2^{down} times 2^{up}: {x:e}, not {sum:e} ± {bound:e}");
        }
    }
}

#[test]
fn the_largest_numbers_stay_finite() {
    let (m, k, n) = (3, 40, 5);
    let (mut a, mut b) = (vec![0.0; m * k], vec![0.0; k * n]);
    (a[k + 33], b[33 * n + 2]) = (f32::MAX, 0.5);
    let Some(c) = multiplied(&a, &b, [m, k, n]) else { return };
    assert_eq!(c[n + 2], f32::MAX / 2.0);
    assert!(c.iter().enumerate().all(|(i, &x)| i == n + 2 || x == 0.0));
}

/// As multiply–adds have them, whatever stands in other rows and columns, added or not, packed or not.
#[test]
fn infinities_and_nan_are_those_of_multiply_adds_and_change_nothing_else() {
    let sizes @ [m, k, n] = [70, 300, 300];
    let (mut a, mut b) = (numbers(m * k, 3), numbers(k * n, 4));
    let Some(clean) = multiplied(&a, &b, sizes) else { return };
    a[2 * k + 7] = f32::INFINITY;
    a[5 * k + 290] = f32::NAN;
    a[69 * k] = f32::NEG_INFINITY;
    b[7 * n + 11] = 0.0;
    b[299 * n + 270] = f32::INFINITY;
    let (special_row, special_column) = (|row| [2, 5, 69].contains(&row), |column| column == 270);
    let ours = multiplied(&a, &b, sizes).unwrap();
    let theirs = fma(&a, &b, sizes);
    let same = |x: f32, y: f32| x.to_bits() == y.to_bits() || x.is_nan() && y.is_nan();
    for (place, (&x, &y)) in ours.iter().zip(&theirs).enumerate() {
        let (row, column) = (place / n, place % n);
        if special_row(row) || special_column(column) {
            assert!(same(x, y), "{row}, {column}: {x}, not {y}");
        } else if column != 11 {
            assert_eq!(x.to_bits(), clean[place].to_bits(), "{row}, {column}");
        }
    }
    assert!(ours[2 * n].is_infinite() && ours[2 * n + 11].is_nan() && ours[3 * n + 270].is_infinite());
    // Added to what is there, and packed.
    let (left, right) = (Matrix::row_major(&a, m, k), Matrix::row_major(&b, k, n));
    let mut grown = numbers(m * n, 5);
    let (mut packed, before) = (grown.clone(), grown.clone());
    product(split(k).unwrap(), left, right, &mut grown, true);
    gemm::product_packed(
        left,
        &gemm::Packed::new(right, Precision::F32, &gemm::tests::pool()).unwrap(),
        &mut packed,
        true,
    );
    assert!(grown.iter().zip(&packed).all(|(&x, &y)| same(x, y)));
    let mut wanted = before;
    gemm::product(left, right, &mut wanted, true, Precision::F32Fma);
    let special = |place: usize| special_row(place / n) || special_column(place % n);
    assert!((0..m * n).filter(|&place| special(place)).all(|place| same(grown[place], wanted[place])));
}

/// The contracted length alone decides.
#[test]
fn short_sums_are_multiply_adds() {
    let (m, n) = (20, 40);
    for k in [1, 3, SHORTEST - 1, SHORTEST, 40] {
        let (a, b) = (numbers(m * k, 6), numbers(k * n, 7));
        let (left, right) = (Matrix::row_major(&a, m, k), Matrix::row_major(&b, k, n));
        let mut ours = vec![0.0; m * n];
        gemm::product(left, right, &mut ours, false, Precision::F32);
        let wanted = match split(k) {
            Some(choice) => {
                assert!(k >= SHORTEST && matches!(choice, Choice::Split(_)));
                multiplied(&a, &b, [m, k, n]).unwrap()
            }
            None => fma(&a, &b, [m, k, n]),
        };
        assert_eq!(bits(&ours), bits(&wanted), "K {k}");
        let packed = gemm::Packed::new(right, Precision::F32, &gemm::tests::pool()).unwrap();
        gemm::product_packed(left, &packed, &mut ours, false);
        assert_eq!(bits(&ours), bits(&wanted), "K {k}, packed");
    }
}
