use super::*;
use crate::cpu::gemm::tests::{numbers, pool};

/// `c (+)= a b` for rows of `a` with the whole numbers of rows and columns, summed in 64 bits.
fn definition(a: &[f32], b: Matrix<'_, f32>, c: &mut [f32], add: bool) {
    let (k, n) = (b.rows, b.columns);
    let whole = |x: &[f32]| {
        let mut whole = vec![0; x.len()];
        let scale = quantise(x, &mut whole);
        (whole.into_iter().map(|q| i64::from(q) - 128).collect::<Vec<_>>(), scale)
    };
    // SAFETY: the places are inside.
    let column = |j: usize| (0..k).map(|k| unsafe { *b.at(k, j) }).collect::<Vec<_>>();
    let columns: Vec<_> = (0..n).map(|j| whole(&column(j))).collect();
    for (a, c) in a.chunks(k).zip(c.chunks_mut(n)) {
        let (left, left_scale) = whole(a);
        for ((right, scale), c) in columns.iter().zip(c) {
            let sum: i64 = left.iter().zip(right).map(|(a, b)| a * b).sum();
            let y = sum as f32 * (scale * left_scale);
            *c = if add { *c + y } else { y };
        }
    }
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn every_kernel_gives_the_definition_s_bits() {
    for [m, k, n] in [[1, 1, 1], [1, 37, 70], [2, 64, 33], [11, 5, 31], [13, 129, 64], [25, 300, 100], [400, 12, 40]] {
        let (a, b, c) = (numbers(m * k, 1), numbers(k * n, 2), numbers(m * n, 3));
        let mut b = b;
        // A word that never occurs, and one with a single weight.
        (0..n).filter(|j| j % 7 == 3).for_each(|j| b[j * k..(j + 1) * k].fill(0.0));
        b[0] = 1e6;
        let right = Matrix::row_major(&b, n, k).transposed();
        let mut panels = Panels::pack(right, &pool()).unwrap().unwrap();
        let a_rows: Vec<usize> = (0..m).map(|row| row * k).collect();
        let c_rows: Vec<usize> = (0..m).map(|row| row * n).collect();
        for (kernel, add) in [(kernel::best(), false), (kernel::best(), true), (&kernel::BY_ROWS, true)] {
            panels.kernel = kernel;
            let (mut wanted, mut ours) = (c.clone(), c.clone());
            definition(&a, right, &mut wanted, add);
            let first = n.div_ceil(2).next_multiple_of(WIDTH).min(n);
            for columns in [0..first, first..n] {
                let start = ours.as_mut_ptr().wrapping_add(columns.start);
                // SAFETY: rows and columns are inside.
                unsafe {
                    let right = [(&panels, columns, start)];
                    Panels::rows_times_each(a.as_ptr(), &a_rows, 1, k, &right, &c_rows, add);
                }
            }
            assert_eq!(bits(&ours), bits(&wanted), "{m}×{k}×{n} {add}");
        }
    }
}

#[test]
fn the_longest_sums_do_not_overflow_and_longer_ones_are_refused() {
    let longest = vec![-1.0f32; DEEPEST + 1];
    let column = |k: usize| Matrix::new(&longest, 0, k, 1, [1, 1]);
    assert!(Panels::pack(column(DEEPEST + 1), &pool()).unwrap().is_none());
    let mut panels = Panels::pack(column(DEEPEST), &pool()).unwrap().unwrap();
    for kernel in [kernel::best(), &kernel::BY_ROWS] {
        panels.kernel = kernel;
        let mut c = [0f32];
        // SAFETY: one row, one column.
        unsafe {
            let right = [(&panels, 0..1, c.as_mut_ptr())];
            Panels::rows_times_each(longest.as_ptr(), &[0], 1, DEEPEST, &right, &[0], false);
        }
        let wanted = DEEPEST as f32;
        assert!((c[0] - wanted).abs() < 1e-6 * wanted, "{} {wanted}", c[0]);
    }
}

#[test]
fn a_row_or_column_that_is_not_finite_gives_no_numbers_and_leaves_the_others_alone() {
    let (m, k, n) = (3, 40, 35);
    let (mut a, mut b) = (numbers(m * k, 5), numbers(k * n, 6));
    a[k + 2] = f32::NAN;
    b[4 * k + 7] = f32::INFINITY;
    let panels = Panels::pack(Matrix::row_major(&b, n, k).transposed(), &pool()).unwrap().unwrap();
    let mut c = vec![0.0; m * n];
    // SAFETY: rows and columns are inside.
    unsafe {
        let right = [(&panels, 0..n, c.as_mut_ptr())];
        Panels::rows_times_each(a.as_ptr(), &[0, k, 2 * k], 1, k, &right, &[0, n, 2 * n], false);
    }
    for (i, x) in c.iter().enumerate() {
        assert_eq!(x.is_nan(), i / n == 1 || i % n == 4, "{i}");
    }
}
