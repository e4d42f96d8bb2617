//! French noun phrases: determiners, the place and agreement of adjectives, contraction with à and de.

use super::features::{Gender, Number};
use super::french::{Words, push};
use super::french_clause::clause_words;
use super::french_morphology::{agree, feminine, plural};
use super::french_sound::begins_with_vowel;
use super::lexicon::{Adjective, DeterminerKind, Noun, Position, determiner};
use super::meaning::{Common, NounPhrase};
use super::numbers;

/// A noun phrase that is not a clitic; `negated` is that of a direct object under negation (pas de livre).
pub fn noun_phrase(phrase: &NounPhrase, negated: bool) -> Words {
    let mut words = Words::new();
    match phrase {
        NounPhrase::Pronoun(pronoun) => push(&mut words, pronoun.fr_strong),
        NounPhrase::Name(name) => push(&mut words, name.text),
        NounPhrase::Pair(first, second) => push(&mut words, &format!("{} et {}", first.text, second.text)),
        NounPhrase::Common(noun) => words = common(noun, negated),
        NounPhrase::Who | NounPhrase::Relative(..) => push(&mut words, "qui"),
        NounPhrase::Gap(_) => {}
    }
    words
}

/// A noun with its determiner and modifiers.
pub fn common(common: &Common, negated: bool) -> Words {
    let bare = bare(common);
    let mut words = Words::new();
    push(&mut words, &article(common, bare.first().map_or("", String::as_str), negated));
    words.extend(bare);
    words
}

/// The determiner before `next`.
fn article(common: &Common, next: &str, negated: bool) -> String {
    let (kind, number) = (common.determiner.kind, common.number);
    let indefinite = matches!(kind, DeterminerKind::Indefinite | DeterminerKind::Partitive);
    // `des` becomes `de` before an adjective that precedes its noun: de belles fleurs.
    let adjective_first = common.adjective.is_some_and(|adjective| adjective.position == Position::Before);
    let plural_before_adjective = indefinite && number == Number::Plural && adjective_first && common.numeral.is_none();
    if (negated && indefinite) || plural_before_adjective {
        return "de".into();
    }
    let determiner = if common.owner.is_some() { determiner("the") } else { common.determiner };
    determiner.french(common.noun.gender, number, begins_with_vowel(next)).into()
}

/// The phrase without its determiner: numeral, adjective before, noun, adjective after, complements.
fn bare(common: &Common) -> Words {
    let (gender, number) = (common.noun.gender, common.number);
    let noun = noun_form(common.noun, number);
    let mut words = Words::new();
    if let Some(numeral) = common.numeral {
        push(&mut words, &numbers::french(numeral, gender));
    }
    match common.adjective {
        Some(adjective) if adjective.position == Position::Before => {
            push(&mut words, &attributive(adjective, gender, number, &noun));
            push(&mut words, &noun);
        }
        Some(adjective) => {
            push(&mut words, &noun);
            push(&mut words, &attributive(adjective, gender, number, ""));
        }
        None => push(&mut words, &noun),
    }
    if let Some(measured) = common.measured {
        push(&mut words, &format!("de {}", measured.fr));
    }
    if let Some(owner) = &common.owner {
        words.extend(prepositional("de", owner));
    }
    if let Some(relative) = &common.relative {
        if !matches!(relative.subject, NounPhrase::Relative(..)) {
            push(&mut words, "que");
        }
        words.extend(clause_words(relative));
    }
    words
}

/// A preposition and a noun phrase; a final à or de contracts with le and les, and de swallows des, du and de la.
pub fn prepositional(preposition: &str, phrase: &NounPhrase) -> Words {
    let mut words = Words::new();
    push(&mut words, preposition);
    let rest = noun_phrase(phrase, false);
    let NounPhrase::Common(common) = phrase else {
        words.extend(rest);
        return words;
    };
    let last = words.last().cloned().unwrap_or_default();
    let kind = if common.owner.is_some() { DeterminerKind::Definite } else { common.determiner.kind };
    let (first, next) = (rest.first().map_or("", String::as_str), rest.get(1).map_or("", String::as_str));
    let contracted = match (last.as_str(), kind, first) {
        ("à", DeterminerKind::Definite, "le") if !begins_with_vowel(next) => Some(("au", 1)),
        ("à", DeterminerKind::Definite, "les") => Some(("aux", 1)),
        ("de", DeterminerKind::Definite, "le") if !begins_with_vowel(next) => Some(("du", 1)),
        ("de", DeterminerKind::Definite, "les") => Some(("des", 1)),
        // de des pommes, de du pain, de de la soupe: only de remains.
        ("de", DeterminerKind::Indefinite, "des" | "de") | ("de", DeterminerKind::Partitive, "du" | "des") => {
            Some(("de", 1))
        }
        ("de", DeterminerKind::Partitive, "de") => Some(("de", 2)),
        _ => None,
    };
    if let Some((form, dropped)) = contracted {
        words.pop();
        push(&mut words, form);
        words.extend(rest.into_iter().skip(dropped));
    } else {
        words.extend(rest);
    }
    words
}

/// The form of a noun.
pub fn noun_form(noun: &Noun, number: Number) -> String {
    match number {
        Number::Singular => noun.fr.into(),
        Number::Plural if noun.fr_plural.is_empty() => plural(noun.fr),
        Number::Plural => noun.fr_plural.into(),
    }
}

/// A trade said of somebody of this gender: elle est étudiante.
pub fn trade_form(trade: &Noun, gender: Gender, number: Number) -> String {
    if trade.gender == gender || trade.fr_counterpart.is_empty() {
        return noun_form(trade, number);
    }
    match number {
        Number::Singular => trade.fr_counterpart.into(),
        Number::Plural => plural(trade.fr_counterpart),
    }
}

/// An adjective said of its subject.
pub fn predicative(adjective: &Adjective, gender: Gender, number: Number) -> String {
    agree(adjective.fr, &feminine_form(adjective), gender, number)
}

/// The comparative, without que: plus grand, meilleur.
pub fn comparative(adjective: &Adjective, gender: Gender, number: Number) -> String {
    if adjective.fr_comparative.is_empty() {
        return format!("plus {}", predicative(adjective, gender, number));
    }
    agree(adjective.fr_comparative, &feminine(adjective.fr_comparative), gender, number)
}

/// An adjective in the noun phrase: bel, vieil, nouvel before a masculine singular with a vowel.
fn attributive(adjective: &Adjective, gender: Gender, number: Number, next: &str) -> String {
    let special = !adjective.fr_before_vowel.is_empty();
    if special && gender == Gender::Masculine && number == Number::Singular && begins_with_vowel(next) {
        return adjective.fr_before_vowel.into();
    }
    predicative(adjective, gender, number)
}

fn feminine_form(adjective: &Adjective) -> String {
    match adjective.fr_feminine {
        "" => feminine(adjective.fr),
        form => form.into(),
    }
}
