//! Matrix products: matrixmultiply's kernels on tiles of the result, spread over threads.
//!
//! A sum over k runs in blocks of [`K_BLOCK`], each added to the result in turn; inside a block the kernel adds in ascending order for every
//! element alike. So neither the tiling nor the number of threads nor the other lengths change a bit.

use bytemuck::Pod;
use rayon::prelude::*;

use super::gemm::{self, Panels, Precision, RowMajor, Single};
use super::{CpuBackend, Float, elements, elements_mut, kept};
use crate::layout::Walk;
use crate::{DType, Result, Storage, Tensor};
use std::sync::Arc;

/// Fixed block of the contracted length; also matrixmultiply's own.
pub(crate) const K_BLOCK: usize = 256;
/// Tiles are multiples of this, so that whole micro-kernels fit.
const TILE: usize = 32;
/// Multiply–adds that are worth a task of their own.
pub(super) const TASK: usize = 1 << 17;

/// An element type with a product kernel.
pub(crate) trait Gemm: Float<Wide = Self> + super::math::Real {
    /// A packed right operand.
    type Panels: Panels<Self>;

    /// The work of [`gemm::product`]; with `live` of [`gemm::product_of_live`].
    fn product(
        a: Matrix<'_, Self>,
        b: Matrix<'_, Self>,
        live: Option<&[usize]>,
        c: &mut [Self],
        add: bool,
        precision: Precision,
    );

    /// `c = a b + beta c`.
    ///
    /// # Safety
    /// All elements that the sizes and strides reach are valid, and those of `c` are not reachable otherwise.
    unsafe fn gemm(
        sizes: [usize; 3],
        a: *const Self,
        a_steps: [isize; 2],
        b: *const Self,
        b_steps: [isize; 2],
        beta: Self,
        c: *mut Self,
        c_row: isize,
    );
}

macro_rules! gemm {
    ($type:ty, $function:path, $panels:ty, $product:path) => {
        impl Gemm for $type {
            type Panels = $panels;

            fn product(
                a: Matrix<'_, Self>,
                b: Matrix<'_, Self>,
                live: Option<&[usize]>,
                c: &mut [Self],
                add: bool,
                precision: Precision,
            ) {
                $product(a, b, live, c, add, precision)
            }

            unsafe fn gemm(
                [m, k, n]: [usize; 3],
                a: *const Self,
                a_steps: [isize; 2],
                b: *const Self,
                b_steps: [isize; 2],
                beta: Self,
                c: *mut Self,
                c_row: isize,
            ) {
                // SAFETY: the caller's promise is the library's.
                unsafe {
                    $function(m, k, n, 1.0, a, a_steps[0], a_steps[1], b, b_steps[0], b_steps[1], beta, c, c_row, 1)
                }
            }
        }
    };
}
gemm!(f32, matrixmultiply::sgemm, Single, gemm::single_product);
gemm!(f64, matrixmultiply::dgemm, RowMajor<f64>, in_tiles);

/// A strided matrix inside a slice.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a, T> {
    data: &'a [T],
    start: usize,
    pub rows: usize,
    pub columns: usize,
    pub steps: [isize; 2],
}

impl<'a, T: Pod> Matrix<'a, T> {
    /// # Panics
    /// Where the matrix reaches outside `data`.
    pub fn new(data: &'a [T], start: usize, rows: usize, columns: usize, steps: [isize; 2]) -> Matrix<'a, T> {
        let reach = |n: usize, step: isize| (n as isize - 1) * step;
        if rows > 0 && columns > 0 {
            let (r, c) = (reach(rows, steps[0]), reach(columns, steps[1]));
            let low = start as isize + r.min(0) + c.min(0);
            let high = start as isize + r.max(0) + c.max(0);
            assert!(low >= 0 && (high as usize) < data.len(), "a matrix reaches outside its storage");
        }
        Matrix { data, start, rows, columns, steps }
    }

    /// `rows` × `columns` elements of `data`, row-major; either may be 0.
    pub fn row_major(data: &'a [T], rows: usize, columns: usize) -> Matrix<'a, T> {
        Matrix::new(data, 0, rows, columns, [columns as isize, 1])
    }

    pub fn transposed(self) -> Matrix<'a, T> {
        Matrix { rows: self.columns, columns: self.rows, steps: [self.steps[1], self.steps[0]], ..self }
    }

    /// The element's address; any row and column.
    pub fn at(&self, row: usize, column: usize) -> *const T {
        let at = self.start as isize + row as isize * self.steps[0] + column as isize * self.steps[1];
        self.data.as_ptr().wrapping_offset(at)
    }
}

#[derive(Clone, Copy)]
pub(super) struct Output<T>(pub *mut T);
// SAFETY: tasks write disjoint tiles of the result.
unsafe impl<T> Send for Output<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Output<T> {}

impl<T> Output<T> {
    /// The element at `place`, which is inside the result.
    pub unsafe fn at(self, place: usize) -> *mut T {
        // SAFETY: the caller's promise.
        unsafe { self.0.add(place) }
    }
}

/// [`gemm::product`] by matrixmultiply, in its own precision, over all k.
pub(super) fn in_tiles<T: Gemm>(
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    _live: Option<&[usize]>,
    c: &mut [T],
    add: bool,
    _: Precision,
) {
    let (m, k, n) = (a.rows, a.columns, b.columns);
    assert!(b.rows == k && c.len() == m * n, "product: {m}×{k} times {}×{n} into {}", b.rows, c.len());
    if m == 0 || n == 0 {
        return;
    }
    if k == 0 {
        if !add {
            c.fill(T::ZERO);
        }
        return;
    }
    let out = Output(c.as_mut_ptr());
    let tile = |rows: std::ops::Range<usize>, columns: std::ops::Range<usize>| {
        for from in (0..k).step_by(K_BLOCK) {
            let beta = if add || from > 0 { T::ONE } else { T::ZERO };
            let sizes = [rows.len(), K_BLOCK.min(k - from), columns.len()];
            // SAFETY: `Matrix::new` checked the operands' reach, the ranges are inside m × n, and no two tiles share an element.
            unsafe {
                let c = out.at(rows.start * n + columns.start);
                T::gemm(
                    sizes,
                    a.at(rows.start, from),
                    a.steps,
                    b.at(from, columns.start),
                    b.steps,
                    beta,
                    c,
                    n as isize,
                );
            }
        }
    };
    let threads = rayon::current_num_threads().min((m * n * k).div_ceil(TASK));
    if threads <= 1 {
        return tile(0..m, 0..n);
    }
    let (parts_m, parts_n) = grid(threads, m, n);
    let (step_m, step_n) = (tile_length(m, parts_m), tile_length(n, parts_n));
    let (tiles_m, tiles_n) = (m.div_ceil(step_m), n.div_ceil(step_n));
    (0..tiles_m * tiles_n).into_par_iter().for_each(|i| {
        let (row, column) = (i / tiles_n * step_m, i % tiles_n * step_n);
        tile(row..(row + step_m).min(m), column..(column + step_n).min(n));
    });
}

fn tile_length(n: usize, parts: usize) -> usize {
    n.div_ceil(parts).next_multiple_of(TILE)
}

/// How to cut the result into `threads` tiles: each tile packs its rows of a and its columns of b, so the sum of both should be small.
fn grid(threads: usize, m: usize, n: usize) -> (usize, usize) {
    (1..=threads)
        .filter(|&parts| threads.is_multiple_of(parts))
        .map(|parts| (parts, threads / parts))
        .min_by_key(|&(pm, pn)| (tile_length(m, pm) * tile_length(n, pn), pm * n + pn * m))
        .expect("1 divides any number")
}

pub(super) fn matmul(cpu: &CpuBackend, a: &Tensor, b: &Tensor, onto: Option<Tensor>, out: DType) -> Result<Storage> {
    match (a.dtype(), out) {
        (DType::F32, DType::F32) => batched::<f32>(cpu, a, b, onto, cpu.precision()),
        (DType::F64, DType::F64) => batched::<f64>(cpu, a, b, onto, Precision::F32),
        (DType::F64, _) | (_, DType::F64) => {
            let onto = onto.map(|onto| onto.cast(DType::F64));
            let wide = a.cast(DType::F64).matmul_with(&b.cast(DType::F64), onto, DType::F64);
            Ok(wide.cast(out).storage().clone())
        }
        (dtype, _) => {
            // What holds bf16 loses nothing in a product of bf16, and f16 has bits that it would lose.
            let precision = match dtype {
                DType::BF16 => Precision::Bf16,
                DType::F16 => Precision::F32,
                _ => cpu.precision(),
            };
            let (a, b) = (a.cast(DType::F32), b.cast(DType::F32));
            let wide = batched::<f32>(cpu, &a, &b, onto.map(|onto| onto.cast(DType::F32)), precision)?;
            let shape: Vec<usize> = [&a.shape()[..a.rank() - 1], &b.shape()[b.rank() - 1..]].concat();
            Ok(Tensor::of(wide, &shape, DType::F32, a.device()).cast(out).storage().clone())
        }
    }
}

fn batched<T: Gemm>(
    cpu: &CpuBackend,
    a: &Tensor,
    b: &Tensor,
    onto: Option<Tensor>,
    precision: Precision,
) -> Result<Storage> {
    let lead = a.rank() - 2;
    let (m, k, n) = (a.shape()[lead], a.shape()[lead + 1], b.shape()[lead + 1]);
    let batch: usize = a.shape()[..lead].iter().product();
    let steps = |x: &Tensor| [x.layout().strides()[lead], x.layout().strides()[lead + 1]];
    let starts = starts(a, b, lead, batch);
    let (a_data, b_data) = (elements::<T>(a), elements::<T>(b));
    // A weight, used transposed, may be packed already, or is to be rounded.
    let kept = if lead == 0 { kept::kept_or_rounded::<T>(cpu, &b.t(), 1)? } else { None };
    let multiply = |c: &mut [T], add: bool| {
        let one = |i: usize, c: &mut [T]| {
            let [at_a, at_b] = starts[i];
            let a = Matrix::new(a_data, at_a, m, k, steps(a));
            if let Some(b) = kept.as_deref() {
                return gemm::product_packed(a, &b[0], c, add);
            }
            gemm::product(a, Matrix::new(b_data, at_b, k, n, steps(b)), c, add, precision);
        };
        if m * n == 0 {
            return;
        }
        if batch > 1 && m * n * k < TASK {
            let group = (TASK / (m * n * k.max(1))).max(1);
            c.par_chunks_mut(group * m * n).enumerate().for_each(|(g, c)| {
                c.chunks_mut(m * n).enumerate().for_each(|(i, c)| one(g * group + i, c));
            });
        } else {
            c.chunks_mut(m * n).enumerate().for_each(|(i, c)| one(i, c));
        }
    };
    // Below a task it is not cut up.
    let run = |work: &mut (dyn FnMut() + Send)| {
        if batch * m * n * k < TASK { work() } else { cpu.on_threads(work) }
    };
    match onto {
        Some(mut onto) => {
            let c = elements_mut(&mut onto)?;
            run(&mut || multiply(c, true));
            Ok(onto.storage().clone())
        }
        None => {
            let mut buffer = cpu.memory.take_elements::<T>(batch * m * n)?;
            run(&mut || multiply(buffer.elements_mut(), false));
            Ok(Arc::new(buffer))
        }
    }
}

/// Where each matrix of the batch begins in both operands.
fn starts(a: &Tensor, b: &Tensor, lead: usize, batch: usize) -> Vec<[usize; 2]> {
    let lead_of = |x: &Tensor| {
        let mut layout = x.layout().clone();
        for _ in 0..2 {
            let axis = lead;
            layout =
                if layout.dims()[axis] == 0 { layout.emptied(axis) } else { layout.narrow(axis, 0, 1).squeeze(axis) };
        }
        layout
    };
    let (a, b) = (lead_of(a), lead_of(b));
    let walk = Walk::new([&a, &b]);
    let mut starts = Vec::with_capacity(batch);
    if batch > 0 {
        walk.rows(0..walk.outer_len(), |at| {
            for i in 0..walk.inner as isize {
                starts.push(std::array::from_fn(|k| (at[k] as isize + i * walk.steps[k]) as usize));
            }
        });
    }
    starts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Device;
    use crate::ops::Distribution;
    use crate::random::Key;

    fn random(shape: [usize; 2], seed: u64) -> Tensor {
        let normal = Distribution::Normal { mean: 0.0, deviation: 1.0 };
        Tensor::random(normal, Key::new(seed), shape, DType::F32, &Device::cpu())
    }

    #[test]
    fn a_row_alone_has_the_bits_of_that_row_in_company() {
        let (a, b) = (random([70, 600], 1), random([600, 90], 2));
        let whole = a.matmul(&b);
        for row in [0, 33, 69] {
            let alone = a.narrow(0, row, 1).matmul(&b);
            assert_eq!(alone.to_vec::<f32>(), whole.narrow(0, row, 1).to_vec::<f32>());
        }
        let columns = a.matmul(&b.narrow(1, 37, 11));
        assert_eq!(columns.to_vec::<f32>(), whole.narrow(1, 37, 11).to_vec::<f32>());
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        let (a, b) = (random([130, 300], 3), random([300, 170], 4));
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| a.matmul(&b).to_vec::<f32>())
        };
        let one = with(1);
        for threads in [2, 3, 8] {
            assert_eq!(one, with(threads));
        }
    }

    #[test]
    fn a_contracted_length_cut_at_blocks_gives_the_same_bits() {
        let (a, b) = (random([20, 700], 5), random([700, 30], 6));
        let first = a.narrow(1, 0, 512).matmul(&b.narrow(0, 0, 512));
        let both = a.narrow(1, 512, 188).matmul_with(&b.narrow(0, 512, 188), Some(first), DType::F32);
        assert_eq!(both.to_vec::<f32>(), a.matmul(&b).to_vec::<f32>());
    }
}
