//! Perplexity and translations of the validation data.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use super::data::tokenised;
use crate::batch::{Batch, BatchPlan};
use crate::beam_search::DecodeOptions;
use crate::bleu::{Convention, Scorer};
use crate::chrf::ChrF;
use crate::config::{BestMetric, BleuStyle, Config};
use crate::evaluation::{Counts, Metric};
use crate::model::{DeviceBatch, Model};
use crate::numbered::NumberedCorpus;
use crate::progress::{BleuScore, Sample};
use crate::translator::{Hypothesis, Translator};

/// Batches of validation data never need more memory than those of training.
const DECODE_BATCH: usize = 64;
/// Fewer distinct sources than these may well have the same translation.
const FEW_SOURCES: usize = 4;
/// A shorter translation never ends for want of room, unless all do so at the same length.
const LEAST_ROOM: usize = 10;

/// exp(−mean log-probability) of the target words with their `<EOS>`; `None` where `stop` became true meanwhile.
pub(super) fn perplexity(model: &Model, corpus: &NumberedCorpus, config: &Config, stop: &AtomicBool) -> Option<f64> {
    let (mut log_probability, mut words) = (0.0, 0);
    for pairs in BatchPlan::sorted(corpus, config.batch_size).iter() {
        if stop.load(Ordering::Relaxed) {
            return None;
        }
        let batch = Batch::of(corpus, pairs, config.reverse_source);
        log_probability += model.log_probabilities(&DeviceBatch::new(&batch, model.device())).iter().sum::<f64>();
        words += batch.target_words + batch.sentences() as u64;
    }
    Some((-log_probability / words as f64).exp())
}

/// What the validation's translations show.
pub(super) struct Translations {
    pub bleu: Option<BleuScore>,
    pub chrf: Option<BleuScore>,
    pub samples: Vec<Sample>,
    /// Said where all sentences have the same translation.
    pub monotony: Option<String>,
}

/// Translates the sources of `pairs`, one line each, and scores them where `score` says so; `None` where `stop` became true meanwhile.
pub(super) fn translations(
    translator: &Translator,
    pairs: &[(String, String)],
    score: bool,
    stop: &AtomicBool,
) -> Option<(String, Translations)> {
    let config = &translator.config;
    let options = DecodeOptions {
        beam_size: config.beam_size,
        n_best: 1,
        batch_size: DECODE_BATCH,
        max_length: config.max_output_length,
        length_normalisation: config.length_normalisation,
        ..DecodeOptions::default()
    };
    let sources: Vec<String> = pairs.iter().map(|(source, _)| source.clone()).collect();
    let translated = translator.translate_until(&sources, &options, &|| stop.load(Ordering::Relaxed))?;
    let best: Vec<Hypothesis> = translated.into_iter().map(|mut hypotheses| hypotheses.swap_remove(0)).collect();
    let text: String = best.iter().map(|hypothesis| hypothesis.text.clone() + "\n").collect();
    let bleu = (score && !pairs.is_empty()).then(|| bleu(config, pairs, &best));
    let wanted = config.valid_chrf || config.best_metric == BestMetric::Chrf;
    let chrf = (score && wanted && !pairs.is_empty()).then(|| chrf(pairs, &best));
    let sample = |((source, reference), hypothesis): (&(String, String), &Hypothesis)| Sample {
        source: source.clone(),
        reference: reference.clone(),
        hypothesis: hypothesis.text.clone(),
    };
    let samples = pairs.iter().zip(&best).take(config.valid_samples).map(sample).collect();
    Some((text, Translations { bleu, chrf, samples, monotony: monotony(pairs, &best) }))
}

/// A model that has learnt only which words are frequent writes the same for every source; where it finds no end, until there is no more room,
/// which depends on the source's length.
fn monotony(pairs: &[(String, String)], best: &[Hypothesis]) -> Option<String> {
    let longest = best.iter().max_by_key(|hypothesis| hypothesis.tokens.len())?;
    let sources: BTreeSet<&str> = pairs.iter().map(|(source, _)| source.as_str()).collect();
    let same = |hypothesis: &Hypothesis| {
        let tokens = &hypothesis.tokens;
        *tokens == longest.tokens || (tokens.len() >= LEAST_ROOM && longest.tokens.starts_with(tokens))
    };
    (sources.len() >= FEW_SOURCES && best.iter().all(same)).then(|| {
        format!(
            "all {} validation sentences have the same translation, {:?}; if this stays, the model does not learn from the source",
            best.len(),
            longest.text
        )
    })
}

/// chrF2, on plain text.
fn chrf(pairs: &[(String, String)], best: &[Hypothesis]) -> BleuScore {
    let metric = Metric::ChrF(ChrF::CHRF);
    let of =
        |((_, reference), hypothesis): (&(String, String), &Hypothesis)| metric.counts(&hypothesis.text, &[reference]);
    let counts: Vec<Counts> = pairs.iter().zip(best).map(of).collect();
    BleuScore { score: metric.text_score(&counts), signature: metric.signature(1), sentences: pairs.len() as u64 }
}

fn bleu(config: &Config, pairs: &[(String, String)], best: &[Hypothesis]) -> BleuScore {
    let convention = match config.valid_bleu_style {
        BleuStyle::MultiBleu => Convention::MultiBleu,
        BleuStyle::Sacrebleu => Convention::SACREBLEU,
    };
    let mut scorer = Scorer::new(convention);
    for ((_, reference), hypothesis) in pairs.iter().zip(best) {
        match config.valid_bleu_style {
            BleuStyle::Sacrebleu => scorer.add(&hypothesis.text, &[reference.as_str()]),
            BleuStyle::MultiBleu => {
                let reference = tokenised(config.tokeniser, reference, &config.target_language);
                scorer.add(&hypothesis.tokens.join(" "), &[reference])
            }
        };
    }
    let bleu = scorer.bleu();
    BleuScore { score: bleu.score, signature: bleu.signature(), sentences: pairs.len() as u64 }
}
