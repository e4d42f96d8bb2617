//! Clauses with être or avoir: qualities, comparisons, ages and places.

use super::Chooser;
use super::clauses::without_quantifier;
use super::subjects::{is_person, own_possessive};
use crate::grammar::features::{Agreement, Gender, Number, Tense};
use crate::grammar::lexicon::{NAMES, Tags, determiner, tags};
use crate::grammar::meaning::{Clause, Common, NounPhrase, Predicate};

impl Chooser {
    /// be and an adjective, or a comparison.
    pub fn quality_clause(&mut self) -> Clause {
        const SORTS: Tags =
            tags::GOODS | tags::FOOD | tags::DRINK | tags::ANIMAL | tags::PLACE | tags::ABSTRACT | tags::OPENING;
        let subject = if self.draws.percent(55) {
            self.subject(tags::PERSON)
        } else {
            let common = self.definite(SORTS);
            NounPhrase::Common(Box::new(common))
        };
        let subject = without_adjective(subject);
        let sorts = sorts(&subject);
        if self.draws.percent(22) {
            return self.comparison(subject, sorts);
        }
        match self.adjective(sorts, |adjective| adjective.predicative) {
            Some(adjective) => self.state(
                subject,
                Predicate::Quality(adjective),
                &[Tense::Present, Tense::Present, Tense::Present, Tense::Past, Tense::Past, Tense::Will],
            ),
            None => self.located_clause(),
        }
    }

    fn comparison(&mut self, subject: NounPhrase, sorts: Tags) -> Clause {
        let Some(adjective) = self.adjective(sorts, |adjective| adjective.gradable) else {
            return self.located_clause();
        };
        let other = match &subject {
            NounPhrase::Common(common) if !common.noun.is(tags::PERSON) => {
                // My car is older than this car: the same noun under another determiner.
                NounPhrase::Common(Box::new(Common::new(determiner("this"), common.noun, common.number)))
            }
            _ => self.other_person(&subject),
        };
        self.state(subject, Predicate::Comparison(adjective, other), &[Tense::Present, Tense::Present, Tense::Past])
    }

    fn other_person(&mut self, subject: &NounPhrase) -> NounPhrase {
        let agreement = subject.agreement();
        match self.draws.below(3) {
            0 => NounPhrase::Pronoun(loop {
                let pronoun = self.object_pronoun(agreement);
                if pronoun.agreement != agreement {
                    break pronoun;
                }
            }),
            1 => {
                // Nobody is taller than himself.
                let same = |text| matches!(subject, NounPhrase::Name(name) if name.text == text);
                NounPhrase::Name(self.draws.among(NAMES.iter().filter(|name| !same(name.text))))
            }
            _ => {
                let own = own_possessive(subject);
                let noun = self.noun(tags::KIN);
                NounPhrase::Common(Box::new(Common::new(self.possessive(own), noun, Number::Singular)))
            }
        }
    }

    /// He is thirty years old.
    pub fn age_clause(&mut self) -> Clause {
        let subject = match self.subject(tags::PERSON) {
            NounPhrase::Common(mut common) => {
                common.number = Number::Singular;
                common.numeral = None;
                if common.determiner.en_singular.is_empty() {
                    common.determiner = determiner("this");
                }
                NounPhrase::Common(common)
            }
            other => other,
        };
        let years = 2 + self.draws.below(98) as u32;
        let tense = *self.draws.pick(&[Tense::Present, Tense::Present, Tense::Will]);
        Clause::new(subject, Predicate::Age(years), tense)
    }

    /// The book is on the table; we are in the garden.
    pub fn located_clause(&mut self) -> Clause {
        let (subject, place) = if self.draws.percent(50) {
            let common = self.definite(tags::THING | tags::TEXT | tags::CLOTHING | tags::ANIMAL);
            let place = self.lying_place(common.noun);
            (NounPhrase::Common(Box::new(common)), place)
        } else {
            (self.subject(tags::PERSON), self.location())
        };
        let mut clause = self.state(subject, Predicate::Located, &[Tense::Present, Tense::Present, Tense::Past]);
        clause.adjuncts.push(place);
        clause
    }

    /// A clause with être or avoir in one of these tenses.
    pub fn state(&mut self, subject: NounPhrase, predicate: Predicate, tenses: &[Tense]) -> Clause {
        let polarity = self.polarity();
        let subject = if polarity.is_negative() { without_quantifier(subject) } else { subject };
        let mut clause = Clause::new(subject, predicate, *self.draws.pick(tenses));
        clause.polarity = polarity;
        self.settle(&mut clause);
        clause
    }
}

/// The sorts of a subject, for adjectives.
pub fn sorts(subject: &NounPhrase) -> Tags {
    match subject {
        NounPhrase::Common(common) => common.noun.tags,
        _ => tags::PERSON,
    }
}

/// `The red car is blue` says nothing: what is described bears no adjective.
pub fn without_adjective(subject: NounPhrase) -> NounPhrase {
    match subject {
        NounPhrase::Common(mut common) => {
            common.adjective = None;
            NounPhrase::Common(common)
        }
        other => other,
    }
}

/// The pronoun features under which a subject is taken up again.
pub fn taken_up(subject: &NounPhrase) -> (Agreement, bool) {
    let mut agreement = subject.agreement();
    let human = is_person(subject);
    if let NounPhrase::Who = subject {
        agreement.gender = Gender::Masculine;
    }
    (agreement, human)
}
