use proptest::prelude::*;

use super::*;
use crate::cpu::gemm::tests::{numbers, pool};
use crate::cpu::matmul::{Gemm, K_BLOCK};
use crate::random::Key;

/// Strided operands of a product, and what they lie in.
#[derive(Debug)]
struct Case {
    sizes: [usize; 3],
    /// Whether each operand is transposed, or has a gap between neighbours.
    transposed: [bool; 2],
    gaps: [bool; 2],
    add: bool,
}

fn cases() -> impl Strategy<Value = Case> {
    let sizes = (
        prop_oneof![9 => 1usize..60, 1 => MANY_ROWS..MANY_ROWS + 9],
        prop_oneof![1usize..40, 240usize..560],
        1usize..90,
    );
    let flags = prop::array::uniform5(any::<bool>());
    (sizes, flags).prop_map(|((m, k, n), [ta, tb, ga, gb, add])| Case {
        sizes: [m, k, n],
        transposed: [ta, tb],
        gaps: [ga, gb],
        add,
    })
}

/// `rows` × `columns` numbers, as the flags say.
fn operand(data: &[f32], rows: usize, columns: usize, transposed: bool, gap: bool) -> Matrix<'_, f32> {
    let (outer, inner) = if transposed { (columns, rows) } else { (rows, columns) };
    let step = 1 + gap as usize;
    let x = Matrix::new(data, 0, outer, inner, [(inner * step) as isize, step as isize]);
    if transposed { x.transposed() } else { x }
}

/// Block by block of K by matrixmultiply, as products were before there were kernels of ours.
fn by_matrixmultiply(a: Matrix<'_, f32>, b: Matrix<'_, f32>, c: &mut [f32], add: bool) {
    for from in (0..a.columns).step_by(K_BLOCK) {
        let sizes = [a.rows, K_BLOCK.min(a.columns - from), b.columns];
        let beta = if add || from > 0 { 1.0 } else { 0.0 };
        // SAFETY: the operands' sizes fit one another and the result.
        unsafe {
            let (a_from, b_from) = (a.at(0, from), b.at(from, 0));
            f32::gemm(sizes, a_from, a.steps, b_from, b.steps, beta, c.as_mut_ptr(), b.columns as isize);
        }
    }
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn every_kernel_gives_matrixmultiply_s_bits(case in cases()) {
        let [m, k, n] = case.sizes;
        let (a, b, c) = (numbers(2 * m * k, 1), numbers(2 * k * n, 2), numbers(m * n, 3));
        let left = operand(&a, m, k, case.transposed[0], case.gaps[0]);
        let right = operand(&b, k, n, case.transposed[1], case.gaps[1]);
        let depth = Sum::all(k);
        let mut portable = c.clone();
        product_with(&kernel::PORTABLE, left, right, depth, &mut portable, case.add);
        let with_fma = kernel::all();
        if !with_fma.is_empty() {
            let mut wanted = c.clone();
            by_matrixmultiply(left, right, &mut wanted, case.add);
            prop_assert_eq!(bits(&portable), bits(&wanted), "portable");
        }
        for kernel in with_fma {
            let mut ours = c.clone();
            product_with(kernel, left, right, depth, &mut ours, case.add);
            prop_assert_eq!(bits(&ours), bits(&portable), "{}", kernel.name);
            let width = n.next_multiple_of(kernel.panel);
            let mut panels = vec![f32::NAN; k * width];
            // SAFETY: the panels have room, the operands fit, and the processor can run the kernel.
            unsafe {
                pack(kernel, right, depth, 0..n, panels.as_mut_ptr());
                ours.copy_from_slice(&c);
                let (a_rows, c_rows) = (offsets(m, left.steps[0]), offsets(m, n as isize));
                let result = drive::Result { start: ours.as_mut_ptr(), rows: &c_rows, add: case.add };
                let left = Left { start: left.at(0, 0), rows: &a_rows, step: left.steps[1] };
                drive::multiply(kernel, left, Right::Packed { panels: panels.as_ptr() }, depth, 0..n, result);
            }
            prop_assert_eq!(bits(&ours), bits(&portable), "{} packed", kernel.name);
        }
    }

    #[test]
    fn what_is_left_out_of_a_sum_is_as_if_it_were_zeros(case in cases(), share in 1u32..10, seed: u64) {
        let [m, k, n] = case.sizes;
        let mut live: Vec<usize> = (0..k).filter(|&i| Key::new(seed).word(i as u64) % 10 < share).collect();
        // A whole block without any.
        live.retain(|&i| seed % 3 > 0 || !(K_BLOCK..2 * K_BLOCK).contains(&i));
        prop_assume!(!live.is_empty());
        let (a, b, c) = (numbers(m * k, 1), numbers(k * n, 2), numbers(m * n, 3));
        let of = |x: f32, i: usize, dead: f32| if live.binary_search(&i).is_ok() { x } else { dead };
        let left = |dead| {
            let place = |i: usize| if case.transposed[0] { i / m } else { i % k };
            a.iter().enumerate().map(|(i, &x)| of(x, place(i), dead)).collect::<Vec<f32>>()
        };
        let (zeros, nothing) = (left(0.0), left(f32::NAN));
        let right = operand(&b, k, n, case.transposed[1], false);
        let mut wanted = c.clone();
        product_with(&kernel::PORTABLE, operand(&zeros, m, k, case.transposed[0], false), right, Sum::all(k), &mut wanted, case.add);
        for kernel in [vec![&kernel::PORTABLE], kernel::all()].concat() {
            let mut ours = c.clone();
            let left = operand(&nothing, m, k, case.transposed[0], false);
            product_with(kernel, left, right, Sum::picked(&live), &mut ours, case.add);
            prop_assert_eq!(bits(&ours), bits(&wanted), "{}", kernel.name);
        }
    }

    #[test]
    fn operands_are_rounded_on_the_way(case in cases()) {
        let [m, k, n] = case.sizes;
        let (a, b, c) = (numbers(2 * m * k, 1), numbers(2 * k * n, 2), numbers(m * n, 3));
        let rounded = |x: &[f32]| x.iter().map(|&x| half::bf16::from_f32(x).to_f32()).collect::<Vec<f32>>();
        let (a_rounded, b_rounded) = (rounded(&a), rounded(&b));
        let left = |a| operand(a, m, k, case.transposed[0], case.gaps[0]);
        let right = |b| operand(b, k, n, case.transposed[1], case.gaps[1]);
        let mut wanted = c.clone();
        product_with(&kernel::PORTABLE, left(&a_rounded), right(&b_rounded), Sum::all(k), &mut wanted, case.add);
        for kernel in [vec![&kernel::PORTABLE], kernel::all()].concat() {
            let mut ours = c.clone();
            product_with(kernel, left(&a), right(&b), Sum::all(k).rounded(), &mut ours, case.add);
            prop_assert_eq!(bits(&ours), bits(&wanted), "{}", kernel.name);
        }
    }
}

#[test]
fn panels_of_bf16_give_the_bits_of_the_rounded_operand() {
    let rounded = |x: &f32| half::bf16::from_f32(*x).to_f32();
    for [m, k, n] in [[1, 5, 3], [2, 300, 70], [12, 513, 100], [30, 256, 64], [130, 70, 333]] {
        let (a, b, c) = (numbers(m * k, 8), numbers(k * n, 9), numbers(m * n, 10));
        let short: Vec<f32> = b.iter().map(rounded).collect();
        let left = Matrix::row_major(&a, m, k);
        let mut wanted = c.clone();
        product_with(
            &kernel::PORTABLE,
            left,
            Matrix::row_major(&short, n, k).transposed(),
            Sum::all(k),
            &mut wanted,
            true,
        );
        for kernel in kernel::all() {
            let right = Matrix::row_major(&b, n, k).transposed();
            let panels = ShortPanels::pack_for(kernel, right, &pool()).unwrap();
            let mut ours = c.clone();
            let (a_rows, c_rows) = (offsets(m, k as isize), offsets(m, n as isize));
            // SAFETY: the operands fit, and the processor can run the kernel.
            unsafe { panels.rows_times(a.as_ptr(), &a_rows, 1, k, 0..n, ours.as_mut_ptr(), &c_rows, true) };
            assert_eq!(bits(&ours), bits(&wanted), "{} {m}×{k}×{n}", kernel.name);
        }
    }
}

#[test]
fn large_products_are_cut_in_every_way_and_keep_their_bits() {
    // Many rows: shared panels, several blocks of rows. Long rows: several stretches of columns. Deep: shared panels in parts.
    for [m, k, n] in [[300, 260, 70], [3, 20, 5000], [200, 9000, 130], [450, 30, 700]] {
        let (a, b) = (numbers(m * k, 4), numbers(k * n, 5));
        for transposed in [[false, false], [true, true]] {
            let left = operand(&a, m, k, transposed[0], false);
            let right = operand(&b, k, n, transposed[1], false);
            let mut wanted = vec![0.0; m * n];
            product_with(&kernel::PORTABLE, left, right, Sum::all(k), &mut wanted, false);
            for kernel in kernel::all() {
                for threads in [1, 2, 3, 8] {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                    let mut ours = vec![f32::NAN; m * n];
                    pool.install(|| product_with(kernel, left, right, Sum::all(k), &mut ours, false));
                    assert!(bits(&ours) == bits(&wanted), "{} {m}×{k}×{n}, {threads} threads", kernel.name);
                }
            }
        }
    }
}

#[test]
fn nothing_is_read_beyond_an_operand_s_end() {
    // NaN stands right behind and before every operand, and in the gaps between its columns.
    for [m, k, n] in [[1, 5, 3], [2, 17, 35], [5, 3, 33], [9, 20, 7], [16, 33, 65]] {
        let surrounded = |len: usize, seed| {
            let mut all = vec![f32::NAN; len + 64];
            all[32..32 + len].copy_from_slice(&numbers(len, seed));
            all
        };
        let (a, b) = (surrounded(m * k, 6), surrounded(k * n, 7));
        for transposed in [[false, false], [false, true], [true, false], [true, true]] {
            let of = |x, rows: usize, columns: usize, transposed: bool| {
                let (outer, inner) = if transposed { (columns, rows) } else { (rows, columns) };
                let x = Matrix::new(x, 32, outer, inner, [inner as isize, 1]);
                if transposed { x.transposed() } else { x }
            };
            for kernel in kernel::all() {
                let mut c = vec![7.0; m * n + 8];
                let (left, right) = (of(&a, m, k, transposed[0]), of(&b, k, n, transposed[1]));
                product_with(kernel, left, right, Sum::all(k), &mut c[..m * n], false);
                assert!(c[..m * n].iter().all(|x| x.is_finite()), "{} {m}×{k}×{n} {transposed:?}", kernel.name);
                assert_eq!(c[m * n..], [7.0; 8], "{}", kernel.name);
            }
        }
    }
}
