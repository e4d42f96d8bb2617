//! Batches: every pair once an epoch, the same for the same seed, and laid out as the model reads them.

use proptest::prelude::*;
use unrolled_seq2seq::batch::{Batch, BatchPlan, BatchSize, Sources};
use unrolled_seq2seq::numbered::NumberedCorpus;
use unrolled_seq2seq::vocabulary::{EOS, PAD};
use unrolled_tensor::random::Key;

/// A corpus of pairs of the given lengths, all words different.
fn corpus(lengths: &[(usize, usize)]) -> NumberedCorpus {
    let mut corpus = NumberedCorpus::new();
    let mut next = 3;
    for &(source, target) in lengths {
        let mut words = |count| -> Vec<u32> {
            next += count as u32;
            (next - count as u32..next).collect()
        };
        corpus.push(&words(source), &words(target));
    }
    corpus
}

/// Lengths as sentences have them, from a fixed seed.
fn natural(count: u64) -> NumberedCorpus {
    let key = Key::new(5);
    let lengths: Vec<(usize, usize)> = (0..count)
        .map(|pair| {
            let source = 1 + key.below(2 * pair, 40);
            (source as usize, (source + key.below(2 * pair + 1, 6)) as usize)
        })
        .collect();
    corpus(&lengths)
}

#[test]
fn batches_have_little_padding() {
    let corpus = natural(4000);
    let plan = BatchPlan::shuffled(&corpus, 64, Key::new(1), 0);
    let (mut words, mut places) = (0, 0);
    for pairs in plan.iter() {
        let batch = Batch::of(&corpus, pairs, true);
        words += batch.words() as usize + 2 * batch.sentences();
        places += batch.source.ids.len() + batch.target_output.len();
    }
    assert!(words * 10 > places * 9, "{words} of {places} places are words");
}

#[test]
fn epochs_and_seeds_differ_and_repeat() {
    let corpus = natural(1000);
    let plan = |seed, epoch| BatchPlan::shuffled(&corpus, 32, Key::new(seed), epoch);
    assert_eq!(plan(1, 0), plan(1, 0));
    let sets = |plan: &BatchPlan| {
        let mut sets: Vec<Vec<u32>> = plan.iter().map(<[u32]>::to_vec).collect();
        sets.iter_mut().for_each(|set| set.sort_unstable());
        sets.sort();
        sets
    };
    for other in [plan(1, 1), plan(2, 0)] {
        assert_ne!(plan(1, 0), other);
        assert_ne!(sets(&plan(1, 0)), sets(&other), "the batches themselves are made up anew");
    }
    let lengths =
        |plan: &BatchPlan| -> Vec<usize> { plan.iter().map(|b| corpus.target(b[0] as usize).len()).collect() };
    assert!(!lengths(&plan(1, 0)).is_sorted(), "batches are shuffled");
    assert!(lengths(&BatchPlan::sorted(&corpus, 32)).is_sorted());
}

#[test]
fn odd_sizes_are_whole() {
    assert!(BatchPlan::shuffled(&NumberedCorpus::new(), 4, Key::new(1), 0).is_empty());
    let corpus = natural(10);
    for (size, batches) in [(1, 10), (3, 4), (10, 1), (11, 1), (usize::MAX, 1)] {
        let plan = BatchPlan::shuffled(&corpus, size, Key::new(1), 0);
        assert_eq!(plan.len(), batches);
        assert_eq!(plan.iter().map(<[u32]>::len).sum::<usize>(), 10);
    }
}

#[test]
#[should_panic(expected = "the batch size must be at least 1")]
fn a_batch_of_nothing_panics() {
    BatchPlan::sorted(&natural(3), 0);
}

#[test]
fn sources_without_words_are_their_end_alone() {
    let sources = Sources::of(&[vec![], vec![7, 8]], true);
    assert_eq!((sources.ids, sources.lengths, sources.steps), (vec![EOS, 8, PAD, 7, PAD, EOS], vec![1, 3], 3));
    assert_eq!(Sources::of(&[[0u32; 0]; 0], true), Sources::default());
    assert_eq!(Batch::of(&NumberedCorpus::new(), &[], true), Batch::default());
}

proptest! {
    /// Every pair is in exactly one batch, in any order of the same plan.
    #[test]
    fn every_pair_comes_once_an_epoch(
        lengths in proptest::collection::vec((0usize..9, 0usize..9), 0..60),
        size in 1usize..20,
        seed in any::<u64>(),
        epoch in any::<u64>(),
    ) {
        let corpus = corpus(&lengths);
        let plan = BatchPlan::shuffled(&corpus, size, Key::new(seed), epoch);
        let mut pairs: Vec<u32> = plan.iter().flatten().copied().collect();
        pairs.sort_unstable();
        prop_assert!(pairs.into_iter().eq(0..lengths.len() as u32));
        prop_assert!(plan.iter().all(|batch| batch.len() <= size && !batch.is_empty()));
    }

    /// Each column of a batch is its sentence: read back, it is what the corpus has.
    #[test]
    fn columns_are_the_sentences(
        lengths in proptest::collection::vec((0usize..7, 0usize..7), 1..12),
        reversed in any::<bool>(),
    ) {
        let corpus = corpus(&lengths);
        let pairs: Vec<u32> = (0..lengths.len() as u32).rev().collect();
        let batch = Batch::of(&corpus, &pairs, reversed);
        let count = batch.sentences();
        let column = |ids: &[u32], b: usize| -> Vec<u32> { ids.iter().skip(b).step_by(count).copied().collect() };
        for (b, &pair) in pairs.iter().enumerate() {
            let mut source = corpus.source(pair as usize).to_vec();
            let target = corpus.target(pair as usize);
            if reversed {
                source.reverse();
            }
            source.push(EOS);
            prop_assert_eq!(batch.source.lengths[b] as usize, source.len());
            source.resize(batch.source.steps, PAD);
            prop_assert_eq!(column(&batch.source.ids, b), source);

            prop_assert_eq!(batch.target_lengths[b] as usize, target.len() + 1);
            let mut input = [&[EOS], target].concat();
            let mut output = [target, &[EOS]].concat();
            input.resize(batch.target_steps, PAD);
            output.resize(batch.target_steps, PAD);
            prop_assert_eq!(column(&batch.target_input, b), input);
            prop_assert_eq!(column(&batch.target_output, b), output);
        }
        prop_assert_eq!(batch.words(), corpus.source_words() + corpus.target_words());
    }
}

#[test]
fn batches_by_words_are_full_and_as_many_in_every_epoch() {
    let corpus = natural(500);
    for most in [1, 20, 47, 200, 3000, usize::MAX] {
        let size = BatchSize::Words(most);
        let plans: Vec<BatchPlan> =
            (0..3).map(|epoch| BatchPlan::shuffled(&corpus, size, Key::new(1), epoch)).collect();
        assert!(plans.iter().all(|plan| plan.len() == size.batches(&corpus)), "{most}");
        assert!(most == usize::MAX || plans[0] != plans[1]);
        let mut seen: Vec<u32> = plans[0].iter().flatten().copied().collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..500).collect::<Vec<_>>(), "every pair once");
        let words = |pairs: &[u32]| Batch::of(&corpus, pairs, true).target_output.len();
        for pairs in plans[0].iter() {
            assert!(pairs.len() == 1 || words(pairs) <= most, "{} words", words(pairs));
        }
        // In order of length, no batch has room for the first of the next.
        let sorted: Vec<Vec<u32>> = BatchPlan::sorted(&corpus, size).iter().map(<[u32]>::to_vec).collect();
        for pair in sorted.windows(2) {
            assert!(words(&[&pair[0][..], &pair[1][..1]].concat()) > most);
        }
    }
    assert!(BatchPlan::sorted(&NumberedCorpus::new(), BatchSize::Words(9)).is_empty());
}

proptest! {
    #[test]
    fn parts_are_batches_of_their_own(lengths in prop::collection::vec((0usize..5, 0usize..5), 1..9), count in 1usize..10) {
        let corpus = corpus(&lengths);
        let all: Vec<u32> = (0..lengths.len() as u32).collect();
        let parts = Batch::of(&corpus, &all, true).parts(count);
        prop_assert!(parts.len() <= count);
        let size = parts[0].sentences();
        let wanted: Vec<Batch> = all.chunks(size).map(|pairs| Batch::of(&corpus, pairs, true)).collect();
        prop_assert_eq!(parts, wanted);
    }
}
