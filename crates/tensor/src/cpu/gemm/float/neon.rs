//! NEON, which every 64-bit Arm processor has.

use std::arch::aarch64::*;

use half::bf16;

use super::vector::Vector;

#[derive(Clone, Copy)]
pub(super) struct Neon(float32x4_t);

// SAFETY of all blocks: the trait's promise about addresses; NEON is part of the architecture.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Vector for Neon {
    const LANES: usize = 4;
    const ACROSS: usize = 4;
    const ROWS: usize = 6;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Neon(unsafe { vdupq_n_f32(x) })
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Neon(unsafe { vld1q_f32(from) })
    }

    #[inline(always)]
    unsafe fn load_short(from: *const bf16) -> Self {
        Neon(unsafe { vreinterpretq_f32_u32(vshll_n_u16::<16>(vld1_u16(from.cast()))) })
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, n: usize) -> Self {
        let mut lanes = [0f32; 4];
        unsafe {
            std::ptr::copy_nonoverlapping(from, lanes.as_mut_ptr(), n);
            Self::load(lanes.as_ptr())
        }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { vst1q_f32(to, self.0) }
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, n: usize) {
        let mut lanes = [0f32; 4];
        unsafe {
            self.store(lanes.as_mut_ptr());
            std::ptr::copy_nonoverlapping(lanes.as_ptr(), to, n);
        }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Neon(unsafe { vaddq_f32(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn mul_add(self, by: Self, onto: Self) -> Self {
        Neon(unsafe { vfmaq_f32(onto.0, self.0, by.0) })
    }

    #[inline(always)]
    unsafe fn transpose(from: *const f32, from_step: isize, to: *mut f32, to_step: usize) {
        unsafe {
            let [r0, r1, r2, r3]: [float32x4_t; 4] =
                std::array::from_fn(|row| vld1q_f32(from.offset(row as isize * from_step)));
            let (t0, t1) = (vtrn1q_f32(r0, r1), vtrn2q_f32(r0, r1));
            let (t2, t3) = (vtrn1q_f32(r2, r3), vtrn2q_f32(r2, r3));
            let halves = |low: bool, x: float32x4_t, y: float32x4_t| {
                let (x, y) = (vreinterpretq_f64_f32(x), vreinterpretq_f64_f32(y));
                vreinterpretq_f32_f64(if low { vtrn1q_f64(x, y) } else { vtrn2q_f64(x, y) })
            };
            let columns = [halves(true, t0, t2), halves(true, t1, t3), halves(false, t0, t2), halves(false, t1, t3)];
            for (k, column) in columns.into_iter().enumerate() {
                vst1q_f32(to.add(k * to_step), column);
            }
        }
    }

    #[inline(always)]
    unsafe fn prefetch(_: *const f32) {}

    #[inline(always)]
    unsafe fn prefetch_far(_: *const f32) {}
}
