//! `unrolled bench`: what this machine does with the translator, on work of a fixed size.

mod accelerator;
mod cost;
pub(super) mod process;
mod profile;
mod size;
mod steps;
mod train_step;
mod translate;

use clap::{Args, Subcommand};

/// Measure speed and memory on work of a fixed size.
#[derive(Debug, Args)]
pub(super) struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    TrainStep(train_step::TrainStep),
    Translate(translate::Translate),
    Cost(cost::Cost),
}

impl Bench {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self.what {
            What::TrainStep(command) => command.run(),
            What::Translate(command) => command.run(),
            What::Cost(command) => command.run(),
        }
    }
}
