//! One or more translators at work: what is asked of them, and how text goes through.

use super::{Hypothesis, Score, Translator, UnlikeModels, unlike};
use crate::batch::{Batch, Sources};
use crate::beam_search::{self, DecodeOptions, Finished};
use crate::ensemble::{Combination, Ensemble};
use crate::minimum_risk::{self, Candidate};
use crate::model::DeviceBatch;
use crate::numbered::NumberedCorpus;
use crate::sampling::{self, SampleOptions};
use crate::unknown::{Copier, Unknown, is_unknown};
use crate::vocabulary::UNK;

/// A line to be translated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Line<'a> {
    /// The sentence.
    pub source: &'a str,
    /// What its translations begin with; it may be empty.
    pub prefix: &'a str,
    /// Its number, which names the random draws of its samples.
    pub number: u64,
}

impl<'a> From<&'a str> for Line<'a> {
    fn from(source: &'a str) -> Self {
        Self { source, ..Self::default() }
    }
}

/// How translations are found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way {
    /// The most probable by beam search.
    Beam(DecodeOptions),
    /// At random.
    Sample(SampleOptions),
}

/// What is asked of translators.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// How translations are found.
    pub way: Way,
    /// Sentences translated together. The translations do not depend on it.
    pub batch_size: usize,
    /// Whether the translations found are put in the order of their expected BLEU against each other, by their probability (or by how often they
    /// were drawn): see [`minimum_risk`].
    pub minimum_risk: bool,
    /// What becomes of unknown words.
    pub unknown: Unknown,
    /// What puts others in their place.
    pub copier: Copier,
}

impl Request {
    /// The most probable translations.
    pub fn beam(options: DecodeOptions) -> Self {
        Self { batch_size: options.batch_size, ..Self::by(Way::Beam(options)) }
    }

    /// Random translations.
    pub fn sample(options: SampleOptions) -> Self {
        Self::by(Way::Sample(options))
    }

    fn by(way: Way) -> Self {
        let batch_size = DecodeOptions::default().batch_size;
        Self { way, batch_size, minimum_risk: false, unknown: Unknown::Keep, copier: Copier::default() }
    }
}

/// One translator, or several that translate as an [`Ensemble`].
#[derive(Clone, Debug)]
pub struct Translators<'a> {
    members: Vec<&'a Translator>,
    combination: Combination,
}

impl<'a> From<&'a Translator> for Translators<'a> {
    fn from(translator: &'a Translator) -> Self {
        Self { members: vec![translator], combination: Combination::default() }
    }
}

impl<'a> Translators<'a> {
    /// Translators that know the same words.
    ///
    /// # Errors
    /// Where they do not, or cut text differently, or are on different devices.
    ///
    /// # Panics
    /// Where there is none.
    #[track_caller]
    pub fn new(members: Vec<&'a Translator>, combination: Combination) -> Result<Self, UnlikeModels> {
        assert!(!members.is_empty(), "ensemble: at least one model is needed");
        unlike::check(&members)?;
        Ok(Self { members, combination })
    }

    /// The translations of each line, best first (samples in the order of their drawing, unless the least risk is asked for). They do not depend on
    /// the batch size. A line without words is translated too: the models then read `<EOS>` alone.
    ///
    /// # Panics
    /// With a [`DeviceError`](unrolled_tensor::DeviceError) where the device fails.
    pub fn translate(&self, lines: &[Line<'_>], request: &Request) -> Vec<Vec<Hypothesis>> {
        let found = self.translate_until(lines, request, &|| false).into_iter();
        found.map(|hypotheses| hypotheses.expect("nobody asked to stop")).collect()
    }

    /// [`translate`](Self::translate) until `stop` says so, which is asked before every word of a batch, and before every translation whose risk is measured; `None` for the lines whose translations were not all
    /// found by then. Lines are translated in the order of their lengths.
    ///
    /// # Panics
    /// As [`translate`](Self::translate).
    pub fn translate_until(
        &self,
        lines: &[Line<'_>],
        request: &Request,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Vec<Option<Vec<Hypothesis>>> {
        let [source, target] = self.members[0].sides();
        let numbered = |side: crate::numbered::Side<'_>, text: &str| {
            let mut ids = Vec::new();
            side.number(text, &mut ids);
            ids
        };
        let sentences: Vec<Vec<u32>> = lines.iter().map(|line| numbered(source, line.source)).collect();
        let prefixes: Vec<Vec<u32>> = lines.iter().map(|line| numbered(target, line.prefix)).collect();
        let models = self.models();
        models.models().iter().for_each(|model| model.keep_packed());
        let mut order: Vec<usize> = (0..sentences.len()).collect();
        order.sort_by_key(|&i| sentences[i].len());
        let mut answers = vec![None; sentences.len()];
        for batch in order.chunks(request.batch_size.max(1)) {
            if stop() {
                break;
            }
            let sources: Vec<&[u32]> = batch.iter().map(|&i| &sentences[i][..]).collect();
            let sources = self.layouts(|reversed| Sources::of(&sources, reversed));
            let prefixes: Vec<Vec<u32>> = batch.iter().map(|&i| prefixes[i].clone()).collect();
            let numbers: Vec<u64> = batch.iter().map(|&i| lines[i].number).collect();
            let found = models.device().run(|| match &request.way {
                Way::Beam(options) => beam_search::translate_until(&models, &sources, &prefixes, options, stop),
                Way::Sample(options) => sampling::sample_until(&models, &sources, &prefixes, &numbers, options, stop),
            });
            let Some(found) = found else { break };
            for (&i, mut found) in batch.iter().zip(found) {
                if request.minimum_risk && !rank_by_risk(&mut found, &request.way, stop) {
                    return answers;
                }
                let hypotheses = found.into_iter().map(|found| self.hypothesis(found, &lines[i], request));
                answers[i] = Some(hypotheses.collect());
            }
        }
        answers
    }

    fn models(&self) -> Ensemble<'a> {
        Ensemble::new(self.members.iter().map(|member| &member.model).collect(), self.combination)
    }

    /// Something in the order in which the models read the source: once, or for each model where they differ.
    fn layouts<T>(&self, of: impl Fn(bool) -> T) -> Vec<T> {
        let reversed = self.members.iter().map(|member| member.config.reverse_source);
        let first = self.members[0].config.reverse_source;
        if reversed.clone().all(|reversed| reversed == first) { vec![of(first)] } else { reversed.map(of).collect() }
    }

    fn hypothesis(&self, found: Finished, line: &Line<'_>, request: &Request) -> Hypothesis {
        let Translator { source_vocabulary, target_vocabulary, config, .. } = self.members[0];
        let mut tokens: Vec<String> = target_vocabulary.decode(&found.words).map(str::to_owned).collect();
        if request.unknown == Unknown::Copy {
            let source = config.tokeniser.tokenise(line.source, config.source_language.as_str().into());
            tokens = request.copier.replace(&tokens, &source, |word| source_vocabulary.id(word) != UNK);
        }
        // What was given stands as it was given, known or not.
        let given = config.tokeniser.tokenise(line.prefix, config.target_language.as_str().into());
        tokens.iter_mut().zip(&given).for_each(|(token, &given)| given.clone_into(token));
        if request.unknown == Unknown::Drop {
            let mut place = 0;
            tokens.retain(|token| {
                place += 1;
                place <= given.len() || !is_unknown(token)
            });
        }
        let text = config.tokeniser.detokenise(&tokens, config.target_language.as_str().into());
        Hypothesis { text, tokens, log_probability: found.log_probability, score: found.score }
    }

    /// The log-probability of each pair's target given its source. It does not depend on the batch size.
    ///
    /// # Panics
    /// With a [`DeviceError`](unrolled_tensor::DeviceError) where the device fails.
    pub fn score(&self, pairs: &[(String, String)], batch_size: usize) -> Vec<Score> {
        let [source, target] = self.members[0].sides();
        let mut corpus = NumberedCorpus::new();
        let (mut source_ids, mut target_ids) = (Vec::new(), Vec::new());
        for (from, to) in pairs {
            source.number(from, &mut source_ids);
            target.number(to, &mut target_ids);
            corpus.push(&source_ids, &target_ids);
        }
        let models = self.models();
        let mut order: Vec<u32> = (0..corpus.len() as u32).collect();
        order.sort_by_key(|&i| corpus.target(i as usize).len());
        let mut scores = vec![Score { log_probability: 0.0, words: 0 }; pairs.len()];
        for batch in order.chunks(batch_size.max(1)) {
            let batches = self.layouts(|reversed| Batch::of(&corpus, batch, reversed));
            let device = models.device();
            let found = device.run(|| {
                let batches: Vec<DeviceBatch> = batches.iter().map(|batch| DeviceBatch::new(batch, device)).collect();
                models.log_probabilities(&batches)
            });
            for (column, log_probability) in found.into_iter().enumerate() {
                let words = batches[0].target_lengths[column] as usize;
                scores[batches[0].pairs[column] as usize] = Score { log_probability, words };
            }
        }
        scores
    }
}

/// Puts translations in the order of their expected BLEU, which becomes their score; of equals the more probable first. Says false, and leaves them as they
/// are, where `stop` says so meanwhile.
fn rank_by_risk(found: &mut [Finished], way: &Way, stop: &dyn Fn() -> bool) -> bool {
    let weights = match way {
        Way::Beam(_) => minimum_risk::shares(found.iter().map(|found| found.log_probability)),
        Way::Sample(_) => vec![1.0; found.len()],
    };
    let candidates = found.iter().zip(weights).map(|(found, weight)| Candidate { words: &found.words, weight });
    let Some(expected) = minimum_risk::expected_bleu_until(&candidates.collect::<Vec<_>>(), stop) else {
        return false;
    };
    found.iter_mut().zip(expected).for_each(|(found, expected)| found.score = expected);
    let better =
        |a: &Finished, b: &Finished| b.score.total_cmp(&a.score).then(b.log_probability.total_cmp(&a.log_probability));
    found.sort_by(better);
    true
}
