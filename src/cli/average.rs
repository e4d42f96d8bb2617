//! `unrolled average`: the mean of checkpoints.

use std::io::Write;
use std::path::PathBuf;

use anyhow::ensure;
use clap::Args;
use unrolled::tensor::catch_device_error;
use unrolled_seq2seq::average::{MEAN_OF, average, last_checkpoints};
use unrolled_seq2seq::wording::counted;

use super::translate::positive;
use crate::cli::output::stdout;

/// Average the parameters of several checkpoints of one model into a new one.
#[derive(Debug, Args)]
pub(super) struct Average {
    /// The checkpoints; of a run folder its best is taken.
    #[arg(long, value_name = "DIR", num_args = 1.., required_unless_present = "run")]
    model: Vec<PathBuf>,
    /// Instead: the last checkpoints of a run.
    #[arg(long, value_name = "DIR", conflicts_with = "model")]
    run: Option<PathBuf>,
    /// With --run: how many.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = positive, requires = "run")]
    last: usize,
    /// Where the new checkpoint goes: a folder to be made.
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    /// Replace a mean that is there; checkpoints of a run are never replaced.
    #[arg(long)]
    overwrite: bool,
}

impl Average {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let folders = match &self.run {
            Some(run) => last_checkpoints(run, self.last)?,
            None => self.model,
        };
        ensure!(!folders.is_empty(), "the run has no checkpoint");
        ensure!(
            self.overwrite || !self.output.exists(),
            "`{}` is there already: choose another folder, or give --overwrite",
            self.output.display()
        );
        let state = std::fs::read_to_string(self.output.join("state.json")).unwrap_or_default();
        let mean = serde_json::from_str(&state).is_ok_and(|state: serde_json::Value| state.get(MEAN_OF).is_some());
        ensure!(
            state.is_empty() || mean,
            "`{}` is a checkpoint of a run, which could not go on from a mean: choose another folder",
            self.output.display()
        );
        catch_device_error(|| average(&folders, &self.output, &unrolled::device("cpu").expect("there is a CPU")))??;
        if let Some(run) = self.run.filter(|_| folders.len() < self.last) {
            let (run, kept) = (run.display(), counted(folders.len(), "checkpoint"));
            tell!("warning: `{run}` has {kept}, not {}: train with --keep-checkpoints {}", self.last, self.last);
        }
        let mut out = stdout();
        writeln!(out, "{}: the mean of {}", self.output.display(), counted(folders.len(), "checkpoint"))?;
        folders.iter().try_for_each(|folder| writeln!(out, "  {}", folder.display()))?;
        Ok(())
    }
}
