//! Several models as one.

use std::collections::BTreeSet;

use proptest::prelude::*;
use unrolled_seq2seq::batch::{Batch, Sources};
use unrolled_seq2seq::beam_search::{translate, translate_with};
use unrolled_seq2seq::ensemble::{Combination, Ensemble};
use unrolled_seq2seq::model::{DeviceBatch, Model};
use unrolled_seq2seq::numbered::NumberedCorpus;
use unrolled_seq2seq::vocabulary::EOS;
use unrolled_tensor::Tensor;

use super::{combination, common, forced, model, models, one, options, sentence};

/// The log-probabilities of each next word after `words`, `<EOS>` after the last, by every model alone and then averaged in f64.
fn slow(models: &[Model], combination: Combination, source: &[u32], words: &[u32]) -> f64 {
    let tensor = |id: u32, model: &Model| Tensor::from_slice(&[id], [1], model.device());
    let of = |model: &Model| -> Vec<f64> {
        let mut state = model.encode_sources(&Sources::of(&[source], true));
        let mut last = EOS;
        let mut read = |word: u32| {
            let (all, after) = model.next_word(&tensor(last, model), &state);
            (state, last) = (after, word);
            all.to_f64_vec()[word as usize]
        };
        words.iter().copied().chain([EOS]).map(&mut read).collect()
    };
    let each: Vec<Vec<f64>> = models.iter().map(of).collect();
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
    let word = |t: usize| {
        let values = each.iter().map(|each| each[t]);
        match combination {
            Combination::LogProbabilities => mean(values.collect()),
            Combination::Probabilities => mean(values.map(f64::exp).collect()).ln(),
        }
    };
    (0..=words.len()).map(word).sum()
}

proptest! {
    #![proptest_config(common::cases(64))]

    #[test]
    fn a_list_is_distinct_sorted_and_scored_by_the_average(
        seed: u64, source in sentence(), count in 1usize..4, beam in 1usize..9, max_length in 1usize..6, how in combination(),
    ) {
        let models = models(seed, count, 6);
        let together = Ensemble::new(models.iter().collect(), how);
        let found = one(&together, &source, &[], &options(beam, beam, max_length));
        prop_assert!(found.windows(2).all(|pair| pair[0].score >= pair[1].score));
        let distinct: BTreeSet<_> = found.iter().map(|found| &found.words).collect();
        prop_assert_eq!(distinct.len(), found.len());
        for found in &found {
            let slow = slow(&models, how, &source, &found.words);
            prop_assert!((found.log_probability - slow).abs() < 1e-4, "{} {}", found.log_probability, slow);
            let forced = forced(&together, &source, &found.words);
            prop_assert!((forced - slow).abs() < 1e-4, "{} {}", forced, slow);
        }
        for n in 1..beam {
            let shorter = one(&together, &source, &[], &options(beam, n, max_length));
            prop_assert_eq!(&shorter[..], &found[..n.min(found.len())], "the first {} of the list", n);
        }
    }

    #[test]
    fn the_widest_beam_finds_every_translation(
        seed: u64, source in sentence(), count in 2usize..4, max_length in 1usize..4, how in combination(),
    ) {
        let models = models(seed, count, 5);
        let together = Ensemble::new(models.iter().collect(), how);
        let mut all: Vec<Vec<u32>> = vec![vec![]];
        for length in 1..=max_length {
            let shorter: Vec<Vec<u32>> = all.iter().filter(|words| words.len() + 1 == length).cloned().collect();
            all.extend(shorter.iter().flat_map(|words| (2..5).map(|word| [&words[..], &[word]].concat())));
        }
        let found = one(&together, &source, &[], &options(all.len(), all.len(), max_length));
        prop_assert_eq!(found.len(), all.len());
        let best = all.iter().map(|words| slow(&models, how, &source, words)).fold(f64::NEG_INFINITY, f64::max);
        prop_assert!((found[0].score - best).abs() < 1e-4, "{} {}", found[0].score, best);
        let total: f64 = found.iter().map(|found| found.log_probability.exp()).sum();
        prop_assert!(total < 1.0 + 1e-5, "{}", total);
    }

    #[test]
    fn an_answer_does_not_depend_on_its_batch(
        seed: u64, sentences in prop::collection::vec(sentence(), 1..6), beam in 1usize..5, size in 1usize..6, how in combination(),
        prefixed: bool,
    ) {
        let models = models(seed, 2, 9);
        let together = Ensemble::new(models.iter().collect(), how);
        let options = options(beam, beam, 0);
        let prefix = |i: usize| if prefixed { vec![4; i % 3] } else { vec![] };
        let alone: Vec<_> = sentences.iter().enumerate().map(|(i, sentence)| one(&together, sentence, &prefix(i), &options)).collect();
        let all: Vec<usize> = (0..sentences.len()).rev().collect();
        for part in all.chunks(size) {
            let batch: Vec<&[u32]> = part.iter().map(|&i| &sentences[i][..]).collect();
            let prefixes: Vec<Vec<u32>> = part.iter().map(|&i| prefix(i)).collect();
            let found = translate_with(&together, &[Sources::of(&batch, true)], &prefixes, &options);
            for (&i, found) in part.iter().zip(found) {
                prop_assert_eq!(&found, &alone[i], "sentence {} in a batch of {}", i, part.len());
            }
        }
    }
}

#[test]
fn a_model_beside_itself_is_itself() {
    let model = model(3, 9);
    let sources = Sources::of(&[vec![3, 4, 5], vec![6]], true);
    let alone = translate(&model, &sources, &options(4, 4, 0));
    for how in [Combination::Probabilities, Combination::LogProbabilities] {
        let together = Ensemble::new(vec![&model; 3], how);
        let found = translate_with(&together, std::slice::from_ref(&sources), &[], &options(4, 4, 0));
        for (found, alone) in found.iter().flatten().zip(alone.iter().flatten()) {
            assert_eq!(found.words, alone.words);
            assert!((found.score - alone.score).abs() < 1e-4, "{} {}", found.score, alone.score);
        }
    }
}

#[test]
fn models_may_read_the_source_in_different_directions() {
    let [one, two] = [model(3, 9), model(4, 9)];
    let sentence = [[3, 4, 5]];
    let [forward, reversed] = [false, true].map(|reversed| Sources::of(&sentence, reversed));
    let together = Ensemble::new(vec![&one, &two], Combination::LogProbabilities);
    let words = &translate_with(&together, &[forward.clone(), reversed.clone()], &[], &options(3, 1, 0))[0][0];
    let mut corpus = NumberedCorpus::new();
    corpus.push(&sentence[0], &words.words);
    let score = |model: &Model, reversed| {
        model.log_probabilities(&DeviceBatch::new(&Batch::of(&corpus, &[0], reversed), model.device()))[0]
    };
    let mean = (score(&one, false) + score(&two, true)) / 2.0;
    assert!((words.score - mean).abs() < 1e-4, "{} {mean}", words.score);
}

#[test]
#[should_panic(expected = "ensemble: model 1 has 8 target words, model 0 has 9")]
fn models_must_have_the_same_words() {
    let _ = Ensemble::new(vec![&model(1, 9), &model(1, 8)], Combination::Probabilities);
}
