//! Left-to-right beam search, as in the paper: every hypothesis is extended by every word, the best by log-probability stay, and one that takes
//! `<EOS>` leaves the beam for the finished set.
//!
//! The live hypotheses of all sentences are the rows of one batch, which shrinks as they end. A step makes the decoder's state of these rows, and of
//! each row the few best next words; nothing else of the vocabulary comes back.

mod force;
mod options;
mod search;

pub use options::{DecodeOptions, Finished};

use unrolled_nn::LstmState;
use unrolled_tensor::Tensor;

use crate::batch::Sources;
use crate::ensemble::Ensemble;
use crate::model::Model;
pub(crate) use force::{Forced, force};
pub(crate) use options::longest;
use search::{Continuations, Scratch, Search};

/// The `n_best` translations of each sentence, best first, or as many as there are. A sentence's answer has the same bits in any batch.
///
/// ```
/// use unrolled_seq2seq::batch::Sources;
/// use unrolled_seq2seq::beam_search::{DecodeOptions, translate};
/// use unrolled_seq2seq::model::{Model, Sizes};
/// use unrolled_tensor::{Device, random::Key};
///
/// let sizes = Sizes { source_words: 9, target_words: 9, embedding: 4, hidden: 5, layers: 1, softmax_slices: 1 };
/// let model = Model::new(&sizes, 0.0, 0.5.into(), Key::new(1), &Device::cpu());
/// let sources = Sources::of(&[vec![3, 4], vec![]], true);
/// let options = DecodeOptions { beam_size: 4, n_best: 3, ..DecodeOptions::default() };
/// let found = translate(&model, &sources, &options);
/// assert_eq!((found.len(), found[0].len()), (2, 3));
/// assert!(found[0][0].score >= found[0][1].score);
/// ```
///
/// # Panics
/// Where the length normalisation or penalty is negative or NaN; and with a [`DeviceError`](unrolled_tensor::DeviceError) where the device fails.
#[track_caller]
pub fn translate(model: &Model, sources: &Sources, options: &DecodeOptions) -> Vec<Vec<Finished>> {
    translate_with(&model.into(), std::slice::from_ref(sources), &[], options)
}

/// [`translate`] by an ensemble, and with translations that must begin in a given way.
///
/// `sources` has the sentences laid out once for all models, or once for each. `prefixes` is empty, or has for each sentence the words that its
/// translations begin with; their log-probability is part of the translation's, and they count for its length. A prefix longer than the longest
/// translation is followed by `<EOS>`.
///
/// ```
/// use unrolled_seq2seq::batch::Sources;
/// use unrolled_seq2seq::beam_search::{DecodeOptions, translate_with};
/// use unrolled_seq2seq::model::{Model, Sizes};
/// use unrolled_tensor::{Device, random::Key};
///
/// let sizes = Sizes { source_words: 9, target_words: 9, embedding: 4, hidden: 5, layers: 1, softmax_slices: 1 };
/// let model = Model::new(&sizes, 0.0, 0.5.into(), Key::new(1), &Device::cpu());
/// let sources = [Sources::of(&[vec![3, 4], vec![5]], true)];
/// let found = translate_with(&(&model).into(), &sources, &[vec![7, 5], vec![]], &DecodeOptions::default());
/// assert_eq!(found[0][0].words[..2], [7, 5]);
/// ```
///
/// # Panics
/// As [`translate`]; and where there is another number of prefixes than sentences, or one contains `<EOS>` or padding.
#[track_caller]
pub fn translate_with(
    models: &Ensemble<'_>,
    sources: &[Sources],
    prefixes: &[Vec<u32>],
    options: &DecodeOptions,
) -> Vec<Vec<Finished>> {
    translate_until(models, sources, prefixes, options, &|| false).expect("nobody asked to stop")
}

/// Asked before every step whether to leave off.
pub(crate) type Stop<'a> = &'a (dyn Fn() -> bool + Sync);

/// [`translate_with`], unless `stop` says so before one of its steps: then `None`.
#[track_caller]
pub(crate) fn translate_until(
    models: &Ensemble<'_>,
    sources: &[Sources],
    prefixes: &[Vec<u32>],
    options: &DecodeOptions,
    stop: Stop<'_>,
) -> Option<Vec<Vec<Finished>>> {
    options.check();
    let Forced { mut states, prefixes, log_probabilities } = force(models, sources, prefixes);
    let searches = sources[0].lengths.iter().zip(&prefixes).zip(log_probabilities).enumerate();
    let mut searches: Vec<Search> = searches
        .map(|(row, ((&length, prefix), log_probability))| {
            Search::new(row as u32, prefix, log_probability, options.longest(length as usize - 1))
        })
        .collect();
    let mut step = Step::default();
    while let Some(next) = step.advance(models, &mut searches, states, options) {
        if stop() {
            return None;
        }
        states = next;
    }
    Some(searches.into_iter().map(|search| search.best(options.n_best)).collect())
}

/// Room for a step, used again in the next.
#[derive(Default)]
struct Step {
    rows: Vec<u32>,
    last: Vec<u32>,
    scratch: Scratch,
}

impl Step {
    /// One step of all searches that still run, with one row for each live hypothesis and none for others; the states after it, or `None` where
    /// all are done.
    fn advance(
        &mut self,
        models: &Ensemble<'_>,
        searches: &mut [Search],
        states: Vec<LstmState>,
        options: &DecodeOptions,
    ) -> Option<Vec<LstmState>> {
        self.rows.clear();
        self.last.clear();
        for (row, word) in searches.iter().flat_map(Search::rows_and_words) {
            self.rows.push(row);
            self.last.push(word);
        }
        if self.rows.is_empty() {
            return None;
        }
        let states = rows_of(states, &self.rows, models);
        let (hidden, states) = models.step(&ids(&self.last, models), &states);
        let best = models.best_words(&hidden, options.words_wanted());
        let k = best.words.dim(1);
        let (values, words) = (best.values.to_f64_vec(), best.words.to_vec::<u32>());
        let end = best.watched.to_f64_vec();
        let mut first_row = 0;
        for search in searches {
            let n = first_row + search.live();
            let part = first_row * k..n * k;
            let next = Continuations {
                values: &values[part.clone()],
                words: &words[part],
                end: &end[first_row..n],
                k,
                first_row,
            };
            search.step(&next, options, &mut self.scratch);
            first_row = n;
        }
        Some(states)
    }
}

/// Word ids, or rows, on the models' device.
pub(crate) fn ids(ids: &[u32], models: &Ensemble<'_>) -> Tensor {
    Tensor::from_slice(ids, [ids.len()], models.device())
}

/// The given rows of all models' states, in this order.
pub(crate) fn rows_of(states: Vec<LstmState>, rows: &[u32], models: &Ensemble<'_>) -> Vec<LstmState> {
    if states.iter().all(|state| keeps_all(rows, state)) {
        return states;
    }
    let rows = ids(rows, models);
    states.iter().map(|state| state.rows(&rows)).collect()
}

/// Whether the rows of the state are these already, in this order: greedy search moves none until a sentence ends.
fn keeps_all(rows: &[u32], state: &LstmState) -> bool {
    let count = state.hidden.first().map_or(0, |hidden| hidden.dim(0));
    rows.len() == count && rows.iter().enumerate().all(|(i, &row)| row as usize == i)
}
