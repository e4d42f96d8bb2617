//! PTX text to instructions that are ready to run.
//!
//! `lexer` → `parser` (directives) and `variables` → `body` (registers, labels, calls) → `decode*` (one instruction each) → `flow`
//! (the order in which diverged lanes run); `ir` and `kernel` are what comes out. A call is expanded in place by reading the callee's text again with registers of its
//! own, so that the executor knows no calls; recursion is refused. What is not known is refused when the module is loaded, with
//! its line and kernel, never when it runs.

mod body;
mod cursor;
mod decode;
mod decode_alu;
mod decode_compare;
mod decode_convert;
mod decode_memory;
mod decode_sync;
mod flow;
mod ir;
mod kernel;
mod lexer;
mod operand;
mod parser;
mod types;
mod variables;

pub use body::DYNAMIC_SHARED;
pub use ir::*;
pub use kernel::{Global, Instruction, Kernel, Module};
pub use parser::parse;
pub use types::{Compare, Round, Space, Special, Type};

/// Text that is no PTX, or PTX that this crate does not know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PtxError {
    /// Line of the text, from 1.
    pub line: u32,
    /// The kernel or function that was being read, if any.
    pub kernel: Option<String>,
    /// What is wrong.
    pub message: String,
}

impl PtxError {
    pub(crate) fn new(line: u32, message: impl Into<String>) -> PtxError {
        PtxError { line, kernel: None, message: message.into() }
    }

    pub(crate) fn in_kernel(mut self, name: &str) -> PtxError {
        self.kernel.get_or_insert_with(|| name.to_string());
        self
    }
}

impl std::fmt::Display for PtxError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.kernel {
            Some(kernel) => write!(f, "PTX line {}, kernel {kernel}: {}", self.line, self.message),
            None => write!(f, "PTX line {}: {}", self.line, self.message),
        }
    }
}

impl std::error::Error for PtxError {}
