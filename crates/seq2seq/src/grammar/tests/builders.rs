//! Short names for building meanings by hand.

use crate::grammar::features::{Agreement, Gender, Number, Polarity, Tense};
use crate::grammar::lexicon::{
    ADJECTIVES, CATENATIVES, CITIES, COUNTRIES, FIXED_PLACES, FREQUENCIES, Frame, IDIOMS, LANGUAGES, MANNERS, Modal,
    NAMES, Noun, PRONOUNS, SPANS, TIMES, Verb, determiner, nouns, preposition, verbs,
};
use crate::grammar::meaning::{Adjunct, Clause, Common, Governor, NounPhrase, Order, Predicate};

pub fn noun(en: &str) -> &'static Noun {
    nouns().find(|noun| noun.en == en).unwrap_or_else(|| panic!("no noun {en:?}"))
}

/// A verb by its English and the frame in which it is meant.
pub fn verb_in(en: &str, frame: Frame) -> &'static Verb {
    verbs().find(|verb| verb.en == en && verb.frame == frame).unwrap_or_else(|| panic!("no verb {en:?} in {frame:?}"))
}

/// A noun phrase: `np("the", "house")`, with an s after the key for the plural: `np("the+", "house")`.
pub fn np(key: &str, en: &str) -> Common {
    let number = if key.ends_with('+') { Number::Plural } else { Number::Singular };
    Common::new(determiner(key.trim_end_matches('+')), noun(en), number)
}

impl Common {
    pub fn adj(mut self, en: &str) -> Self {
        self.adjective = Some(adjective(en));
        self
    }

    pub fn count(mut self, numeral: u32) -> Self {
        self.numeral = Some(numeral);
        self
    }

    pub fn of(mut self, owner: impl Into<NounPhrase>) -> Self {
        self.owner = Some(owner.into());
        self
    }

    pub fn measuring(mut self, en: &str) -> Self {
        self.measured = Some(noun(en));
        self
    }

    pub fn that(mut self, clause: Clause) -> Self {
        self.relative = Some(clause);
        self
    }
}

impl From<Common> for NounPhrase {
    fn from(common: Common) -> Self {
        Self::Common(Box::new(common))
    }
}

impl From<&str> for NounPhrase {
    /// A pronoun by its subject form, or a name.
    fn from(word: &str) -> Self {
        match PRONOUNS.iter().find(|pronoun| pronoun.en == word) {
            Some(pronoun) => Self::Pronoun(pronoun),
            None => Self::Name(name(word)),
        }
    }
}

pub fn name(text: &str) -> &'static crate::grammar::lexicon::Name {
    NAMES.iter().find(|name| name.text == text).unwrap_or_else(|| panic!("no name {text:?}"))
}

pub fn pair(first: &str, second: &str) -> NounPhrase {
    NounPhrase::Pair(name(first), name(second))
}

/// The pronoun that takes up a noun.
pub fn it(number: Number, gender: Gender) -> NounPhrase {
    NounPhrase::Pronoun(crate::grammar::lexicon::pronoun(Agreement::third(number, gender), false))
}

pub fn gap(number: Number, gender: Gender) -> NounPhrase {
    NounPhrase::Gap(Agreement::third(number, gender))
}

pub fn adjective(en: &str) -> &'static crate::grammar::lexicon::Adjective {
    ADJECTIVES.iter().find(|adjective| adjective.en == en).unwrap_or_else(|| panic!("no adjective {en:?}"))
}

fn predicate(verb: &'static Verb, object: Option<NounPhrase>, recipient: Option<NounPhrase>) -> Predicate {
    Predicate::Verb { verb, object, recipient, language: None, manner: None }
}

/// A verb without an object.
pub fn act(en: &str) -> Predicate {
    let frames = [Frame::Intransitive, Frame::Motion, Frame::Located, Frame::Direct];
    let verb = frames.iter().find_map(|frame| verbs().find(|verb| verb.en == en && verb.frame == *frame));
    predicate(verb.unwrap_or_else(|| panic!("no verb {en:?}")), None, None)
}

/// A verb with its object.
pub fn act_on(en: &str, object: impl Into<NounPhrase>) -> Predicate {
    let frames = [Frame::Direct, Frame::Indirect, Frame::About];
    let verb = frames.iter().find_map(|frame| verbs().find(|verb| verb.en == en && verb.frame == *frame));
    predicate(verb.unwrap_or_else(|| panic!("no verb {en:?}")), Some(object.into()), None)
}

/// A verb with object and recipient.
pub fn give(en: &str, object: impl Into<NounPhrase>, to: impl Into<NounPhrase>) -> Predicate {
    predicate(verb_in(en, Frame::Dative), Some(object.into()), Some(to.into()))
}

pub fn language(en: &str, name: &str) -> Predicate {
    let language = LANGUAGES.iter().find(|language| language.0 == name).copied();
    Predicate::Verb { verb: verb_in(en, Frame::Language), object: None, recipient: None, language, manner: None }
}

pub fn manner(en: &str, adverb: &str) -> Predicate {
    let manner = MANNERS.iter().find(|manner| manner.en == adverb);
    assert!(manner.is_some(), "no adverb {adverb:?}");
    Predicate::Verb { verb: verb_in(en, Frame::Intransitive), object: None, recipient: None, language: None, manner }
}

pub fn be(en: &str) -> Predicate {
    Predicate::Quality(adjective(en))
}

pub fn idiom(en: &str) -> Predicate {
    Predicate::Idiom(IDIOMS.iter().find(|idiom| idiom.en == en).unwrap_or_else(|| panic!("no idiom {en:?}")))
}

pub fn more(en: &str, other: impl Into<NounPhrase>) -> Predicate {
    Predicate::Comparison(adjective(en), other.into())
}

/// A clause in the present.
pub fn say(subject: impl Into<NounPhrase>, predicate: Predicate) -> Clause {
    Clause::new(subject.into(), predicate, Tense::Present)
}

impl Clause {
    pub fn tense(mut self, tense: Tense) -> Self {
        self.tense = tense;
        self
    }

    pub fn past(self) -> Self {
        self.tense(Tense::Past)
    }

    pub fn will(self) -> Self {
        self.tense(Tense::Will)
    }

    pub fn going(self) -> Self {
        self.tense(Tense::GoingTo)
    }

    pub fn ing(mut self) -> Self {
        self.progressive = true;
        self
    }

    pub fn polarity(mut self, polarity: Polarity) -> Self {
        self.polarity = polarity;
        self
    }

    pub fn not(self) -> Self {
        self.polarity(Polarity::Not)
    }

    pub fn can(mut self) -> Self {
        self.governor = Some(Governor::Modal(Modal::Can));
        self
    }

    pub fn must(mut self) -> Self {
        self.governor = Some(Governor::Modal(Modal::Must));
        self
    }

    pub fn to(mut self, en: &str) -> Self {
        let entry = CATENATIVES.iter().find(|entry| entry.en == en).unwrap_or_else(|| panic!("no catenative {en:?}"));
        self.governor = Some(Governor::Catenative(entry));
        self
    }

    pub fn often(mut self, en: &str) -> Self {
        self.frequency = FREQUENCIES.iter().find(|entry| entry.en == en);
        assert!(self.frequency.is_some(), "no adverb {en:?}");
        self
    }

    pub fn with(mut self, adjunct: Adjunct) -> Self {
        self.adjuncts.push(adjunct);
        self
    }

    pub fn when(self, en: &str) -> Self {
        let time = TIMES.iter().find(|time| time.en == en).unwrap_or_else(|| panic!("no time {en:?}"));
        self.with(Adjunct::Time(time))
    }

    pub fn at(self, relation: &str, place: impl Into<NounPhrase>) -> Self {
        self.with(Adjunct::Prepositional(preposition(relation), place.into()))
    }
}

pub fn ago(count: u32, unit: &str) -> Adjunct {
    Adjunct::Ago(count, SPANS.iter().find(|span| span.en == unit).unwrap_or_else(|| panic!("no unit {unit:?}")))
}

pub fn within(count: u32, unit: &str) -> Adjunct {
    Adjunct::Within(count, SPANS.iter().find(|span| span.en == unit).unwrap_or_else(|| panic!("no unit {unit:?}")))
}

pub fn somewhere(en: &str) -> Adjunct {
    Adjunct::Place(FIXED_PLACES.iter().find(|place| place.en == en).unwrap_or_else(|| panic!("no place {en:?}")))
}

pub fn city(relation: &str, en: &str) -> Adjunct {
    Adjunct::City(
        CITIES.iter().find(|city| city.en == en).unwrap_or_else(|| panic!("no city {en:?}")),
        preposition(relation),
    )
}

pub fn country(relation: &str, en: &str) -> Adjunct {
    let country = COUNTRIES.iter().find(|country| country.en == en).unwrap_or_else(|| panic!("no country {en:?}"));
    Adjunct::Country(country, preposition(relation))
}

/// An order.
pub fn order(predicate: Predicate) -> Order {
    Order { predicate, negative: false, together: false, polite: false, adjuncts: Vec::new() }
}
