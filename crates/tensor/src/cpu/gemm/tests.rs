use super::*;
use crate::cpu::matmul::K_BLOCK;
use crate::random::Key;

/// Between −1 and 1.
pub(super) fn numbers(len: usize, seed: u64) -> Vec<f32> {
    (0..len as u64).map(|i| (Key::new(seed).word(i) as i32) as f32 / (1u64 << 31) as f32).collect()
}

pub(super) fn pool() -> Arc<Pool> {
    Pool::new("test".into(), usize::MAX)
}

/// `c (+)= a b` in the order that is promised.
fn definition<T: Gemm>(a: Matrix<'_, T>, b: Matrix<'_, T>, c: &mut [T], add: bool, fma: fn(T, T, T) -> T) {
    for (i, c) in c.chunks_mut(b.columns.max(1)).enumerate() {
        for (j, c) in c.iter_mut().enumerate() {
            if !add {
                *c = T::ZERO;
            }
            for from in (0..a.columns).step_by(K_BLOCK) {
                let block = from..(from + K_BLOCK).min(a.columns);
                // SAFETY: both places are inside their matrices.
                let sum = block.fold(T::ZERO, |sum, k| unsafe { fma(*a.at(i, k), *b.at(k, j), sum) });
                *c += sum;
            }
        }
    }
}

pub(super) fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

/// Whether the processor's products are those of the definition, to the bit.
fn fuses() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    cfg!(target_arch = "aarch64")
}

fn assert_same(ours: &[f32], wanted: &[f32], what: &str) {
    if fuses() {
        assert_eq!(bits(ours), bits(wanted), "{what}");
    } else {
        assert!(ours.iter().zip(wanted).all(|(x, y)| (x - y).abs() < 1e-4), "{what}");
    }
}

const SHAPES: [[usize; 3]; 14] = [
    [1, 1, 1],
    [9, 40, 1],
    [230, 513, 1],
    [1, 300, 70],
    [2, 256, 32],
    [3, 17, 33],
    [5, 513, 100],
    [7, 40, 5],
    [13, 256, 64],
    [14, 600, 96],
    [15, 31, 130],
    [64, 257, 65],
    [100, 10, 16],
    [130, 300, 170],
];

#[test]
fn products_are_the_definition_however_the_operands_lie() {
    for [m, k, n] in SHAPES {
        let (a, b, c) = (numbers(m * k, 1), numbers(k * n, 2), numbers(m * n, 3));
        let lefts = [Matrix::row_major(&a, m, k), Matrix::row_major(&a, k, m).transposed()];
        let rights = [Matrix::row_major(&b, k, n), Matrix::row_major(&b, n, k).transposed()];
        for (left, right) in lefts.into_iter().flat_map(|left| rights.map(|right| (left, right))) {
            let packed = Packed::new(right, Precision::F32Fma, &pool()).unwrap();
            assert_eq!([packed.rows(), packed.columns()], [k, n]);
            for add in [false, true] {
                let what = format!("{m}×{k}×{n} {:?} {:?} {add}", left.steps, right.steps);
                let mut wanted = c.clone();
                definition(left, right, &mut wanted, add, f32::mul_add);
                let mut ours = c.clone();
                product(left, right, &mut ours, add, Precision::F32Fma);
                assert_same(&ours, &wanted, &what);
                let mut ours = c.clone();
                product_packed(left, &packed, &mut ours, add);
                assert_same(&ours, &wanted, &what);
            }
        }
    }
}

#[test]
fn backwards_and_gapped_operands_are_read_where_they_lie() {
    let (m, k, n) = (9, 270, 40);
    let (a, b) = (numbers(4 * m * k, 4), numbers(2 * k * n, 5));
    let left = Matrix::new(&a, 4 * m * k - 1, m, k, [-(4 * k as isize), -3]);
    let right = Matrix::new(&b, 2 * n - 1, k, n, [2 * n as isize, -2]);
    let mut wanted = vec![0.0; m * n];
    definition(left, right, &mut wanted, false, f32::mul_add);
    let mut ours = vec![f32::NAN; m * n];
    product(left, right, &mut ours, false, Precision::F32Fma);
    assert_same(&ours, &wanted, "product");
    product_packed(left, &Packed::new(right, Precision::F32Fma, &pool()).unwrap(), &mut ours, false);
    assert_same(&ours, &wanted, "packed");
}

/// All rows of a product, or those that are picked, over all columns or a range of them.
fn picked<T: Gemm>(a: &[T], b: &Packed<T>, rows: &[usize], columns: Range<usize>, c: &mut [T], add: bool) {
    let (k, n) = (b.rows(), b.columns());
    let a_rows: Vec<usize> = rows.iter().map(|row| row * k).collect();
    let c_rows: Vec<usize> = rows.iter().map(|row| row * n + columns.start).collect();
    assert!(rows.iter().all(|&row| (row + 1) * k <= a.len() && (row + 1) * n <= c.len()));
    // SAFETY: the rows lie inside, and are distinct.
    unsafe { rows_times_packed(a.as_ptr(), &a_rows, b, columns, c.as_mut_ptr(), &c_rows, add) };
}

#[test]
fn rows_are_picked_in_any_order_and_the_others_left_alone() {
    let (m, k, n) = (40, 300, 300);
    let (a, b, c) = (numbers(m * k, 6), numbers(k * n, 7), numbers(m * n, 8));
    for precision in [Precision::F32, Precision::F32Fma, Precision::Bf16] {
        let packed = Packed::new(Matrix::row_major(&b, k, n), precision, &pool()).unwrap();
        let mut whole = c.clone();
        product_packed(Matrix::row_major(&a, m, k), &packed, &mut whole, true);
        let start = packed.panel_width();
        for count in [1, 2, 3, 8, 13, 14, 17, 40] {
            let rows: Vec<usize> = (0..count).map(|i| (i * 27 + 5) % m).collect();
            for columns in [0..n, start..n, start..start + 5] {
                let mut ours = c.clone();
                picked(&a, &packed, &rows, columns.clone(), &mut ours, true);
                let mut wanted = c.clone();
                for (row, column) in rows.iter().flat_map(|&row| columns.clone().map(move |column| (row, column))) {
                    wanted[row * n + column] = whole[row * n + column];
                }
                assert_eq!(bits(&ours), bits(&wanted), "{count} rows, columns {columns:?}, {precision:?}");
            }
        }
    }
}

#[test]
fn several_right_operands_at_once_are_those_one_after_the_other() {
    let (m, k, n) = (20, 70, 300);
    let (a, c) = (numbers(m * k, 17), numbers(3 * m * n, 18));
    let rows: Vec<usize> = (0..m).map(|i| i * 7 % m).collect();
    let (a_rows, c_rows): (Vec<_>, Vec<_>) = rows.iter().map(|row| (row * k, row * 3 * n)).unzip();
    for precision in [Precision::F32, Precision::F32Fma, Precision::Bf16] {
        let pack = |seed| Packed::new(Matrix::row_major(&numbers(k * n, seed), k, n), precision, &pool()).unwrap();
        let packed = [19, 20, 21].map(pack);
        let start = packed[0].panel_width();
        let (mut together, mut apart) = (c.clone(), c.clone());
        let (one, other) = (together.as_mut_ptr(), apart.as_mut_ptr());
        let rights: Vec<_> = packed.iter().enumerate().map(|(i, b)| (b, one.wrapping_add(i * n))).collect();
        // SAFETY: the rows are inside and distinct; so are the three blocks of columns.
        unsafe {
            rows_times_each(a.as_ptr(), &a_rows, &rights, start..n, &c_rows, true);
            for (i, b) in packed.iter().enumerate() {
                rows_times_packed(a.as_ptr(), &a_rows, b, start..n, other.wrapping_add(i * n), &c_rows, true);
            }
        }
        assert!(together != c);
        assert_eq!(bits(&together), bits(&apart), "{precision:?}");
    }
}

#[test]
fn f64_has_the_same_interface() {
    let (m, k, n) = (11, 300, 50);
    let wide = |x: Vec<f32>| x.into_iter().map(f64::from).collect::<Vec<f64>>();
    let (a, b, c) = (wide(numbers(m * k, 9)), wide(numbers(k * n, 10)), wide(numbers(m * n, 11)));
    let (left, right) = (Matrix::row_major(&a, m, k), Matrix::row_major(&b, n, k).transposed());
    let mut wanted = c.clone();
    definition(left, right, &mut wanted, true, |a, b, c| a * b + c);
    for precision in [Precision::F32, Precision::F32Fma, Precision::Bf16] {
        let mut ours = c.clone();
        let packed = Packed::new(right, precision, &pool()).unwrap();
        picked(&a, &packed, &[3, 1, 10, 0, 2, 4, 5, 6, 9, 8, 7], 0..n, &mut ours, true);
        assert!(ours.iter().zip(&wanted).all(|(x, y)| (x - y).abs() < 1e-12), "{precision:?}");
    }
}

#[test]
fn a_sum_over_nothing_is_zero_and_no_rows_or_columns_are_no_work() {
    let packed = Packed::new(Matrix::row_major(&[], 0, 3), Precision::F32, &pool()).unwrap();
    let mut c = [1f32; 6];
    product_packed(Matrix::row_major(&[], 2, 0), &packed, &mut c, true);
    assert_eq!(c, [1.0; 6]);
    product_packed(Matrix::row_major(&[], 2, 0), &packed, &mut c, false);
    assert_eq!(c, [0.0; 6]);
    product(Matrix::row_major(&[], 0, 5), Matrix::row_major(&numbers(15, 1), 5, 3), &mut [], false, Precision::F32);
    let empty = Packed::new(Matrix::<f32>::row_major(&[], 5, 0), Precision::Bf16, &pool()).unwrap();
    product_packed(Matrix::row_major(&numbers(10, 1), 2, 5), &empty, &mut [], false);
}

#[test]
fn bf16_rounds_the_operands_and_nothing_else() {
    for [m, k, n] in SHAPES {
        let (a, b, c) = (numbers(m * k, 12), numbers(k * n, 13), numbers(m * n, 14));
        let round = |x: &[f32]| x.iter().map(|&x| half::bf16::from_f32(x).to_f64()).collect::<Vec<f64>>();
        let (rounded_a, rounded_b) = (round(&a), round(&b));
        let mut wanted: Vec<f64> = c.iter().map(|&x| x.into()).collect();
        let right = Matrix::row_major(&rounded_b, n, k).transposed();
        definition(Matrix::row_major(&rounded_a, m, k), right, &mut wanted, true, f64::mul_add);
        let (left, right) = (Matrix::row_major(&a, m, k), Matrix::row_major(&b, n, k).transposed());
        let packed = Packed::new(right, Precision::Bf16, &pool()).unwrap();
        let (mut direct, mut by_packed) = (c.clone(), c.clone());
        product(left, right, &mut direct, true, Precision::Bf16);
        product_packed(left, &packed, &mut by_packed, true);
        assert_eq!(bits(&direct), bits(&by_packed), "{m}×{k}×{n}");
        let bound = 2e-6 * (k as f64).sqrt() + 1e-6;
        let near = |(&x, &y): (&f32, &f64)| (f64::from(x) - y).abs() < bound;
        assert!(direct.iter().zip(&wanted).all(near), "{m}×{k}×{n}");
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let (m, k, n) = (150, 520, 300);
    let (a, b) = (numbers(m * k, 15), numbers(k * n, 16));
    let (left, right) = (Matrix::row_major(&a, m, k), Matrix::row_major(&b, n, k).transposed());
    for precision in [Precision::F32, Precision::F32Fma, Precision::Bf16] {
        let with = |threads: usize| {
            let pool_of_threads = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool_of_threads.install(|| {
                let (mut direct, mut by_packed) = (vec![0.0; m * n], vec![0.0; m * n]);
                product(left, right, &mut direct, false, precision);
                let packed = Packed::new(right, precision, &pool()).unwrap();
                product_packed(left, &packed, &mut by_packed, false);
                assert_eq!(bits(&direct), bits(&by_packed), "{threads} threads");
                bits(&direct)
            })
        };
        let one = with(1);
        for threads in [2, 3, 8] {
            assert!(one == with(threads), "{threads} threads, {precision:?}");
        }
    }
}
