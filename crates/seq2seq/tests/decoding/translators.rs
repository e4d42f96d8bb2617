//! Text in, text out, by one model or several.

use std::sync::atomic::{AtomicUsize, Ordering};

use unrolled_seq2seq::beam_search::DecodeOptions;
use unrolled_seq2seq::config::Config;
use unrolled_seq2seq::ensemble::Combination;
use unrolled_seq2seq::model::{Model, Sizes};
use unrolled_seq2seq::sampling::SampleOptions;
use unrolled_seq2seq::translator::{Line, Request, Translator, Translators};
use unrolled_seq2seq::unknown::Unknown;
use unrolled_seq2seq::vocabulary::{UNK, Vocabulary, VocabularyBuilder};
use unrolled_tensor::random::Key;
use unrolled_tensor::{DType, Device, Tensor};

fn vocabulary(words: &str) -> Vocabulary {
    let mut builder = VocabularyBuilder::new();
    builder.add_sentence(words.split(' '));
    builder.build(3 + words.split(' ').count()).unwrap().0
}

fn translator(seed: u64) -> Translator {
    let (source_vocabulary, target_vocabulary) = (vocabulary("one two three"), vocabulary("un deux trois"));
    let sizes = Sizes { source_words: 6, target_words: 6, embedding: 4, hidden: 6, layers: 1, softmax_slices: 1 };
    let model = Model::new(&sizes, 0.0, 1.5.into(), Key::new(seed), &Device::cpu());
    Translator { model, source_vocabulary, target_vocabulary, config: Config::default() }
}

fn texts(translators: &Translators<'_>, lines: &[Line<'_>], request: &Request) -> Vec<Vec<String>> {
    let found = translators.translate(lines, request).into_iter();
    found.map(|list| list.into_iter().map(|hypothesis| hypothesis.text).collect()).collect()
}

fn beam(beam_size: usize, n_best: usize) -> Request {
    Request::beam(DecodeOptions { beam_size, n_best, max_length: 5, ..DecodeOptions::default() })
}

#[test]
fn an_ensemble_scores_what_it_translates() {
    let [one, two] = [translator(1), translator(2)];
    let mut backwards = translator(3);
    backwards.config.reverse_source = false;
    for combination in [Combination::Probabilities, Combination::LogProbabilities] {
        let together = Translators::new(vec![&one, &two, &backwards], combination).unwrap();
        let lines = ["one two three", "three one"];
        let request = beam(4, 3);
        let found = together.translate(&lines.map(Line::from), &request);
        for (line, list) in lines.iter().zip(&found) {
            for hypothesis in list.iter().filter(|hypothesis| !hypothesis.text.contains("UNK")) {
                let score = together.score(&[(line.to_string(), hypothesis.text.clone())], 8)[0];
                assert!((score.log_probability - hypothesis.log_probability).abs() < 1e-4, "{hypothesis:?} {score:?}");
            }
        }
    }
}

/// Batches that were done stay done; the one at work ends between two words, not at its end.
#[test]
fn asked_to_stop_between_two_words_it_keeps_what_was_found() {
    let one = translator(1);
    let alone = Translators::from(&one);
    let lines = ["one two three", "three one", "two"].map(Line::from);
    let sampled = Request::sample(SampleOptions { max_length: 5, ..SampleOptions::default() });
    for request in [beam(3, 2), sampled] {
        let request = Request { batch_size: 1, ..request };
        let whole = alone.translate(&lines, &request);
        let until = |questions: usize| {
            let asked = AtomicUsize::new(0);
            let found = alone.translate_until(&lines, &request, &|| asked.fetch_add(1, Ordering::Relaxed) >= questions);
            (found, asked.into_inner())
        };
        let (all, questions) = until(usize::MAX);
        assert_eq!(all, whole.iter().cloned().map(Some).collect::<Vec<_>>());
        assert!(questions > lines.len(), "{questions} questions in {} batches", lines.len());
        let (most, asked) = until(questions - 1);
        assert_eq!((&most[0], &most[1..], asked), (&None, &all[1..], questions));
        assert_eq!(until(1), (vec![None, None, None], 2));
    }
}

#[test]
fn models_that_know_other_words_are_refused_by_name() {
    let (one, mut two) = (translator(1), translator(2));
    let refused = |two: &Translator| Translators::new(vec![&one, two], Combination::default()).unwrap_err().to_string();
    two.target_vocabulary = vocabulary("un dix trois");
    let wanted = "model 2 cannot be in an ensemble with model 1: its target vocabulary has `dix` as word 3, not `deux`";
    assert_eq!(refused(&two), wanted);
    two.target_vocabulary = vocabulary("un deux");
    assert!(refused(&two).ends_with("its target vocabulary has 5 words, not 6"), "{}", refused(&two));
    let mut two = translator(2);
    two.config.tokeniser = "words".parse().unwrap();
    assert!(refused(&two).ends_with("its tokeniser is words, not moses"), "{}", refused(&two));
}

#[test]
fn a_prefix_stands_as_it_was_given_even_where_it_is_unknown() {
    let translator = translator(1);
    let alone = Translators::from(&translator);
    let lines = [Line { source: "one two", prefix: "deux zwei", number: 0 }, Line::from("one two")];
    for unknown in [Unknown::Keep, Unknown::Drop, Unknown::Copy] {
        let found = texts(&alone, &lines, &Request { unknown, ..beam(3, 3) });
        assert!(found[0].iter().all(|text| text.starts_with("deux zwei")), "{found:?}");
        assert!(!found[1].iter().all(|text| text.starts_with("deux zwei")), "{found:?}");
    }
}

/// A model that writes `UNK` whenever it may.
fn unknowing() -> Translator {
    let mut translator = translator(1);
    let mut bias = [0f32; 6];
    bias[UNK as usize] = 50.0;
    translator.model.projection.bias.set(Tensor::from_slice(&bias, [6], &Device::cpu()));
    translator
}

#[test]
fn unknown_words_are_kept_dropped_copied_or_never_written() {
    let translator = unknowing();
    let alone = Translators::from(&translator);
    let lines = [Line::from("one Zoran two Maja")];
    let of = |unknown| texts(&alone, &lines, &Request { unknown, ..beam(1, 1) })[0][0].clone();
    assert_eq!(of(Unknown::Keep), "UNK UNK UNK UNK UNK");
    assert_eq!(of(Unknown::Drop), "");
    assert_eq!(of(Unknown::Copy), "Zoran Maja UNK UNK UNK");
    let forbidden = DecodeOptions { allow_unknown: false, beam_size: 1, max_length: 5, ..DecodeOptions::default() };
    assert!(!texts(&alone, &lines, &Request::beam(forbidden))[0][0].contains("UNK"));
    let sampled = SampleOptions { allow_unknown: false, samples: 9, max_length: 5, ..SampleOptions::default() };
    let found = texts(&alone, &lines, &Request::sample(sampled));
    assert!(found[0].len() == 9 && found[0].iter().all(|text| !text.contains("UNK")), "{found:?}");
    assert_eq!(translator.model.projection.bias.tensor().dtype(), DType::F32);
}

#[test]
fn the_least_risk_is_a_candidate_and_puts_the_list_in_order() {
    let translator = translator(7);
    let alone = Translators::from(&translator);
    let lines: Vec<Line<'_>> = ["one two", "three", "two two one"].map(Line::from).to_vec();
    let sampled = SampleOptions { samples: 12, max_length: 5, ..SampleOptions::default() };
    for request in [beam(6, 6), Request::sample(sampled)] {
        let plain = alone.translate(&lines, &request);
        let ranked = alone.translate(&lines, &Request { minimum_risk: true, ..request.clone() });
        for (plain, ranked) in plain.iter().zip(&ranked) {
            assert!(ranked.windows(2).all(|pair| pair[0].score >= pair[1].score));
            assert!(ranked.iter().all(|hypothesis| (0.0..=100.0 + 1e-9).contains(&hypothesis.score)));
            let sorted = |list: &[unrolled_seq2seq::translator::Hypothesis]| {
                let mut texts: Vec<String> = list.iter().map(|hypothesis| hypothesis.text.clone()).collect();
                texts.sort();
                texts
            };
            assert_eq!(sorted(plain), sorted(ranked));
        }
    }
}
