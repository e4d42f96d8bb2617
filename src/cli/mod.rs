//! The command line: one module a subcommand, each a thin call into the translator's library.

/// `eprintln!` that does not panic where standard error is closed or its disk is full: what is done is worth more than what is said of it.
macro_rules! tell {
    ($($what:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($what)*);
    }};
}

mod annotate;
mod average;
mod bench;
mod bleu;
mod completions;
mod config_flags;
mod devices;
mod estimate;
mod evaluate;
mod example_corpus;
mod input;
mod matmul_precision;
mod models;
mod n_best;
mod output;
mod prepare;
mod report;
mod reproduce;
mod rescore;
mod schedule;
mod score;
mod signals;
mod threads;
mod train;
mod translate;
mod vocab;
mod weights;

use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use unrolled_seq2seq::prepare::PrepareError;

/// Trains and runs the LSTM translator of "Sequence to Sequence Learning with Neural Networks" (2014).
#[derive(Debug, Parser)]
#[command(name = "unrolled", version, propagate_version = true, max_term_width = 120)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Vocab(vocab::Vocab),
    Prepare(prepare::Prepare),
    Train(train::Train),
    Translate(translate::Translate),
    Score(score::Score),
    Bleu(bleu::Bleu),
    Evaluate(evaluate::Evaluate),
    Rescore(rescore::Rescore),
    Average(average::Average),
    Annotate(annotate::Annotate),
    Estimate(estimate::Estimate),
    Report(report::Report),
    Reproduce(reproduce::Reproduce),
    Bench(bench::Bench),
    Schedule(schedule::Schedule),
    Devices(devices::Devices),
    ExampleCorpus(example_corpus::ExampleCorpus),
    Completions(completions::Completions),
}

impl Command {
    fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Vocab(command) => command.run(),
            Self::Prepare(command) => command.run(),
            Self::Train(command) => command.run(),
            Self::Translate(command) => command.run(),
            Self::Score(command) => command.run(),
            Self::Bleu(command) => command.run(),
            Self::Evaluate(command) => command.run(),
            Self::Rescore(command) => command.run(),
            Self::Average(command) => command.run(),
            Self::Annotate(command) => command.run(),
            Self::Estimate(command) => command.run(),
            Self::Report(command) => command.run(),
            Self::Reproduce(command) => command.run(),
            Self::Bench(command) => command.run(),
            Self::Schedule(command) => command.run(),
            Self::Devices(command) => command.run(),
            Self::ExampleCorpus(command) => command.run(),
            Self::Completions(command) => command.run(),
        }
    }
}

/// Reads the command line and runs it: 0 when all went well, 1 where data, files or settings are at fault, 2 for a command line that cannot be
/// understood, 128 and the signal's number where a signal ended it early.
pub(crate) fn main() -> ExitCode {
    match Arguments::parse().command.run() {
        Ok(()) => signals::status(),
        // Whoever read our output has seen enough (`unrolled translate | head`).
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            tell!("error: {}", describe(&error));
            if is_stopped(&error) { signals::status() } else { ExitCode::FAILURE }
        }
    }
}

/// True of work that a signal ended, which goes on when it is asked for again.
fn is_stopped(error: &anyhow::Error) -> bool {
    let Some(unrolled_seq2seq::reproduce::Error::Stopped) = error.downcast_ref() else {
        return matches!(error.downcast_ref(), Some(PrepareError::Stopped));
    };
    true
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let written = cause.downcast_ref::<io::Error>();
        written.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}

/// The message and its causes on one line; a cause that the message has told already is not told again.
fn describe(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, cause| {
        if told.is_empty() {
            cause
        } else if told.contains(&cause) {
            told
        } else {
            format!("{told}: {cause}")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::{Context, anyhow};

    #[test]
    fn the_command_line_is_consistent() {
        <Arguments as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn causes_are_told_once() {
        let error = anyhow!("not found").context("cannot open `a`: not found").context("reading the source");
        assert_eq!(describe(&error), "reading the source: cannot open `a`: not found");
    }

    #[test]
    fn a_closed_pipe_is_recognised_beneath_its_context() {
        let closed: io::Result<()> = Err(io::ErrorKind::BrokenPipe.into());
        assert!(is_broken_pipe(&closed.context("writing").unwrap_err()));
        assert!(!is_broken_pipe(&anyhow!("broken pipe")));
    }
}
