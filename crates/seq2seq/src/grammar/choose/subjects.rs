//! Subjects, and the pronouns that stand for people and things.

use super::Chooser;
use crate::grammar::features::{
    Agreement, Gender,
    Number::{Plural, Singular},
    Person,
};
use crate::grammar::lexicon::{NAMES, PRONOUNS, Pronoun, Tags, determiner, pronoun, tags};
use crate::grammar::meaning::{Common, NounPhrase};

impl Chooser {
    /// A personal pronoun as the subject: I, you, he, she, we, they.
    pub fn personal_pronoun(&mut self) -> &'static Pronoun {
        &PRONOUNS[self.draws.weighted(&[(20, 0), (14, 1), (18, 2), (18, 3), (15, 4), (15, 5)])]
    }

    /// A subject of one of these sorts.
    pub fn subject(&mut self, tags: Tags) -> NounPhrase {
        if tags & tags::PERSON == 0 {
            return self.common_subject(tags);
        }
        match self.draws.weighted(&[(48, 0), (18, 1), (3, 2), (31, 3)]) {
            0 => NounPhrase::Pronoun(self.personal_pronoun()),
            1 => NounPhrase::Name(self.draws.pick(NAMES)),
            2 => {
                let first = self.draws.below(NAMES.len());
                let step = 1 + self.draws.below(NAMES.len() - 1);
                NounPhrase::Pair(&NAMES[first], &NAMES[(first + step) % NAMES.len()])
            }
            _ => self.common_subject(tags),
        }
    }

    /// A subject that is no pronoun and no name.
    pub fn common_subject(&mut self, tags: Tags) -> NounPhrase {
        let noun = self.noun(tags);
        let number = self.number(noun, 28);
        let determiner = match (number, noun.is(tags::KIN)) {
            (_, true) => self.possessive(None),
            (_, false) if noun.is(tags::UNIQUE) => determiner("the"),
            (Singular, _) => {
                let key = self.draws.weighted(&[
                    (56, "the"),
                    (14, "this"),
                    (8, "that"),
                    (16, "my"),
                    (4, "every"),
                    (2, "another"),
                ]);
                self.owned_or(noun, key)
            }
            (Plural, _) => {
                let key = self.draws.weighted(&[
                    (52, "the"),
                    (12, "this"),
                    (6, "that"),
                    (14, "my"),
                    (4, "several"),
                    (4, "many"),
                    (4, "all the"),
                    (4, "a few"),
                ]);
                self.owned_or(noun, key)
            }
        };
        let mut common = Common::new(determiner, noun, number);
        if number == Plural
            && self.draws.percent(15)
            && ["the", "my", "your", "his", "her", "our", "their"].contains(&determiner.key)
        {
            common.numeral = Some(2 + self.draws.below(4) as u32);
        }
        self.perhaps_adjective(&mut common, 18);
        self.perhaps_owner(&mut common, 8);
        NounPhrase::Common(Box::new(common))
    }

    /// An object pronoun for a person, not the subject itself.
    pub fn object_pronoun(&mut self, subject: Agreement) -> &'static Pronoun {
        loop {
            let pronoun = self.personal_pronoun();
            if pronoun.agreement.person == Person::Third || pronoun.agreement.person != subject.person {
                return pronoun;
            }
        }
    }

    /// it or them, masculine in French as nothing says otherwise.
    pub fn thing_pronoun(&mut self) -> &'static Pronoun {
        let number = if self.draws.percent(65) { Singular } else { Plural };
        pronoun(Agreement::third(number, Gender::Masculine), false)
    }
}

/// The possessive of a subject: my for I, her for my sister; none for animals and things.
pub fn own_possessive(subject: &NounPhrase) -> Option<&'static str> {
    let Agreement { person, number, gender } = subject.agreement();
    let human = match subject {
        NounPhrase::Common(common) => common.noun.is(tags::PERSON),
        NounPhrase::Pronoun(pronoun) => pronoun.animate,
        NounPhrase::Relative(_, animate) => *animate,
        NounPhrase::Who | NounPhrase::Gap(_) => false,
        NounPhrase::Name(_) | NounPhrase::Pair(..) => true,
    };
    human.then_some(match (person, number, gender) {
        (Person::First, Singular, _) => "my",
        (Person::First, Plural, _) => "our",
        (Person::Second, _, _) => "your",
        (Person::Third, Plural, _) => "their",
        (Person::Third, Singular, Gender::Masculine) => "his",
        (Person::Third, Singular, Gender::Feminine) => "her",
    })
}

/// Whether a subject is a person.
pub fn is_person(subject: &NounPhrase) -> bool {
    own_possessive(subject).is_some()
}
