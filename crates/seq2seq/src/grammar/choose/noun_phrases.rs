//! Noun phrases: which noun, determiner, number and adjective.

use super::Chooser;
use crate::grammar::features::Number::{self, Plural, Singular};
use crate::grammar::lexicon::{ADJECTIVES, Adjective, Determiner, NAMES, Noun, Tags, determiner, nouns, tags};
use crate::grammar::meaning::{Common, NounPhrase};

const POSSESSIVES: [&str; 6] = ["my", "your", "his", "her", "our", "their"];
/// Sorts that belong to people.
const OWNED: Tags = tags::GOODS | tags::ANIMAL | tags::IDEA | tags::ROOM;

impl Chooser {
    /// A noun with any of `tags`.
    pub fn noun(&mut self, tags: Tags) -> &'static Noun {
        self.draws.among(nouns().filter(|noun| noun.is(tags)))
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
            _ if noun.is(tags::PERSON) => return self.person_object(noun, number, own, negated),
            _ if noun.is(tags::UNIQUE) => self.draws.weighted(&[(60, "the"), (40, "my")]),
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
        common.determiner = if key == "my" && owned(noun) { self.possessive(own) } else { self.owned_or(noun, key) };
        if key == "(numeral)" {
            let small = noun.is(tags::DISH | tags::PLACE | tags::ANIMAL);
            common.numeral = Some(self.numeral(small));
        } else if number == Plural && matches!(key, "the" | "my") && self.draws.percent(12) {
            common.numeral = Some(2 + self.draws.below(9) as u32);
        }
        self.perhaps_adjective(&mut common, 24);
        self.perhaps_owner(&mut common, 8);
        common
    }

    /// A person who is no relative, as an object: the doctor, some tourists.
    fn person_object(
        &mut self,
        noun: &'static Noun,
        number: Number,
        own: Option<&'static str>,
        negated: bool,
    ) -> Common {
        let key = match number {
            _ if noun.is(tags::UNIQUE) => "the",
            Singular => self.draws.weighted(&[(52, "the"), (20, "a"), (14, "this"), (14, "my")]),
            Plural if negated => self.draws.weighted(&[(50, "the"), (20, "a"), (15, "this"), (15, "my")]),
            Plural => self.draws.weighted(&[
                (44, "the"),
                (18, "a"),
                (12, "this"),
                (12, "my"),
                (6, "several"),
                (4, "many"),
                (4, "(numeral)"),
            ]),
        };
        let owned = key == "my" && noun.is(tags::ACQUAINTANCE);
        let chosen = if owned { self.possessive(own) } else { self.owned_or(noun, key) };
        let mut common = Common::new(chosen, noun, number);
        common.numeral = (key == "(numeral)").then(|| 2 + self.draws.below(5) as u32);
        self.perhaps_adjective(&mut common, 20);
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
        let key = if noun.is(tags::KIN) || (owned(noun) && self.draws.percent(40)) { "my" } else { "the" };
        let chosen = if key == "my" { self.possessive(None) } else { determiner("the") };
        let mut common = Common::new(chosen, noun, number);
        self.perhaps_adjective(&mut common, 20);
        self.perhaps_owner(&mut common, 10);
        common
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

    /// Plural in `plural_percent` of the cases, where the noun allows it.
    pub fn number(&mut self, noun: &Noun, plural_percent: usize) -> Number {
        let plural = self.draws.percent(plural_percent) && !noun.is(tags::UNIQUE | tags::MASS);
        if plural { Plural } else { Singular }
    }

    /// The determiner of this key, a possessive drawn anew; nobody owns a stranger, a bridge or a tree.
    pub fn owned_or(&mut self, noun: &Noun, key: &'static str) -> &'static Determiner {
        match key {
            "my" if (owned(noun) || noun.is(tags::ACQUAINTANCE)) => self.possessive(None),
            "my" => determiner("the"),
            _ => determiner(key),
        }
    }

    /// Adds an adjective in `percent` of the cases.
    pub fn perhaps_adjective(&mut self, common: &mut Common, percent: usize) {
        let plain = !matches!(common.determiner.key, "the same" | "another" | "every");
        if !plain || !self.draws.percent(percent) {
            return;
        }
        // `my boring father` is nothing one says, and `mon beau frère` is heard as my brother-in-law.
        let allowed: fn(&Adjective) -> bool = if common.noun.is(tags::KIN) {
            |adjective| matches!(adjective.en, "old" | "young")
        } else {
            |adjective| adjective.attributive
        };
        common.adjective = self.adjective(common.noun.tags, allowed);
    }

    /// Turns `the car` into `Paul's car` or `my sister's car`.
    pub fn perhaps_owner(&mut self, common: &mut Common, percent: usize) {
        let ownable = common.determiner.key == "the" && common.numeral.is_none() && owned(common.noun);
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

/// Whether people own such a thing.
fn owned(noun: &Noun) -> bool {
    noun.is(OWNED) && !noun.is(tags::WILD)
}
