//! `unrolled translate`: lines in, as many lines out.

mod feed;
pub(super) mod flags;

use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use clap::Args;
use unrolled::tensor::catch_device_error;
use unrolled_seq2seq::run::{Hypothesis, Line, Request, Translators};

use super::input::{one_stdin, open};
use super::matmul_precision::Precision;
use super::models::Models;
use super::n_best::{Candidate, Format};
use super::output::create;
use super::signals::stop_flag;
use super::threads::use_threads;
use super::weights::Weights;
use feed::{Feed, Input, Next, Numbered};
use flags::Finding;

/// Translate text, one sentence a line, from standard input to standard output.
///
/// Each line of input is answered by one line of output, an empty line by an empty line; a pipe's lines as soon as they come, a file's in blocks. The most probable translations
/// are searched for, or translations are drawn at random with --sample. SIGINT and SIGTERM write the lines that are done and stop, with exit status 130 or 143; a second one
/// stops at once.
#[derive(Debug, Args)]
pub(super) struct Translate {
    #[command(flatten)]
    models: Models,
    #[command(flatten)]
    finding: Finding,
    /// Write N translations of each line as Moses does: `id ||| hypothesis ||| features ||| score`, the best first; with --sample as they are drawn. `|||` in a
    /// hypothesis is written `&#124;&#124;&#124;`.
    #[arg(long, value_name = "N", value_parser = hypotheses)]
    n_best: Option<usize>,
    /// Sentences translated together; the translations do not depend on it.
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = positive)]
    batch_size: usize,
    /// How each line's translations must begin: a file with one line, perhaps empty, for each line of input.
    #[arg(long, value_name = "FILE")]
    prefix: Option<PathBuf>,
    /// The text to translate; `-` is standard input.
    #[arg(long, value_name = "FILE", default_value = "-")]
    input: PathBuf,
    /// Where to write the translations [default: standard output].
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// What to compute on: cpu, cuda:0, …
    #[arg(long, value_name = "NAME", default_value = "cpu")]
    device: String,
    /// Several devices that share the output vocabulary, each a slice of it, as in 4xcpu or cuda:0-3; the rest is on --device. The translations' scores are
    /// those of one device to rounding. Samples and forced prefixes do not use them.
    #[arg(long, value_name = "NAMES")]
    devices: Option<String>,
    /// Threads of the CPU. 0: all cores. The translations do not depend on it.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    #[command(flatten)]
    precision: Precision,
    #[command(flatten)]
    weights: Weights,
}

/// Batches in a block: long enough to sort sentences by length, short enough to see results soon.
const BATCHES_IN_A_BLOCK: usize = 16;
/// So many lines of a pipe are read before they are asked for, at most.
const READ_AHEAD: usize = 4096;

pub(super) fn positive(word: &str) -> Result<usize, String> {
    word.parse().ok().filter(|&number| number > 0).ok_or_else(|| "a whole number of 1 or more is needed".to_owned())
}

/// The most hypotheses that can be asked for. A step looks at the beam's square of continuations of each sentence, and keeps a state for each sample:
/// beyond this the memory that they take is more than a machine has.
const MOST: usize = 10_000;

pub(super) fn hypotheses(word: &str) -> Result<usize, String> {
    let count = positive(word)?;
    if count <= MOST { Ok(count) } else { Err(format!("{MOST} hypotheses are the most")) }
}

impl Translate {
    /// What is read beside the lines.
    fn read_beside(&self) -> impl Iterator<Item = &PathBuf> {
        self.prefix.iter().chain(self.finding.dictionary())
    }

    pub(super) fn run(self) -> anyhow::Result<()> {
        one_stdin([&self.input].into_iter().chain(self.read_beside()))?;
        let request = self.finding.request(self.n_best, self.batch_size)?;
        use_threads(self.threads)?;
        let input = Input { lines: open(&self.input)?, prefixes: self.prefix.as_deref().map(open).transpose()? };
        let device = unrolled::device(&self.device)?;
        self.precision.set(&device)?;
        let mut models = self.models.load(&device)?;
        if let Some(devices) = &self.devices {
            let devices = unrolled::devices(devices)?;
            devices.iter().try_for_each(|device| self.precision.set(device))?;
            models.share_vocabulary(&devices)?;
        }
        models.models().try_for_each(|model| catch_device_error(|| self.weights.round(model))?)?;
        let translators = models.together()?;
        let output = create(self.output.as_deref(), [&self.input].into_iter().chain(self.read_beside()))?;
        let block = self.batch_size.saturating_mul(BATCHES_IN_A_BLOCK);
        let feed = Feed::new(&self.input, input, block.min(READ_AHEAD)).context("cannot read ahead")?;
        let format = self.n_best.map_or(Format::Best, Format::NBest);
        let stop = stop_flag().context("cannot listen for signals")?;
        stream(feed, &mut BufWriter::new(output), block, format, &stop, |lines| {
            Ok(catch_device_error(|| translate(&translators, lines, &request, &stop))?)
        })
    }
}

/// What is found of each line before `stop` is true.
fn translate(
    translators: &Translators<'_>,
    lines: &[Numbered],
    request: &Request,
    stop: &AtomicBool,
) -> Vec<Option<Vec<Candidate>>> {
    let lines: Vec<Line<'_>> = lines.iter().map(Numbered::line).collect();
    let translated = translators.translate_until(&lines, request, &|| stop.load(Ordering::Relaxed)).into_iter();
    let candidate = |hypothesis: Hypothesis| Candidate {
        text: hypothesis.text,
        log_probability: hypothesis.log_probability,
        score: hypothesis.score,
    };
    translated.map(|hypotheses| Some(hypotheses?.into_iter().map(candidate).collect())).collect()
}

/// Translates the input in blocks and writes each block before it waits for the next line; who writes lines one by one gets their answers one by one.
/// Lines without a word are not translated: their translation is their
/// prefix, and stands in their place. Once `stop` is true, it ends with the last line before which none is missing.
fn stream(
    mut feed: Feed,
    output: &mut impl Write,
    block: usize,
    format: Format,
    stop: &AtomicBool,
    mut translate: impl FnMut(&[Numbered]) -> anyhow::Result<Vec<Option<Vec<Candidate>>>>,
) -> anyhow::Result<()> {
    loop {
        let (mut full, mut empty) = (Vec::new(), Vec::new());
        let mut ended = false;
        while full.len() + empty.len() < block {
            match feed.next(full.is_empty() && empty.is_empty(), stop)? {
                Next::Line(line) => if line.text.trim().is_empty() { &mut empty } else { &mut full }.push(line),
                Next::NotYet => break,
                Next::End => {
                    ended = true;
                    break;
                }
            }
        }
        let translations = if full.is_empty() { Vec::new() } else { translate(&full)? };
        let none = |line: Numbered| (line.number, Some(vec![Candidate::given(line.prefix)]));
        let mut answers: Vec<(u64, Option<Vec<Candidate>>)> = empty.into_iter().map(none).collect();
        answers.extend(full.iter().map(|line| line.number).zip(translations));
        answers.sort_by_key(|&(number, _)| number);
        for (number, candidates) in answers {
            let Some(candidates) = candidates else { break };
            format.write(output, number, &candidates)?;
        }
        output.flush()?;
        if ended || stop.load(Ordering::Relaxed) {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use unrolled_seq2seq::corpus::Lines;

    use super::*;

    /// Streams `text` through a translator that turns letters to capitals; gives the output, and the size of each block it was handed.
    fn capitals(text: &'static str, block: usize, format: Format) -> (String, Vec<usize>) {
        let (mut output, mut blocks) = (Vec::new(), Vec::new());
        let input = Input { lines: Lines::from_reader("<test>", text.as_bytes()), prefixes: None };
        stream(Feed::File(input.into()), &mut output, block, format, &AtomicBool::new(false), |lines| {
            blocks.push(lines.len());
            let candidate = |line: &Numbered| Candidate::given(line.text.to_uppercase());
            Ok(lines.iter().map(|line| Some(vec![candidate(line)])).collect())
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
        let (text, _) = capitals("a\n\nb\n", 2, Format::NBest(1));
        let ids: Vec<&str> = text.lines().filter_map(|line| line.split(" ||| ").next()).collect();
        assert_eq!(ids, ["0", "1", "2"]);
    }

    #[test]
    fn a_block_is_written_before_the_next_is_read() {
        let input = Input { lines: Lines::from_reader("<test>", &b"a\nb\n\xff\n"[..]), prefixes: None };
        let mut output = Vec::new();
        let result = stream(Feed::File(input.into()), &mut output, 2, Format::Best, &AtomicBool::new(false), |lines| {
            Ok(lines.iter().map(|line| Some(vec![Candidate::given(line.text.clone())])).collect())
        });
        assert!(result.unwrap_err().to_string().contains("line 3"));
        assert_eq!(output, b"a\nb\n");
    }

    /// What is written is the translation of the first lines of the input, without a gap, and the next block is not begun.
    #[test]
    fn asked_to_stop_it_writes_the_lines_before_the_first_that_is_missing() {
        let input = Input { lines: Lines::from_reader("<test>", &b"\na\n\nb\nc\nd\n"[..]), prefixes: None };
        let (mut output, stop) = (Vec::new(), AtomicBool::new(false));
        let found = |line: &Numbered| (line.text != "b").then(|| vec![Candidate::given(line.text.clone())]);
        stream(Feed::File(input.into()), &mut output, 5, Format::Best, &stop, |lines| {
            assert!(!stop.swap(true, Ordering::Relaxed), "asked again");
            Ok(lines.iter().map(found).collect())
        })
        .unwrap();
        assert_eq!(String::from_utf8(output).unwrap(), "\na\n\n");
    }

    /// Ctrl-C on a terminal where nothing is typed.
    #[test]
    fn asked_to_stop_it_does_not_wait_for_a_line() {
        let (sender, lines) = std::sync::mpsc::sync_channel(1);
        let stop = AtomicBool::new(true);
        stream(Feed::Live(lines), &mut Vec::new(), 5, Format::Best, &stop, |_| unreachable!("there is no line"))
            .unwrap();
        drop(sender);
    }

    #[test]
    fn prefixes_go_with_their_lines_and_must_be_as_many() {
        let run = |prefixes: &'static str| {
            let lines = |text: &'static str| Lines::from_reader("<test>", text.as_bytes());
            let input = Input { lines: lines("a\n\nb\n"), prefixes: Some(lines(prefixes)) };
            let mut output = Vec::new();
            let result =
                stream(Feed::File(input.into()), &mut output, 2, Format::Best, &AtomicBool::new(false), |lines| {
                    let text = |line: &Numbered| format!("{}{}{}", line.prefix, line.text, line.number);
                    Ok(lines.iter().map(|line| Some(vec![Candidate::given(text(line))])).collect())
                });
            result.map(|()| String::from_utf8(output).unwrap())
        };
        assert_eq!(run("x\ny\n\n").unwrap(), "xa0\ny\nb2\n");
        let message = run("x\ny\n").unwrap_err().to_string();
        assert!(message.contains("has 3 lines") && message.contains("has 2"), "{message}");
    }
}
