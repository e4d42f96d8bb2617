//! What holds of every sentence: spelling, elision, articles, agreement.

use crate::grammar::features::{Agreement, Gender, Number, Tense};
use crate::grammar::french_sound::begins_with_vowel;
use crate::grammar::lexicon::{ADJECTIVES, Auxiliary, Frame, Verb, nouns, verbs};
use crate::grammar::meaning::{Clause, Common, NounPhrase, Predicate, Sentence};
use crate::grammar::{PhraseGrammar, french, lexicon};
use proptest::prelude::*;

/// Words that never stand before a vowel sound: they elide, or have another form there.
const NEVER_BEFORE_VOWEL: [&str; 12] = ["le", "la", "je", "me", "te", "se", "ne", "de", "que", "ce", "ma", "sa"];
/// Adjectives with another form before a vowel, and what stands before them in a noun phrase.
const SPECIAL: [&str; 3] = ["beau", "vieux", "nouveau"];
const SINGULAR: [&str; 10] = ["un", "le", "du", "au", "ce", "mon", "son", "votre", "notre", "leur"];
/// Words that contract.
const NEVER_TOGETHER: [(&str, &str); 6] =
    [("de", "des"), ("de", "du"), ("de", "de"), ("des", "des"), ("les", "des"), ("le", "le")];

fn check_spelling(text: &str) {
    assert!(!text.contains("  ") && text == text.trim(), "spaces: {text:?}");
    assert!(text.chars().next().is_some_and(char::is_uppercase), "capital: {text:?}");
    assert!(text.ends_with(['.', '?', '!']), "final punctuation: {text:?}");
    assert!(!text.contains([';', ':', '(', ')', '_']), "stray sign: {text:?}");
}

fn check_english(text: &str) {
    check_spelling(text);
    assert!(!text.contains(" ?") && !text.contains(" !") && !text.contains(" ."), "space before mark: {text:?}");
    let words: Vec<&str> = text.split(' ').collect();
    for pair in words.windows(2) {
        let article = pair[0].to_lowercase();
        let vowel = pair[1].to_lowercase().starts_with(['a', 'e', 'i', 'o', 'u'])
            && !["university", "useful"].iter().any(|word| pair[1].starts_with(word));
        assert!(!(article == "a" && vowel), "a for an: {text:?}");
        assert!(article != "an" || vowel, "an for a: {text:?}");
    }
}

fn check_french(text: &str) {
    check_spelling(text);
    for mark in ['?', '!'] {
        for (at, _) in text.match_indices(mark) {
            assert!(text[..at].ends_with(' '), "a space before {mark}: {text:?}");
        }
    }
    let words: Vec<String> = text.split(' ').map(str::to_lowercase).collect();
    for (at, pair) in words.windows(2).enumerate() {
        let (first, second) = (pair[0].as_str(), pair[1].trim_end_matches(['.', ',']));
        assert!(
            !(NEVER_BEFORE_VOWEL.contains(&first) && begins_with_vowel(second)),
            "{first} before {second}: {text:?}"
        );
        assert!(!NEVER_TOGETHER.contains(&(first, second)), "{first} {second}: {text:?}");
        let before = at.checked_sub(1).map_or("", |before| words[before].as_str());
        let special = SINGULAR.contains(&before) && SPECIAL.contains(&first);
        assert!(!(special && begins_with_vowel(second)), "{first} before {second}: {text:?}");
        // `de le` and `à le` are right only where le is a pronoun, that is before an infinitive or another clitic.
        if matches!(first, "de" | "à") && matches!(second, "le" | "les") {
            let infinitive =
                |word: &str| ["er", "ir", "re"].iter().any(|end| word.trim_end_matches('.').ends_with(end));
            assert!(words[at + 2..].iter().take(2).any(|word| infinitive(word)), "no contraction: {text:?}");
        }
    }
}

#[test]
fn every_sentence_is_spelt_right() {
    for index in 0..40_000 {
        let (english, french) = PhraseGrammar::new(21).pair(index);
        check_english(&english);
        check_french(&french);
        assert!(english.split(' ').count() <= 13, "too long: {english:?}");
    }
}

proptest! {
    #[test]
    fn spelling_holds_for_any_seed(seed: u64, index: u64) {
        let (english, french) = PhraseGrammar::new(seed).pair(index);
        check_english(&english);
        check_french(&french);
    }
}

fn person(number: Number, gender: Gender) -> NounPhrase {
    NounPhrase::Pronoun(lexicon::pronoun(Agreement::third(number, gender), true))
}

fn simple(verb: &'static Verb, object: Option<NounPhrase>) -> Predicate {
    Predicate::Verb { verb, object, recipient: None, language: None, manner: None }
}

fn past(subject: NounPhrase, predicate: Predicate) -> String {
    french::render(&Sentence::Statement(Clause::new(subject, predicate, Tense::Past)))
}

#[test]
fn participles_with_etre_agree_with_the_subject() {
    let mut checked = 0;
    for verb in verbs().filter(|verb| verb.auxiliary != Auxiliary::Avoir) {
        let feminine = past(person(Number::Plural, Gender::Feminine), simple(verb, None));
        assert!(feminine.ends_with("es."), "{feminine}");
        assert!(feminine.starts_with("Elles sont ") || feminine.starts_with("Elles se sont "), "{feminine}");
        let masculine = past(person(Number::Singular, Gender::Masculine), simple(verb, None));
        assert!(masculine.ends_with(['é', 'i', 'u', '.']) && !masculine.ends_with("e."), "{masculine}");
        checked += 1;
    }
    assert!(checked >= 15, "only {checked} verbs with être");
}

#[test]
fn participles_with_avoir_agree_with_a_preceding_object_only() {
    let subject = || person(Number::Plural, Gender::Feminine);
    for verb in verbs().filter(|verb| verb.frame == Frame::Direct && !verb.stative) {
        let clitic = past(subject(), simple(verb, Some(person(Number::Plural, Gender::Feminine))));
        assert!(clitic.starts_with("Elles les ont ") && clitic.ends_with("es."), "{clitic}");
        let noun = Common::new(lexicon::determiner("the"), nouns().next().unwrap(), Number::Plural);
        let after = past(subject(), simple(verb, Some(NounPhrase::Common(Box::new(noun)))));
        assert!(after.starts_with("Elles ont ") && !after.contains("ées ") && !after.contains("ues "), "{after}");
    }
    for verb in verbs().filter(|verb| verb.frame == Frame::Indirect) {
        let indirect = past(subject(), simple(verb, Some(person(Number::Plural, Gender::Feminine))));
        assert!(indirect.starts_with("Elles leur ont ") && !indirect.ends_with("s."), "{indirect}");
    }
}

#[test]
fn adjectives_agree_with_their_subject() {
    for adjective in ADJECTIVES {
        let is = |number, gender| {
            let clause = Clause::new(person(number, gender), Predicate::Quality(adjective), Tense::Present);
            french::render(&Sentence::Statement(clause))
        };
        let (singular, plural) = (is(Number::Singular, Gender::Feminine), is(Number::Plural, Gender::Feminine));
        assert!(singular.ends_with("e."), "{singular}");
        assert!(plural.ends_with("es."), "{plural}");
        assert!(is(Number::Plural, Gender::Masculine).ends_with(['s', 'x', '.']));
    }
}

#[test]
fn every_verb_is_in_a_conjugation() {
    let infinitives = verbs().map(|verb| verb.fr).chain(lexicon::CATENATIVES.iter().map(|entry| entry.fr));
    for infinitive in infinitives {
        let word = infinitive.split(' ').next().unwrap();
        let known = ["er", "ir", "re"].iter().any(|ending| word.ends_with(ending));
        assert!(known, "{infinitive:?} is no infinitive");
    }
}
