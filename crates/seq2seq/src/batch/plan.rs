//! Which pairs make which batch, and in which order the batches come.

use rayon::prelude::*;
use unrolled_tensor::random::Key;

use crate::numbered::NumberedCorpus;

/// What a plan must know of a corpus.
pub trait Lengths: Sync {
    /// How many pairs it has.
    fn pairs(&self) -> usize;
    /// The words of a pair's source and target.
    ///
    /// # Panics
    /// Where there is no such pair.
    fn lengths(&self, pair: usize) -> (usize, usize);
}

impl Lengths for NumberedCorpus {
    fn pairs(&self) -> usize {
        self.len()
    }

    fn lengths(&self, pair: usize) -> (usize, usize) {
        NumberedCorpus::lengths(self, pair)
    }
}

/// How large batches are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BatchSize {
    /// So many pairs, the last batch perhaps fewer.
    Sentences(usize),
    /// As many pairs as give at most so many target words, `<EOS>` and padding included; at least one. So each batch takes about the same memory and
    /// time, and short sentences come in larger batches.
    Words(usize),
}

impl From<usize> for BatchSize {
    fn from(sentences: usize) -> Self {
        Self::Sentences(sentences)
    }
}

impl BatchSize {
    /// How many batches a corpus makes; the same in every epoch.
    ///
    /// # Panics
    /// Where the size is 0 or the corpus has 2³² pairs or more.
    #[track_caller]
    pub fn batches(self, corpus: &(impl Lengths + ?Sized)) -> usize {
        match self {
            Self::Sentences(size) => {
                assert!(size > 0, "batches: the batch size must be at least 1");
                corpus.pairs().div_ceil(size)
            }
            Self::Words(_) => BatchPlan::sorted(corpus, self).len(),
        }
    }
}

/// One epoch's batches: every pair of a corpus exactly once, in batches of roughly equal length.
///
/// A plan depends on the corpus's lengths, the batch size, the key and the epoch alone, so a run that stopped after `n`
/// batches goes on with batch `n` of the same plan. It takes four bytes a pair, and sixteen more while it is made.
///
/// ```
/// use unrolled_seq2seq::batch::{Batch, BatchPlan};
/// use unrolled_seq2seq::numbered::NumberedCorpus;
/// use unrolled_tensor::random::Key;
///
/// let mut corpus = NumberedCorpus::new();
/// for length in 1..=100 {
///     corpus.push(&vec![3; length], &vec![4; length]);
/// }
/// let plan = BatchPlan::shuffled(&corpus, 32, Key::new(1), 0);
/// assert_eq!(plan.len(), 4);
/// for pairs in plan.iter() {
///     let batch = Batch::of(&corpus, pairs, true);
///     assert!(batch.sentences() <= 32);
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchPlan {
    /// Pairs by length.
    pairs: Vec<u32>,
    /// Batch `b` is the pairs from `starts[b]` to before `starts[b + 1]`.
    starts: Vec<u32>,
    /// The order of the batches.
    order: Vec<u32>,
}

impl BatchPlan {
    /// The batches of one epoch of training, in random order. Pairs are sorted by target length, after it has been made longer by one
    /// word at random; equals come in random order. So batches have little padding where it costs most, at the softmax, and are made up
    /// differently in every epoch.
    ///
    /// The source's length is left to chance: sorted by it too, a batch holds sentences of one shape only, from which learning was a little slower
    /// (2% in training perplexity over the second half of the first epoch of Tatoeba).
    ///
    /// Batches by words are cut from the pairs by their target's true length, so that there are as many in every epoch.
    ///
    /// # Panics
    /// Where the batch size is 0 or the corpus has 2³² pairs or more.
    #[track_caller]
    pub fn shuffled(corpus: &(impl Lengths + ?Sized), batch_size: impl Into<BatchSize>, key: Key, epoch: u64) -> Self {
        let draws = key.purpose("batch composition").at(epoch);
        let batch_size = batch_size.into();
        let blur = u64::from(matches!(batch_size, BatchSize::Sentences(_)));
        let mut plan = Self::in_order(corpus, batch_size, |pair| {
            let bits = draws.word64(pair.into());
            let (one_more, place) = (bits & blur, bits >> 32);
            (corpus.lengths(pair as usize).1 as u64 + one_more, place)
        });
        key.purpose("batch order").at(epoch).shuffle(&mut plan.order);
        plan
    }

    /// Batches by length, target before source, the shortest first: for validation, where the order changes nothing but the padding.
    ///
    /// # Panics
    /// Where the batch size is 0 or the corpus has 2³² pairs or more.
    #[track_caller]
    pub fn sorted(corpus: &(impl Lengths + ?Sized), batch_size: impl Into<BatchSize>) -> Self {
        Self::in_order(corpus, batch_size.into(), |pair| {
            let (source, target) = corpus.lengths(pair as usize);
            (target as u64, source as u64)
        })
    }

    #[track_caller]
    fn in_order(
        corpus: &(impl Lengths + ?Sized),
        batch_size: BatchSize,
        key: impl Fn(u32) -> (u64, u64) + Sync,
    ) -> Self {
        let (BatchSize::Sentences(size) | BatchSize::Words(size)) = batch_size;
        assert!(size > 0, "batches: the batch size must be at least 1");
        let count = u32::try_from(corpus.pairs())
            .unwrap_or_else(|_| panic!("batches: {} pairs are too many, 2³² − 1 is the most", corpus.pairs()));
        // With its key, as a draw costs more than a comparison; with its number, so that equals stay in the corpus's order, whatever the threads do.
        // Lengths fit in half a key: what is longer than 2³² words is in no file.
        let with_key = |pair| {
            let (first, second) = key(pair);
            (first << 32 | second, pair)
        };
        let mut keyed: Vec<(u64, u32)> = (0..count).into_par_iter().map(with_key).collect();
        keyed.par_sort_unstable();
        let pairs: Vec<u32> = keyed.into_iter().map(|(_, pair)| pair).collect();
        let starts = starts(corpus, &pairs, batch_size);
        let order = (0..starts.len() as u32 - 1).collect();
        Self { pairs, starts, order }
    }

    /// How many batches there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// True where there are none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The pairs of batch `index`, as numbers of the corpus.
    ///
    /// # Panics
    /// Where `index` is not smaller than [`BatchPlan::len`].
    #[track_caller]
    pub fn batch(&self, index: usize) -> &[u32] {
        assert!(index < self.len(), "batches: there is no batch {index}, there are {}", self.len());
        let batch = self.order[index] as usize;
        &self.pairs[self.starts[batch] as usize..self.starts[batch + 1] as usize]
    }

    /// All batches in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u32]> {
        (0..self.len()).map(|index| self.batch(index))
    }
}

/// Where each batch of the ordered pairs begins, and where the last ends.
fn starts(corpus: &(impl Lengths + ?Sized), pairs: &[u32], batch_size: BatchSize) -> Vec<u32> {
    let count = pairs.len();
    let mut starts: Vec<u32> = match batch_size {
        BatchSize::Sentences(size) => (0..count).step_by(size).map(|start| start as u32).collect(),
        BatchSize::Words(most) => {
            let (mut starts, mut start, mut longest) = (Vec::new(), 0, 0);
            for (place, &pair) in pairs.iter().enumerate() {
                let length = corpus.lengths(pair as usize).1 + 1;
                longest = longest.max(length);
                if place == 0 || longest * (place + 1 - start) > most {
                    (start, longest) = (place, length);
                    starts.push(place as u32);
                }
            }
            starts
        }
    };
    starts.push(count as u32);
    starts
}
