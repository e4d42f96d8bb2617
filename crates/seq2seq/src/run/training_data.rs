//! The training pairs, wherever they are.

use crate::batch::{Batch, BatchPlan, BatchSize, Lengths};
use crate::corpus::Skipped;
use crate::numbered::NumberedCorpus;
use crate::prepare::{PrepareError, PreparedCorpus};
use unrolled_tensor::random::Key;

/// Numbered pairs; the same pairs give the same batches, in memory or on disk.
#[derive(Debug)]
pub(super) enum TrainingData {
    /// Read from text files, all in memory.
    Text(NumberedCorpus),
    /// In a prepared folder, read batch by batch.
    Prepared(Box<PreparedCorpus>),
}

impl TrainingData {
    /// How many batches a pass makes.
    pub fn batches(&self, batch_size: BatchSize) -> usize {
        batch_size.batches(self.as_lengths())
    }

    fn as_lengths(&self) -> &dyn Lengths {
        match self {
            Self::Text(corpus) => corpus,
            Self::Prepared(corpus) => &**corpus,
        }
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.as_lengths().pairs()
    }

    /// The words of both sides of all pairs.
    pub fn words(&self) -> u64 {
        match self {
            Self::Text(corpus) => corpus.source_words() + corpus.target_words(),
            Self::Prepared(corpus) => {
                let words = |pair| {
                    let (source, target) = Lengths::lengths(&**corpus, pair);
                    (source + target) as u64
                };
                (0..corpus.len()).map(words).sum()
            }
        }
    }

    /// The pairs that were left out.
    pub fn skipped(&self) -> Skipped {
        match self {
            Self::Text(corpus) => corpus.skipped(),
            Self::Prepared(corpus) => corpus.skipped(),
        }
    }

    /// One epoch's batches.
    pub fn plan(&self, batch_size: BatchSize, key: Key, epoch: u64) -> BatchPlan {
        BatchPlan::shuffled(self.as_lengths(), batch_size, key, epoch)
    }

    /// Lays pairs out.
    ///
    /// # Errors
    /// Where a prepared corpus cannot be read, or is damaged.
    pub fn batch(&self, pairs: &[u32], reversed: bool) -> Result<Batch, PrepareError> {
        match self {
            Self::Text(corpus) => Ok(Batch::of(corpus, pairs, reversed)),
            Self::Prepared(corpus) => {
                let read = corpus.read(pairs)?;
                let all: Vec<u32> = (0..pairs.len() as u32).collect();
                Ok(Batch { pairs: pairs.to_vec(), ..Batch::of(&read, &all, reversed) })
            }
        }
    }
}
