//! `unrolled translate`: lines in, as many lines out.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use unrolled::tensor::catch_device_error;
use unrolled_seq2seq::beam_search::DecodeOptions;
use unrolled_seq2seq::corpus::Lines;
use unrolled_seq2seq::run::{self, Translator};

use super::input::open;
use super::matmul_precision::Precision;
use super::n_best::{Candidate, Format};
use super::threads::use_threads;

/// Translate text, one sentence a line, from standard input to standard output.
#[derive(Debug, Args)]
pub(super) struct Translate {
    /// The model: a run folder (its best checkpoint is taken) or a checkpoint.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Hypotheses kept at each step; 1 is greedy.
    #[arg(long, visible_alias = "beam-size", value_name = "N", default_value_t = 12, value_parser = positive)]
    beam: usize,
    /// Write the N best translations of each line as Moses does: `id ||| hypothesis ||| features ||| score`.
    #[arg(long, value_name = "N", value_parser = positive)]
    n_best: Option<usize>,
    /// Sentences translated together; the translations do not depend on it.
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = positive)]
    batch_size: usize,
    /// Longest translation, in words. 0: twice the source's words and ten.
    #[arg(long, value_name = "N", default_value_t = 0)]
    max_output_length: usize,
    /// Power of the length that a finished translation's log-probability is divided by. 0: none, as in the paper.
    #[arg(long, value_name = "X", default_value_t = 0.0, value_parser = not_negative)]
    length_normalisation: f64,
    /// The text to translate; `-` is standard input.
    #[arg(long, value_name = "FILE", default_value = "-")]
    input: PathBuf,
    /// Where to write the translations [default: standard output].
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// What to compute on: cpu, cuda:0, …
    #[arg(long, value_name = "NAME", default_value = "cpu")]
    device: String,
    /// Threads of the CPU. 0: all cores. The translations do not depend on it.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    #[command(flatten)]
    precision: Precision,
}

/// Batches in a block: long enough to sort sentences by length, short enough to see results soon.
const BATCHES_IN_A_BLOCK: usize = 16;

pub(super) fn positive(word: &str) -> Result<usize, String> {
    word.parse().ok().filter(|&number| number > 0).ok_or_else(|| "a whole number of 1 or more is needed".to_owned())
}

fn not_negative(word: &str) -> Result<f64, String> {
    let number = word.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0);
    number.ok_or_else(|| "a number of 0 or more is needed".to_owned())
}

impl Translate {
    pub(super) fn run(self) -> anyhow::Result<()> {
        if let Some(n_best) = self.n_best.filter(|&n_best| n_best > self.beam) {
            anyhow::bail!("--n-best {n_best} needs a beam at least as large: --beam {} finds fewer", self.beam);
        }
        use_threads(self.threads)?;
        let lines = open(&self.input)?;
        let device = unrolled::device(&self.device)?;
        self.precision.set(&device)?;
        let translator = run::load(&self.model, &device)?;
        let output: Box<dyn Write> = match &self.output {
            Some(path) => Box::new(File::create(path).with_context(|| format!("cannot write `{}`", path.display()))?),
            None => Box::new(io::stdout().lock()),
        };
        // A person who types a line wants its translation, not a full block.
        let typed = self.input.as_os_str() == "-" && io::stdin().is_terminal();
        let block = if typed { 1 } else { self.batch_size.saturating_mul(BATCHES_IN_A_BLOCK) };
        let format = if self.n_best.is_some() { Format::NBest } else { Format::Best };
        stream(lines, &mut BufWriter::new(output), block, format, |lines| {
            Ok(catch_device_error(|| self.translate(&translator, lines))?)
        })
    }

    fn translate(&self, translator: &Translator, lines: &[String]) -> Vec<Vec<Candidate>> {
        let options = DecodeOptions {
            beam_size: self.beam,
            n_best: self.n_best.unwrap_or(1),
            batch_size: self.batch_size,
            max_length: self.max_output_length,
            length_normalisation: self.length_normalisation,
        };
        let translated = translator.translate_lines(lines, &options).into_iter();
        let candidate = |hypothesis: unrolled_seq2seq::run::Hypothesis| Candidate {
            text: hypothesis.text,
            log_probability: hypothesis.log_probability,
            score: hypothesis.score,
        };
        translated.map(|hypotheses| hypotheses.into_iter().map(candidate).collect()).collect()
    }
}

/// Translates `lines` in blocks and writes each block before it reads the next. Lines without a word are not translated: their
/// translation is empty, and stands in their place.
fn stream(
    mut lines: Lines,
    output: &mut impl Write,
    block: usize,
    format: Format,
    mut translate: impl FnMut(&[String]) -> anyhow::Result<Vec<Vec<Candidate>>>,
) -> anyhow::Result<()> {
    let mut id = 0;
    loop {
        let mut texts = Vec::new();
        let mut is_empty = Vec::new();
        while is_empty.len() < block
            && let Some(line) = lines.next_line()?
        {
            let empty = line.trim().is_empty();
            is_empty.push(empty);
            if !empty {
                texts.push(line.to_owned());
            }
        }
        let mut translations = if texts.is_empty() { Vec::new() } else { translate(&texts)? }.into_iter();
        for &empty in &is_empty {
            let candidates = if empty { None } else { translations.next() };
            format.write(output, id, &candidates.unwrap_or_default())?;
            id += 1;
        }
        output.flush()?;
        if is_empty.len() < block {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Streams `text` through a translator that turns letters to capitals; gives the output, and the size of each block it was handed.
    fn capitals(text: &'static str, block: usize, format: Format) -> (String, Vec<usize>) {
        let (mut output, mut blocks) = (Vec::new(), Vec::new());
        let lines = Lines::from_reader("<test>", text.as_bytes());
        stream(lines, &mut output, block, format, |lines| {
            blocks.push(lines.len());
            let candidate = |line: &String| Candidate { text: line.to_uppercase(), log_probability: -1.0, score: -1.0 };
            Ok(lines.iter().map(|line| vec![candidate(line)]).collect())
        })
        .unwrap();
        (String::from_utf8(output).unwrap(), blocks)
    }

    #[test]
    fn every_line_has_its_line_whatever_the_block() {
        let text = "a\n\nb\n \t\nc\n\n";
        for block in 1..9 {
            assert_eq!(capitals(text, block, Format::Best).0, "A\n\nB\n\nC\n\n", "block {block}");
        }
        assert_eq!(capitals(text, 4, Format::Best).1, [2, 1]);
    }

    #[test]
    fn nothing_in_is_nothing_out() {
        assert_eq!(capitals("", 3, Format::Best), (String::new(), vec![]));
        assert_eq!(capitals("\n\n", 1, Format::Best), ("\n\n".into(), vec![]));
        assert_eq!(capitals("no line end", 3, Format::Best).0, "NO LINE END\n");
    }

    #[test]
    fn ids_of_the_list_are_line_numbers() {
        let (text, _) = capitals("a\n\nb\n", 2, Format::NBest);
        let ids: Vec<&str> = text.lines().filter_map(|line| line.split(" ||| ").next()).collect();
        assert_eq!(ids, ["0", "1", "2"]);
    }

    #[test]
    fn a_block_is_written_before_the_next_is_read() {
        let lines = Lines::from_reader("<test>", &b"a\nb\n\xff\n"[..]);
        let mut output = Vec::new();
        let result = stream(lines, &mut output, 2, Format::Best, |lines| {
            Ok(lines
                .iter()
                .map(|line| vec![Candidate { text: line.clone(), log_probability: 0.0, score: 0.0 }])
                .collect())
        });
        assert!(result.unwrap_err().to_string().contains("line 3"));
        assert_eq!(output, b"a\nb\n");
    }
}
