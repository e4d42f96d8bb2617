//! Sentences beside each other: time-major, padded at the end.

use std::ops::Range;

use crate::numbered::NumberedCorpus;
use crate::vocabulary::{EOS, PAD};

/// The source sentences of a batch, as the encoder reads them: each with its words reversed or not, then `<EOS>`, then
/// padding. Element `[t, b]` is at `t * B + b`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sources {
    /// Word ids, `[steps, B]`.
    pub ids: Vec<u32>,
    /// The length of each sentence with its `<EOS>`, `[B]`: the padding begins there.
    pub lengths: Vec<u32>,
    /// The length of the longest, with its `<EOS>`.
    pub steps: usize,
    /// All words, without `<EOS>` and padding.
    pub words: u64,
}

impl Sources {
    /// Lays sentences out beside each other; `reversed` feeds the last word first, as the paper does. An empty sentence
    /// is its `<EOS>` alone.
    pub fn of(sentences: &[impl AsRef<[u32]>], reversed: bool) -> Self {
        let count = sentences.len();
        let lengths: Vec<u32> = sentences.iter().map(|sentence| sentence.as_ref().len() as u32 + 1).collect();
        let steps = lengths.iter().copied().max().unwrap_or(0) as usize;
        let mut ids = vec![PAD; steps * count];
        for (b, sentence) in sentences.iter().enumerate() {
            let words = sentence.as_ref();
            for (t, &word) in words.iter().enumerate() {
                let t = if reversed { words.len() - 1 - t } else { t };
                ids[t * count + b] = word;
            }
            ids[words.len() * count + b] = EOS;
        }
        let words = lengths.iter().map(|&length| u64::from(length) - 1).sum();
        Self { ids, lengths, steps, words }
    }

    /// How many sentences there are, `B`.
    pub fn sentences(&self) -> usize {
        self.lengths.len()
    }
}

/// A batch of pairs for training or scoring. All ids are time-major: element `[t, b]` is at `t * B + b`.
///
/// ```
/// use unrolled_seq2seq::batch::Batch;
/// use unrolled_seq2seq::numbered::NumberedCorpus;
///
/// let mut corpus = NumberedCorpus::new();
/// corpus.push(&[3, 4, 5], &[6]);
/// corpus.push(&[7], &[8, 9]);
/// let batch = Batch::of(&corpus, &[0, 1], true);
/// assert_eq!(batch.source.ids, [5, 7, 4, 1, 3, 0, 1, 0]); // C B A <EOS>, beside one word
/// assert_eq!(batch.target_input, [1, 1, 6, 8, 0, 9]);
/// assert_eq!(batch.target_output, [6, 8, 1, 9, 0, 1]);
/// assert_eq!((batch.target_steps, batch.target_words), (3, 3));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    /// What the encoder reads.
    pub source: Sources,
    /// What the decoder reads, `[target_steps, B]`: `<EOS>`, then the words, then padding.
    pub target_input: Vec<u32>,
    /// What the decoder shall predict, `[target_steps, B]`: the words, then `<EOS>`, then padding, which does not count.
    pub target_output: Vec<u32>,
    /// The length of each target with its `<EOS>`, `[B]`.
    pub target_lengths: Vec<u32>,
    /// The length of the longest target, with its `<EOS>`.
    pub target_steps: usize,
    /// All target words, without `<EOS>` and padding.
    pub target_words: u64,
    /// Which pair of the corpus each column is, `[B]`.
    pub pairs: Vec<u32>,
}

impl Batch {
    /// Lays out the given pairs of a corpus, in this order.
    ///
    /// # Panics
    /// Where the corpus has no such pair.
    #[track_caller]
    pub fn of(corpus: &NumberedCorpus, pairs: &[u32], reversed: bool) -> Self {
        let sources: Vec<&[u32]> = pairs.iter().map(|&pair| corpus.source(pair as usize)).collect();
        let targets: Vec<&[u32]> = pairs.iter().map(|&pair| corpus.target(pair as usize)).collect();
        let output = Sources::of(&targets, false);
        let count = pairs.len();
        // What is read is what was to be predicted one step before, and <EOS> at first; a row's last <EOS> is not read.
        let mut target_input = vec![PAD; output.ids.len()];
        for (place, id) in target_input.iter_mut().enumerate() {
            let (t, b) = (place / count, place % count);
            if t == 0 {
                *id = EOS;
            } else if t < output.lengths[b] as usize {
                *id = output.ids[place - count];
            }
        }
        Self {
            source: Sources::of(&sources, reversed),
            target_input,
            target_output: output.ids,
            target_lengths: output.lengths,
            target_steps: output.steps,
            target_words: output.words,
            pairs: pairs.to_vec(),
        }
    }

    /// How many pairs there are, `B`.
    pub fn sentences(&self) -> usize {
        self.pairs.len()
    }

    /// The batch in parts of about as many pairs, at most `count` of them, each without padding that only the whole needs.
    ///
    /// ```
    /// use unrolled_seq2seq::batch::Batch;
    /// use unrolled_seq2seq::numbered::NumberedCorpus;
    ///
    /// let mut corpus = NumberedCorpus::new();
    /// (1..=5).for_each(|length| corpus.push(&vec![3; length], &vec![4; length]));
    /// let parts = Batch::of(&corpus, &[0, 1, 2, 3, 4], true).parts(2);
    /// assert_eq!(parts, [Batch::of(&corpus, &[0, 1, 2], true), Batch::of(&corpus, &[3, 4], true)]);
    /// ```
    ///
    /// # Panics
    /// Where `count` is 0.
    #[track_caller]
    pub fn parts(&self, count: usize) -> Vec<Batch> {
        assert!(count > 0, "batch: it cannot be cut into 0 parts");
        let pairs = self.sentences();
        let size = pairs.div_ceil(count).max(1);
        (0..pairs).step_by(size).map(|start| self.part(start..pairs.min(start + size))).collect()
    }

    /// The same batch with padding up to a multiple of `steps`, source and target each: batches then come in few shapes.
    ///
    /// ```
    /// use unrolled_seq2seq::batch::Batch;
    /// use unrolled_seq2seq::numbered::NumberedCorpus;
    ///
    /// let mut corpus = NumberedCorpus::new();
    /// corpus.push(&[3, 4, 5, 6], &[7]);
    /// let batch = Batch::of(&corpus, &[0], false).padded(4);
    /// assert_eq!((batch.source.steps, batch.target_steps), (8, 4));
    /// assert_eq!(batch.source.ids, [3, 4, 5, 6, 1, 0, 0, 0]);
    /// assert_eq!((batch.target_input, batch.target_output), (vec![1, 7, 0, 0], vec![7, 1, 0, 0]));
    /// ```
    ///
    /// # Panics
    /// Where `steps` is 0.
    #[must_use]
    #[track_caller]
    pub fn padded(&self, steps: usize) -> Batch {
        assert!(steps > 0, "batch: no length is a multiple of 0");
        self.padded_to(self.source.steps.next_multiple_of(steps), self.target_steps.next_multiple_of(steps))
    }

    /// This part of a batch with as much padding as `whole`.
    pub(crate) fn padded_as(&self, whole: &Batch) -> Batch {
        self.padded_to(whole.source.steps, whole.target_steps)
    }

    fn padded_to(&self, source_steps: usize, target_steps: usize) -> Batch {
        let mut padded = self.clone();
        (padded.source.steps, padded.target_steps) = (source_steps, target_steps);
        let (source, target) = (padded.source.steps * self.sentences(), padded.target_steps * self.sentences());
        padded.source.ids.resize(source, PAD);
        padded.target_input.resize(target, PAD);
        padded.target_output.resize(target, PAD);
        padded
    }

    fn part(&self, columns: Range<usize>) -> Batch {
        let b = self.sentences();
        let longest = |lengths: &[u32]| lengths.iter().copied().max().unwrap_or(0) as usize;
        let words = |lengths: &[u32]| lengths.iter().map(|&length| u64::from(length) - 1).sum();
        let cut = |ids: &[u32], steps: usize| -> Vec<u32> {
            (0..steps).flat_map(|t| ids[t * b + columns.start..t * b + columns.end].iter().copied()).collect()
        };
        let lengths = &self.source.lengths[columns.clone()];
        let steps = longest(lengths);
        let ids = cut(&self.source.ids, steps);
        let source = Sources { ids, lengths: lengths.to_vec(), steps, words: words(lengths) };
        let lengths = &self.target_lengths[columns.clone()];
        let steps = longest(lengths);
        Batch {
            source,
            target_input: cut(&self.target_input, steps),
            target_output: cut(&self.target_output, steps),
            target_lengths: lengths.to_vec(),
            target_steps: steps,
            target_words: words(lengths),
            pairs: self.pairs[columns.clone()].to_vec(),
        }
    }

    /// The words of both languages, by which speed is measured: without `<EOS>` and padding.
    pub fn words(&self) -> u64 {
        self.source.words + self.target_words
    }
}
