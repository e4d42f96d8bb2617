//! What a kernel did wrong.

use crate::ptx::Kernel;

/// The error of a launch: the code that hardware would give, and a report that says more than hardware does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// The `CUresult` of the next call that waits.
    pub code: u32,
    /// Kernel.
    pub kernel: String,
    /// Line of the PTX text.
    pub line: u32,
    /// That line.
    pub text: String,
    /// Block.
    pub block: [u32; 3],
    /// Thread in its block.
    pub thread: [u32; 3],
    /// What is wrong.
    pub message: String,
}

/// An access outside of live memory (`CUDA_ERROR_ILLEGAL_ADDRESS`).
pub const ILLEGAL_ADDRESS: u32 = 700;
/// `CUDA_ERROR_LAUNCH_TIMEOUT`.
pub const TIMEOUT: u32 = 702;
/// A failed `assert` (`CUDA_ERROR_ASSERT`).
pub const ASSERT: u32 = 710;
/// `CUDA_ERROR_ILLEGAL_INSTRUCTION`: barriers and warp-wide instructions used against their rules.
pub const ILLEGAL_INSTRUCTION: u32 = 715;
/// `CUDA_ERROR_MISALIGNED_ADDRESS`.
pub const MISALIGNED: u32 = 716;
/// `CUDA_ERROR_LAUNCH_FAILED`: traps, and what hardware would let pass but no program may do.
pub const LAUNCH_FAILED: u32 = 719;

impl Fault {
    pub(super) fn new(
        code: u32,
        kernel: &Kernel,
        line: u32,
        block: [u32; 3],
        thread: [u32; 3],
        message: String,
    ) -> Fault {
        let text = kernel.line(line).to_string();
        Fault { code, kernel: kernel.name.clone(), line, text, block, thread, message }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "kernel {}, block {:?}, thread {:?}: {} [PTX line {}: {}]",
            self.kernel, self.block, self.thread, self.message, self.line, self.text
        )
    }
}

impl std::error::Error for Fault {}
