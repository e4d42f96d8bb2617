//! The main job: an LSTM learns to translate English to French, and shows it.
//!
//! ```text
//! cargo run --release --example wmt14                       the built-in corpus, a few minutes
//! cargo run --release --example wmt14 -- --data DIR         WMT'14's own files; scripts/fetch-wmt14.sh fetches them
//! ```
//!
//! The built-in corpus is a phrase grammar written for this project, not WMT'14: it shows in minutes that everything works. The same program
//! with `--data` runs the paper's data, which takes days.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use clap::Parser;
use unrolled::display::Display;
use unrolled::seq2seq::beam_search::DecodeOptions;
use unrolled::seq2seq::bleu::{Convention, Scorer};
use unrolled::seq2seq::config::{Config, Layers, Optimiser, Schedule};
use unrolled::seq2seq::corpus::{Corpus, Wmt14};
use unrolled::seq2seq::grammar::{Counts, PhraseGrammar};
use unrolled::seq2seq::run::{self, RunOptions, Translator};
use unrolled::seq2seq::tokenise::Tokeniser;

/// Train an English–French translator and translate unseen sentences.
#[derive(Debug, Parser)]
struct Options {
    /// A folder with WMT'14's files in their own layout (training/, dev/, test-full/); without it, the built-in corpus.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// With --data: the configuration to start from (s, m, sutskever2014).
    #[arg(long, value_name = "NAME", default_value = "s", requires = "data")]
    preset: String,
    /// Stop after so many updates.
    #[arg(long, value_name = "N")]
    updates: Option<usize>,
    /// Stop after so many minutes.
    #[arg(long, value_name = "N")]
    minutes: Option<f64>,
    /// Feed the source forwards instead of reversed.
    #[arg(long)]
    forward: bool,
    /// Hypotheses kept at each step of the final translation.
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..))]
    beam: u16,
    /// Seed of everything random.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Threads; 0: all cores. Results do not depend on it.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// What to compute on.
    #[arg(long, value_name = "NAME", default_value = "cpu")]
    device: String,
    /// The run folder [default: the first free of runs/wmt14, runs/wmt14-2, …].
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// Drawn from the built-in corpus. Validation and test sentences never occur in training.
const BUILT_IN: Counts = Counts { train: 240_000, valid: 400, test: 1_000 };
/// Updates on the built-in corpus: a pass and a quarter.
const BUILT_IN_UPDATES: usize = 2_400;

fn main() -> std::process::ExitCode {
    match run(&Options::parse()) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> anyhow::Result<()> {
    let began = Instant::now();
    if options.threads > 0 {
        rayon::ThreadPoolBuilder::new().num_threads(options.threads).build_global()?;
    }
    let device = unrolled::device(&options.device)?;
    let output = options.output.clone().unwrap_or_else(free_folder);
    let (mut config, test) = match &options.data {
        Some(folder) => wmt14(folder, &options.preset)?,
        None => built_in(&output)?,
    };
    config.reverse_source = !options.forward;
    config.seed = options.seed;
    config.output = Some(output.clone());
    if let Some(updates) = options.updates {
        (config.updates, config.epochs) = (updates, 0.0);
    }
    config.minutes = options.minutes.unwrap_or(0.0);
    config.check_for_training()?;
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 1, stop.clone())?;
        signal_hook::flag::register(signal, stop.clone())?;
    }
    run::train(&config, &device, &RunOptions::default(), &mut Display::on_stderr(), &stop)?;
    let translator = run::load(&output, &device)?;
    if let Some(test) = test {
        report(&translator, &test, options)?;
    }
    println!(
        "Took {:.1} minutes. The run is in {}; to translate with it:",
        began.elapsed().as_secs_f64() / 60.0,
        output.display()
    );
    println!("  echo 'She sees the old house.' | cargo run --release -- translate --model {}", output.display());
    Ok(())
}

/// `runs/wmt14`, or with a number where that is taken.
fn free_folder() -> PathBuf {
    let name = |n: usize| if n == 1 { "runs/wmt14".into() } else { PathBuf::from(format!("runs/wmt14-{n}")) };
    (1..).map(name).find(|path| !path.exists()).expect("numbers do not end")
}

/// The built-in corpus beside the run folder, and a model that learns it in minutes.
fn built_in(output: &Path) -> anyhow::Result<(Config, Option<Corpus>)> {
    let folder = output.with_extension("corpus");
    println!("No --data given: training on the BUILT-IN corpus, a phrase grammar of this project. It is not WMT'14.");
    PhraseGrammar::new(1).write(&folder, BUILT_IN)?;
    let Counts { train, valid, test } = BUILT_IN;
    println!("Wrote {train} training, {valid} validation and {test} test pairs to {}.", folder.display());
    println!("Validation and test sentences never occur in training: all their words do, in other combinations.");
    let file = |name: &str| vec![folder.join(name)];
    let config = Config {
        source: file("train.en"),
        target: file("train.fr"),
        valid_source: file("valid.en"),
        valid_target: file("valid.fr"),
        source_vocabulary_size: 3_000,
        target_vocabulary_size: 3_000,
        // One layer each: two learn more in the end, but not in minutes.
        layers: 1,
        hidden_size: 256,
        embedding_size: 256,
        // Adam instead of the paper's SGD: minutes instead of hours.
        optimiser: Optimiser::Adam,
        initial_embedding_range: 1.0,
        learning_rate: 0.003,
        schedule: Schedule::Cosine,
        warmup_updates: 50,
        epochs: 0.0,
        updates: BUILT_IN_UPDATES,
        validate_every: 300,
        checkpoint_every: 0,
        log_every: 50,
        valid_bleu_sentences: 200,
        valid_samples: 4,
        ..Config::default()
    };
    Ok((config, Some(Corpus::parallel(folder.join("test.en"), folder.join("test.fr")))))
}

/// WMT'14's files, and the preset's configuration to train on them.
fn wmt14(folder: &Path, preset: &str) -> anyhow::Result<(Config, Option<Corpus>)> {
    let Wmt14 { training, validation, test, tokenised } = Wmt14::find(folder)?;
    let layers = Layers { preset: Some(preset.to_owned()), ..Layers::default() };
    let mut config = layers.resolve()?.config;
    println!("Training on WMT'14 files of {}:", folder.display());
    for (source, target) in &training {
        println!("  {} / {}", source.display(), target.display());
    }
    println!(
        "Validating on {}; test set: {}.",
        validation.0.display(),
        match &test {
            Some((source, _)) => source.display().to_string(),
            None => "none found (test-full/newstest2014-fren-src.en.sgm)".to_owned(),
        }
    );
    if tokenised {
        config.tokeniser = Tokeniser::Whitespace;
    }
    (config.source, config.target) = training.into_iter().unzip();
    (config.valid_source, config.valid_target) = (vec![validation.0], vec![validation.1]);
    Ok((config, test.map(|(source, target)| Corpus::parallel(source, target))))
}

/// BLEU of the test set, and the first translations.
fn report(translator: &Translator, test: &Corpus, options: &Options) -> anyhow::Result<()> {
    let mut pairs = Vec::new();
    for pair in test.pairs()? {
        let pair = pair?;
        pairs.push((pair.source, pair.target));
    }
    let beam_size = options.beam.into();
    let began = Instant::now();
    let sources: Vec<String> = pairs.iter().map(|(source, _)| source.clone()).collect();
    let translations = translator.translate_lines(&sources, &DecodeOptions { beam_size, ..DecodeOptions::default() });
    // Tokenised text is not what sacreBLEU compares.
    let tokenised = translator.config.tokeniser == Tokeniser::Whitespace;
    let mut scorer = Scorer::new(if tokenised { Convention::MultiBleu } else { Convention::SACREBLEU });
    println!("\nUnseen test sentences:");
    for (i, ((source, reference), best)) in pairs.iter().zip(&translations).enumerate() {
        let best = best.first().map_or("", |best| best.text.as_str());
        scorer.add(best, &[reference.as_str()]);
        if i < 12 {
            let mark = if best == reference { "=" } else { " " };
            println!(
                "  {source}\n  {mark} {best}{}",
                if best == reference { String::new() } else { format!("\n    ({reference})") }
            );
        }
    }
    let bleu = scorer.bleu();
    let (seconds, corpus) = (
        began.elapsed().as_secs_f64(),
        if options.data.is_some() { "WMT'14" } else { "the built-in corpus, not WMT'14" },
    );
    println!("\nBLEU {:.2} on {} test sentences of {corpus}", bleu.score, pairs.len());
    println!("  beam {beam_size}, {seconds:.1} s, {}", bleu.signature());
    Ok(())
}
