//! The language-neutral tree that both renderers read: sentences, clauses and noun phrases.

use super::features::{Agreement, Gender, Number, Polarity, Tense};
use super::lexicon::{
    Adjective, Catenative, City, Country, Determiner, Frequency, Idiom, Manner, Modal, Name, Noun, Phrase, Preposition,
    Pronoun, Span, TimePhrase, Verb,
};

/// A noun phrase.
#[derive(Clone, Debug)]
pub enum NounPhrase {
    /// A personal pronoun; as an object it is a clitic in French.
    Pronoun(&'static Pronoun),
    /// A first name.
    Name(&'static Name),
    /// Two names joined by `and`.
    Pair(&'static Name, &'static Name),
    /// A noun with its determiner and modifiers.
    Common(Box<Common>),
    /// The interrogative `who` as a subject.
    Who,
    /// The subject of a relative clause, who or that, agreeing with its antecedent.
    Relative(Agreement, bool),
    /// The place of an object that stands before the clause; silent, but a French participle agrees with it.
    Gap(Agreement),
}

/// A noun with its determiner and modifiers.
#[derive(Clone, Debug)]
pub struct Common {
    /// Determiner.
    pub determiner: &'static Determiner,
    /// Who owns it: `Paul's car`; the determiner is then the definite article, which English leaves out.
    pub owner: Option<NounPhrase>,
    /// Numeral after the determiner.
    pub numeral: Option<u32>,
    /// Adjective.
    pub adjective: Option<&'static Adjective>,
    /// The noun.
    pub noun: &'static Noun,
    /// Number.
    pub number: Number,
    /// What it measures: `a glass of water`.
    pub measured: Option<&'static Noun>,
    /// Relative clause.
    pub relative: Option<Clause>,
}

impl Common {
    /// A bare noun phrase: determiner and noun.
    pub fn new(determiner: &'static Determiner, noun: &'static Noun, number: Number) -> Self {
        Self { determiner, owner: None, numeral: None, adjective: None, noun, number, measured: None, relative: None }
    }

    /// What it agrees with.
    pub fn agreement(&self) -> Agreement {
        Agreement::third(self.number, self.noun.gender)
    }
}

impl NounPhrase {
    /// What verbs, participles and adjectives agree with.
    pub fn agreement(&self) -> Agreement {
        match self {
            Self::Pronoun(pronoun) => pronoun.agreement,
            Self::Name(name) => Agreement::third(Number::Singular, name.gender),
            Self::Pair(first, second) => {
                let feminine = first.gender == Gender::Feminine && second.gender == Gender::Feminine;
                Agreement::third(Number::Plural, if feminine { Gender::Feminine } else { Gender::Masculine })
            }
            Self::Common(common) => common.agreement(),
            Self::Who => Agreement::third(Number::Singular, Gender::Masculine),
            Self::Relative(agreement, _) | Self::Gap(agreement) => *agreement,
        }
    }

    /// The pronoun, where it is one.
    pub fn pronoun(&self) -> Option<&'static Pronoun> {
        match self {
            Self::Pronoun(pronoun) => Some(pronoun),
            _ => None,
        }
    }
}

/// What governs the verb.
#[derive(Clone, Copy, Debug)]
pub enum Governor {
    /// can, must.
    Modal(Modal),
    /// want to, try to.
    Catenative(&'static Catenative),
}

/// What is said of the subject.
#[derive(Clone, Debug)]
pub enum Predicate {
    /// A verb and its objects.
    Verb {
        /// The verb.
        verb: &'static Verb,
        /// Direct object, or the only object of an indirect verb.
        object: Option<NounPhrase>,
        /// Recipient.
        recipient: Option<NounPhrase>,
        /// Language spoken: English and French.
        language: Option<(&'static str, &'static str)>,
        /// Adverb of manner.
        manner: Option<&'static Manner>,
    },
    /// be and an adjective.
    Quality(&'static Adjective),
    /// be, an adjective in the comparative, and the other term.
    Comparison(&'static Adjective, NounPhrase),
    /// be and a trade: she is a doctor.
    Trade(&'static Noun),
    /// be and a place, given as an adjunct.
    Located,
    /// be hungry: avoir faim.
    Idiom(&'static Idiom),
    /// be so many years old.
    Age(u32),
}

/// A phrase at the end of the clause.
#[derive(Clone, Debug)]
pub enum Adjunct {
    /// A fixed phrase of time.
    Time(&'static TimePhrase),
    /// So long ago.
    Ago(u32, &'static Span),
    /// In so long.
    Within(u32, &'static Span),
    /// At this full hour.
    Clock(u32),
    /// A fixed phrase of place.
    Place(&'static Phrase),
    /// A preposition and a noun phrase.
    Prepositional(&'static Preposition, NounPhrase),
    /// To or in a city.
    City(&'static City, &'static Preposition),
    /// To or in a country.
    Country(&'static Country, &'static Preposition),
}

/// A clause.
#[derive(Clone, Debug)]
pub struct Clause {
    /// Subject.
    pub subject: NounPhrase,
    /// Predicate.
    pub predicate: Predicate,
    /// Tense.
    pub tense: Tense,
    /// English progressive, which French leaves unmarked.
    pub progressive: bool,
    /// Polarity.
    pub polarity: Polarity,
    /// What governs the verb.
    pub governor: Option<Governor>,
    /// Adverb of frequency.
    pub frequency: Option<&'static Frequency>,
    /// Phrases at the end.
    pub adjuncts: Vec<Adjunct>,
}

impl Clause {
    /// An affirmative clause without adjuncts.
    pub fn new(subject: NounPhrase, predicate: Predicate, tense: Tense) -> Self {
        Self {
            subject,
            predicate,
            tense,
            progressive: false,
            polarity: Polarity::Positive,
            governor: None,
            frequency: None,
            adjuncts: Vec::new(),
        }
    }
}

/// What opens a question.
#[derive(Clone, Debug)]
pub enum Question {
    /// Yes or no.
    Polar,
    /// where, when, why, how.
    Adverb(&'static Phrase),
    /// what, as the object.
    What,
    /// who, as the object.
    Whom,
    /// which or how many and a noun, as the object.
    Which(Box<Common>),
}

/// An order.
#[derive(Clone, Debug)]
pub struct Order {
    /// The predicate, always a verb.
    pub predicate: Predicate,
    /// Negated.
    pub negative: bool,
    /// `let's`: the first person plural.
    pub together: bool,
    /// With please.
    pub polite: bool,
    /// Phrases at the end.
    pub adjuncts: Vec<Adjunct>,
}

/// The weather: a row of the table of skies.
#[derive(Clone, Debug)]
pub struct Weather {
    /// Forms of the lexicon, as in [`SKIES`](super::lexicon::SKIES).
    pub sky: &'static [&'static str; 6],
    /// When.
    pub tense: Tense,
    /// Phrases at the end.
    pub adjuncts: Vec<Adjunct>,
}

/// A sentence.
#[derive(Clone, Debug)]
pub enum Sentence {
    /// A statement.
    Statement(Clause),
    /// A question.
    Question(Question, Clause),
    /// Who does it?
    SubjectQuestion(Clause),
    /// Where is it?
    WhereIs(NounPhrase),
    /// An order.
    Order(Order),
    /// The keys? I lost them.
    Topic(NounPhrase, Clause),
    /// I think that ...: the first clause governs the second.
    Report(&'static Opinion, Agreement, Clause),
    /// Two clauses joined by and, but or because.
    Joined(Clause, &'static Phrase, Clause),
    /// There is, there are.
    There(NounPhrase, Polarity, Vec<Adjunct>),
    /// The weather.
    Weather(Weather),
    /// It is so many o'clock.
    Hour(u32),
}

/// A verb of opinion in the present.
#[derive(Debug)]
pub struct Opinion {
    /// English base form.
    pub en: &'static str,
    /// French infinitive.
    pub fr: &'static str,
}

/// Verbs of opinion.
pub const OPINIONS: &[Opinion] = &[
    Opinion { en: "think", fr: "penser" },
    Opinion { en: "believe", fr: "croire" },
    Opinion { en: "know", fr: "savoir" },
    Opinion { en: "say", fr: "dire" },
];
