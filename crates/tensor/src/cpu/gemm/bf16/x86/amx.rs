//! AMX: eight tile registers of 16 rows of 64 bytes, and an instruction that multiplies two of them into a third.
//!
//! `tdpbf16ps` sums the even places of its 32 from zero by ascending fused multiply–adds, the odd ones likewise, adds the two sums, and
//! adds that to the result; subnormal numbers count as zero throughout, and MXCSR is not asked. A test holds the instruction to that.
//!
//! Rust has no stable intrinsics for it, so a whole block of the result is one piece of assembly: between two pieces the compiler
//! promises nothing about registers.

use std::arch::asm;
use std::arch::x86_64::__cpuid_count;
use std::marker::PhantomData;
use std::ops::Range;

use super::pack::{self, Lines, Order};
use super::{Block, Kernel, Tile};

/// The right to use AMX, which Linux grants a process when it asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Amx(());

impl Amx {
    /// `None` where the processor lacks AMX or the system does not grant it.
    pub fn new() -> Option<Amx> {
        const TILE_AND_BF16: u32 = 1 << 24 | 1 << 22;
        // SAFETY: every 64-bit x86 processor has the instruction; leaf 7 is known where AVX-512 is, which was asked before.
        #[allow(unused_unsafe)]
        let features = unsafe { __cpuid_count(7, 0) }.edx;
        (features & TILE_AND_BF16 == TILE_AND_BF16 && granted()).then_some(Amx(()))
    }
}

/// Asks the system to keep tile registers when it switches threads; for the whole process, once.
#[cfg(target_os = "linux")]
fn granted() -> bool {
    const ARCH_PRCTL: usize = 158;
    const ARCH_REQ_XCOMP_PERM: usize = 0x1023;
    const XFEATURE_XTILEDATA: usize = 18;
    let answer: isize;
    // SAFETY: the call takes two numbers and touches no memory of ours; a system that does not know it answers an error.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") ARCH_PRCTL => answer,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") XFEATURE_XTILEDATA,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    answer == 0
}

#[cfg(not(target_os = "linux"))]
fn granted() -> bool {
    false
}

/// The shapes of the tile registers, as `ldtilecfg` takes them: all eight of 16 rows of 64 bytes.
#[repr(C, align(64))]
struct Shapes {
    palette: u8,
    first_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

static SHAPES: Shapes = Shapes {
    palette: 1,
    first_row: 0,
    reserved: [0; 14],
    row_bytes: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
    rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
};

/// While it lives, the thread's tile registers have their shapes; after it they are released, so that switching threads stays cheap.
pub(crate) struct Configured(PhantomData<*const ()>);

impl Drop for Configured {
    fn drop(&mut self) {
        // SAFETY: AMX was granted, or this value would not exist.
        unsafe {
            asm!("tilerelease", options(nostack, nomem), out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _, out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _)
        };
    }
}

impl Kernel for Amx {
    type Region = Configured;

    const PARTS: usize = 1;
    /// 32 columns of them fill two thirds of the first cache.
    const STEPS: usize = 16;
    const ROWS: usize = 256;
    const DEEP: usize = 4096;

    /// 45 ns, with the release.
    fn enter(self) -> Configured {
        // SAFETY: AMX is granted, and the shapes are valid ones.
        unsafe {
            asm!("ldtilecfg [{}]", in(reg) &raw const SHAPES, options(nostack, readonly), out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _, out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _)
        };
        Configured(PhantomData)
    }

    unsafe fn block(self, _: &Configured, block: &Block) {
        // SAFETY: the caller's promise.
        unsafe { if block.lower() { two_by_two(block) } else { one_by_two(block) } }
    }

    unsafe fn fill(
        x: Lines,
        lines: Range<usize>,
        k: Range<usize>,
        along_lines: bool,
        order: Order,
        out: *mut Tile,
    ) -> bool {
        // SAFETY: the caller's promise.
        unsafe { pack::fill(x, lines, k, along_lines, order, out) };
        false
    }
}

/// Tiles 0 to 3 are the result, 4 and 5 of the right operand, 6 and 7 of the left one. Each step asks for two rows of the result, which
/// otherwise come one after the other when they are stored: that halved the time of 1600×512×2048.
unsafe fn two_by_two(block: &Block) {
    let row_bytes = block.c_step * 4;
    // SAFETY: the caller's promise; the loop runs `steps` times, which is at least once.
    unsafe {
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "test {add:e}, {add:e}",
            "jz 2f",
            "tileloadd tmm0, [{c} + {row}]",
            "tileloadd tmm1, [{c} + {row} + 64]",
            "tileloadd tmm2, [{d} + {row}]",
            "tileloadd tmm3, [{d} + {row} + 64]",
            "2:",
            "tileloadd tmm4, [{b} + {line}]",
            "tileloadd tmm6, [{a} + {line}]",
            "tileloadd tmm5, [{b} + {line} + 1024]",
            "tdpbf16ps tmm0, tmm6, tmm4",
            "tdpbf16ps tmm1, tmm6, tmm5",
            "tileloadd tmm7, [{a} + {line} + 1024]",
            "tdpbf16ps tmm2, tmm7, tmm4",
            "tdpbf16ps tmm3, tmm7, tmm5",
            "prefetchw [{next}]",
            "prefetchw [{next} + 64]",
            "prefetchw [{next} + {row}]",
            "prefetchw [{next} + {row} + 64]",
            "lea {next}, [{next} + 2*{row}]",
            "add {a}, 2048",
            "add {b}, 2048",
            "dec {steps}",
            "jnz 2b",
            "tilestored [{c} + {row}], tmm0",
            "tilestored [{c} + {row} + 64], tmm1",
            "tilestored [{d} + {row}], tmm2",
            "tilestored [{d} + {row} + 64], tmm3",
            add = in(reg) u32::from(block.add),
            a = inout(reg) block.a => _,
            b = inout(reg) block.b => _,
            next = inout(reg) block.c => _,
            c = in(reg) block.c,
            d = in(reg) block.c.wrapping_offset(16 * block.c_step),
            row = in(reg) row_bytes,
            line = in(reg) 64usize,
            steps = inout(reg) block.steps => _,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    }
}

/// The upper half of [`two_by_two`].
unsafe fn one_by_two(block: &Block) {
    let row_bytes = block.c_step * 4;
    // SAFETY: as there.
    unsafe {
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "test {add:e}, {add:e}",
            "jz 2f",
            "tileloadd tmm0, [{c} + {row}]",
            "tileloadd tmm1, [{c} + {row} + 64]",
            "2:",
            "tileloadd tmm6, [{a} + {line}]",
            "tileloadd tmm4, [{b} + {line}]",
            "tileloadd tmm5, [{b} + {line} + 1024]",
            "tdpbf16ps tmm0, tmm6, tmm4",
            "tdpbf16ps tmm1, tmm6, tmm5",
            "prefetchw [{next}]",
            "prefetchw [{next} + 64]",
            "add {next}, {row}",
            "add {a}, 2048",
            "add {b}, 2048",
            "dec {steps}",
            "jnz 2b",
            "tilestored [{c} + {row}], tmm0",
            "tilestored [{c} + {row} + 64], tmm1",
            add = in(reg) u32::from(block.add),
            a = inout(reg) block.a => _,
            b = inout(reg) block.b => _,
            next = inout(reg) block.c => _,
            c = in(reg) block.c,
            row = in(reg) row_bytes,
            line = in(reg) 64usize,
            steps = inout(reg) block.steps => _,
            out("tmm0") _, out("tmm1") _, out("tmm4") _, out("tmm5") _, out("tmm6") _,
            options(nostack),
        );
    }
}
