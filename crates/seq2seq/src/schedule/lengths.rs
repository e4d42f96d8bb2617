//! The lengths of a batch's sentences: all that a schedule needs to know of them.

use std::ops::RangeInclusive;

use crate::batch::Batch;

/// The words of each sentence of a batch, its `<EOS>` aside.
///
/// ```
/// use unrolled_seq2seq::schedule::Lengths;
///
/// let lengths = Lengths::spread(3, 4..=6, 2..=2);
/// assert_eq!((lengths.source_steps(), lengths.target_steps(), lengths.words()), (7, 3, 4 + 5 + 6 + 3 * 2));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lengths {
    source: Vec<usize>,
    target: Vec<usize>,
}

impl Lengths {
    /// Sentences that are all equally long, as in the paper's batches of roughly equal length.
    pub fn even(sentences: usize, source: usize, target: usize) -> Lengths {
        Lengths { source: vec![source; sentences], target: vec![target; sentences] }
    }

    /// Sentences whose lengths are spread evenly over two ranges, the short ones first.
    pub fn spread(sentences: usize, source: RangeInclusive<usize>, target: RangeInclusive<usize>) -> Lengths {
        let spread = |range: &RangeInclusive<usize>| {
            let (low, high) = (*range.start(), *range.end());
            let last = sentences.saturating_sub(1).max(1);
            (0..sentences).map(|i| low + (i * high.saturating_sub(low) + last / 2) / last).collect()
        };
        Lengths { source: spread(&source), target: spread(&target) }
    }

    /// Those of a batch.
    pub fn of(batch: &Batch) -> Lengths {
        let words = |lengths: &[u32]| lengths.iter().map(|&length| length as usize - 1).collect();
        Lengths { source: words(&batch.source.lengths), target: words(&batch.target_lengths) }
    }

    /// How many sentence pairs there are, `B`.
    pub fn sentences(&self) -> usize {
        self.source.len()
    }

    /// Steps of the encoder: the longest source and its `<EOS>`.
    pub fn source_steps(&self) -> usize {
        self.source.iter().max().map_or(0, |&words| words + 1)
    }

    /// Steps of the decoder: the longest target and its `<EOS>`.
    pub fn target_steps(&self) -> usize {
        self.target.iter().max().map_or(0, |&words| words + 1)
    }

    /// Words of both languages, without `<EOS>` and padding: what words/s counts.
    pub fn words(&self) -> usize {
        self.source.iter().chain(&self.target).sum()
    }

    /// The share of all steps that computes on padding. A task works on the whole batch at each step, so padding costs as much as words do.
    pub fn padding(&self) -> f64 {
        let all = self.sentences() * (self.source_steps() + self.target_steps());
        let used = self.words() + 2 * self.sentences();
        if all == 0 { 0.0 } else { 1.0 - used as f64 / all as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbered::NumberedCorpus;

    #[test]
    fn a_batch_tells_its_lengths() {
        let mut corpus = NumberedCorpus::new();
        corpus.push(&[3, 4, 5], &[6]);
        corpus.push(&[7], &[8, 9]);
        let lengths = Lengths::of(&Batch::of(&corpus, &[0, 1], true));
        assert_eq!(lengths, Lengths { source: vec![3, 1], target: vec![1, 2] });
        assert_eq!((lengths.source_steps(), lengths.target_steps(), lengths.words()), (4, 3, 7));
        // 14 cells, of which 7 hold words and 4 an `<EOS>`.
        assert!((lengths.padding() - 3.0 / 14.0).abs() < 1e-12);
    }

    #[test]
    fn a_spread_reaches_both_ends() {
        let lengths = Lengths::spread(128, 20..=30, 29..=29);
        assert_eq!((lengths.source[0], lengths.source[127], lengths.target_steps()), (20, 30, 30));
        assert_eq!(Lengths::spread(1, 20..=30, 5..=5).source, [20]);
        assert_eq!(Lengths::even(2, 3, 4).padding(), 0.0);
    }
}
