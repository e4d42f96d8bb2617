//! The `unrolled` command: counts vocabularies, trains, translates, scores.

// It panics where standard error is closed or its disk is full: `tell!` does not.
#![deny(clippy::print_stderr)]

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
