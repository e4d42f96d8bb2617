//! Several models as one: at every step of a translation their distributions of the next word are averaged.
//!
//! The paper translates with 2 and 5 models that differ in their first parameters and in the order of their batches, and leaves open what is
//! averaged; see [`Combination`] for the two readings.

use unrolled_nn::LstmState;
use unrolled_tensor::fused::LinearTopK;
use unrolled_tensor::{Device, Tensor};

use crate::batch::Sources;
use crate::model::{DeviceBatch, Model};
use crate::vocabulary::EOS;

/// What an ensemble averages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Combination {
    /// The probabilities: p(w) = 1/N Σ pᵢ(w), a distribution again. The default: a word is good if one model is sure of it.
    #[default]
    Probabilities,
    /// The log-probabilities: 1/N Σ ln pᵢ(w), as Marian does. A translation's score is then the mean of its models' scores; it is not divided by
    /// what the words' geometric means add up to, so their exponentials may add up to less than 1. A word is bad if one model is sure that it is.
    LogProbabilities,
}

/// Models with the same target words, on one device.
///
/// ```
/// use unrolled_seq2seq::batch::Sources;
/// use unrolled_seq2seq::beam_search::{DecodeOptions, translate, translate_with};
/// use unrolled_seq2seq::ensemble::{Combination, Ensemble};
/// use unrolled_seq2seq::model::{Model, Sizes};
/// use unrolled_tensor::{Device, random::Key};
///
/// let sizes = Sizes { source_words: 9, target_words: 9, embedding: 4, hidden: 5, layers: 1, softmax_slices: 1 };
/// let [one, two] = [1, 2].map(|seed| Model::new(&sizes, 0.0, 0.5.into(), Key::new(seed), &Device::cpu()));
/// let sources = Sources::of(&[[3, 4]], true);
/// let both = Ensemble::new(vec![&one, &two], Combination::Probabilities);
/// let found = translate_with(&both, std::slice::from_ref(&sources), &[], &DecodeOptions::default());
/// assert_eq!(found[0].len(), 1);
/// ```
#[derive(Clone, Debug)]
pub struct Ensemble<'a> {
    models: Vec<&'a Model>,
    combination: Combination,
}

/// Logits that are held at once while distributions are averaged: rows are taken in pieces of so many.
const LOGITS_AT_ONCE: usize = 1 << 23;

impl<'a> Ensemble<'a> {
    /// An ensemble of one or more models.
    ///
    /// # Panics
    /// Where there is no model, or they differ in the number of target words or in the device.
    #[track_caller]
    pub fn new(models: Vec<&'a Model>, combination: Combination) -> Ensemble<'a> {
        let first = *models.first().expect("ensemble: at least one model is needed");
        for (place, model) in models.iter().enumerate() {
            let (words, wanted) = (words(model), words(first));
            assert!(words == wanted, "ensemble: model {place} has {words} target words, model 0 has {wanted}");
            let (device, wanted) = (model.device(), first.device());
            assert!(device == wanted, "ensemble: model {place} is on {device}, model 0 on {wanted}");
        }
        Ensemble { models, combination }
    }

    /// How many models there are.
    pub fn len(&self) -> usize {
        self.models.len()
    }

    /// Never: an ensemble has a model.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The models.
    pub fn models(&self) -> &[&'a Model] {
        &self.models
    }

    /// Where they are.
    pub fn device(&self) -> &'a Device {
        self.models[0].device()
    }

    /// How many target words there are, V.
    pub fn target_words(&self) -> usize {
        words(self.models[0])
    }

    /// Each model's state after the sentences: `sources` has one layout for all models, or one for each (where some read the words backwards and
    /// others do not).
    ///
    /// # Panics
    /// Where there is another number of layouts.
    #[track_caller]
    pub fn encode(&self, sources: &[Sources]) -> Vec<LstmState> {
        let (given, models) = (sources.len(), self.len());
        assert!(given == 1 || given == models, "ensemble: {given} layouts of the sources for {models} models");
        let layout = |place: usize| &sources[if given == 1 { 0 } else { place }];
        self.models.iter().enumerate().map(|(place, model)| model.encode_sources(layout(place))).collect()
    }

    /// Each model's h `[n, H]` after the words `last` (u32 `[n]`), and their states.
    pub fn step(&self, last: &Tensor, states: &[LstmState]) -> (Vec<Tensor>, Vec<LstmState>) {
        self.models.iter().zip(states).map(|(model, state)| model.step(last, state)).unzip()
    }

    /// The `k` most probable words, or all where there are fewer, and `<EOS>` as the watched word, where the models have h = `hidden`.
    pub fn best_words(&self, hidden: &[Tensor], k: usize) -> LinearTopK {
        if let [model] = self.models[..] {
            return model.best_words(&hidden[0], k);
        }
        let k = k.min(self.target_words());
        let pieces: Vec<LinearTopK> = self
            .pieces(hidden)
            .map(|all| {
                let (values, words) = all.top_k(k, 1);
                LinearTopK { values, words, watched: all.index(1, EOS as usize).contiguous() }
            })
            .collect();
        let together = |part: fn(&LinearTopK) -> &Tensor| {
            let parts: Vec<&Tensor> = pieces.iter().map(part).collect();
            Tensor::concat(&parts, 0)
        };
        LinearTopK {
            values: together(|piece| &piece.values),
            words: together(|piece| &piece.words),
            watched: together(|piece| &piece.watched),
        }
    }

    /// The log-probabilities of all words, a few rows `[·, V]` at a time.
    pub fn pieces<'t>(&'t self, hidden: &'t [Tensor]) -> impl Iterator<Item = Tensor> + 't {
        let (rows, at_once) = (hidden[0].dim(0), (LOGITS_AT_ONCE / self.target_words()).max(1));
        (0..rows).step_by(at_once).map(move |start| {
            let part = |hidden: &Tensor| hidden.narrow(0, start, at_once.min(rows - start));
            let each = self.models.iter().zip(hidden).map(|(model, hidden)| model.all_words(&part(hidden)));
            self.average(each.collect())
        })
    }

    /// The ensemble's log-probabilities from those of each model, elementwise.
    fn average(&self, each: Vec<Tensor>) -> Tensor {
        let count = each.len() as f64;
        if each.len() == 1 {
            return each.into_iter().next().expect("counted");
        }
        let sum = |terms: Vec<Tensor>| terms.into_iter().reduce(|sum, term| sum + term).expect("counted");
        match self.combination {
            Combination::LogProbabilities => sum(each) * (1.0 / count),
            Combination::Probabilities => {
                // Of a word that all models find improbable the exponentials would vanish: the largest is taken out first.
                let largest = each[1..].iter().fold(each[0].clone(), |largest, other| largest.maximum(other));
                let shares = each.iter().map(|each| (each - &largest).exp()).collect();
                largest + (sum(shares) * (1.0 / count)).log()
            }
        }
    }

    /// [`average`](Self::average) of one word.
    fn average_of(&self, each: impl Iterator<Item = f64> + Clone) -> f64 {
        let count = self.len() as f64;
        match self.combination {
            _ if self.len() == 1 => each.sum(),
            Combination::LogProbabilities => each.sum::<f64>() / count,
            Combination::Probabilities => {
                let largest = each.clone().fold(f64::NEG_INFINITY, f64::max);
                largest + (each.map(|each| (each - largest).exp()).sum::<f64>() / count).ln()
            }
        }
    }

    /// The log-probability of each sentence's target, `<EOS>` included: `batches` has the batch laid out once for all models, or once for each.
    ///
    /// # Panics
    /// Where there is another number of layouts.
    #[track_caller]
    pub fn log_probabilities(&self, batches: &[DeviceBatch]) -> Vec<f64> {
        let (given, models) = (batches.len(), self.len());
        assert!(given == 1 || given == models, "ensemble: {given} layouts of the batch for {models} models");
        let layout = |place: usize| &batches[if given == 1 { 0 } else { place }];
        let words: Vec<Vec<f64>> =
            self.models.iter().enumerate().map(|(place, model)| model.word_log_probabilities(layout(place))).collect();
        self.sums(&words, batches[0].target_input.dim(1))
    }

    /// Each column's sum over all steps, of the words' log-probabilities `[T · B]` by each model.
    pub(crate) fn sums(&self, words: &[Vec<f64>], columns: usize) -> Vec<f64> {
        let mut sums = vec![0.0; columns];
        for i in 0..words[0].len() {
            sums[i % columns] += self.average_of(words.iter().map(|words| words[i]));
        }
        sums
    }
}

impl<'a> From<&'a Model> for Ensemble<'a> {
    /// A model alone.
    fn from(model: &'a Model) -> Ensemble<'a> {
        Ensemble { models: vec![model], combination: Combination::default() }
    }
}

fn words(model: &Model) -> usize {
    model.projection.weight.tensor().dim(0)
}
