//! `unrolled completions`: a script that completes the command line in a shell.

use std::io::Write;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::output::stdout;

/// Print a completion script for a shell.
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell.
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self) -> anyhow::Result<()> {
        // Into memory first: the generator panics where its output is closed early.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::Arguments::command(), "unrolled", &mut script);
        stdout().write_all(&script)?;
        Ok(())
    }
}
