//! What the encoder makes of phrases: its state after the last word, in two dimensions.

use super::pca::{Pca, pca};
use crate::batch::Sources;
use crate::translator::{Translator, sides};
use crate::vocabulary::UNK;

/// The paper's twelve phrases, in its two groups: in the first the order of the words decides who does it to whom, in the second active and
/// passive say the same.
pub const PAPER: [[&str; 6]; 2] = [
    [
        "John respects Mary",
        "Mary respects John",
        "John admires Mary",
        "Mary admires John",
        "Mary is in love with John",
        "John is in love with Mary",
    ],
    [
        "I gave her a card in the garden",
        "In the garden, I gave her a card",
        "She was given a card by me in the garden",
        "She gave me a card in the garden",
        "In the garden, she gave me a card",
        "I was given a card by her in the garden",
    ],
];

/// A group of phrases, and where each lies among the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// As they were given.
    pub phrases: Vec<String>,
    /// Of each, how many of its words the model does not know.
    pub unknown: Vec<usize>,
    /// Of all their states, two components.
    pub pca: Pca,
    /// The dimensions that they had: 2 · layers · cells.
    pub dimensions: usize,
}

/// Groups of phrases from text, one phrase a line; an empty line begins a new group.
///
/// ```
/// use unrolled_seq2seq::report::phrase_groups;
/// assert_eq!(phrase_groups("one\ntwo\n\n\nthree\n"), [vec!["one", "two"], vec!["three"]]);
/// ```
pub fn phrase_groups(text: &str) -> Vec<Vec<String>> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let groups = lines.split(|line| line.is_empty()).filter(|group| !group.is_empty());
    groups.map(|group| group.iter().map(|&line| line.to_owned()).collect()).collect()
}

/// The paper's phrases, as text that may be changed.
pub(super) fn paper() -> Vec<Vec<String>> {
    PAPER.iter().map(|group| group.iter().map(|&phrase| phrase.to_owned()).collect()).collect()
}

/// Encodes a group's phrases and finds its own two components.
pub(super) fn group(translator: &Translator, phrases: &[String]) -> Group {
    let numbered = numbered(translator, phrases);
    let states = states(translator, &numbered);
    let unknown = numbered.iter().map(|ids| ids.iter().filter(|&&id| id == UNK).count()).collect();
    let dimensions = states.first().map_or(0, Vec::len);
    Group { phrases: phrases.to_vec(), unknown, pca: pca(&states, 2), dimensions }
}

fn numbered(translator: &Translator, phrases: &[String]) -> Vec<Vec<u32>> {
    let [side, _] = sides(&translator.config, &translator.source_vocabulary, &translator.target_vocabulary);
    let number = |phrase: &String| {
        let mut ids = Vec::new();
        side.number(phrase, &mut ids);
        ids
    };
    phrases.iter().map(number).collect()
}

/// Of each sentence, h and c of every layer after its last step, one after the other.
fn states(translator: &Translator, sentences: &[Vec<u32>]) -> Vec<Vec<f64>> {
    let model = &translator.model;
    let sources = Sources::of(sentences, translator.config.reverse_source);
    let state = model.device().run(|| model.encode_sources(&sources));
    let mut rows = vec![Vec::new(); sentences.len()];
    for part in state.hidden.iter().chain(&state.cell) {
        let width = part.dim(1);
        for (row, numbers) in rows.iter_mut().zip(part.tensor().to_f64_vec().chunks(width)) {
            row.extend_from_slice(numbers);
        }
    }
    rows
}
