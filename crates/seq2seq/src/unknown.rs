//! What becomes of `UNK` in a translation, and the positional copy of Luong, Sutskever, Le, Vinyals, Zaremba, "Addressing the Rare Word Problem in
//! Neural Machine Translation" (2015).
//!
//! There a rare target word is annotated before training with where its source word stands: the target's word j becomes `unkpos_d` if it is aligned
//! to the source's word i = j − d with |d| ≤ 7, and `unkpos_n` if it is aligned to none so near (their PosUnk model). After translating, each such
//! word is replaced by its source word's entry of a dictionary, or by the source word itself. [`annotate`] does the first, [`Copier`] the second.
//!
//! A model trained without annotations writes plain `UNK`, which does not say where it comes from. Then the n-th `UNK` of a translation is taken for
//! the n-th source word that is unknown (as in the paper's copyable model, which numbers them so); one without a counterpart stays `UNK`.

use rustc_hash::FxHashMap;

use crate::corpus::{CorpusError, Lines};
use crate::vocabulary::{SPECIALS, UNK, Vocabulary};

/// The farthest that a word is looked for, in words.
pub const FARTHEST: i64 = 7;
const PREFIX: &str = "unkpos_";
const NOWHERE: &str = "unkpos_n";

/// What becomes of unknown words in a translation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Unknown {
    /// They are written, as in the paper.
    #[default]
    Keep,
    /// They are left out.
    Drop,
    /// They are replaced by a translation of a source word, or by that word: see the [module](crate::unknown).
    Copy,
}

/// Puts words in the place of unknown ones.
///
/// ```
/// use unrolled_seq2seq::unknown::Copier;
///
/// let copier = Copier::default();
/// let known = |word: &str| word != "Ljubljana" && word != "Zoran";
/// let source = ["Zoran", "lives", "in", "Ljubljana"];
/// let words = ["UNK", "vit", "à", "UNK"];
/// assert_eq!(copier.replace(&words, &source, known), ["Zoran", "vit", "à", "Ljubljana"]);
/// assert_eq!(copier.replace(&["à", "unkpos_-2", "vit"], &source, known), ["à", "Ljubljana", "vit"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copier {
    dictionary: FxHashMap<String, String>,
}

impl Copier {
    /// A copier with a dictionary: lines `source word TAB target word`; of several for one word the first counts.
    ///
    /// # Errors
    /// Where the file cannot be read, or a line has no TAB.
    pub fn read(mut lines: Lines) -> Result<Copier, CorpusError> {
        let mut dictionary = FxHashMap::default();
        let name = lines.name().to_owned();
        while let Some(line) = lines.next_line()? {
            let Some((source, target)) = line.split_once('\t') else {
                return Err(CorpusError::MissingTab { name, line: lines.line() });
            };
            let (source, target) = (source.trim().to_owned(), target.trim().to_owned());
            dictionary.entry(source).or_insert(target);
        }
        Ok(Copier { dictionary })
    }

    /// The words with those that are unknown replaced; `known` says whether a source word is.
    pub fn replace(
        &self,
        words: &[impl AsRef<str>],
        source: &[impl AsRef<str>],
        known: impl Fn(&str) -> bool,
    ) -> Vec<String> {
        let mut unknown = source.iter().map(AsRef::as_ref).filter(|word| !known(word));
        let translated = |word: &str| self.dictionary.get(word).cloned().unwrap_or_else(|| word.to_owned());
        let mut found = |(place, word): (usize, &str)| match distance(word) {
            Some(distance) => {
                let place = distance.and_then(|distance| usize::try_from(place as i64 - distance).ok());
                place.and_then(|place| source.get(place)).map(|word| translated(word.as_ref()))
            }
            None if word == SPECIALS[UNK as usize] => unknown.next().map(translated),
            None => Some(word.to_owned()),
        };
        let unknown_still = || SPECIALS[UNK as usize].to_owned();
        let named = words.iter().map(AsRef::as_ref).enumerate();
        named.map(&mut found).map(|word| word.unwrap_or_else(unknown_still)).collect()
    }
}

/// Of `unkpos_d` the distance d, of `unkpos_n` none; `None` for any other word.
fn distance(word: &str) -> Option<Option<i64>> {
    if word == NOWHERE {
        return Some(None);
    }
    let distance: i64 = word.strip_prefix(PREFIX)?.parse().ok()?;
    (-FARTHEST..=FARTHEST).contains(&distance).then_some(Some(distance))
}

/// True of `UNK` and of the paper's positional symbols.
pub fn is_unknown(word: &str) -> bool {
    word == SPECIALS[UNK as usize] || distance(word).is_some()
}

/// A target sentence with each word that the vocabulary lacks annotated with the place of its source word, for training.
///
/// `alignment` has pairs of places (source, target), from 0. Of several source words of one target word the nearest counts, the earlier of two.
///
/// The symbols must reach the model whole: tokenise the text first, and train with `tokeniser` "whitespace".
///
/// ```
/// use unrolled_seq2seq::unknown::annotate;
/// use unrolled_seq2seq::vocabulary::VocabularyBuilder;
///
/// let mut builder = VocabularyBuilder::new();
/// builder.add_sentence(["vit", "à"]);
/// let (vocabulary, _) = builder.build(5)?;
/// let annotated = annotate(&["Zoran", "vit", "à", "Ljubljana"], &[(0, 0), (1, 1), (4, 3)], &vocabulary);
/// assert_eq!(annotated, ["unkpos_0", "vit", "à", "unkpos_-1"]);
/// # Ok::<(), unrolled_seq2seq::vocabulary::VocabularyError>(())
/// ```
pub fn annotate(target: &[&str], alignment: &[(usize, usize)], vocabulary: &Vocabulary) -> Vec<String> {
    let annotation = |place: usize| {
        let sources = alignment.iter().filter(|&&(_, target)| target == place).map(|&(source, _)| source);
        let nearest = sources.min_by_key(|&source| (source.abs_diff(place), source));
        let near = nearest.filter(|source| source.abs_diff(place) <= FARTHEST as usize);
        near.map_or(NOWHERE.to_owned(), |source| format!("{PREFIX}{}", place as i64 - source as i64))
    };
    let words = target.iter().enumerate();
    words.map(|(place, word)| if vocabulary.id(word) == UNK { annotation(place) } else { (*word).to_owned() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::VocabularyBuilder;

    fn known(word: &str) -> bool {
        !word.starts_with('?')
    }

    #[test]
    fn positions_are_followed_and_wrong_ones_stay_unknown() {
        let copier = Copier::default();
        let source = ["a", "?b", "c"];
        let replaced = |words: &[&str]| copier.replace(words, &source, known).join(" ");
        assert_eq!(replaced(&["unkpos_-1", "unkpos_0", "unkpos_2"]), "?b ?b a");
        assert_eq!(replaced(&["unkpos_1", "unkpos_-2", "unkpos_n"]), "UNK UNK UNK", "before, after, nowhere");
        for word in ["unkpos_8", "unkpos_x", "unkpos_", "unkpos_-9223372036854775808"] {
            assert_eq!(replaced(&[word]), word, "a word like any other");
        }
    }

    #[test]
    fn plain_ones_are_taken_in_order_and_translated_by_the_dictionary() {
        let lines = Lines::from_reader("d", &b"?b\tbeh\n?b\tother\n?d\tdeh\n"[..]);
        let copier = Copier::read(lines).unwrap();
        let source = ["?a", "x", "?b", "?d"];
        let replaced = copier.replace(&["UNK", "y", "UNK", "unkpos_1", "UNK", "UNK"], &source, known);
        assert_eq!(replaced, ["?a", "y", "beh", "beh", "deh", "UNK"]);
        let error = Copier::read(Lines::from_reader("d", &b"a\tb\nab\n"[..])).unwrap_err().to_string();
        assert!(error.contains("`d`, line 2"), "{error}");
    }

    #[test]
    fn annotating_and_copying_are_inverse_for_names() {
        let mut builder = VocabularyBuilder::new();
        builder.add_sentence(["w", "x"]);
        let (vocabulary, _) = builder.build(5).unwrap();
        let source = ["n0", "s", "n2", "s", "s", "s", "s", "s", "s", "n9"];
        let target = ["w", "n2", "x", "n0", "n9"];
        let annotated = annotate(&target, &[(2, 1), (0, 3), (9, 4), (1, 4)], &vocabulary);
        assert_eq!(annotated, ["w", "unkpos_-1", "x", "unkpos_3", "unkpos_3"], "the nearest of two");
        let annotated = annotate(&target, &[(2, 1), (0, 3), (9, 4)], &vocabulary);
        assert_eq!(Copier::default().replace(&annotated, &source, |_| true), target);
        for far in [8, 1 << 63, usize::MAX] {
            assert_eq!(annotate(&["n"], &[(far, 0)], &vocabulary), ["unkpos_n"], "{far} is too far");
        }
        assert_eq!(annotate(&["n"], &[], &vocabulary), ["unkpos_n"]);
    }
}
