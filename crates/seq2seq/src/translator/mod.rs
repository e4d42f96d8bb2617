//! A trained model with its vocabularies and tokenisers: text in, text out.

mod together;
mod unlike;

pub use together::{Line, Request, Translators, Way};
pub use unlike::UnlikeModels;

use crate::beam_search::DecodeOptions;
use crate::config::Config;
use crate::model::Model;
use crate::numbered::Side;
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
    /// As the model's words, with what stands for unknown ones.
    pub tokens: Vec<String>,
    /// ln p(translation | source), `<EOS>` included.
    pub log_probability: f64,
    /// What translations are ranked by: the beam's score, or the expected BLEU where the least risk was asked for.
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

    /// [`translate_lines`](Translator::translate_lines), unless `stop` says so before all are found: then `None`.
    pub(crate) fn translate_until(
        &self,
        lines: &[String],
        options: &DecodeOptions,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Option<Vec<Vec<Hypothesis>>> {
        let lines: Vec<Line<'_>> = lines.iter().map(|line| Line::from(line.as_str())).collect();
        Translators::from(self).translate_until(&lines, &Request::beam(*options), stop).into_iter().collect()
    }

    /// The log-probability of each pair's target given its source. It does not depend on the batch size.
    ///
    /// # Panics
    /// With a [`DeviceError`](unrolled_tensor::DeviceError) where the device fails.
    pub fn score(&self, pairs: &[(String, String)], batch_size: usize) -> Vec<Score> {
        Translators::from(self).score(pairs, batch_size)
    }

    fn sides(&self) -> [Side<'_>; 2] {
        sides(&self.config, &self.source_vocabulary, &self.target_vocabulary)
    }
}
