//! Left-to-right beam search, as in the paper: every hypothesis is extended by every word, the best by log-probability stay, and one that takes
//! `<EOS>` leaves the beam for the finished set.
//!
//! The live hypotheses of all sentences are the rows of one batch, which shrinks as they end. A step makes the decoder's state of these rows, and of
//! each row the few best next words; nothing else of the vocabulary comes back.

mod search;

use unrolled_nn::LstmState;
use unrolled_tensor::Tensor;

use crate::batch::Sources;
use crate::model::Model;
use search::{Continuations, Scratch, Search};

/// How sentences are translated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DecodeOptions {
    /// Hypotheses kept at each step; 1 is greedy.
    pub beam_size: usize,
    /// Translations answered for each sentence, at most the beam.
    pub n_best: usize,
    /// Sentences translated together. The translations do not depend on it.
    pub batch_size: usize,
    /// Longest translation in words; 0: twice the source's words and ten.
    pub max_length: usize,
    /// Power of the length (with `<EOS>`) that a log-probability is divided by, so that long translations gain; 0: none, as in the paper.
    /// Not negative.
    pub length_normalisation: f64,
}

impl Default for DecodeOptions {
    fn default() -> DecodeOptions {
        DecodeOptions { beam_size: 12, n_best: 1, batch_size: 32, max_length: 0, length_normalisation: 0.0 }
    }
}

/// A complete translation.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// Its words, without `<EOS>`.
    pub words: Vec<u32>,
    /// ln p(words, `<EOS>` | source)
    pub log_probability: f64,
    /// What the beam ranks by: the log-probability over a power of the length.
    pub score: f64,
}

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
/// Where the length normalisation is negative or NaN; and with a [`DeviceError`](unrolled_tensor::DeviceError) where the device fails.
#[track_caller]
pub fn translate(model: &Model, sources: &Sources, options: &DecodeOptions) -> Vec<Vec<Finished>> {
    let power = options.length_normalisation;
    assert!(power >= 0.0, "beam search: the length normalisation must be at least 0, found {power}");
    let mut state = model.encode_sources(sources);
    let mut searches: Vec<Search> = sources
        .lengths
        .iter()
        .enumerate()
        .map(|(row, &length)| Search::new(row as u32, longest(length as usize - 1, options)))
        .collect();
    let mut step = Step::default();
    while let Some(next) = step.advance(model, &mut searches, state, options) {
        state = next;
    }
    searches.into_iter().map(|search| search.best(options.n_best)).collect()
}

/// The most words of a translation of so many words.
fn longest(source_words: usize, options: &DecodeOptions) -> usize {
    if options.max_length == 0 { 2 * source_words + 10 } else { options.max_length }
}

/// Room for a step, used again in the next.
#[derive(Default)]
struct Step {
    rows: Vec<u32>,
    last: Vec<u32>,
    scratch: Scratch,
}

impl Step {
    /// One step of all searches that still run, with one row for each live hypothesis and none for others; the state after it, or `None` where all
    /// are done.
    fn advance(
        &mut self,
        model: &Model,
        searches: &mut [Search],
        state: LstmState,
        options: &DecodeOptions,
    ) -> Option<LstmState> {
        self.rows.clear();
        self.last.clear();
        for (row, word) in searches.iter().flat_map(Search::rows_and_words) {
            self.rows.push(row);
            self.last.push(word);
        }
        if self.rows.is_empty() {
            return None;
        }
        let tensor = |ids: &[u32]| Tensor::from_slice(ids, [ids.len()], model.device());
        let state = if keeps_all(&self.rows, &state) { state } else { state.rows(&tensor(&self.rows)) };
        // One more than the beam, since padding is never taken.
        let k = options.beam_size.max(1).saturating_add(1);
        let (best, state) = model.best_next_words(&tensor(&self.last), &state, k);
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
        Some(state)
    }
}

/// Whether the rows of the state are these already, in this order: greedy search moves none until a sentence ends.
fn keeps_all(rows: &[u32], state: &LstmState) -> bool {
    let count = state.hidden.first().map_or(0, |hidden| hidden.dim(0));
    rows.len() == count && rows.iter().enumerate().all(|(i, &row)| row as usize == i)
}
