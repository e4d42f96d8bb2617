use super::loops::in_parts;
use super::*;
use crate::cpu::gemm::tests::{bits, numbers};
use crate::cpu::short::{bf16_to_f32, f32_to_bf16};
use crate::random::Key;

/// Subnormal numbers count as zero.
pub(super) fn flushed(x: f32) -> f32 {
    if x.is_subnormal() { 0f32.copysign(x) } else { x }
}

fn rounded(x: f32) -> f32 {
    flushed(bf16_to_f32(f32_to_bf16(flushed(x))))
}

pub(super) fn fused(a: f32, b: f32, sum: f32) -> f32 {
    flushed(a.mul_add(b, sum))
}

/// `c + a b` for a row and a column, in the order of the module's documentation.
fn definition(choice: Choice, a: &[f32], b: &[f32], c: f32) -> f32 {
    let products = |from: usize, len: usize, odd: usize| {
        let end = a.len().min(from + len);
        (from + odd..end).step_by(2).map(|k| (a[k], b[k]))
    };
    let blocks = |len: usize| (0..a.len()).step_by(len);
    let sum = |products: &mut dyn Iterator<Item = (f32, f32)>| products.fold(0.0, |sum, (a, b)| fused(a, b, sum));
    match choice {
        Choice::Amx(_) => blocks(32).fold(flushed(c), |c, from| {
            flushed(c + flushed(sum(&mut products(from, 32, 0)) + sum(&mut products(from, 32, 1))))
        }),
        Choice::Split(_) => super::split::tests::definition(a, b, c),
        Choice::Avx512(_) => blocks(256).fold(c, |c, from| {
            let end = a.len().min(from + 256);
            let order = (from..end.next_multiple_of(2)).map(|k| k ^ 1).filter(|&k| k < end);
            c + sum(&mut order.map(|k| (a[k], b[k])))
        }),
    }
}

/// Both of bf16, where the processor has both: the one that is not chosen here is another machine's choice. Then that of f32 in parts.
fn choices() -> Vec<Choice> {
    let avx512 = avx512::Avx512::new().map(Choice::Avx512);
    avx512.into_iter().chain(choice()).chain(split(1000)).collect()
}

fn multiply(choice: Choice, a: Matrix<'_, f32>, b: Matrix<'_, f32>, c: &mut [f32], add: bool) {
    with_kernel!(choice, kernel => in_parts(kernel, a, b, c, add));
}

/// Numbers of all sizes: ordinary ones; or from far below to far above 1, so that products overflow and become subnormal; or any bits.
pub(super) fn any_numbers(kind: usize, len: usize, seed: u64) -> Vec<f32> {
    let word = |i: usize| Key::new(seed).word(i as u64);
    match kind {
        0 => numbers(len, seed),
        1 => (0..len).map(|i| f32::from_bits(word(i) & 0x807f_ffff | (20 + word(i) % 200) << 23)).collect(),
        _ => (0..len).map(|i| f32::from_bits(word(i))).collect(),
    }
}

fn same(x: f32, y: f32) -> bool {
    x.to_bits() == y.to_bits() || x.is_nan() && y.is_nan()
}

const SHAPES: [[usize; 3]; 9] = [
    [1, 1, 1],
    [1, 300, 70],
    [3, 17, 33],
    [16, 32, 32],
    [17, 513, 16],
    [33, 40, 5],
    [64, 600, 96],
    [300, 31, 48],
    [20, 1100, 530],
];

#[test]
fn the_instructions_sum_in_the_order_that_is_documented() {
    for choice in choices() {
        for (kind, [m, k, n]) in (0..3).flat_map(|kind| SHAPES.map(|shape| (kind, shape))) {
            let (a, b, c) = (any_numbers(kind, m * k, 1), any_numbers(kind, k * n, 2), any_numbers(kind, m * n, 3));
            let (left, right) = (Matrix::row_major(&a, m, k), Matrix::row_major(&b, n, k).transposed());
            let mut ours = c.clone();
            multiply(choice, left, right, &mut ours, true);
            let of = |x: f32| if let Choice::Split(_) = choice { x } else { rounded(x) };
            let (a, b): (Vec<f32>, Vec<f32>) = (a.into_iter().map(of).collect(), b.into_iter().map(of).collect());
            for (place, (&ours, c)) in ours.iter().zip(c).enumerate() {
                let (row, column) = (place / n, place % n);
                let wanted = definition(choice, &a[row * k..][..k], &b[column * k..][..k], c);
                assert!(
                    same(ours, wanted),
                    "{choice:?} {m}×{k}×{n}, kind {kind}, {row}, {column}: {ours:e}, not {wanted:e}"
                );
            }
        }
    }
}

/// Why a machine has one kernel for all sizes.
#[test]
fn the_two_instructions_do_not_agree_to_the_bit() {
    let [first, second, ..] = choices()[..] else { return };
    if first == second {
        return;
    }
    let (m, k, n) = (32, 64, 32);
    let (a, b) = (numbers(m * k, 4), numbers(k * n, 5));
    let [x, y] = [first, second].map(|choice| {
        let mut c = vec![0.0; m * n];
        multiply(choice, Matrix::row_major(&a, m, k), Matrix::row_major(&b, k, n), &mut c, false);
        c
    });
    assert!(bits(&x) != bits(&y));
    assert!(x.iter().zip(&y).all(|(x, y)| (x - y).abs() < 1e-5));
}

#[test]
fn operands_may_lie_any_way() {
    let (m, k, n) = (50, 330, 70);
    let (a, b) = (numbers(4 * m * k, 6), numbers(4 * k * n, 7));
    let lefts = [
        Matrix::row_major(&a, m, k),
        Matrix::row_major(&a, k, m).transposed(),
        Matrix::new(&a, 4 * m * k - 1, m, k, [-(2 * k as isize), -2]),
        Matrix::new(&a, m - 1, m, k, [-1, 2 * m as isize]),
        Matrix::new(&a, 3, m, k, [0, 1]),
    ];
    let rights = [
        Matrix::row_major(&b, k, n),
        Matrix::row_major(&b, n, k).transposed(),
        Matrix::new(&b, 4 * k * n - 1, k, n, [-(2 * n as isize), -2]),
        Matrix::new(&b, k * n, k, n, [-1, 2 * k as isize]),
        Matrix::new(&b, 5, k, n, [1, 0]),
    ];
    let plain = |x: Matrix<'_, f32>| -> Vec<f32> {
        let at = |i: usize| x.at(i / x.columns, i % x.columns);
        // SAFETY: the place is inside.
        (0..x.rows * x.columns).map(|i| unsafe { *at(i) }).collect()
    };
    for choice in choices() {
        for (left, right) in lefts.iter().flat_map(|&left| rights.map(|right| (left, right))) {
            let (mut ours, mut wanted) = (vec![f32::NAN; m * n], vec![f32::NAN; m * n]);
            multiply(choice, left, right, &mut ours, false);
            let (a, b) = (plain(left), plain(right));
            multiply(choice, Matrix::row_major(&a, m, k), Matrix::row_major(&b, k, n), &mut wanted, false);
            assert_eq!(bits(&ours), bits(&wanted), "{choice:?} {:?} {:?}", left.steps, right.steps);
        }
    }
}

#[test]
fn neither_threads_nor_cuts_change_a_bit() {
    // Long enough that k is cut into parts, and wide or tall enough that the shared operand is.
    for [m, k, n] in [[70, 4200, 300], [300, 4200, 70], [1, 5000, 40], [1100, 4096, 33]] {
        let (a, b) = (numbers(m * k, 8), numbers(k * n, 9));
        let (left, right) = (Matrix::row_major(&a, m, k), Matrix::row_major(&b, k, n));
        for choice in choices() {
            let with = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let mut c = vec![0.0; m * n];
                pool.install(|| multiply(choice, left, right, &mut c, false));
                bits(&c)
            };
            let one = with(1);
            assert!(one == with(3), "{choice:?} {m}×{k}×{n}");
            // A row and a column alone.
            let mut alone = [0.0];
            let row = Matrix::row_major(&a[(m - 1) * k..], 1, k);
            let column = Matrix::new(&b, n - 1, k, 1, [n as isize, 1]);
            multiply(choice, row, column, &mut alone, false);
            assert_eq!(alone[0].to_bits(), one[m * n - 1], "{choice:?} {m}×{k}×{n}");
        }
    }
}

/// What one thread leaves behind must not reach another's product: regions on several threads at once, between other work.
#[test]
fn products_on_many_threads_at_once_do_not_disturb_each_other() {
    let (m, k, n) = (40, 96, 40);
    let (a, b) = (numbers(m * k, 10), numbers(k * n, 11));
    let once = |choice: Choice| {
        let mut c = vec![0.0; m * n];
        multiply(choice, Matrix::row_major(&a, m, k), Matrix::row_major(&b, k, n), &mut c, false);
        bits(&c)
    };
    for choice in choices() {
        let wanted = once(choice);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..50).for_each(|_| assert!(once(choice) == wanted)));
            }
        });
    }
}
