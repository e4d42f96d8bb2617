//! The kernels that this processor can run, of which the best is chosen once.

use std::sync::OnceLock;

use half::bf16;

use super::micro::{Micro, Tile, left_step, micro};
use super::pack::{Block, pack_columns, pack_panel, pack_rows};
use super::peak::spin;
use super::short::{round, widen};
use super::sum::Sum;
use super::vector::Vector;

/// Registers across a tile are a power of two, at most 2 to this.
const WIDTHS: usize = 5;
const MOST_ROWS: usize = 14;

/// All loops for one kind of vector.
pub(super) struct Kernel {
    #[cfg(test)]
    pub name: &'static str,
    /// f32 in a register.
    pub lanes: usize,
    /// Columns of a panel.
    pub panel: usize,
    /// Most rows of a tile.
    pub rows: usize,
    /// From one k to the next in a left operand with its rows side by side.
    pub left_step: usize,
    /// By rows − 1, the logarithm of the registers across, and whether the left operand is K-major.
    micro: [[[Option<Micro>; 2]; WIDTHS]; MOST_ROWS],
    pub pack_panel: unsafe fn(&Block<'_>, *mut f32),
    pub pack_rows: unsafe fn(*const f32, &[usize], usize, *mut f32),
    pub pack_columns: unsafe fn(*const f32, isize, &[usize], Sum<'_>, *mut f32),
    pub widen: unsafe fn(*const bf16, *mut f32, usize),
    pub round: unsafe fn(*mut f32, usize),
    /// Multiply–adds of as many sums as the tallest tile of one panel has.
    pub spin: unsafe fn(usize) -> f32,
}

impl Kernel {
    /// The widest tile of so many rows within so many registers of columns: its loop, and how many registers it covers.
    pub fn tile(&self, rows: usize, registers: usize, k_major: bool) -> (Micro, usize) {
        let widths = (0..WIDTHS).rev().filter(|log| 1 << log <= registers);
        let mut found = widths.filter_map(|log| Some((self.micro[rows - 1][log][k_major as usize]?, 1 << log)));
        found.next().expect("any number of rows has a tile of one register")
    }
}

/// The kernel for this processor; none where matrixmultiply's are as good.
pub(super) fn kernel() -> Option<&'static Kernel> {
    static BEST: OnceLock<Option<&'static Kernel>> = OnceLock::new();
    *BEST.get_or_init(|| all().first().copied())
}

/// A kernel of vectors `$vector`, its loops compiled with the instructions `$features`, with tiles of `rows` by registers.
macro_rules! kernel {
    ($name:ident, $vector:ty, $(#[$features:meta])?, { $($rows:literal: $($registers:literal)*;)* }) => {
        pub(super) static $name: Kernel = {
            $(#[$features])?
            unsafe fn tile<const M: usize, const N: usize, const K_MAJOR: bool>(tile: &Tile) {
                // SAFETY: the caller's promise; the instructions are enabled here.
                unsafe { micro::<$vector, M, N, K_MAJOR>(tile) }
            }
            $(#[$features])?
            unsafe fn panel(block: &Block<'_>, to: *mut f32) {
                // SAFETY: as above.
                unsafe { pack_panel::<$vector>(block, to) }
            }
            $(#[$features])?
            unsafe fn rows(a: *const f32, rows: &[usize], k: usize, to: *mut f32) {
                // SAFETY: as above.
                unsafe { pack_rows::<$vector>(a, rows, k, to) }
            }
            $(#[$features])?
            unsafe fn columns(a: *const f32, step: isize, groups: &[usize], k: Sum<'_>, to: *mut f32) {
                // SAFETY: as above.
                unsafe { pack_columns::<$vector>(a, step, groups, k, to) }
            }
            $(#[$features])?
            unsafe fn long(from: *const bf16, to: *mut f32, n: usize) {
                // SAFETY: as above.
                unsafe { widen::<$vector>(from, to, n) }
            }
            $(#[$features])?
            unsafe fn rounded(x: *mut f32, n: usize) {
                // SAFETY: as above.
                unsafe { round(x, n) }
            }
            $(#[$features])?
            unsafe fn turns(turns: usize) -> f32 {
                // SAFETY: as above.
                unsafe { spin::<$vector, { <$vector>::ROWS * <$vector>::ACROSS }>(turns) }
            }
            let mut micro: [[[Option<Micro>; 2]; WIDTHS]; MOST_ROWS] = [[[None; 2]; WIDTHS]; MOST_ROWS];
            $($(
                micro[$rows - 1][($registers as usize).trailing_zeros() as usize] =
                    [Some(tile::<$rows, $registers, false>), Some(tile::<$rows, $registers, true>)];
            )*)*
            Kernel {
                #[cfg(test)]
                name: stringify!($name),
                lanes: <$vector>::LANES,
                panel: <$vector>::LANES * <$vector>::ACROSS,
                rows: <$vector>::ROWS,
                left_step: left_step::<$vector>(),
                micro,
                pack_panel: panel,
                pack_rows: rows,
                pack_columns: columns,
                widen: long,
                round: rounded,
                spin: turns,
            }
        };
    };
}

#[cfg(target_arch = "x86_64")]
kernel!(AVX512, super::x86::Avx512, #[target_feature(enable = "avx512f")], {
    1: 1 2 4 8 16;
    2: 1 2 4 8;
    3: 1 2 4;
    4: 1 2 4;
    5: 1 2 4;
    6: 1 2 4;
    7: 1 2;
    8: 1 2;
    9: 1 2;
    10: 1 2;
    11: 1 2;
    12: 1 2;
    13: 1 2;
    14: 1 2;
});

#[cfg(target_arch = "x86_64")]
kernel!(AVX2, super::x86::Avx2, #[target_feature(enable = "avx2,fma")], {
    1: 1 2 4 8;
    2: 1 2 4;
    3: 1 2 4;
    4: 1 2;
    5: 1 2;
    6: 1 2;
});

#[cfg(target_arch = "aarch64")]
kernel!(NEON, super::neon::Neon, , {
    1: 1 2 4 8;
    2: 1 2 4 8;
    3: 1 2 4;
    4: 1 2 4;
    5: 1 2 4;
    6: 1 2 4;
});

#[cfg(test)]
kernel!(PORTABLE, super::portable::Portable, , {
    1: 1 2 4;
    2: 1 2;
    3: 1 2;
});

/// All kernels that this processor can run, the best first.
pub(super) fn all() -> Vec<&'static Kernel> {
    #[allow(unused_mut)]
    let mut all = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx512f") {
            all.push(&AVX512);
        }
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
            all.push(&AVX2);
        }
    }
    #[cfg(target_arch = "aarch64")]
    all.push(&NEON);
    all
}
