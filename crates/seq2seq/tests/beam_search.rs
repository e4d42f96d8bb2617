//! Beam search against definitions that are slow and plain, on random models small enough to try every translation.

mod common;

use std::collections::BTreeSet;

use proptest::prelude::*;
use unrolled_nn::Module;
use unrolled_seq2seq::batch::{Batch, Sources};
use unrolled_seq2seq::beam_search::{DecodeOptions, Finished, translate};
use unrolled_seq2seq::model::{DeviceBatch, Model, Sizes};
use unrolled_seq2seq::numbered::NumberedCorpus;
use unrolled_seq2seq::vocabulary::{EOS, PAD, UNK};
use unrolled_tensor::random::Key;
use unrolled_tensor::{DType, Device, MatmulPrecision, Rounding, Tensor};

const SOURCE_WORDS: usize = 7;

/// Wide enough that words differ in probability by far, and by little.
const RANGE: f64 = 1.5;

fn model(seed: u64, target_words: usize) -> Model {
    model_of(RANGE, seed, target_words)
}

fn model_of(range: f64, seed: u64, target_words: usize) -> Model {
    let sizes =
        Sizes { source_words: SOURCE_WORDS, target_words, embedding: 3, hidden: 5, layers: 2, softmax_slices: 1 };
    Model::new(&sizes, 0.0, range.into(), Key::new(seed), &Device::cpu())
}

fn options(beam_size: usize, n_best: usize, max_length: usize) -> DecodeOptions {
    DecodeOptions { beam_size, n_best, max_length, ..DecodeOptions::default() }
}

fn search(model: &Model, sentences: &[Vec<u32>], options: &DecodeOptions) -> Vec<Vec<Finished>> {
    translate(model, &Sources::of(sentences, true), options)
}

fn one(model: &Model, sentence: &[u32], options: &DecodeOptions) -> Vec<Finished> {
    search(model, &[sentence.to_vec()], options).remove(0)
}

/// ln p(words, `<EOS>` | source), by the path that training takes.
fn forced(model: &Model, source: &[u32], words: &[u32]) -> f64 {
    let mut corpus = NumberedCorpus::new();
    corpus.push(source, words);
    model.log_probabilities(&DeviceBatch::new(&Batch::of(&corpus, &[0], true), model.device()))[0]
}

/// The log-probabilities of all next words after `words`.
fn next(model: &Model, source: &[u32], words: &[u32]) -> Vec<f32> {
    let tensor = |id: u32| Tensor::from_slice(&[id], [1], model.device());
    let mut state = model.encode_sources(&Sources::of(&[source], true));
    let mut answer = Vec::new();
    for &word in [EOS].iter().chain(words) {
        let (log_probabilities, after) = model.next_word(&tensor(word), &state);
        (answer, state) = (log_probabilities.to_vec(), after);
    }
    answer
}

/// Every complete translation of at most `max_length` words, by its forced score.
fn every_translation(model: &Model, source: &[u32], words: usize, max_length: usize) -> Vec<(Vec<u32>, f64)> {
    let mut all = vec![Vec::new()];
    let mut from = 0;
    for _ in 0..max_length {
        let to = all.len();
        for i in from..to {
            let longer = (EOS + 1..words as u32).map(|word| [&all[i][..], &[word]].concat());
            let longer: Vec<Vec<u32>> = longer.collect();
            all.extend(longer);
        }
        from = to;
    }
    all.into_iter().map(|words| (words.clone(), forced(model, source, &words))).collect()
}

/// Beam search by its definition, one hypothesis at a time, until none is left: no shortcut for what cannot win any more.
fn slow_beam(model: &Model, source: &[u32], options: &DecodeOptions) -> Vec<Finished> {
    let mut live = vec![(Vec::new(), 0.0)];
    let mut finished: Vec<Finished> = Vec::new();
    while !live.is_empty() {
        let mut candidates = Vec::new();
        for (words, log_probability) in &live {
            for (word, value) in next(model, source, words).into_iter().enumerate() {
                let may_stand = word != PAD as usize && (options.allow_unknown || word != UNK as usize);
                let may_follow = if words.len() < options.max_length { may_stand } else { word == EOS as usize };
                if may_follow {
                    candidates.push((words.clone(), word as u32, log_probability + value as f64));
                }
            }
        }
        // Stable: of equals the older hypothesis and the smaller word first.
        candidates.sort_by(|a, b| b.2.total_cmp(&a.2));
        candidates.truncate(options.beam_size);
        live.clear();
        for (words, word, log_probability) in candidates {
            if word == EOS {
                let length = (words.len() + 1) as f64;
                let penalty = ((5.0 + length) / 6.0).powf(options.length_penalty);
                let score = log_probability / (length.powf(options.length_normalisation) * penalty);
                finished.push(Finished { words, log_probability, score });
            } else {
                live.push(([words, vec![word]].concat(), log_probability));
            }
        }
    }
    finished.sort_by(|a, b| b.score.total_cmp(&a.score));
    finished.truncate(options.n_best);
    finished
}

fn sentence() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(2..SOURCE_WORDS as u32, 0..6)
}

proptest! {
    #![proptest_config(common::cases(128))]

    /// Slices of any sizes on any of four devices, the model's own among them, find what one piece finds, to rounding; with rounded weights too.
    #[test]
    fn a_split_vocabulary_finds_the_same(
        seed in 0u64..1000,
        cuts in prop::collection::vec((1usize..9, 0usize..3), 1..7),
        sentences in prop::collection::vec(sentence(), 1..4),
        beam in 1usize..14,
        rounding in prop::sample::select(vec![None, Some(Rounding::Bf16), Some(Rounding::Int8)]),
    ) {
        let words = cuts.iter().map(|(words, _)| words).sum::<usize>() + 4;
        let mut split = model(seed, words);
        let options = options(beam, beam.min(4), 6);
        let round = |model: &Model| rounding.is_none_or(|to| model.keep_rounded(to));
        prop_assert!(round(&split));
        let whole = search(&split, &sentences, &options);
        let devices = Device::cpus(3);
        let mut slices: Vec<(usize, Device)> = cuts.iter().map(|&(n, device)| (n, devices[device].clone())).collect();
        slices.push((4, Device::cpu()));
        split.split_vocabulary(&slices);
        prop_assert!(round(&split));
        let found = search(&split, &sentences, &options);
        for (found, whole) in found.iter().zip(&whole) {
            prop_assert_eq!(found.len(), whole.len());
            for (found, whole) in found.iter().zip(whole) {
                let apart = (found.log_probability - whole.log_probability).abs();
                prop_assert!(apart < 1e-5 * (1.0 + whole.log_probability.abs()), "{:?} and {:?}", found, whole);
                prop_assert_eq!(&found.words, &whole.words);
            }
        }
    }

    #[test]
    fn the_search_is_its_definition(
        seed: u64, source in sentence(), beam in 1usize..6, n_best in 1usize..5, max_length in 1usize..11,
        // From all words alike to one word nearly certain.
        range in prop::sample::select(vec![0.5, RANGE, 5.0]),
        length_normalisation in prop::sample::select(vec![0.0, 0.6, 1.0, 3.0]),
        length_penalty in prop::sample::select(vec![0.0, 0.0, 0.6, 2.0]),
        allow_unknown: bool,
    ) {
        let model = model_of(range, seed, 5);
        let options = DecodeOptions {
            length_normalisation, length_penalty, allow_unknown, ..options(beam, n_best.min(beam), max_length)
        };
        prop_assert_eq!(one(&model, &source, &options), slow_beam(&model, &source, &options));
    }

    #[test]
    fn a_beam_of_one_is_greedy(seed: u64, source in sentence(), max_length in 1usize..8) {
        let model = model(seed, 6);
        let mut words = Vec::new();
        while words.len() < max_length {
            let values = next(&model, &source, &words);
            let best = (1..values.len()).rev().max_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap() as u32;
            if best == EOS {
                break;
            }
            words.push(best);
        }
        let found = one(&model, &source, &options(1, 1, max_length));
        prop_assert_eq!(&found[0].words, &words);
        prop_assert_eq!(found.len(), 1);
    }

    #[test]
    fn the_widest_beam_finds_every_translation(seed: u64, source in sentence(), max_length in 1usize..4) {
        let (model, words) = (model(seed, 5), 5);
        let mut all = every_translation(&model, &source, words, max_length);
        all.sort_by(|a, b| b.1.total_cmp(&a.1));
        let found = one(&model, &source, &options(all.len(), all.len(), max_length));
        prop_assert_eq!(found.len(), all.len());
        let set = |words: Vec<Vec<u32>>| words.into_iter().collect::<BTreeSet<_>>();
        let words_found = set(found.iter().map(|f| f.words.clone()).collect());
        prop_assert_eq!(words_found, set(all.iter().map(|(words, _)| words.clone()).collect()));
        for (found, (_, score)) in found.iter().zip(&all) {
            prop_assert!((found.score - score).abs() < 1e-4, "{} {}", found.score, score);
        }
        // The total probability of all translations that end in time is at most 1.
        let total: f64 = found.iter().map(|found| found.log_probability.exp()).sum();
        prop_assert!(total < 1.0 + 1e-5, "{}", total);
    }

    #[test]
    fn lists_are_distinct_sorted_complete_and_scored_as_forced(
        seed: u64, source in sentence(), beam in 1usize..14, max_length in 1usize..7,
    ) {
        let model = model(seed, 6);
        let found = one(&model, &source, &options(beam, beam, max_length));
        prop_assert_eq!(found.len(), beam.min(every_count(4, max_length)));
        prop_assert!(found.windows(2).all(|pair| pair[0].score >= pair[1].score));
        let distinct: BTreeSet<_> = found.iter().map(|found| &found.words).collect();
        prop_assert_eq!(distinct.len(), found.len());
        for found in &found {
            prop_assert!(found.words.len() <= max_length);
            prop_assert!(found.words.iter().all(|&word| word > EOS), "{:?}", found.words);
            prop_assert_eq!(found.score, found.log_probability);
            let forced = forced(&model, &source, &found.words);
            prop_assert!((found.log_probability - forced).abs() < 1e-4, "{} {}", found.log_probability, forced);
        }
        for n in 1..beam {
            let shorter = one(&model, &source, &options(beam, n, max_length));
            prop_assert_eq!(&shorter[..], &found[..n.min(found.len())], "the first {} of the list", n);
        }
    }

    #[test]
    fn an_answer_does_not_depend_on_its_batch(
        seed: u64, sentences in prop::collection::vec(sentence(), 1..7), beam in 1usize..6, size in 1usize..7, turn in 0usize..7,
        // With 0 sentences have room by their length: some leave the batch before others.
        n_best in 1usize..4, max_length in prop::sample::select(vec![0, 6]), packed: bool,
    ) {
        let model = model(seed, 9);
        let options = options(beam, n_best.min(beam), max_length);
        let alone: Vec<_> = sentences.iter().map(|sentence| one(&model, sentence, &options)).collect();
        if packed {
            model.keep_packed();
        }
        let mut order: Vec<usize> = (0..sentences.len()).collect();
        order.rotate_left(turn % sentences.len());
        for part in order.chunks(size) {
            let batch: Vec<Vec<u32>> = part.iter().map(|&i| sentences[i].clone()).collect();
            for (&i, found) in part.iter().zip(search(&model, &batch, &options)) {
                prop_assert_eq!(&found, &alone[i], "sentence {} in a batch of {}", i, part.len());
            }
        }
    }
}

/// How many translations there are of at most `length` words, of `words` that may stand in one.
fn every_count(words: usize, length: usize) -> usize {
    (0..=length).map(|n| words.pow(n as u32)).sum()
}

#[test]
fn an_empty_source_is_translated_in_at_most_ten_words() {
    for seed in 0..20 {
        let model = model(seed, 8);
        for beam in [1, 3] {
            let found = one(&model, &[], &options(beam, 1, 0));
            assert!(found.len() == 1 && found[0].words.len() <= 10, "{found:?}");
        }
        let longer = one(&model, &[3, 4, 5], &options(1, 1, 0));
        assert!(longer[0].words.len() <= 16, "twice the words and ten: {longer:?}");
    }
}

#[test]
fn a_beam_beyond_all_bounds_is_a_wide_beam() {
    let model = model(5, 6);
    let wide = one(&model, &[3, 4], &options(100, 3, 3));
    assert_eq!(one(&model, &[3, 4], &options(usize::MAX, 3, 3)), wide);
    assert_eq!(one(&model, &[3, 4], &options(0, 0, 3)), one(&model, &[3, 4], &options(1, 1, 3)), "at least one");
}

#[test]
fn a_broken_model_still_answers_every_sentence() {
    let mut model = model(5, 6);
    model.projection.bias.set(Tensor::full([6], f64::NAN, DType::F32, &Device::cpu()));
    assert!(model.parameters().iter().any(|(_, parameter)| parameter.tensor().to_f64_vec()[0].is_nan()));
    for beam in [1, 4] {
        let found = search(&model, &[vec![3], vec![], vec![4, 5]], &options(beam, 1, 4));
        assert!(found.iter().all(|found| found.len() == 1 && found[0].words.len() <= 4), "{found:?}");
    }
}

/// With products in bf16, or with rounded weights, too: the same bits in any batch and whether or not weights are kept packed, and nearly what f32 finds.
#[test]
fn coarser_products_keep_the_promises() {
    let sizes = Sizes { source_words: 50, target_words: 600, embedding: 33, hidden: 40, layers: 2, softmax_slices: 1 };
    let device = Device::cpu_with(0, 2, usize::MAX);
    let sentences: Vec<Vec<u32>> = (0..5).map(|i| (0..=i).map(|t| 3 + 7 * t + i).collect()).collect();
    let options = options(4, 2, 0);
    let new = || Model::new(&sizes, 0.0, 0.5.into(), Key::new(3), &device);
    let exact = search(&new(), &sentences, &options);
    let ways: [(&str, &dyn Fn(&Model)); 3] = [
        ("bf16 products", &|_| device.set_matmul_precision(MatmulPrecision::Bf16)),
        ("bf16 weights", &|model| assert!(model.keep_rounded(Rounding::Bf16))),
        ("int8 weights", &|model| assert!(model.keep_rounded(Rounding::Int8))),
    ];
    for (name, coarsen) in ways {
        let model = new();
        coarsen(&model);
        let together = search(&model, &sentences, &options);
        model.keep_packed();
        for (sentence, found) in sentences.iter().zip(&together) {
            assert_eq!(&one(&model, sentence, &options), found, "{name}");
        }
        assert_ne!(together, exact, "{name}: operands are rounded");
        for (rounded, exact) in together.iter().zip(&exact) {
            let per_word = |found: &Finished| found.log_probability / (found.words.len() + 1) as f64;
            let (rounded, exact) = (per_word(&rounded[0]), per_word(&exact[0]));
            assert!((rounded - exact).abs() < 0.05 * exact.abs(), "{name}: {rounded} {exact}");
        }
        device.set_matmul_precision(MatmulPrecision::F32);
    }
}
