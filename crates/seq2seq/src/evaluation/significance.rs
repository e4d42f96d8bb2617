//! Whether one system is better than another by chance.

use super::metric::sum;
use super::{Counts, Metric, NumpyRandom};

/// A paired test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Test {
    /// Texts of as many sentences are drawn from the text, with replacement, the same for both systems; the difference of their scores, its mean taken
    /// off, is compared with the real one.
    Bootstrap,
    /// The systems' translations of some of the sentences are exchanged at random; the difference of the scores is compared with the real one.
    Randomisation,
}

/// The mean of a score over resampled texts, and half the width of the interval that has 95% of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Confidence {
    /// The mean.
    pub mean: f64,
    /// Half the interval's width.
    pub half_width: f64,
}

/// A system against a baseline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// The system's score.
    pub score: f64,
    /// The probability of so large a difference, or a larger one, if there is none in truth.
    pub p_value: f64,
    /// Of the system's score; from a bootstrap only.
    pub confidence: Option<Confidence>,
}

impl Test {
    /// How many trials sacreBLEU makes.
    pub fn usual_trials(self) -> usize {
        match self {
            Self::Bootstrap => 1000,
            Self::Randomisation => 10_000,
        }
    }
}

/// Compares a system with a baseline by the counts of their sentences.
///
/// As sacreBLEU it counts only trials that differ by more than the real difference, not by as much: of a few sentences, where many trials are equal to
/// it, the p-value is too small to be believed.
///
/// ```
/// use unrolled_seq2seq::evaluation::{Metric, Test, compare};
///
/// let metric: Metric = "bleu".parse()?;
/// let reference = ["the cat sat on the mat", "a dog ran to the house"];
/// let count = |texts: [&str; 2]| [0, 1].map(|i| metric.counts(texts[i], &[reference[i]]));
/// let (worse, better) = (count(["a cat sat on the rug", "a dog went to a house"]), count(reference));
/// let found = compare(metric, Test::Randomisation, &worse, &better, 1000, 12345);
/// assert!(found.score > 99.9 && found.p_value < 0.01);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Panics
/// Where the systems have another number of sentences, or none.
#[track_caller]
pub fn compare(
    metric: Metric,
    test: Test,
    baseline: &[Counts],
    system: &[Counts],
    trials: usize,
    seed: u64,
) -> Comparison {
    let (a, b) = (baseline.len(), system.len());
    assert!(a == b && a > 0, "significance: systems of {a} and {b} sentences cannot be compared");
    let score = metric.text_score(system);
    let difference = (metric.text_score(baseline) - score).abs();
    let (differences, confidence) = match test {
        Test::Bootstrap => {
            let one = resampled(metric, baseline, trials, seed);
            let two = resampled(metric, system, trials, seed);
            let differences: Vec<f64> = one.iter().zip(&two).map(|(one, two)| (two - one).abs()).collect();
            let mean = differences.iter().sum::<f64>() / trials as f64;
            (differences.into_iter().map(|difference| difference - mean).collect(), Some(Confidence::of(two)))
        }
        Test::Randomisation => (exchanged(metric, baseline, system, trials, seed), None),
    };
    // One more in both, so that no difference is ever certain.
    let larger = differences.iter().filter(|&&found| found > difference).count();
    Comparison { score, p_value: (larger + 1) as f64 / (trials + 1) as f64, confidence }
}

/// The confidence interval of a system's score, by bootstrap resampling.
///
/// # Panics
/// Where there is no sentence.
#[track_caller]
pub fn confidence(metric: Metric, system: &[Counts], trials: usize, seed: u64) -> Confidence {
    assert!(!system.is_empty(), "significance: there is no sentence");
    Confidence::of(resampled(metric, system, trials, seed))
}

impl Confidence {
    fn of(mut scores: Vec<f64>) -> Self {
        scores.sort_by(f64::total_cmp);
        let n = scores.len();
        let (lower, upper) = (scores[n / 40], scores[n - n / 40 - 1]);
        Self { mean: scores.iter().sum::<f64>() / n as f64, half_width: 0.5 * (upper - lower) }
    }
}

/// The scores of resampled texts.
fn resampled(metric: Metric, system: &[Counts], trials: usize, seed: u64) -> Vec<f64> {
    let mut random = NumpyRandom::new(seed);
    let n = system.len() as u32;
    let trial = |_| metric.score(&sum((0..n).map(|_| &system[random.below(n) as usize])));
    (0..trials).map(trial).collect()
}

/// The differences of texts between which sentences were exchanged.
fn exchanged(metric: Metric, baseline: &[Counts], system: &[Counts], trials: usize, seed: u64) -> Vec<f64> {
    let mut random = NumpyRandom::new(seed);
    let width = baseline[0].len();
    let total = sum(baseline.iter().chain(system));
    let trial = |_| {
        let pairs = baseline.iter().zip(system);
        let one = sum(pairs.map(|(one, two)| if random.bit() { one } else { two }));
        // What the one did not get, the other did.
        let other: Counts = (0..width).map(|i| total[i] - one[i]).collect();
        (metric.score(&one) - metric.score(&other)).abs()
    };
    (0..trials).map(trial).collect()
}
