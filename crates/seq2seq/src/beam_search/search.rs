//! One sentence's search: hypotheses as back-pointers, and which of their continuations stay.

use super::{DecodeOptions, Finished};
use crate::vocabulary::EOS;

/// Before the first word.
const START: u32 = u32::MAX;

/// A word of a hypothesis, and where the one before it stands in the sentence's list; hypotheses share what they have in common.
#[derive(Clone, Copy, Debug)]
struct Link {
    word: u32,
    before: u32,
}

#[derive(Clone, Copy, Debug)]
struct Live {
    log_probability: f64,
    /// Its last word's link.
    link: u32,
    /// Its row of the decoder's state.
    row: u32,
}

#[derive(Debug)]
struct Ended {
    link: u32,
    log_probability: f64,
    score: f64,
}

/// One sentence's search. All its live hypotheses have the same number of words.
#[derive(Debug)]
pub(super) struct Search {
    live: Vec<Live>,
    links: Vec<Link>,
    words: usize,
    ended: Vec<Ended>,
    max_length: usize,
}

/// What a step says of a sentence's live hypotheses.
pub(super) struct Continuations<'a> {
    /// The log-probabilities of the best next words, `[live, k]`.
    pub values: &'a [f64],
    /// Which words they are.
    pub words: &'a [u32],
    /// The log-probability of `<EOS>`, `[live]`.
    pub end: &'a [f64],
    pub k: usize,
    /// The row of the state after the step that belongs to the first of them.
    pub first_row: usize,
}

/// Room that all sentences use in turn.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// Log-probability, place among the live, next word.
    candidates: Vec<(f64, u32, u32)>,
    live: Vec<Live>,
}

impl Search {
    /// Starts from the state's row `row`, in which all words of `prefix` but the last have been read.
    pub(super) fn new(row: u32, prefix: &[u32], log_probability: f64, max_length: usize) -> Search {
        let before = |place: u32| place.checked_sub(1).unwrap_or(START);
        let links: Vec<Link> =
            prefix.iter().zip(0..).map(|(&word, place)| Link { word, before: before(place) }).collect();
        let live = vec![Live { log_probability, link: before(links.len() as u32), row }];
        Search { live, links, words: prefix.len(), ended: Vec::new(), max_length: max_length.max(prefix.len()) }
    }

    /// How many hypotheses still grow.
    pub(super) fn live(&self) -> usize {
        self.live.len()
    }

    /// The state's row and the last word of each live hypothesis.
    pub(super) fn rows_and_words(&self) -> impl Iterator<Item = (u32, u32)> {
        self.live.iter().map(|live| (live.row, self.links.get(live.link as usize).map_or(EOS, |link| link.word)))
    }

    /// Extends every hypothesis and keeps the best.
    pub(super) fn step(&mut self, next: &Continuations<'_>, options: &DecodeOptions, scratch: &mut Scratch) {
        if self.live.is_empty() {
            return;
        }
        self.collect(next, options, &mut scratch.candidates);
        keep_best(&mut scratch.candidates, options.beam_size.max(1));
        std::mem::swap(&mut self.live, &mut scratch.live);
        self.live.clear();
        let before_end = self.ended.len();
        for &(log_probability, i, word) in &scratch.candidates {
            let before = scratch.live[i as usize].link;
            if word == EOS {
                let score = log_probability / options.divisor(self.words + 1);
                self.ended.push(Ended { link: before, log_probability, score });
            } else {
                let (link, row) = (self.links.len() as u32, next.first_row as u32 + i);
                self.links.push(Link { word, before });
                self.live.push(Live { log_probability, link, row });
            }
        }
        self.words += 1;
        if self.ended.len() > before_end {
            // Stable: of equal scores the one that ended first.
            self.ended.sort_by(|a, b| b.score.total_cmp(&a.score));
        }
        if self.is_decided(options) {
            self.live.clear();
        }
    }

    /// All continuations that a sentence allows.
    fn collect(&self, next: &Continuations<'_>, options: &DecodeOptions, candidates: &mut Vec<(f64, u32, u32)>) {
        candidates.clear();
        for (i, live) in self.live.iter().enumerate() {
            if self.words >= self.max_length {
                // No room for another word: the sentence ends here.
                candidates.push((live.log_probability + next.end[i], i as u32, EOS));
                continue;
            }
            let row = i * next.k..(i + 1) * next.k;
            for (&value, &word) in next.values[row.clone()].iter().zip(&next.words[row]) {
                if options.allows(word) {
                    candidates.push((live.log_probability + value, i as u32, word));
                }
            }
        }
    }

    /// Whether no live hypothesis can come among the best any more: a log-probability only falls, and its share for a long sentence is at best
    /// what it is now over the greatest length.
    fn is_decided(&self, options: &DecodeOptions) -> bool {
        let Some(worst) = self.ended.get(options.n_best.max(1) - 1) else { return false };
        let longest = options.divisor(self.max_length + 1);
        let hope = self.live.iter().map(|hypothesis| hypothesis.log_probability / longest);
        hope.fold(f64::NEG_INFINITY, f64::max) <= worst.score
    }

    /// The `n` best that have ended.
    pub(super) fn best(self, n: usize) -> Vec<Finished> {
        let finished = |ended: &Ended| Finished {
            words: self.words_of(ended.link),
            log_probability: ended.log_probability,
            score: ended.score,
        };
        self.ended.iter().take(n.max(1)).map(finished).collect()
    }

    fn words_of(&self, link: u32) -> Vec<u32> {
        let mut at = link;
        let back = std::iter::from_fn(|| {
            let link = self.links.get(at as usize)?;
            at = link.before;
            Some(link.word)
        });
        let mut words: Vec<u32> = back.collect();
        words.reverse();
        words
    }
}

/// The `n` most probable in descending order. Of equals the older hypothesis and the smaller word first: the order never depends on the batch.
fn keep_best(candidates: &mut Vec<(f64, u32, u32)>, n: usize) {
    let order = |a: &(f64, u32, u32), b: &(f64, u32, u32)| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2)));
    if candidates.len() > n {
        candidates.select_nth_unstable_by(n - 1, order);
        candidates.truncate(n);
    }
    candidates.sort_unstable_by(order);
}
