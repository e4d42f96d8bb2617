//! Which pairs make which batch, and in which order the batches come.

use crate::numbered::NumberedCorpus;
use unrolled_tensor::random::Key;

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
    /// Pairs by length; batch `b` is the `b`-th piece of `batch_size`, the last may be smaller.
    pairs: Vec<u32>,
    batch_size: usize,
    /// The order of the batches.
    order: Vec<u32>,
}

/// What is drawn for a pair: whether each of its lengths counts as one more, and its place among equals.
struct Draw {
    target: u64,
    source: u64,
    place: u64,
}

impl BatchPlan {
    /// The batches of one epoch of training, in random order. Pairs are sorted by target length, then by source length,
    /// after either has been made longer by one word at random; equals come in random order. So batches have little
    /// padding, and yet are made up differently in every epoch.
    ///
    /// # Panics
    /// Where the batch size is 0 or the corpus has 2³² pairs or more.
    #[track_caller]
    pub fn shuffled(corpus: &NumberedCorpus, batch_size: usize, key: Key, epoch: u64) -> Self {
        let draws = key.purpose("batch composition").at(epoch);
        let mut plan = Self::by_length(corpus, batch_size, |pair| {
            let bits = draws.word64(pair.into());
            Draw { target: bits & 1, source: bits >> 1 & 1, place: bits >> 32 }
        });
        key.purpose("batch order").at(epoch).shuffle(&mut plan.order);
        plan
    }

    /// Batches by length, the shortest first: for validation, where the order changes nothing but the padding.
    ///
    /// # Panics
    /// Where the batch size is 0 or the corpus has 2³² pairs or more.
    #[track_caller]
    pub fn sorted(corpus: &NumberedCorpus, batch_size: usize) -> Self {
        Self::by_length(corpus, batch_size, |_| Draw { target: 0, source: 0, place: 0 })
    }

    #[track_caller]
    fn by_length(corpus: &NumberedCorpus, batch_size: usize, draw: impl Fn(u32) -> Draw) -> Self {
        assert!(batch_size > 0, "batches: the batch size must be at least 1");
        let count = u32::try_from(corpus.len())
            .unwrap_or_else(|_| panic!("batches: {} pairs are too many, 2³² − 1 is the most", corpus.len()));
        let mut pairs: Vec<u32> = (0..count).collect();
        // Cached, as a draw costs more than a comparison; stable, so equals stay in the corpus's order.
        pairs.sort_by_cached_key(|&pair| {
            let (source, target) = corpus.lengths(pair as usize);
            let Draw { target: more_target, source: more_source, place } = draw(pair);
            // Lengths beyond 16 bits are all alike: no batch holds such sentences in any case.
            let bits = |length: usize, more: u64| (length as u64 + more).min(0xffff);
            bits(target, more_target) << 48 | bits(source, more_source) << 32 | place
        });
        let order = (0..count.div_ceil(u32::try_from(batch_size).unwrap_or(u32::MAX))).collect();
        Self { pairs, batch_size, order }
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
        let start = self.order[index] as usize * self.batch_size;
        &self.pairs[start..self.pairs.len().min(start.saturating_add(self.batch_size))]
    }

    /// All batches in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u32]> {
        (0..self.len()).map(|index| self.batch(index))
    }
}
