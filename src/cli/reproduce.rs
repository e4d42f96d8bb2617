//! `unrolled reproduce`: the paper's tables.

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use unrolled::display::Display;
use unrolled_seq2seq::progress::{Observer, Silent};
use unrolled_seq2seq::reproduce::{ReproduceOptions, Scale, default_folder, reproduce};

use super::signals::stop_flag;
use super::threads::use_threads;
use super::translate::{hypotheses, positive};
use crate::cli::output::stdout;

/// Reproduce the paper's tables: source forward and reversed, beams of 1, 2 and 12, ensembles of 2 and 5, rescoring, depths 1 to 4.
///
/// The models are trained and the test set is translated at a scale of choice, on the built-in corpus unless --data names another; the outcome is
/// printed beside the paper's numbers, with each difference that the paper found and whether it is met. What is done lies in the folder and is not
/// done again: stop it with Ctrl-C whenever you like, and give the same command to go on.
#[derive(Debug, Args)]
pub(super) struct Reproduce {
    /// How large the models are: seconds (learns next to nothing), minutes (under an hour on two cores), hours, paper (with --data).
    #[arg(long, value_name = "SCALE", default_value_t = Scale::Minutes)]
    scale: Scale,
    /// A folder with WMT'14's files (training/, dev/, test-full/), or with train.en, train.fr, valid.en, … [default: the built-in corpus].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Seeds of the single models; the ensembles have five models all the same.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = seeds)]
    seeds: usize,
    /// Translate at most so many test sentences.
    #[arg(long, value_name = "N", default_value_t = 3_003, value_parser = positive)]
    sentences: usize,
    /// Translations in each list to be rescored [default: by the scale, from 5 to the paper's 1000].
    #[arg(long, value_name = "N", value_parser = hypotheses)]
    n_best: Option<usize>,
    /// The folder for models, translations and tables [default: runs/reproduce-SCALE].
    #[arg(long, short, value_name = "DIR")]
    output: Option<PathBuf>,
    /// What to compute on: cpu, cuda:0, …
    #[arg(long, value_name = "NAME", default_value = "cpu")]
    device: String,
    /// Threads of the CPU. 0: all cores. The numbers do not depend on it.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// Show nothing but the table and errors.
    #[arg(long, short)]
    quiet: bool,
}

fn seeds(word: &str) -> Result<usize, String> {
    word.parse()
        .ok()
        .filter(|found| (1..=1000).contains(found))
        .ok_or_else(|| "1 to 1000 seeds are possible".to_owned())
}

impl Reproduce {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let stop = stop_flag().context("cannot listen for signals")?;
        use_threads(self.threads)?;
        let device = unrolled::device(&self.device)?;
        let options = ReproduceOptions {
            folder: self.output.unwrap_or_else(|| default_folder(self.scale)),
            scale: self.scale,
            data: self.data,
            seeds: self.seeds,
            sentences: self.sentences,
            n_best: self.n_best,
        };
        let began = Instant::now();
        let mut display: Box<dyn Observer> = if self.quiet { Box::new(Silent) } else { Box::new(Display::on_stderr()) };
        let mut say = |step: &str| {
            if !self.quiet {
                tell!("[{:.0} s] {step}", began.elapsed().as_secs_f64());
            }
        };
        let table = reproduce(&options, &device, display.as_mut(), &mut say, &stop)?;
        stdout().write_all(table.markdown().as_bytes())?;
        if !self.quiet {
            let seconds: f64 = table.training_seconds.iter().map(|(_, seconds)| seconds).sum();
            tell!(
                "{:.1} minutes of training in all. The table is in {}.",
                seconds / 60.0,
                options.folder.join("table.md").display()
            );
        }
        Ok(())
    }
}
