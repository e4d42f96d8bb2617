//! The kernels' plain form, which the others are tested against.

use half::bf16;

use super::vector::Vector;

const LANES: usize = 4;

#[derive(Clone, Copy)]
pub(super) struct Portable([f32; LANES]);

// SAFETY of all blocks: the trait's promise about addresses.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Vector for Portable {
    const LANES: usize = LANES;
    const ACROSS: usize = 2;
    const ROWS: usize = 3;

    unsafe fn splat(x: f32) -> Self {
        Portable([x; LANES])
    }

    unsafe fn load(from: *const f32) -> Self {
        Portable(std::array::from_fn(|lane| unsafe { *from.add(lane) }))
    }

    unsafe fn load_short(from: *const bf16) -> Self {
        Portable(std::array::from_fn(|lane| unsafe { *from.add(lane) }.to_f32()))
    }

    unsafe fn load_first(from: *const f32, n: usize) -> Self {
        Portable(std::array::from_fn(|lane| if lane < n { unsafe { *from.add(lane) } } else { 0.0 }))
    }

    unsafe fn store(self, to: *mut f32) {
        unsafe { self.store_first(to, LANES) }
    }

    unsafe fn store_first(self, to: *mut f32, n: usize) {
        for lane in 0..n {
            unsafe { *to.add(lane) = self.0[lane] };
        }
    }

    unsafe fn add(self, other: Self) -> Self {
        Portable(std::array::from_fn(|lane| self.0[lane] + other.0[lane]))
    }

    unsafe fn mul_add(self, by: Self, onto: Self) -> Self {
        Portable(std::array::from_fn(|lane| self.0[lane].mul_add(by.0[lane], onto.0[lane])))
    }

    unsafe fn transpose(from: *const f32, from_step: isize, to: *mut f32, to_step: usize) {
        for (row, k) in (0..LANES).flat_map(|row| (0..LANES).map(move |k| (row, k))) {
            unsafe { *to.add(k * to_step + row) = *from.offset(row as isize * from_step).add(k) };
        }
    }

    unsafe fn prefetch(_: *const f32) {}

    unsafe fn prefetch_far(_: *const f32) {}
}
