//! Translations that must begin in a given way.

use proptest::prelude::*;
use unrolled_seq2seq::ensemble::Ensemble;

use super::{combination, common, forced, models, one, options, sentence};

proptest! {
    #![proptest_config(common::cases(96))]

    /// With every translation in the beam, those with a prefix are all that begin so, with the same scores.
    #[test]
    fn the_widest_beam_finds_all_that_begin_so(
        seed: u64, source in sentence(), prefix in prop::collection::vec(2u32..5, 0..3), count in 1usize..3, how in combination(),
    ) {
        let models = models(seed, count, 5);
        let together = Ensemble::new(models.iter().collect(), how);
        let all = one(&together, &source, &[], &options(40, 40, 3));
        prop_assert_eq!(all.len(), 40);
        let found = one(&together, &source, &prefix, &options(40, 40, 3));
        let wanted: Vec<_> = all.iter().filter(|found| found.words.starts_with(&prefix)).collect();
        prop_assert_eq!(found.len(), wanted.len());
        for (found, wanted) in found.iter().zip(wanted) {
            prop_assert!((found.score - wanted.score).abs() < 1e-4, "{:?} {:?}", found, wanted);
        }
    }

    #[test]
    fn it_begins_so_and_its_score_is_that_of_the_whole(
        seed: u64, source in sentence(), prefix in prop::collection::vec(2u32..6, 0..5), beam in 1usize..5, max_length in 1usize..8,
    ) {
        let models = models(seed, 1, 6);
        let alone = Ensemble::from(&models[0]);
        let found = one(&alone, &source, &prefix, &options(beam, beam, max_length));
        prop_assert!(!found.is_empty());
        for found in &found {
            prop_assert!(found.words.starts_with(&prefix), "{:?}", found.words);
            prop_assert!(found.words.len() <= max_length.max(prefix.len()));
            let forced = forced(&alone, &source, &found.words);
            prop_assert!((found.log_probability - forced).abs() < 1e-4, "{} {}", found.log_probability, forced);
        }
        if prefix.len() >= max_length {
            prop_assert_eq!((found.len(), &found[0].words), (1, &prefix));
        }
    }
}

#[test]
#[should_panic(expected = "a prefix has the special symbol Some(1)")]
fn a_prefix_cannot_end_the_sentence() {
    let models = models(1, 1, 6);
    one(&Ensemble::from(&models[0]), &[3], &[4, 1, 5], &options(2, 1, 0));
}
