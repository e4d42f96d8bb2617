//! The `unrolled` command: counts vocabularies, trains, translates, scores.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
