//! Products of f32 whose operands are rounded to bf16 (nearest even) and summed in f32.
//!
//! The products of two bf16 numbers are exact in f32; what differs between processors is the order in which they are summed. Each kind
//! of machine has one way, for every shape, so that neither rows, columns, batch nor threads change a bit:
//!
//! - with AMX, k runs in blocks of 32: the even places of a block are summed from zero in ascending order by fused multiply–adds, the
//!   odd ones likewise, and the sum of both is added to the result;
//! - with AVX-512's bf16 dot product, no AMX, and not of Intel's (AMD from Zen 4 on), pairs of places run from zero in ascending order, the odd place
//!   first, over blocks of 256, whose sum is added to the result;
//! - elsewhere the operands are rounded and multiplied as f32 is: [`rounded`]. On Intel's processors whose AMX is hidden, as on some virtual machines,
//!   that is faster than their dot product.
//!
//! Of f32 that is not rounded, machines with AMX make three bf16 parts: [`split_product`], which has its promises in `x86::split`.
//!
//! The first two count subnormal numbers as zero. All stay within k · 2⁻²⁴ of the sum of the products' sizes.

mod rounded;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::ops::Range;
use std::sync::Arc;

#[cfg(target_arch = "x86_64")]
use smallvec::SmallVec;

use super::float::Sum;
use crate::Result;
use crate::cpu::buffer::Pool;
use crate::cpu::matmul::Matrix;

/// A right operand of rounded elements, as this machine's kernel wants it.
pub(crate) enum Panels {
    Rounded(rounded::Panels),
    #[cfg(target_arch = "x86_64")]
    Tiled(x86::Panels),
}

/// `c = a b (+ c)` over threads, as [`gemm::product`](super::product); kernels of bf16 sum over all k, zeros too.
pub(super) fn product(a: Matrix<'_, f32>, b: Matrix<'_, f32>, sum: Sum<'_>, c: &mut [f32], add: bool) {
    let (m, k, n) = (a.rows, a.columns, b.columns);
    assert!(b.rows == k && c.len() == m * n, "product: {m}×{k} times {}×{n} into {}", b.rows, c.len());
    #[cfg(target_arch = "x86_64")]
    if let Some(choice) = x86::choice() {
        match m * n * k {
            0 if add => {}
            0 => c.fill(0.0),
            _ => x86::product(choice, a, b, c, add),
        }
        return;
    }
    rounded::product(a, b, sum, c, add);
}

/// `c = a b (+ c)` of f32 that are not rounded: each in three bf16 parts, by AMX. Says false, and does nothing, where there is none, or k is short.
/// No length is 0.
pub(super) fn split_product(a: Matrix<'_, f32>, b: Matrix<'_, f32>, c: &mut [f32], add: bool) -> bool {
    #[cfg(target_arch = "x86_64")]
    if let Some(choice) = x86::split(a.columns) {
        x86::product(choice, a, b, c, add);
        return true;
    }
    let _ = (a, b, c, add);
    false
}

/// Whether products over `k` places of f32 that is not rounded are [`split_product`]'s.
pub(super) fn has_split(k: usize) -> bool {
    #[cfg(target_arch = "x86_64")]
    return x86::split(k).is_some();
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = k;
        false
    }
}

impl Panels {
    /// For [`split_product`]'s way; none where that would say false.
    pub fn split(b: Matrix<'_, f32>, memory: &Arc<Pool>) -> Result<Option<Panels>> {
        #[cfg(target_arch = "x86_64")]
        if let Some(choice) = x86::split(b.rows) {
            return Ok(Some(Panels::Tiled(x86::Panels::pack(b, choice, memory)?)));
        }
        let _ = (b, memory);
        Ok(None)
    }

    pub fn pack(b: Matrix<'_, f32>, memory: &Arc<Pool>) -> Result<Panels> {
        #[cfg(target_arch = "x86_64")]
        if let Some(choice) = x86::choice() {
            return Ok(Panels::Tiled(x86::Panels::pack(b, choice, memory)?));
        }
        Ok(Panels::Rounded(rounded::Panels::pack(b, memory)?))
    }

    pub fn width(&self) -> usize {
        match self {
            Panels::Rounded(panels) => panels.width(),
            #[cfg(target_arch = "x86_64")]
            Panels::Tiled(_) => x86::WIDTH,
        }
    }

    /// See [`Panels::rows_times_each`](super::Panels::rows_times_each). Says false, and does nothing, where that would save nothing.
    pub unsafe fn rows_times_each(
        a: *const f32,
        a_rows: &[usize],
        k: usize,
        rights: &[(&Panels, Range<usize>, *mut f32)],
        c_rows: &[usize],
        add: bool,
    ) -> bool {
        #[cfg(target_arch = "x86_64")]
        {
            let mut tiled: SmallVec<[_; 4]> = SmallVec::new();
            for &(panels, ref columns, c) in rights {
                if let Panels::Tiled(panels) = panels {
                    tiled.push(x86::Right { panels, columns: columns.clone(), c });
                }
            }
            if tiled.len() == rights.len() {
                // SAFETY: the caller's promise.
                unsafe { x86::Panels::rows_times_each(a, a_rows, 1, k, &tiled, c_rows, add) };
                return true;
            }
        }
        let _ = (a, a_rows, k, rights, c_rows, add);
        false
    }

    /// See [`Panels::rows_times`](super::Panels::rows_times).
    pub unsafe fn rows_times(
        &self,
        a: *const f32,
        a_rows: &[usize],
        a_step: isize,
        sizes: [usize; 2],
        columns: Range<usize>,
        c: *mut f32,
        c_rows: &[usize],
        add: bool,
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            match self {
                Panels::Rounded(panels) => panels.rows_times(a, a_rows, a_step, sizes, columns, c, c_rows, add),
                #[cfg(target_arch = "x86_64")]
                Panels::Tiled(panels) => panels.rows_times(a, a_rows, a_step, sizes[0], columns, c, c_rows, add),
            }
        }
    }
}
