use super::*;
use crate::cpu::gemm::tests::{bits, numbers, pool};
use crate::cpu::short::{bf16_to_f32, f32_to_bf16};

type Product = fn(Matrix<'_, f32>, Matrix<'_, f32>, &mut [f32], bool);

/// This machine's way, and those for processors without bf16 products, with a kernel of ours and without.
const WAYS: [(&str, Product); 3] = [
    ("chosen", |a, b, c, add| product(a, b, Sum::all(a.columns), c, add)),
    ("rounded", |a, b, c, add| rounded::product(a, b, Sum::all(a.columns), c, add)),
    ("copied", rounded::copied),
];

const SHAPES: [[usize; 3]; 7] =
    [[1, 1, 1], [1, 300, 70], [2, 5, 33], [17, 513, 100], [64, 40, 5], [70, 1000, 40], [130, 300, 170]];

/// For each element the product in f64 of the rounded operands, and k · 2⁻²⁴ of the sum of the products' sizes.
fn definition(a: &[f32], b: &[f32], [m, k, n]: [usize; 3]) -> Vec<(f64, f64)> {
    let rounded = |x: &f32| f64::from(bf16_to_f32(f32_to_bf16(*x)));
    let (a, b): (Vec<f64>, Vec<f64>) = (a.iter().map(rounded).collect(), b.iter().map(rounded).collect());
    let element = |place: usize| {
        let products = (0..k).map(|i| a[place / n * k + i] * b[i * n + place % n]);
        let (sum, size) = products.fold((0.0, 0.0), |(sum, size), x| (sum + x, size + x.abs()));
        (sum, size * k as f64 / f64::from(1 << 24))
    };
    (0..m * n).map(element).collect()
}

#[test]
fn products_are_within_the_bound_of_f32_sums() {
    for (shape @ [m, k, n], (way, multiply)) in SHAPES.into_iter().flat_map(|shape| WAYS.map(|way| (shape, way))) {
        let (a, b) = (numbers(m * k, 1), numbers(k * n, 2));
        let mut c = vec![f32::NAN; m * n];
        multiply(Matrix::row_major(&a, m, k), Matrix::row_major(&b, k, n), &mut c, false);
        for (place, (&c, (wanted, bound))) in c.iter().zip(definition(&a, &b, shape)).enumerate() {
            assert!(
                (f64::from(c) - wanted).abs() <= bound,
                "{way} {m}×{k}×{n} at {place}: {c}, not {wanted} ± {bound}"
            );
        }
    }
}

/// Whole numbers up to 256 are bf16 numbers, and their sums exact up to 2²⁴.
#[test]
fn products_of_small_whole_numbers_are_exact() {
    for ([m, k, n], (way, multiply)) in SHAPES.into_iter().flat_map(|shape| WAYS.map(|way| (shape, way))) {
        let whole = |x: f32| (x * 100.0).round();
        let a: Vec<f32> = numbers(m * k, 3).into_iter().map(whole).collect();
        let b: Vec<f32> = numbers(k * n, 4).into_iter().map(whole).collect();
        let c: Vec<f32> = numbers(m * n, 5).into_iter().map(whole).collect();
        let mut ours = c.clone();
        multiply(Matrix::row_major(&a, m, k), Matrix::row_major(&b, k, n), &mut ours, true);
        let wanted = definition(&a, &b, [m, k, n]);
        assert!(
            ours.iter().zip(c).zip(wanted).all(|((&x, c), (sum, _))| f64::from(x) == f64::from(c) + sum),
            "{way} {m}×{k}×{n}"
        );
    }
}

/// Kernels take so many rows at once; how many there are changes no bit.
#[test]
fn rows_have_the_same_bits_in_any_company() {
    let (m, k, n) = (35, 600, 70);
    let (a, b, c) = (numbers(m * k, 1), numbers(k * n, 2), numbers(m * n, 3));
    for ((way, multiply), add) in WAYS.into_iter().flat_map(|way| [(way, false), (way, true)]) {
        let of = |rows: Range<usize>| {
            let mut c = c[rows.start * n..rows.end * n].to_vec();
            let a = Matrix::row_major(&a[rows.start * k..rows.end * k], rows.len(), k);
            multiply(a, Matrix::row_major(&b, k, n), &mut c, add);
            bits(&c)
        };
        let all = of(0..m);
        for rows in (1..m).flat_map(|rows| [0..rows, m - rows..m]) {
            assert_eq!(of(rows.clone()), all[rows.start * n..rows.end * n], "{way}, {rows:?}");
        }
    }
}

#[test]
fn what_is_infinite_or_not_a_number_stays_in_its_row_and_column() {
    let (m, k, n) = (20, 70, 40);
    for (way, multiply) in WAYS {
        let (mut a, b) = (numbers(m * k, 6), vec![0.5f32; k * n]);
        // f32's largest rounds to infinity.
        (a[3 * k + 33], a[5 * k + 69], a[7 * k]) = (f32::NAN, f32::NEG_INFINITY, f32::MAX);
        let mut c = vec![0.0; m * n];
        multiply(Matrix::row_major(&a, m, k), Matrix::row_major(&b, k, n), &mut c, false);
        for (row, c) in c.chunks(n).enumerate() {
            let as_wanted = |&x: &f32| match row {
                3 => x.is_nan(),
                5 => x == f32::NEG_INFINITY,
                7 => x == f32::INFINITY,
                _ => x.is_finite(),
            };
            assert!(c.iter().all(as_wanted), "{way}, row {row}: {c:?}");
        }
    }
}

/// Halfway between two bf16 numbers, to the even one; a quiet change of a bit below, and the result would be another.
#[test]
fn operands_round_to_nearest_even() {
    let one_and = |bits: u32| f32::from_bits(1f32.to_bits() + bits);
    let cases = [(0x8000, 0), (0x8001, 0x1_0000), (0x7fff, 0), (0x1_8000, 0x2_0000), (0x1_7fff, 0x1_0000)];
    for (way, multiply) in WAYS {
        for (bits, rounded) in cases {
            let (x, wanted, one) = ([one_and(bits)], one_and(rounded), [1.0]);
            for (a, b) in [(&x, &one), (&one, &x)] {
                let mut c = [0.0];
                multiply(Matrix::row_major(a, 1, 1), Matrix::row_major(b, 1, 1), &mut c, false);
                assert_eq!(c[0].to_bits(), wanted.to_bits(), "{way}: 1 + {bits:x}");
            }
        }
    }
}

#[test]
fn the_emulation_packs_what_it_multiplies() {
    let (m, k, n) = (9, 270, 40);
    let (a, b) = (numbers(m * k, 7), numbers(k * n, 8));
    let (left, right) = (Matrix::row_major(&a, m, k), Matrix::row_major(&b, n, k).transposed());
    let (mut copied, mut direct) = (vec![0.0; m * n], vec![0.0; m * n]);
    rounded::copied(left, right, &mut copied, false);
    rounded::product(left, right, Sum::all(k), &mut direct, false);
    assert_eq!(bits(&direct), bits(&copied));
    let (a_rows, c_rows): (Vec<usize>, Vec<usize>) = (0..m).map(|row| (row * k, row * n)).unzip();
    for panels in [rounded::Panels::pack(right, &pool()).unwrap(), rounded::Panels::copied(right, &pool()).unwrap()] {
        let mut packed = vec![0.0; m * n];
        // SAFETY: all rows are inside.
        unsafe { panels.rows_times(a.as_ptr(), &a_rows, 1, [k, n], 0..n, packed.as_mut_ptr(), &c_rows, false) };
        assert_eq!(bits(&packed), bits(&copied));
    }
}
