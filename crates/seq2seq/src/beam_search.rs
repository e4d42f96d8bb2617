//! Left-to-right beam search, as in the paper: every hypothesis is extended by every word, the best by log-probability stay, and one that takes
//! `<EOS>` leaves the beam for the finished set.

use unrolled_nn::LstmState;
use unrolled_tensor::Tensor;

use crate::batch::Sources;
use crate::model::Model;
use crate::vocabulary::{EOS, PAD};

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

#[derive(Clone, Debug)]
struct Live {
    words: Vec<u32>,
    log_probability: f64,
    /// Its row of the decoder's state.
    row: u32,
}

/// One sentence's search.
struct Search {
    live: Vec<Live>,
    finished: Vec<Finished>,
    max_length: usize,
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
    let mut searches: Vec<Search> = (0..sources.sentences())
        .map(|row| Search {
            live: vec![Live { words: Vec::new(), log_probability: 0.0, row: row as u32 }],
            finished: Vec::new(),
            max_length: match options.max_length {
                0 => 2 * (sources.lengths[row] as usize - 1) + 10,
                given => given,
            },
        })
        .collect();
    while let Some(next) = advance(model, &mut searches, state, options) {
        state = next;
    }
    searches.into_iter().map(|search| search.best(options.n_best)).collect()
}

/// One step of all searches that still run; the state of the hypotheses that stay, or `None` when all are done.
fn advance(model: &Model, searches: &mut [Search], state: LstmState, options: &DecodeOptions) -> Option<LstmState> {
    let live = || searches.iter().flat_map(|search| &search.live);
    let rows: Vec<u32> = live().map(|hypothesis| hypothesis.row).collect();
    if rows.is_empty() {
        return None;
    }
    let last: Vec<u32> = live().map(|hypothesis| hypothesis.words.last().copied().unwrap_or(EOS)).collect();
    let tensor = |ids: &[u32]| Tensor::from_slice(ids, [ids.len()], model.device());
    let (log_probabilities, state) = model.next_word(&tensor(&last), &state.rows(&tensor(&rows)));
    // One more than the beam, since padding is never taken.
    let k = options.beam_size.max(1).saturating_add(1).min(log_probabilities.dim(1));
    let end = log_probabilities.narrow(1, EOS as usize, 1).to_f64_vec();
    let (values, words) = log_probabilities.top_k(k, 1);
    let (values, words) = (values.to_f64_vec(), words.to_vec::<u32>());
    let mut row = 0;
    for search in searches {
        let n = search.live.len();
        let part = row * k..(row + n) * k;
        search.step(&values[part.clone()], &words[part], &end[row..row + n], k, row, options);
        row += n;
    }
    Some(state)
}

impl Search {
    /// Extends every hypothesis and keeps the best; `values` and `words` are the best continuations `[live, k]`, `end` the
    /// log-probability of `<EOS>` for each. The hypotheses' rows begin at `first_row`.
    fn step(
        &mut self,
        values: &[f64],
        words: &[u32],
        end: &[f64],
        k: usize,
        first_row: usize,
        options: &DecodeOptions,
    ) {
        if self.live.is_empty() {
            return;
        }
        let mut candidates: Vec<(f64, usize, u32)> = Vec::with_capacity(self.live.len() * k);
        for (i, hypothesis) in self.live.iter().enumerate() {
            let mut add = |word: u32, value: f64| {
                candidates.push((hypothesis.log_probability + value, i, word));
            };
            if hypothesis.words.len() >= self.max_length {
                // No room for another word: the sentence ends here.
                add(EOS, end[i]);
                continue;
            }
            for (&value, &word) in values[i * k..(i + 1) * k].iter().zip(&words[i * k..(i + 1) * k]) {
                if word != PAD {
                    add(word, value);
                }
            }
        }
        // Of equals the older hypothesis and the smaller word first: the order never depends on the batch.
        candidates.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
        let mut live = Vec::new();
        for (log_probability, i, word) in candidates.into_iter().take(options.beam_size.max(1)) {
            let words = &self.live[i].words;
            if word == EOS {
                let length = (words.len() + 1) as f64;
                let score = log_probability / length.powf(options.length_normalisation);
                self.finished.push(Finished { words: words.clone(), log_probability, score });
            } else {
                let words = words.iter().copied().chain([word]).collect();
                live.push(Live { words, log_probability, row: (first_row + i) as u32 });
            }
        }
        self.live = live;
        if self.is_decided(options) {
            self.live.clear();
        }
    }

    /// Whether no live hypothesis can come among the best any more: a log-probability only falls, and its share for a long sentence is at best
    /// what it is now over the greatest length.
    fn is_decided(&mut self, options: &DecodeOptions) -> bool {
        let wanted = options.n_best.max(1);
        if self.finished.len() < wanted {
            return false;
        }
        self.finished.sort_by(|a, b| b.score.total_cmp(&a.score));
        let longest = ((self.max_length + 1) as f64).powf(options.length_normalisation);
        let hope = self.live.iter().map(|hypothesis| hypothesis.log_probability / longest);
        hope.fold(f64::NEG_INFINITY, f64::max) <= self.finished[wanted - 1].score
    }

    fn best(mut self, n: usize) -> Vec<Finished> {
        self.finished.sort_by(|a, b| b.score.total_cmp(&a.score));
        self.finished.truncate(n.max(1));
        self.finished
    }
}
