//! `unrolled vocab`: the most frequent words of files, for `--source-vocabulary` and `--target-vocabulary`.

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use clap::Args;
use unrolled_seq2seq::tokenise::{Language, Tokeniser};
use unrolled_seq2seq::vocabulary::{SPECIALS, VocabularyBuilder};
use unrolled_seq2seq::wording::counted;

use super::input::{one_stdin, open};
use crate::cli::output::{check, is_stdout, stdout};

/// Count the words of text files and keep the most frequent.
///
/// The vocabulary has one line `word TAB count` for each word, the special symbols first, then by falling frequency.
#[derive(Debug, Args)]
pub(super) struct Vocab {
    /// Text files, one sentence a line, UTF-8; `.gz` and `.sgm` are understood; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Words to keep, the special symbols included.
    #[arg(long, value_name = "N", default_value_t = 30_000, value_parser = at_least_four)]
    size: usize,
    /// How a line becomes words: whitespace, moses or words.
    #[arg(long, value_name = "NAME", default_value_t = Tokeniser::Moses)]
    tokeniser: Tokeniser,
    /// The language's code; the Moses tokeniser's rules depend on it.
    #[arg(long, value_name = "CODE", default_value_t = Language::English)]
    language: Language,
    /// Where to write the vocabulary [default: standard output].
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write over an existing file.
    #[arg(long)]
    overwrite: bool,
}

fn at_least_four(word: &str) -> Result<usize, String> {
    let least = SPECIALS.len() + 1;
    match word.parse() {
        Ok(size) if size >= least => Ok(size),
        _ => Err(format!(
            "a whole number of {least} or more is needed: {} special symbols and at least one word",
            SPECIALS.len()
        )),
    }
}

impl Vocab {
    pub(super) fn run(self) -> anyhow::Result<()> {
        one_stdin(&self.files)?;
        let output = self.output.as_ref().filter(|path| !is_stdout(path));
        // Before the work, not after it.
        if let Some(path) = output {
            anyhow::ensure!(
                self.overwrite || !path.exists(),
                "`{}` exists; name another file, or give --overwrite",
                path.display()
            );
            check(path, &self.files)?;
        }
        let counts = self.count()?;
        let files = || self.files.iter().map(|file| format!("`{}`", file.display())).collect::<Vec<_>>().join(", ");
        anyhow::ensure!(counts.distinct() > 0, "there is no word to make a vocabulary of in {}", files());
        let (vocabulary, shortfall) = counts.build(self.size)?;
        match output {
            Some(path) => vocabulary.save(path)?,
            None => {
                let mut output = BufWriter::new(stdout());
                vocabulary.write(&mut output)?;
                output.flush()?;
            }
        }
        if let Some(shortfall) = shortfall {
            tell!("warning: {shortfall}");
        }
        tell!(
            "{}; {} kept, which cover {}",
            counted(counts.distinct(), "distinct word"),
            vocabulary.len() - SPECIALS.len(),
            vocabulary.coverage()
        );
        Ok(())
    }

    fn count(&self) -> anyhow::Result<VocabularyBuilder> {
        let mut counts = VocabularyBuilder::new();
        for path in &self.files {
            let mut lines = open(path)?;
            while let Some(line) = lines.next_line()? {
                self.tokeniser.for_each_token(line, self.language, |token| counts.add_token(token));
                counts.end_sentence();
            }
        }
        Ok(counts)
    }
}
