//! `unrolled example-corpus`: the built-in corpus as files, to try the other commands on.

use std::path::PathBuf;

use clap::Args;
use unrolled_seq2seq::grammar::{Counts, PhraseGrammar, Split};
use unrolled_seq2seq::wording::counted;

/// Write parallel English and French text to try the other commands on.
///
/// The sentences come from a phrase grammar written for this project: correct, plain and without end. They are no real text: a model that
/// translates them well knows nothing else. Validation and test sentences never occur in training.
#[derive(Debug, Args)]
pub(super) struct ExampleCorpus {
    /// The folder for train.en, train.fr, valid.en and so on; it is made where it is missing.
    #[arg(long, short, value_name = "DIR")]
    output: PathBuf,
    /// Training pairs.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    train: usize,
    /// Validation pairs.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    valid: usize,
    /// Test pairs.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    test: usize,
    /// Other seeds draw other sentences.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Write over existing files.
    #[arg(long)]
    overwrite: bool,
}

impl ExampleCorpus {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let files = Split::ALL.iter().flat_map(|split| ["en", "fr"].map(|side| format!("{}.{side}", split.stem())));
        for path in files.map(|name| self.output.join(name)) {
            if path.exists() && !self.overwrite {
                anyhow::bail!("`{}` exists; name another folder, or give --overwrite", path.display());
            }
        }
        let counts = Counts { train: self.train, valid: self.valid, test: self.test };
        PhraseGrammar::new(self.seed).write(&self.output, counts)?;
        tell!(
            "{} training, {} validation and {} in {}",
            self.train,
            self.valid,
            counted(self.test, "test pair"),
            self.output.display()
        );
        Ok(())
    }
}
