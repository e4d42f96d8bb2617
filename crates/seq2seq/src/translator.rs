//! A trained model with its vocabularies and tokenisers: text in, text out.

use crate::batch::{Batch, Sources};
use crate::beam_search::{self, DecodeOptions};
use crate::config::Config;
use crate::model::{DeviceBatch, Model};
use crate::numbered::{NumberedCorpus, Side};
use crate::vocabulary::Vocabulary;

/// A translator of text.
#[derive(Debug)]
pub struct Translator {
    /// The model.
    pub model: Model,
    /// The source's words.
    pub source_vocabulary: Vocabulary,
    /// The target's words.
    pub target_vocabulary: Vocabulary,
    /// How text was prepared for training.
    pub config: Config,
}

/// A translation.
#[derive(Clone, Debug, PartialEq)]
pub struct Hypothesis {
    /// As text.
    pub text: String,
    /// As the model's words.
    pub tokens: Vec<String>,
    /// ln p(translation | source), `<EOS>` included.
    pub log_probability: f64,
    /// What the beam ranks by.
    pub score: f64,
}

/// How probable a given translation is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// ln p(target | source), `<EOS>` included.
    pub log_probability: f64,
    /// Target words, `<EOS>` included.
    pub words: usize,
}

/// The two sides of a configuration's text.
pub(crate) fn sides<'a>(config: &Config, source: &'a Vocabulary, target: &'a Vocabulary) -> [Side<'a>; 2] {
    let side = |language: &str, vocabulary| Side { tokeniser: config.tokeniser, language: language.into(), vocabulary };
    [side(&config.source_language, source), side(&config.target_language, target)]
}

impl Translator {
    /// The best translations of each line, best first. They do not depend on the batch size. A line without words is translated too: the model then
    /// reads `<EOS>` alone.
    ///
    /// # Panics
    /// With a [`DeviceError`](unrolled_tensor::DeviceError) where the device fails.
    pub fn translate_lines(&self, lines: &[String], options: &DecodeOptions) -> Vec<Vec<Hypothesis>> {
        self.translate_until(lines, options, &|| false).expect("nobody asked to stop")
    }

    /// [`translate_lines`](Translator::translate_lines), unless `stop` says so before one of its batches: then `None`.
    pub(crate) fn translate_until(
        &self,
        lines: &[String],
        options: &DecodeOptions,
        stop: &dyn Fn() -> bool,
    ) -> Option<Vec<Vec<Hypothesis>>> {
        let [side, _] = sides(&self.config, &self.source_vocabulary, &self.target_vocabulary);
        let sentences: Vec<Vec<u32>> = lines
            .iter()
            .map(|line| {
                let mut ids = Vec::new();
                side.number(line, &mut ids);
                ids
            })
            .collect();
        self.model.keep_packed();
        let mut order: Vec<usize> = (0..sentences.len()).collect();
        order.sort_by_key(|&i| sentences[i].len());
        let mut answers = vec![Vec::new(); sentences.len()];
        for batch in order.chunks(options.batch_size.max(1)) {
            if stop() {
                return None;
            }
            let sources: Vec<&[u32]> = batch.iter().map(|&i| &sentences[i][..]).collect();
            let sources = Sources::of(&sources, self.config.reverse_source);
            let found = self.model.device().run(|| beam_search::translate(&self.model, &sources, options));
            for (&i, hypotheses) in batch.iter().zip(found) {
                answers[i] = hypotheses.into_iter().map(|hypothesis| self.hypothesis(hypothesis)).collect();
            }
        }
        Some(answers)
    }

    fn hypothesis(&self, found: beam_search::Finished) -> Hypothesis {
        let tokens: Vec<String> = self.target_vocabulary.decode(&found.words).map(str::to_owned).collect();
        let text = self.config.tokeniser.detokenise(&tokens, self.config.target_language.as_str().into());
        Hypothesis { text, tokens, log_probability: found.log_probability, score: found.score }
    }

    /// The log-probability of each pair's target given its source. It does not depend on the batch size.
    ///
    /// # Panics
    /// With a [`DeviceError`](unrolled_tensor::DeviceError) where the device fails.
    pub fn score(&self, pairs: &[(String, String)], batch_size: usize) -> Vec<Score> {
        let [source, target] = sides(&self.config, &self.source_vocabulary, &self.target_vocabulary);
        let mut corpus = NumberedCorpus::new();
        for (from, to) in pairs {
            let (mut source_ids, mut target_ids) = (Vec::new(), Vec::new());
            source.number(from, &mut source_ids);
            target.number(to, &mut target_ids);
            corpus.push(&source_ids, &target_ids);
        }
        let mut order: Vec<u32> = (0..corpus.len() as u32).collect();
        order.sort_by_key(|&i| corpus.target(i as usize).len());
        let mut scores = vec![Score { log_probability: 0.0, words: 0 }; pairs.len()];
        for batch in order.chunks(batch_size.max(1)) {
            let batch = Batch::of(&corpus, batch, self.config.reverse_source);
            let device = self.model.device();
            let found = device.run(|| self.model.log_probabilities(&DeviceBatch::new(&batch, device)));
            for (column, log_probability) in found.into_iter().enumerate() {
                let words = batch.target_lengths[column] as usize;
                scores[batch.pairs[column] as usize] = Score { log_probability, words };
            }
        }
        scores
    }
}
