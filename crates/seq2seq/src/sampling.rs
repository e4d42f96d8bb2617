//! Translations drawn at random, word by word, instead of searched for.
//!
//! Every draw is a function of the seed, the sentence's number, the sample's and the word's: so samples do not depend on which sentences are
//! drawn for together.

use unrolled_nn::LstmState;
use unrolled_tensor::Tensor;
use unrolled_tensor::random::Key;

use crate::batch::Sources;
use crate::beam_search::{Finished, Forced, Stop, force, ids, longest, rows_of};
use crate::ensemble::Ensemble;
use crate::vocabulary::{EOS, PAD, UNK};

/// How translations are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SampleOptions {
    /// Translations drawn for each sentence.
    pub samples: usize,
    /// What log-probabilities are divided by before a word is drawn: below 1 probable words gain, above 1 the others. Above 0.
    pub temperature: f64,
    /// Only so many of the most probable words can be drawn; 0: all.
    pub top_k: usize,
    /// Only the most probable words can be drawn that together have this probability (Holtzman et al. 2020): "nucleus" sampling. 1: all. Above 0.
    /// Measured after the temperature and after [`top_k`](SampleOptions::top_k).
    pub nucleus: f64,
    /// Longest translation in words; 0: twice the source's words and ten.
    pub max_length: usize,
    /// Whether `UNK` can be drawn.
    pub allow_unknown: bool,
    /// What the draws come from.
    pub key: Key,
}

impl Default for SampleOptions {
    /// One translation by the model's own probabilities.
    fn default() -> SampleOptions {
        SampleOptions {
            samples: 1,
            temperature: 1.0,
            top_k: 0,
            nucleus: 1.0,
            max_length: 0,
            allow_unknown: true,
            key: Key::new(1),
        }
    }
}

/// Draws translations: `samples` of each sentence, in the order of their drawing, some of them perhaps equal. Their log-probability is the model's
/// own, whatever the temperature.
///
/// `sources` and `prefixes` are as in [`translate_with`](crate::beam_search::translate_with); `numbers` tells the sentences' numbers, which name
/// their draws.
///
/// ```
/// use unrolled_seq2seq::batch::Sources;
/// use unrolled_seq2seq::model::{Model, Sizes};
/// use unrolled_seq2seq::sampling::{SampleOptions, sample};
/// use unrolled_tensor::{Device, random::Key};
///
/// let sizes = Sizes { source_words: 9, target_words: 9, embedding: 4, hidden: 5, layers: 1, softmax_slices: 1 };
/// let model = Model::new(&sizes, 0.0, 0.5.into(), Key::new(1), &Device::cpu());
/// let options = SampleOptions { samples: 3, ..SampleOptions::default() };
/// let drawn = sample(&(&model).into(), &[Sources::of(&[vec![3, 4]], true)], &[], &[0], &options);
/// assert_eq!(drawn[0].len(), 3);
/// ```
///
/// # Panics
/// Where temperature or nucleus are not above 0, or there is another number of prefixes or numbers than of sentences; and with a
/// [`DeviceError`](unrolled_tensor::DeviceError) where the device fails.
#[track_caller]
pub fn sample(
    models: &Ensemble<'_>,
    sources: &[Sources],
    prefixes: &[Vec<u32>],
    numbers: &[u64],
    options: &SampleOptions,
) -> Vec<Vec<Finished>> {
    sample_until(models, sources, prefixes, numbers, options, &|| false).expect("nobody asked to stop")
}

/// [`sample`], unless `stop` says so before one of its steps: then `None`.
#[track_caller]
pub(crate) fn sample_until(
    models: &Ensemble<'_>,
    sources: &[Sources],
    prefixes: &[Vec<u32>],
    numbers: &[u64],
    options: &SampleOptions,
    stop: Stop<'_>,
) -> Option<Vec<Vec<Finished>>> {
    let (temperature, nucleus) = (options.temperature, options.nucleus);
    assert!(temperature > 0.0, "sampling: the temperature must be above 0, found {temperature}");
    assert!(nucleus > 0.0, "sampling: the nucleus must be above 0, found {nucleus}");
    let sentences = sources[0].sentences();
    assert!(numbers.len() == sentences, "sampling: {} numbers for {sentences} sentences", numbers.len());
    let Forced { states, prefixes, log_probabilities } = force(models, sources, prefixes);
    let mut drawn = Vec::with_capacity(sentences * options.samples);
    for (row, prefix) in prefixes.into_iter().enumerate() {
        let max_length = longest(options.max_length, sources[0].lengths[row] as usize - 1).max(prefix.len());
        let key = options.key.purpose("sampling").at(numbers[row]);
        let draw = Draw {
            words: prefix,
            log_probability: log_probabilities[row],
            row: row as u32,
            ended: false,
            max_length,
            key,
            sample: 0,
        };
        drawn.extend((0..options.samples as u64).map(|sample| Draw { sample, ..draw.clone() }));
    }
    draw_all(models, states, &mut drawn, options, stop)?;
    let mut answers = vec![Vec::with_capacity(options.samples); sentences];
    for (place, draw) in drawn.into_iter().enumerate() {
        let (words, log_probability) = (draw.words, draw.log_probability);
        answers[place / options.samples].push(Finished { words, log_probability, score: log_probability });
    }
    Some(answers)
}

/// One translation that is being drawn.
#[derive(Clone, Debug)]
struct Draw {
    words: Vec<u32>,
    log_probability: f64,
    /// Its row of the models' states.
    row: u32,
    ended: bool,
    max_length: usize,
    /// Its sentence's stream.
    key: Key,
    /// Which of the sentence's samples it is.
    sample: u64,
}

/// Draws word after word until all have ended; `None` where it was asked to stop before.
fn draw_all(
    models: &Ensemble<'_>,
    mut states: Vec<LstmState>,
    drawn: &mut [Draw],
    options: &SampleOptions,
    stop: Stop<'_>,
) -> Option<()> {
    let mut words = Words::default();
    loop {
        let mut live: Vec<&mut Draw> = drawn.iter_mut().filter(|draw| !draw.ended).collect();
        if live.is_empty() {
            return Some(());
        }
        if stop() {
            return None;
        }
        let rows: Vec<u32> = live.iter().map(|draw| draw.row).collect();
        let last: Vec<u32> = live.iter().map(|draw| draw.words.last().copied().unwrap_or(EOS)).collect();
        let (hidden, after) = models.step(&ids(&last, models), &rows_of(states, &rows, models));
        states = after;
        let mut place = 0;
        for_each_row(models, &hidden, options, |row| {
            live[place].extend(&row, options, &mut words);
            live[place].row = place as u32;
            place += 1;
        });
    }
}

/// What is known of one row's next word.
struct Row<'a> {
    /// Log-probabilities: of all words, or of some.
    values: &'a [f64],
    /// Which words they are, where they are not all.
    words: Option<&'a [u32]>,
    /// The log-probability of `<EOS>`.
    end: f64,
}

/// Hands on the next words of each row.
fn for_each_row(models: &Ensemble<'_>, hidden: &[Tensor], options: &SampleOptions, mut each: impl FnMut(Row<'_>)) {
    if options.top_k > 0 {
        // Two more, since padding is never drawn, and `UNK` perhaps not.
        let best = models.best_words(hidden, options.top_k.saturating_add(2));
        let k = best.words.dim(1);
        let (values, words, end) = (best.values.to_f64_vec(), best.words.to_vec::<u32>(), best.watched.to_f64_vec());
        for (row, &end) in end.iter().enumerate() {
            let part = row * k..(row + 1) * k;
            each(Row { values: &values[part.clone()], words: Some(&words[part]), end });
        }
        return;
    }
    for piece in models.pieces(hidden) {
        let (values, v) = (piece.to_f64_vec(), piece.dim(1));
        values.chunks(v).for_each(|values| each(Row { values, words: None, end: values[EOS as usize] }));
    }
}

/// The words that can be drawn, in a buffer that all rows use in turn: log-probability, word.
#[derive(Default)]
struct Words(Vec<(f64, u32)>);

impl Draw {
    /// Draws the next word.
    fn extend(&mut self, row: &Row<'_>, options: &SampleOptions, words: &mut Words) {
        if self.words.len() >= self.max_length {
            self.log_probability += row.end;
            self.ended = true;
            return;
        }
        words.collect(row, options);
        let uniform = self.key.uniform(self.sample << 32 | self.words.len() as u64);
        let (value, word) = words.draw(uniform, options);
        self.log_probability += value;
        self.ended = word == EOS;
        if !self.ended {
            self.words.push(word);
        }
    }
}

impl Words {
    fn collect(&mut self, row: &Row<'_>, options: &SampleOptions) {
        self.0.clear();
        let allowed = |word: u32| word != PAD && (options.allow_unknown || word != UNK);
        let all = row.values.iter().enumerate();
        let named = all.map(|(place, &value)| (value, row.words.map_or(place as u32, |words| words[place])));
        self.0.extend(named.filter(|&(_, word)| allowed(word)));
        if options.top_k > 0 {
            self.0.truncate(options.top_k); // they come in descending order
        }
    }

    /// The word at `uniform` (of [0, 1)) when those that can be drawn lie beside each other by their weights.
    fn draw(&mut self, uniform: f64, options: &SampleOptions) -> (f64, u32) {
        let largest = self.0.iter().map(|&(value, _)| value).fold(f64::NEG_INFINITY, f64::max);
        let weight = |value: f64| ((value - largest) / options.temperature).exp();
        if options.nucleus < 1.0 {
            self.keep_nucleus(options.nucleus, weight);
        }
        let total: f64 = self.0.iter().map(|&(value, _)| weight(value)).sum();
        let mut left = uniform * total;
        let found = self.0.iter().find(|&&(value, _)| {
            left -= weight(value);
            left < 0.0
        });
        // Rounding, or a broken model's NaN, can leave none.
        *found.or(self.0.last()).unwrap_or(&(0.0, EOS))
    }

    /// Keeps the fewest words whose weights make up the share `nucleus` of all.
    fn keep_nucleus(&mut self, nucleus: f64, weight: impl Fn(f64) -> f64) {
        self.0.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let wanted = nucleus * self.0.iter().map(|&(value, _)| weight(value)).sum::<f64>();
        let mut sum = 0.0;
        let enough = self.0.iter().position(|&(value, _)| {
            sum += weight(value);
            sum >= wanted
        });
        self.0.truncate(enough.map_or(self.0.len(), |last| last + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(probabilities: &[f64], options: &SampleOptions, uniform: f64) -> u32 {
        let values: Vec<f64> = probabilities.iter().map(|p| p.ln()).collect();
        let mut words = Words::default();
        words.collect(&Row { values: &values, words: None, end: values[1] }, options);
        words.draw(uniform, options).1
    }

    #[test]
    fn words_come_by_their_share() {
        let options = SampleOptions::default();
        // The first is padding, which is never drawn: 0.1, 0.3 and 0.4 are left of 0.8.
        let shares = [0.2, 0.1, 0.3, 0.4];
        for (uniform, word) in [(0.0, 1), (0.124, 1), (0.126, 2), (0.499, 2), (0.501, 3), (0.999_999, 3)] {
            assert_eq!(drawn(&shares, &options, uniform), word, "{uniform}");
        }
        let no_unknown = SampleOptions { allow_unknown: false, ..options };
        assert_eq!((drawn(&shares, &no_unknown, 0.19), drawn(&shares, &no_unknown, 0.21)), (1, 3));
    }

    #[test]
    fn a_temperature_sharpens_or_flattens() {
        let at = |temperature, uniform| {
            drawn(&[0.0, 0.2, 0.8], &SampleOptions { temperature, ..Default::default() }, uniform)
        };
        // Squared, 0.2 and 0.8 are 1 : 16; by their roots, 1 : 2.
        assert_eq!((at(0.5, 1.0 / 17.0 - 0.001), at(0.5, 1.0 / 17.0 + 0.001)), (1, 2));
        assert_eq!((at(2.0, 1.0 / 3.0 - 0.001), at(2.0, 1.0 / 3.0 + 0.001)), (1, 2));
        assert_eq!(at(1e-3, 1e-9), 2, "cold, it is the most probable");
    }

    #[test]
    fn the_nucleus_is_the_fewest_words_with_enough() {
        let words = |nucleus| {
            let options = SampleOptions { nucleus, ..SampleOptions::default() };
            let mut all: Vec<u32> =
                (0..1000).map(|i| drawn(&[0.0, 0.1, 0.2, 0.3, 0.4], &options, i as f64 / 1000.0)).collect();
            all.sort_unstable();
            all.dedup();
            all
        };
        assert_eq!(words(0.39), [4]);
        assert_eq!(words(0.41), [3, 4]);
        assert_eq!(words(0.71), [2, 3, 4]);
        assert_eq!(words(1.0), [1, 2, 3, 4]);
    }
}
