//! Translations as text: the best one of each line, or Moses's n-best lists.

use std::io::{self, Write};

use unrolled_seq2seq::n_best::escape;

/// One translation of a line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Candidate {
    /// The translation.
    pub(super) text: String,
    /// Its log-probability, `<EOS>` included.
    pub(super) log_probability: f64,
    /// What it is ranked by.
    pub(super) score: f64,
}

impl Candidate {
    /// A text that no model has chosen: it is certain.
    pub(super) fn given(text: String) -> Self {
        Self { text, log_probability: 0.0, score: 0.0 }
    }
}

/// How translations are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// One line for each line of input.
    Best,
    /// So many as Moses writes them: `id ||| hypothesis ||| features ||| score`, the best first; ids count lines from 0.
    NBest(usize),
}

impl Format {
    /// Writes the translations of line `id`, best first. A line without any is written as an empty translation, so that no line is lost.
    pub(super) fn write(self, output: &mut impl Write, id: u64, candidates: &[Candidate]) -> io::Result<()> {
        match self {
            Self::Best => writeln!(output, "{}", candidates.first().map_or("", |best| &best.text)),
            Self::NBest(_) if candidates.is_empty() => writeln!(output, "{id} |||  ||| LogProbability= 0 ||| 0"),
            Self::NBest(n) => candidates.iter().take(n).try_for_each(|Candidate { text, log_probability, score }| {
                writeln!(output, "{id} ||| {} ||| LogProbability= {log_probability:.6} ||| {score:.6}", escape(text))
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: Format, candidates: &[Candidate]) -> String {
        let mut output = Vec::new();
        format.write(&mut output, 7, candidates).unwrap();
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn the_best_is_a_line_and_the_list_is_as_moses_writes_it() {
        let candidate =
            |text: &str, log_probability: f64, score| Candidate { text: text.into(), log_probability, score };
        let two = [candidate("le ||| chat", -1.5, -0.75), candidate("la chatte", -2.25, -1.125)];
        assert_eq!(written(Format::Best, &two), "le ||| chat\n");
        assert_eq!(
            written(Format::NBest(2), &two),
            "7 ||| le &#124;&#124;&#124; chat ||| LogProbability= -1.500000 ||| -0.750000\n\
             7 ||| la chatte ||| LogProbability= -2.250000 ||| -1.125000\n"
        );
    }

    #[test]
    fn no_more_are_written_than_wanted() {
        let three = ["a", "b", "c"].map(|text| Candidate::given(text.into()));
        assert_eq!(written(Format::NBest(2), &three).lines().count(), 2);
    }

    #[test]
    fn a_line_without_translation_is_not_lost() {
        assert_eq!(written(Format::Best, &[]), "\n");
        assert_eq!(written(Format::NBest(3), &[]).split(" ||| ").count(), 4);
    }
}
