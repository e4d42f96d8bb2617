//! BLEU (Papineni et al. 2002) by its two common conventions, which give different scores: `multi-bleu.perl` of Moses,
//! which the paper used, and sacreBLEU (Post 2018), which papers report today.
//!
//! Both are `100 · BP · exp(¼ Σ ln pₙ)` over n-grams of 1 to 4 words, where `pₙ` is the share of the hypotheses'
//! n-grams that a reference has (counted no more often than the reference that has them most), and
//! `BP = exp(1 − r/h)` where the hypotheses' length `h` is less than the references' `r` (of several references, the
//! one closest in length, the shorter of two that are equally close). They differ in what a word is and in what they
//! do where no n-gram matches.

mod international;
mod names;
mod statistics;
mod thirteen_a;

pub use names::UnknownName;
pub use statistics::{BleuStatistics, Counted};
pub(crate) use thirteen_a::words as python_words;

use crate::corpus::{CorpusError, Lines, unequal};
use std::fmt;

/// The longest n-grams that are counted.
pub const ORDER: usize = 4;

/// Which BLEU.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Convention {
    /// As Moses's `multi-bleu.perl`: words are what ASCII white space separates, and a precision of 0 makes the score 0.
    /// Meant for tokenised text.
    MultiBleu,
    /// As sacreBLEU. Meant for text as people write it.
    SacreBleu {
        /// How text is cut into words.
        tokeniser: BleuTokeniser,
        /// What is done where no n-gram of an order matches.
        smoothing: Smoothing,
    },
}

/// How sacreBLEU cuts text into words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BleuTokeniser {
    /// At Unicode white space.
    None,
    /// As NIST's `mteval-v13a.pl`, sacreBLEU's default.
    ThirteenA,
    /// As NIST's `mteval-v14.pl --international-tokenization`: by Unicode's classes of punctuation, symbols and numbers.
    International,
}

/// What stands for a precision of 0 (Chen and Cherry 2014).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Smoothing {
    /// Nothing: the score is 0.
    None,
    /// One half of a match for the first order without any, a quarter for the second, and so on: sacreBLEU's default.
    Exponential,
    /// This many matches; sacreBLEU's default is 0.1.
    Floor(f64),
    /// This many matches more for every order above the first, and as many n-grams more; sacreBLEU's default is 1.
    AddK(f64),
}

impl Convention {
    /// sacreBLEU with its defaults: 13a and exponential smoothing.
    pub const SACREBLEU: Self =
        Self::SacreBleu { tokeniser: BleuTokeniser::ThirteenA, smoothing: Smoothing::Exponential };

    /// sacreBLEU on text that is cut into words already.
    pub const WORDS: Self = Self::SacreBleu { tokeniser: BleuTokeniser::None, smoothing: Smoothing::Exponential };

    /// Counts one sentence's matches.
    ///
    /// # Panics
    /// Where there is no reference.
    #[track_caller]
    pub fn segment(&self, hypothesis: &str, references: &[impl AsRef<str>]) -> BleuStatistics {
        assert!(!references.is_empty(), "bleu: a sentence needs at least one reference");
        let references = references.iter().map(AsRef::as_ref);
        match self {
            Self::MultiBleu => statistics::count(ascii_words(hypothesis), references.map(ascii_words)),
            Self::SacreBleu { tokeniser: BleuTokeniser::None, .. } => {
                statistics::count(thirteen_a::words(hypothesis), references.map(thirteen_a::words))
            }
            Self::SacreBleu { tokeniser, .. } => {
                let separate = match tokeniser {
                    BleuTokeniser::International => international::separate,
                    _ => thirteen_a::separate,
                };
                let hypothesis = separate(hypothesis);
                let references: Vec<String> = references.map(separate).collect();
                statistics::count(thirteen_a::words(&hypothesis), references.iter().map(|r| thirteen_a::words(r)))
            }
        }
    }

    /// The score of a whole text from its sentences' counts, added up.
    pub fn score(&self, statistics: &BleuStatistics) -> Bleu {
        self.score_by(statistics, Orders::All)
    }

    /// The score of a sentence by itself, as sacreBLEU's `sentence_bleu`: orders of which the sentence has no n-grams are left out of the mean, so
    /// that a sentence of three words can have a score. multi-bleu knows no such thing: with it this is [`score`](Self::score).
    ///
    /// ```
    /// use unrolled_seq2seq::bleu::Convention;
    ///
    /// let counts = Convention::SACREBLEU.segment("le chat noir", &["le chat noir"]);
    /// assert_eq!(Convention::SACREBLEU.score(&counts).score, 0.0);
    /// assert!((Convention::SACREBLEU.sentence_score(&counts).score - 100.0).abs() < 1e-9);
    /// ```
    pub fn sentence_score(&self, statistics: &BleuStatistics) -> Bleu {
        self.score_by(statistics, Orders::ThatThereAre)
    }

    /// Which BLEU this is, in sacreBLEU's way of saying it, for texts with so many references of each sentence.
    pub fn signature(&self, references: &str) -> String {
        self.signature_with(references, Orders::All)
    }

    fn signature_with(&self, references: &str, orders: Orders) -> String {
        let (name, tokeniser, smoothing) = match *self {
            Self::MultiBleu => ("multi-bleu|", BleuTokeniser::None, Smoothing::None),
            Self::SacreBleu { tokeniser, smoothing } => ("", tokeniser, smoothing),
        };
        let effective = if orders == Orders::All { "no" } else { "yes" };
        let version = env!("CARGO_PKG_VERSION");
        format!(
            "{name}nrefs:{references}|case:mixed|eff:{effective}|tok:{tokeniser}|smooth:{smoothing}|version:unrolled-{version}"
        )
    }

    fn score_by(&self, statistics: &BleuStatistics, orders: Orders) -> Bleu {
        // Of references without words multi-bleu.perl makes 0, whatever matches another reference.
        let blank = BleuStatistics { matches: [0; ORDER], ..*statistics };
        let nothing = *self == Self::MultiBleu && statistics.reference_length == 0;
        let statistics = if nothing { &blank } else { statistics };
        let (h, r) = (statistics.hypothesis_length as f64, statistics.reference_length as f64);
        let brevity_penalty = match statistics.hypothesis_length {
            _ if nothing => 0.0,
            length if length >= statistics.reference_length => 1.0,
            0 => 0.0,
            _ => (1.0 - r / h).exp(),
        };
        // Each in the order of its original's arithmetic, so that the last printed digit is rounded alike.
        let (precisions, mean) = match *self {
            Self::MultiBleu => {
                let shares = plain_shares(statistics);
                (shares.map(|share| 100.0 * share), 100.0 * geometric_mean(&shares))
            }
            Self::SacreBleu { smoothing, .. } => {
                let (precisions, there) = smoothed_precisions(statistics, smoothing);
                let counted = if orders == Orders::All { ORDER } else { there };
                (precisions, geometric_mean(&precisions[..counted]))
            }
        };
        Bleu {
            score: brevity_penalty * mean,
            precisions,
            brevity_penalty,
            ratio: if statistics.reference_length == 0 { 0.0 } else { h / r },
            hypothesis_length: statistics.hypothesis_length,
            reference_length: statistics.reference_length,
            convention: *self,
            references: References::None,
            orders,
        }
    }
}

/// White space as Perl's `split` sees it in bytes: U+00A0 does not separate words.
fn ascii_words(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', '\t', '\n', '\r', '\x0b', '\x0c']).filter(|word| !word.is_empty())
}

/// `exp(1/N Σ ln pₙ)`, 0 where one is 0 or there is none.
fn geometric_mean(values: &[f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    (values.iter().map(|value| value.ln()).sum::<f64>() / values.len() as f64).exp()
}

/// The shares of n-grams that match, 0 where there are no n-grams.
fn plain_shares(statistics: &BleuStatistics) -> [f64; ORDER] {
    std::array::from_fn(|order| match statistics.totals[order] {
        0 => 0.0,
        total => statistics.matches[order] as f64 / total as f64,
    })
}

/// The four precisions in percent, smoothed, and how many orders there are n-grams of.
fn smoothed_precisions(statistics: &BleuStatistics, smoothing: Smoothing) -> ([f64; ORDER], usize) {
    let mut precisions = [0.0; ORDER];
    let mut there = 0;
    // Without a single match there is nothing to smooth: sacreBLEU gives 0.
    if statistics.matches.iter().all(|&matches| matches == 0) {
        return (precisions, there);
    }
    let mut without_match = 1.0;
    for (order, precision) in precisions.iter_mut().enumerate() {
        let (mut matches, mut total) = (statistics.matches[order] as f64, statistics.totals[order] as f64);
        if let Smoothing::AddK(k) = smoothing
            && order > 0
        {
            matches += k;
            total += k;
        }
        if total == 0.0 {
            break;
        }
        there = order + 1;
        if matches == 0.0 {
            match smoothing {
                Smoothing::Exponential => {
                    without_match *= 2.0;
                    matches = 1.0 / without_match;
                }
                Smoothing::Floor(floor) => matches = floor,
                Smoothing::None | Smoothing::AddK(_) => {}
            }
        }
        *precision = 100.0 * matches / total;
    }
    (precisions, there)
}

/// Which precisions are averaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Orders {
    /// All four.
    All,
    /// Those of which the hypothesis has n-grams.
    ThatThereAre,
}

/// A BLEU score, and what it is made of.
///
/// Shown, it is the line that `multi-bleu.perl` prints; [`Bleu::signature`] says which BLEU it is, and belongs beside it.
///
/// ```
/// use unrolled_seq2seq::bleu::{Convention, Scorer};
///
/// let mut scorer = Scorer::new(Convention::MultiBleu);
/// scorer.add("the cat sat on mat .", &["the cat sat on the mat ."]);
/// let bleu = scorer.bleu();
/// assert_eq!(
///     bleu.to_string(),
///     "BLEU = 51.15, 100.0/80.0/50.0/33.3 (BP=0.846, ratio=0.857, hyp_len=6, ref_len=7)",
/// );
/// assert!(bleu.signature().starts_with("multi-bleu|nrefs:1|case:mixed|"));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Bleu {
    /// The score, 0 to 100.
    pub score: f64,
    /// The precisions of 1-grams to 4-grams in percent, after smoothing.
    pub precisions: [f64; ORDER],
    /// The factor for hypotheses that are too short, 1 where they are not.
    pub brevity_penalty: f64,
    /// The hypotheses' length over the references'.
    pub ratio: f64,
    /// Words in the hypotheses.
    pub hypothesis_length: u64,
    /// Words in the references: of each sentence's, the one closest in length.
    pub reference_length: u64,
    /// Which BLEU this is.
    pub convention: Convention,
    references: References,
    orders: Orders,
}

impl Bleu {
    /// Scores hypotheses against any number of references, all read line by line.
    ///
    /// # Errors
    /// When a file cannot be read, or they do not have the same number of lines.
    ///
    /// # Panics
    /// Where there is no reference.
    pub fn of_lines(
        convention: Convention,
        mut hypotheses: Lines,
        mut references: Vec<Lines>,
    ) -> Result<Self, CorpusError> {
        assert!(!references.is_empty(), "bleu: at least one reference is needed");
        let mut scorer = Scorer::new(convention);
        loop {
            let hypothesis = hypotheses.next_line()?.map(str::to_owned);
            let mut sentences = Vec::with_capacity(references.len());
            for reference in &mut references {
                let sentence = reference.next_line()?.map(str::to_owned);
                if sentence.is_some() != hypothesis.is_some() {
                    return Err(unequal(&mut hypotheses, reference));
                }
                sentences.extend(sentence);
            }
            let Some(hypothesis) = hypothesis else { return Ok(scorer.bleu()) };
            scorer.add(&hypothesis, &sentences);
        }
    }

    /// Which BLEU this is, in sacreBLEU's way of saying it: two scores can be compared only if these are equal.
    pub fn signature(&self) -> String {
        self.convention.signature_with(&self.references.to_string(), self.orders)
    }
}

impl fmt::Display for Bleu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.convention == Convention::MultiBleu && self.reference_length == 0 {
            return write!(f, "BLEU = 0, 0/0/0/0 (BP=0, ratio=0, hyp_len=0, ref_len=0)");
        }
        let [one, two, three, four] = self.precisions;
        write!(
            f,
            "BLEU = {:.2}, {one:.1}/{two:.1}/{three:.1}/{four:.1} (BP={:.3}, ratio={:.3}, hyp_len={}, ref_len={})",
            self.score, self.brevity_penalty, self.ratio, self.hypothesis_length, self.reference_length
        )
    }
}

/// How many references each sentence has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum References {
    None,
    Each(usize),
    Various,
}

/// Adds up sentences to a score.
#[derive(Debug, Clone)]
pub struct Scorer {
    convention: Convention,
    statistics: BleuStatistics,
    references: References,
}

impl Scorer {
    /// A scorer that has seen no sentence.
    pub fn new(convention: Convention) -> Self {
        Self { convention, statistics: BleuStatistics::default(), references: References::None }
    }

    /// Adds a sentence and its references, and returns its own counts.
    ///
    /// # Panics
    /// Where there is no reference.
    #[track_caller]
    pub fn add(&mut self, hypothesis: &str, references: &[impl AsRef<str>]) -> BleuStatistics {
        let segment = self.convention.segment(hypothesis, references);
        self.statistics += segment;
        self.references = match self.references {
            References::None => References::Each(references.len()),
            References::Each(count) if count == references.len() => self.references,
            _ => References::Various,
        };
        segment
    }

    /// The counts so far.
    pub fn statistics(&self) -> BleuStatistics {
        self.statistics
    }

    /// The score so far.
    pub fn bleu(&self) -> Bleu {
        Bleu { references: self.references, ..self.convention.score(&self.statistics) }
    }
}

impl fmt::Display for References {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("1"),
            Self::Each(count) => write!(f, "{count}"),
            Self::Various => f.write_str("var"),
        }
    }
}
