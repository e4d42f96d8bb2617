//! Noun phrases: which noun, determiner, number and adjective.

use super::Chooser;
use crate::grammar::features::{
    Agreement, Gender,
    Number::{self, Plural, Singular},
    Person,
};
use crate::grammar::lexicon::{
    ADJECTIVES, Adjective, Determiner, NAMES, Noun, PRONOUNS, Pronoun, Tags, determiner, nouns, pronoun, tags,
};
use crate::grammar::meaning::{Common, NounPhrase};

const POSSESSIVES: [&str; 6] = ["my", "your", "his", "her", "our", "their"];
/// Sorts that belong to people.
const OWNED: Tags = tags::GOODS | tags::ANIMAL | tags::IDEA | tags::ROOM;

impl Chooser {
    /// A noun with any of `tags`.
    pub fn noun(&mut self, tags: Tags) -> &'static Noun {
        self.draws.among(nouns().filter(|noun| noun.is(tags)))
    }

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

    /// An object of one of these sorts, never a pronoun; `own` is the possessive of the subject.
    pub fn object(&mut self, tags: Tags, own: Option<&'static str>, negated: bool) -> NounPhrase {
        let noun = self.noun(tags);
        if noun.is(tags::PERSON) && self.draws.percent(35) {
            return NounPhrase::Name(self.draws.pick(NAMES));
        }
        NounPhrase::Common(Box::new(self.object_of(noun, own, negated)))
    }

    /// An object made of `noun`.
    pub fn object_of(&mut self, noun: &'static Noun, own: Option<&'static str>, negated: bool) -> Common {
        if noun.is(tags::MASS) {
            return self.mass(noun, negated);
        }
        let number = self.number(noun, 32);
        if noun.is(tags::KIN) {
            let possessive = self.possessive(own);
            return Common::new(possessive, noun, number);
        }
        let mut common = Common::new(determiner("the"), noun, number);
        let key = match number {
            _ if noun.is(tags::UNIQUE) => "the",
            Singular if negated => self.draws.weighted(&[(45, "the"), (25, "a"), (20, "my"), (10, "this")]),
            Plural if negated => self.draws.weighted(&[(40, "the"), (30, "a"), (20, "my"), (10, "this")]),
            Singular => self.draws.weighted(&[
                (38, "the"),
                (28, "a"),
                (19, "my"),
                (7, "this"),
                (3, "that"),
                (3, "another"),
                (2, "the same"),
            ]),
            Plural => self.draws.weighted(&[
                (24, "the"),
                (20, "a"),
                (17, "my"),
                (6, "this"),
                (3, "that"),
                (4, "several"),
                (4, "many"),
                (3, "all the"),
                (3, "a few"),
                (2, "too many"),
                (14, "(numeral)"),
            ]),
        };
        common.determiner = if key == "my" && noun.is(OWNED) { self.possessive(own) } else { self.owned_or(noun, key) };
        if key == "(numeral)" {
            let small = noun.is(tags::DISH | tags::PERSON | tags::PLACE);
            common.numeral = Some(self.numeral(small));
        } else if number == Plural && matches!(key, "the" | "my") && self.draws.percent(12) {
            common.numeral = Some(2 + self.draws.below(9) as u32);
        }
        self.perhaps_adjective(&mut common, 24);
        self.perhaps_owner(&mut common, 8);
        common
    }

    /// Food or drink that is not counted: some bread, a glass of water.
    fn mass(&mut self, noun: &'static Noun, negated: bool) -> Common {
        if noun.is(tags::DRINK) && self.draws.percent(30) {
            let measure = self.noun(tags::MEASURE);
            let number = if self.draws.percent(70) { Singular } else { Plural };
            let key = if number == Singular { "a" } else { "(numeral)" };
            let mut common = Common::new(determiner(key), measure, number);
            common.numeral = (number == Plural).then(|| 2 + self.draws.below(5) as u32);
            common.measured = Some(noun);
            return common;
        }
        let key = if negated {
            self.draws.weighted(&[(60, "some"), (30, "the"), (10, "this")])
        } else {
            self.draws.weighted(&[(48, "some"), (28, "the"), (7, "this"), (5, "my"), (7, "a lot of"), (5, "a little")])
        };
        let chosen = if key == "my" { self.possessive(None) } else { determiner(key) };
        let mut common = Common::new(chosen, noun, Singular);
        if matches!(key, "the" | "this" | "some") {
            self.perhaps_adjective(&mut common, 18);
        }
        common
    }

    /// The generic object of like and hate: coffee, dogs.
    pub fn generic(&mut self, tags: Tags) -> NounPhrase {
        let noun = self.noun(tags);
        let number = if noun.is(tags::MASS) { Singular } else { Plural };
        let mut common = Common::new(determiner("(generic)"), noun, number);
        self.perhaps_adjective(&mut common, 12);
        NounPhrase::Common(Box::new(common))
    }

    /// A definite phrase for a thing that both speakers know.
    pub fn definite(&mut self, tags: Tags) -> Common {
        let noun = self.noun(tags);
        let number = if noun.is(tags::MASS | tags::PLACE) { Singular } else { self.number(noun, 35) };
        let key = if noun.is(tags::KIN) || (noun.is(OWNED) && self.draws.percent(40)) { "my" } else { "the" };
        let chosen = if key == "my" { self.possessive(None) } else { determiner("the") };
        let mut common = Common::new(chosen, noun, number);
        self.perhaps_adjective(&mut common, 20);
        self.perhaps_owner(&mut common, 10);
        common
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

    /// A possessive, mostly the subject's own.
    pub fn possessive(&mut self, own: Option<&'static str>) -> &'static Determiner {
        match own {
            Some(own) if self.draws.percent(75) => determiner(own),
            _ => determiner(self.draws.weighted(&[
                (35, POSSESSIVES[0]),
                (15, POSSESSIVES[1]),
                (16, POSSESSIVES[2]),
                (16, POSSESSIVES[3]),
                (9, POSSESSIVES[4]),
                (9, POSSESSIVES[5]),
            ])),
        }
    }

    /// An adjective that suits a noun with these tags.
    pub fn adjective(&mut self, suits: Tags, allowed: fn(&Adjective) -> bool) -> Option<&'static Adjective> {
        let found = ADJECTIVES.iter().filter(|adjective| adjective.suits & suits != 0 && allowed(adjective));
        (found.clone().count() > 0).then(|| self.draws.among(found))
    }

    /// A numeral above one.
    pub fn numeral(&mut self, small: bool) -> u32 {
        let (low, count) = match small {
            true => (2, 11),
            false => self.draws.weighted(&[(45, (2, 9)), (15, (11, 10)), (36, (21, 79)), (4, (0, 0))]),
        };
        match count {
            0 => 100 * (1 + self.draws.below(9) as u32),
            _ => low + self.draws.below(count) as u32,
        }
    }

    fn number(&mut self, noun: &Noun, plural_percent: usize) -> Number {
        let plural = self.draws.percent(plural_percent) && !noun.is(tags::UNIQUE | tags::MASS);
        if plural { Plural } else { Singular }
    }

    /// The determiner of this key, a possessive drawn anew; nobody owns a stranger, a bridge or a tree.
    fn owned_or(&mut self, noun: &Noun, key: &'static str) -> &'static Determiner {
        match key {
            "my" if noun.is(OWNED | tags::PERSON) && !noun.is(tags::UNIQUE) => self.possessive(None),
            "my" => determiner("the"),
            _ => determiner(key),
        }
    }

    fn perhaps_adjective(&mut self, common: &mut Common, percent: usize) {
        let plain = !matches!(common.determiner.key, "the same" | "another" | "every");
        if plain && self.draws.percent(percent) {
            common.adjective = self.adjective(common.noun.tags, |_| true);
        }
    }

    /// Turns `the car` into `Paul's car` or `my sister's car`.
    fn perhaps_owner(&mut self, common: &mut Common, percent: usize) {
        let ownable = common.determiner.key == "the" && common.numeral.is_none() && common.noun.is(OWNED);
        if !(ownable && self.draws.percent(percent)) || common.noun.is(tags::MASS) {
            return;
        }
        common.owner = Some(if self.draws.percent(60) {
            NounPhrase::Name(self.draws.pick(NAMES))
        } else {
            let noun = self.noun(tags::KIN | tags::TRADE);
            let determiner = if noun.is(tags::KIN) { self.possessive(None) } else { determiner("the") };
            NounPhrase::Common(Box::new(Common::new(determiner, noun, Singular)))
        });
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
