//! Batches prepared while the step runs.

use std::io;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

use unrolled_tensor::random::Key;

use super::training_data::TrainingData;
use crate::batch::{Batch, BatchPlan, BatchSize};
use crate::prepare::PrepareError;

/// Batches that wait to be trained on. One hides what a batch costs; the others what a pass over the data begins with, its plan.
const WAITING: usize = 4;

/// Makes a run's batches: number `n`, counted from the beginning of the first pass over the data, is always the same, whoever asks and when.
#[derive(Clone, Debug)]
pub(super) struct Maker {
    pub corpus: Arc<TrainingData>,
    pub batch_size: BatchSize,
    pub batches_per_epoch: u64,
    pub reverse_source: bool,
    pub key: Key,
    /// The pass that was asked for last, and its plan.
    plan: Option<(u64, BatchPlan)>,
}

impl Maker {
    pub fn new(
        corpus: Arc<TrainingData>,
        batch_size: BatchSize,
        batches_per_epoch: u64,
        reverse_source: bool,
        key: Key,
    ) -> Maker {
        Maker { corpus, batch_size, batches_per_epoch, reverse_source, key, plan: None }
    }

    fn batch(&mut self, number: u64) -> Result<Batch, PrepareError> {
        let (epoch, index) = (number / self.batches_per_epoch, number % self.batches_per_epoch);
        let plan = match self.plan.take() {
            Some(planned) if planned.0 == epoch => planned.1,
            // The old plan is gone before the new one is made: each takes as much memory.
            _ => self.corpus.plan(self.batch_size, self.key, epoch),
        };
        let batch = self.corpus.batch(plan.batch(index as usize), self.reverse_source);
        self.plan = Some((epoch, plan));
        batch
    }
}

/// A run's batches in order. A thread of its own prepares the next ones; as a batch is a function of its number alone, nothing of a run depends on
/// how far ahead it is, and a checkpoint need not know.
pub(super) struct Feed(Way);

enum Way {
    /// Where there is nothing to overlap.
    AtOnce { maker: Maker, next: u64 },
    /// `None` only while this is dropped.
    Ahead { batches: Option<Receiver<Result<Batch, PrepareError>>>, thread: Option<JoinHandle<()>> },
}

impl Feed {
    /// Batches from number `first` on, `count` of them: fewer may be taken.
    pub fn new(maker: Maker, first: u64, count: u64) -> Feed {
        let one_core = thread::available_parallelism().is_ok_and(|cores| cores.get() == 1);
        if one_core || count < 2 {
            return Feed::at_once(maker, first);
        }
        // A system that has no thread to give does not end the run.
        Feed::ahead(maker.clone(), first, count).unwrap_or_else(|_| Feed::at_once(maker, first))
    }

    fn at_once(maker: Maker, first: u64) -> Feed {
        Feed(Way::AtOnce { maker, next: first })
    }

    fn ahead(mut maker: Maker, first: u64, count: u64) -> io::Result<Feed> {
        let (sender, batches) = sync_channel(WAITING - 1);
        let work = move || {
            // Whoever takes the batches may leave at any time: then there is nobody to send to.
            for number in first..first.saturating_add(count) {
                if sender.send(maker.batch(number)).is_err() {
                    break;
                }
            }
        };
        let thread = thread::Builder::new().name("batches".into()).spawn(work)?;
        Ok(Feed(Way::Ahead { batches: Some(batches), thread: Some(thread) }))
    }

    /// The next batch.
    ///
    /// # Errors
    /// Where the corpus is on disk and cannot be read.
    ///
    /// # Panics
    /// As the thread did that prepares them, or where all have been taken.
    pub fn next(&mut self) -> Result<Batch, PrepareError> {
        match &mut self.0 {
            Way::AtOnce { maker, next } => {
                *next += 1;
                maker.batch(*next - 1)
            }
            Way::Ahead { batches, thread } => match batches.as_ref().and_then(|batches| batches.recv().ok()) {
                Some(batch) => batch,
                None => match thread.take().map(JoinHandle::join) {
                    Some(Err(panic)) => resume_unwind(panic),
                    _ => panic!("batches: all have been taken"),
                },
            },
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        if let Way::Ahead { batches, thread } = &mut self.0 {
            // In this order: the thread ends when nobody receives.
            batches.take();
            // A panic that nobody met in `next` concerns a batch that nobody wanted.
            let _ = thread.take().map(JoinHandle::join);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::numbered::NumberedCorpus;

    fn maker(pairs: usize, batch_size: usize) -> Maker {
        let mut corpus = NumberedCorpus::new();
        for pair in 0..pairs as u32 {
            corpus.push(&vec![3 + pair; 1 + pair as usize % 5], &[3 + pair]);
        }
        let batches = pairs.div_ceil(batch_size) as u64;
        Maker::new(Arc::new(TrainingData::Text(corpus)), batch_size.into(), batches, true, Key::new(7))
    }

    fn taken(mut feed: Feed, count: usize) -> Vec<Batch> {
        (0..count).map(|_| feed.next().unwrap()).collect()
    }

    #[test]
    fn batches_are_the_same_prepared_ahead_or_at_once_and_from_any_of_them_on() {
        let wanted = taken(Feed::at_once(maker(23, 4), 0), 20);
        assert_ne!(wanted[0], wanted[6], "two passes over the data differ");
        assert_eq!(taken(Feed::ahead(maker(23, 4), 0, 20).unwrap(), 20), wanted);
        for first in [1, 5, 6, 7, 13] {
            let count = 20 - first;
            assert_eq!(taken(Feed::ahead(maker(23, 4), first as u64, 99).unwrap(), count), wanted[first..]);
            assert_eq!(taken(Feed::new(maker(23, 4), first as u64, 99), count), wanted[first..]);
        }
        let mut pairs: Vec<u32> = wanted[6..12].iter().flat_map(|batch| batch.pairs.clone()).collect();
        pairs.sort_unstable();
        assert_eq!(pairs, (0..23).collect::<Vec<_>>(), "a pass has every pair once");
    }

    #[test]
    fn a_feed_that_is_left_ends_its_thread() {
        let maker = maker(23, 4);
        let corpus = Arc::clone(&maker.corpus);
        let mut feed = Feed::ahead(maker, 0, u64::MAX).unwrap();
        feed.next().unwrap();
        assert_eq!(Arc::strong_count(&corpus), 2);
        drop(feed);
        assert_eq!(Arc::strong_count(&corpus), 1, "the thread is gone, and its hold on the corpus");
    }

    #[test]
    fn what_goes_wrong_ahead_is_met_where_the_batch_is_taken() {
        let mut broken = maker(23, 4);
        broken.batches_per_epoch = 7; // one more than there are
        let mut feed = Feed::ahead(broken, 0, 20).unwrap();
        (0..6).for_each(|_| drop(feed.next().unwrap()));
        let panic = catch_unwind(AssertUnwindSafe(|| feed.next())).unwrap_err();
        let message = panic.downcast_ref::<String>().unwrap();
        assert!(message.contains("there is no batch 6, there are 6"), "{message}");
    }

    #[test]
    #[should_panic(expected = "all have been taken")]
    fn more_than_there_are_cannot_be_taken() {
        taken(Feed::ahead(maker(8, 4), 0, 2).unwrap(), 3);
    }
}
