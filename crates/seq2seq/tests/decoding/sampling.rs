//! Random translations.

use proptest::prelude::*;
use unrolled_seq2seq::batch::Sources;
use unrolled_seq2seq::ensemble::Ensemble;
use unrolled_seq2seq::sampling::{SampleOptions, sample};
use unrolled_tensor::random::Key;

use super::{combination, common, forced, models, one, options, sentence};

proptest! {
    #![proptest_config(common::cases(48))]

    #[test]
    fn a_sample_does_not_depend_on_its_batch(
        seed: u64, sentences in prop::collection::vec(sentence(), 1..6), size in 1usize..6, samples in 1usize..4,
        top_k in 0usize..4, nucleus in prop::sample::select(vec![0.5, 0.9, 1.0]), how in combination(),
    ) {
        let models = models(seed, 2, 9);
        let together = Ensemble::new(models.iter().collect(), how);
        let options = SampleOptions { samples, top_k, nucleus, max_length: 6, key: Key::new(seed), ..SampleOptions::default() };
        let draw = |part: &[usize]| {
            let batch: Vec<&[u32]> = part.iter().map(|&i| &sentences[i][..]).collect();
            let numbers: Vec<u64> = part.iter().map(|&i| i as u64).collect();
            sample(&together, &[Sources::of(&batch, true)], &[], &numbers, &options)
        };
        let alone: Vec<_> = (0..sentences.len()).map(|i| draw(&[i]).remove(0)).collect();
        let all: Vec<usize> = (0..sentences.len()).rev().collect();
        for part in all.chunks(size) {
            for (&i, found) in part.iter().zip(draw(part)) {
                prop_assert_eq!(&found, &alone[i], "sentence {} in a batch of {}", i, part.len());
            }
        }
        for (source, drawn) in sentences.iter().zip(&alone) {
            prop_assert_eq!(drawn.len(), samples);
            for drawn in drawn {
                prop_assert!(drawn.words.len() <= 6);
                let forced = forced(&together, source, &drawn.words);
                prop_assert!((drawn.log_probability - forced).abs() < 1e-4, "{} {}", drawn.log_probability, forced);
            }
        }
    }

    #[test]
    fn the_coldest_and_the_narrowest_are_greedy(seed: u64, source in sentence(), prefix in prop::collection::vec(2u32..9, 0..3)) {
        let models = models(seed, 1, 9);
        let alone = Ensemble::from(&models[0]);
        let greedy = one(&alone, &source, &prefix, &options(1, 1, 8)).remove(0).words;
        let base = SampleOptions { max_length: 8, key: Key::new(seed), ..SampleOptions::default() };
        let narrow = [
            SampleOptions { temperature: 1e-6, ..base },
            SampleOptions { top_k: 1, ..base },
            SampleOptions { nucleus: 1e-9, ..base },
        ];
        for options in narrow {
            let drawn = sample(&alone, &[Sources::of(&[&source[..]], true)], std::slice::from_ref(&prefix), &[3], &options);
            prop_assert_eq!(&drawn[0][0].words, &greedy, "{:?}", options);
        }
    }
}

/// Of many samples each translation has about the share that its probability is.
#[test]
fn samples_come_by_their_probability() {
    let models = models(5, 2, 5);
    let together = Ensemble::new(models.iter().collect(), Default::default());
    let samples = 4000;
    let options = SampleOptions { samples, max_length: 2, allow_unknown: true, ..SampleOptions::default() };
    let drawn = sample(&together, &[Sources::of(&[[3, 4]], true)], &[], &[0], &options).remove(0);
    let all = one(&together, &[3, 4], &[], &super::options(13, 13, 2));
    // At the limit `<EOS>` is certain, so there a translation's share is its probability without it; shorter ones end by chance. Padding has a
    // probability too, which the draws share out.
    let ends: f64 = drawn.iter().filter(|drawn| drawn.words.is_empty()).count() as f64 / samples as f64;
    let empty = all.iter().find(|found| found.words.is_empty()).unwrap().log_probability.exp();
    let padding = 1.0 - first_words(&together);
    let wanted = empty / (1.0 - padding);
    assert!((ends - wanted).abs() < 4.0 * (wanted * (1.0 - wanted) / samples as f64).sqrt(), "{ends} {wanted}");
    let other = SampleOptions { key: Key::new(2), ..options };
    assert_ne!(sample(&together, &[Sources::of(&[[3, 4]], true)], &[], &[0], &other)[0], drawn, "another seed");
    let mut distinct: Vec<_> = drawn.iter().map(|drawn| &drawn.words).collect();
    distinct.sort();
    distinct.dedup();
    assert!(distinct.len() > 3, "{distinct:?}");
}

/// The probability that the first word is any but padding.
fn first_words(models: &Ensemble<'_>) -> f64 {
    let states = models.encode(&[Sources::of(&[[3, 4]], true)]);
    let start = unrolled_tensor::Tensor::from_slice(&[1u32], [1], models.device());
    let (hidden, _) = models.step(&start, &states);
    let all = models.pieces(&hidden).next().unwrap().to_f64_vec();
    all[1..].iter().map(|value| value.exp()).sum()
}

#[test]
#[should_panic(expected = "the temperature must be above 0, found 0")]
fn a_temperature_of_nothing_is_refused() {
    let models = models(1, 1, 6);
    let options = SampleOptions { temperature: 0.0, ..SampleOptions::default() };
    sample(&Ensemble::from(&models[0]), &[Sources::of(&[[3]], true)], &[], &[0], &options);
}
