//! The bilingual lexicon: tables of base forms with gender, number and semantic sorts.
//!
//! The tables hold base forms only. Inflection is computed by [`english_morphology`](super::english_morphology) and
//! [`french_morphology`](super::french_morphology), so a field for an irregular form is empty (`""`) where the rule applies.

mod adjectives;
mod adverbials;
mod food;
mod function_words;
mod names;
mod noun;
mod objects;
mod people;
mod places;
mod verb;
mod verbs_of_action;
mod verbs_of_life;

pub use adjectives::{ADJECTIVES, Adjective, Position};
pub use adverbials::{
    CLOCK_HOURS, FIXED_PLACES, FREQUENCIES, Frequency, MANNERS, Manner, Period, Phrase, SKIES, SPANS, SUBORDINATORS,
    Span, TIMES, TimePhrase, WH_ADVERBS,
};
pub use function_words::{
    DETERMINERS, Determiner, DeterminerKind, PREPOSITIONS, PRONOUNS, Preposition, Pronoun, determiner, preposition,
    pronoun,
};
pub use names::{CITIES, COUNTRIES, City, Country, LANGUAGES, NAMES, Name};
pub use noun::{Noun, Tags, nouns, tags};
pub use verb::{Auxiliary, CATENATIVES, Catenative, Frame, IDIOMS, Idiom, Modal, Verb, verbs};

/// The number of lexemes in the tables, with the numerals' base words: each entry counts once, however many forms it takes.
pub fn lexeme_count() -> usize {
    let numerals = super::numbers::BASE_WORDS;
    let nouns = nouns().count();
    let verbs = verbs().count() + CATENATIVES.len() + Modal::ALL.len() + IDIOMS.len();
    let modifiers = ADJECTIVES.len() + FREQUENCIES.len() + MANNERS.len() + TIMES.len() + FIXED_PLACES.len();
    let function = DETERMINERS.len() + PRONOUNS.len() + PREPOSITIONS.len() + WH_ADVERBS.len() + SUBORDINATORS.len();
    let names = NAMES.len() + CITIES.len() + COUNTRIES.len() + LANGUAGES.len();
    nouns + verbs + modifiers + function + names + SKIES.len() + SPANS.len() + numerals
}
