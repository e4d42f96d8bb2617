//! Perplexity and translations of the validation data.

use std::fs;
use std::path::Path;

use super::Error;
use super::data::tokenised;
use crate::batch::{Batch, BatchPlan};
use crate::beam_search::DecodeOptions;
use crate::bleu::{Convention, Scorer};
use crate::config::{BleuStyle, Config};
use crate::model::{DeviceBatch, Model};
use crate::numbered::NumberedCorpus;
use crate::progress::{BleuScore, Sample};
use crate::translator::{Hypothesis, Translator};

/// Batches of validation data never need more memory than those of training.
const DECODE_BATCH: usize = 64;

/// exp(−mean log-probability) of the target words with their `<EOS>`.
pub(super) fn perplexity(model: &Model, corpus: &NumberedCorpus, config: &Config) -> f64 {
    let (mut log_probability, mut words) = (0.0, 0);
    for pairs in BatchPlan::sorted(corpus, config.batch_size).iter() {
        let batch = Batch::of(corpus, pairs, config.reverse_source);
        log_probability += model.log_probabilities(&DeviceBatch::new(&batch, model.device())).iter().sum::<f64>();
        words += batch.target_words + batch.sentences() as u64;
    }
    (-log_probability / words as f64).exp()
}

/// What the validation's translations show.
pub(super) struct Translations {
    pub bleu: Option<BleuScore>,
    pub samples: Vec<Sample>,
}

/// Translates the first `count` pairs, writes them under `path`, and scores them where `score` says so.
pub(super) fn translations(
    translator: &Translator,
    pairs: &[(String, String)],
    score: bool,
    path: &Path,
) -> Result<Translations, Error> {
    let config = &translator.config;
    let options = DecodeOptions {
        beam_size: config.beam_size,
        n_best: 1,
        batch_size: DECODE_BATCH,
        max_length: config.max_output_length,
        length_normalisation: config.length_normalisation,
    };
    let sources: Vec<String> = pairs.iter().map(|(source, _)| source.clone()).collect();
    let best: Vec<Hypothesis> = translator
        .translate_lines(&sources, &options)
        .into_iter()
        .map(|mut hypotheses| hypotheses.swap_remove(0))
        .collect();
    let text: String = best.iter().map(|hypothesis| hypothesis.text.clone() + "\n").collect();
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
    }
    fs::write(path, text).map_err(Error::file("write", path))?;
    let bleu = (score && !pairs.is_empty()).then(|| bleu(config, pairs, &best));
    let samples = pairs.iter().zip(&best).take(config.valid_samples);
    let sample = |((source, reference), hypothesis): (&(String, String), &Hypothesis)| Sample {
        source: source.clone(),
        reference: reference.clone(),
        hypothesis: hypothesis.text.clone(),
    };
    Ok(Translations { bleu, samples: samples.map(sample).collect() })
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
