//! Phrases of time, place and company.

use super::Chooser;
use super::subjects::{is_person, own_possessive};
use super::tenses::{lexical, recurs};
use crate::grammar::features::{Number, Polarity, Tense};
use crate::grammar::lexicon::{
    Auxiliary, CITIES, CLOCK_HOURS, COUNTRIES, FIXED_PLACES, Frame, NAMES, Noun, Period, SPANS, TIMES, Tags, Verb,
    determiner, nouns, preposition, tags,
};
use crate::grammar::meaning::{Adjunct, Clause, Common, Governor, NounPhrase};

/// Verbs with an object that are often said with a place.
const PLACED: [&str; 12] =
    ["buy", "see", "find", "lose", "read", "write", "eat", "drink", "meet", "wait for", "look for", "listen to"];

impl Chooser {
    /// Adds what the verb and the tense allow: place, company, time, seldom all of them.
    pub fn adorn(&mut self, clause: &mut Clause) {
        self.perhaps_place(clause);
        if clause.adjuncts.is_empty() {
            self.perhaps_company(clause);
        }
        let percent = if clause.adjuncts.is_empty() { 34 } else { 18 };
        if self.draws.percent(percent) {
            clause.adjuncts.extend(self.time(clause));
        }
    }

    /// A phrase of time that suits the clause.
    pub fn time(&mut self, clause: &Clause) -> Option<Adjunct> {
        let verb = lexical(&clause.predicate);
        let repeated = clause.frequency.is_some() || matches!(clause.polarity, Polarity::Never | Polarity::NoLonger);
        if repeated || !recurs(&clause.predicate) {
            return None;
        }
        let clocked = verb.is_some_and(|verb| matches!(verb.frame, Frame::Motion | Frame::Intransitive));
        match (clause.tense, clause.governor) {
            (Tense::Present, Some(Governor::Modal(_))) if verb.is_some_and(|verb| verb.momentary) => None,
            (Tense::Present, Some(Governor::Modal(_))) => Some(self.fixed_time(&[Period::Future])),
            (Tense::Present, Some(_)) => None,
            (Tense::Present, None) if clause.progressive => Some(self.fixed_time(&[Period::Now])),
            (Tense::Present, None) => match verb {
                Some(verb) if verb.momentary => None,
                Some(_) if clocked && self.draws.percent(30) => Some(self.clock()),
                Some(_) => Some(self.fixed_time(&[Period::Habit])),
                None => Some(self.fixed_time(&[Period::Now])),
            },
            (Tense::Past, _) => Some(match self.draws.below(100) {
                0..18 if verb.is_some() => Adjunct::Ago(2 + self.draws.below(9) as u32, self.draws.pick(SPANS)),
                18..28 if clocked => self.clock(),
                _ => self.fixed_time(&[Period::Past, Period::PastOrFuture]),
            }),
            (Tense::Will | Tense::GoingTo, _) => Some(match self.draws.below(100) {
                0..16 => Adjunct::Within(2 + self.draws.below(9) as u32, self.draws.pick(SPANS)),
                16..28 if clocked => self.clock(),
                _ => self.fixed_time(&[Period::Future, Period::PastOrFuture]),
            }),
        }
    }

    fn fixed_time(&mut self, periods: &[Period]) -> Adjunct {
        Adjunct::Time(self.draws.among(TIMES.iter().filter(|time| periods.contains(&time.period))))
    }

    fn clock(&mut self) -> Adjunct {
        Adjunct::Clock(self.draws.among(CLOCK_HOURS))
    }

    /// The place without which the verb says too little: go, stay, live.
    pub fn required_place(&mut self, verb: &Verb) -> Option<Adjunct> {
        match verb.frame {
            Frame::Located if verb.en == "live" => Some(self.dwelling()),
            Frame::Located => Some(self.location()),
            Frame::Motion if verb.fr == "aller" => Some(self.destination()),
            _ => None,
        }
    }

    fn perhaps_place(&mut self, clause: &mut Clause) {
        let Some(verb) = lexical(&clause.predicate) else { return };
        let percent = match verb.frame {
            _ if !clause.adjuncts.is_empty() || verb.stative => 0,
            Frame::Motion => 60,
            Frame::Intransitive if verb.auxiliary == Auxiliary::Avoir => 28,
            Frame::Direct if PLACED.contains(&verb.en) => 18,
            _ => 0,
        };
        if self.draws.percent(percent) {
            clause.adjuncts.push(match (verb.frame, verb.fr) {
                (Frame::Motion, "arriver") => self.arrival(),
                (Frame::Motion, _) => self.destination(),
                (_, "voyager") => Adjunct::Country(self.draws.pick(COUNTRIES), preposition("in")),
                _ => self.location(),
            });
        }
    }

    fn perhaps_company(&mut self, clause: &mut Clause) {
        let Some(verb) = lexical(&clause.predicate) else { return };
        if !is_person(&clause.subject) {
            return;
        }
        let own = own_possessive(&clause.subject);
        match (verb.frame, verb.en) {
            (Frame::Intransitive, "leave" | "go out") if self.draws.percent(15) => {
                let noun = self.noun(tags::CLOTHING | tags::CONTAINER);
                let noun = if noun.is(tags::FURNITURE) { self.noun(tags::CLOTHING) } else { noun };
                let common = Common::new(self.possessive(own), noun, Number::Singular);
                clause
                    .adjuncts
                    .push(Adjunct::Prepositional(preposition("without"), NounPhrase::Common(Box::new(common))));
            }
            (Frame::Intransitive, "work" | "sing" | "dance" | "travel" | "play" | "study" | "run" | "swim")
            | (Frame::Motion, _)
                if self.draws.percent(16) =>
            {
                let other = self.companion(clause);
                clause.adjuncts.push(Adjunct::Prepositional(preposition("with"), other));
            }
            (Frame::Direct, "buy" | "prepare" | "choose" | "build" | "draw") if self.draws.percent(16) => {
                let other = self.companion(clause);
                clause.adjuncts.push(Adjunct::Prepositional(preposition("for"), other));
            }
            _ => {}
        }
    }

    /// A person other than the subject: a pronoun, a name or a relative.
    pub fn companion(&mut self, clause: &Clause) -> NounPhrase {
        match self.draws.weighted(&[(40, 0), (30, 1), (30, 2)]) {
            0 => NounPhrase::Pronoun(self.object_pronoun(clause.subject.agreement())),
            1 if !matches!(clause.subject, NounPhrase::Name(_) | NounPhrase::Pair(..)) => {
                NounPhrase::Name(self.draws.pick(NAMES))
            }
            _ => {
                let own = own_possessive(&clause.subject);
                let noun = self.noun(tags::KIN);
                NounPhrase::Common(Box::new(self.object_of(noun, own, false)))
            }
        }
    }

    /// Where something happens.
    pub fn location(&mut self) -> Adjunct {
        match self.draws.weighted(&[(32, 0), (28, 1), (12, 2), (9, 3), (12, 4), (7, 5)]) {
            0 => self.place("in", tags::INSIDE),
            1 => self.place("at", tags::AT),
            2 => Adjunct::City(self.draws.pick(CITIES), preposition("in")),
            3 => Adjunct::Country(self.draws.pick(COUNTRIES), preposition("in")),
            4 => Adjunct::Place(self.draws.pick(FIXED_PLACES)),
            _ => {
                let relation = self.draws.weighted(&[(4, "near"), (3, "in front of"), (2, "behind"), (2, "next to")]);
                self.place(relation, tags::BUILDING | tags::OUTDOORS)
            }
        }
    }

    /// Where somebody lives.
    fn dwelling(&mut self) -> Adjunct {
        match self.draws.weighted(&[(45, 0), (30, 1), (25, 2)]) {
            0 => Adjunct::City(self.draws.pick(CITIES), preposition("in")),
            1 => Adjunct::Country(self.draws.pick(COUNTRIES), preposition("in")),
            _ => self.place("in", tags::DWELLING),
        }
    }

    /// Where an animal is.
    pub fn wild_place(&mut self) -> Adjunct {
        let noun = self.noun(tags::NATURE);
        self.place_at(if noun.is(tags::AT) { "at" } else { "in" }, noun)
    }

    /// Where somebody goes.
    fn destination(&mut self) -> Adjunct {
        match self.draws.weighted(&[(46, 0), (16, 1), (22, 2), (16, 3)]) {
            0 => self.place("to", tags::AT),
            1 => self.place("into", tags::ROOM | tags::BUILDING),
            2 => Adjunct::City(self.draws.pick(CITIES), preposition("to")),
            _ => Adjunct::Country(self.draws.pick(COUNTRIES), preposition("to")),
        }
    }

    /// Where somebody arrives.
    fn arrival(&mut self) -> Adjunct {
        match self.draws.percent(65) {
            true => self.place("at", tags::AT),
            false => Adjunct::City(self.draws.pick(CITIES), preposition("in")),
        }
    }

    /// Where a thing lies or stands; animals and vehicles are outdoors, and nothing lies in or on itself.
    pub fn lying_place(&mut self, thing: &Noun) -> Adjunct {
        if thing.is(tags::ANIMAL) {
            return self.wild_place();
        }
        if thing.is(tags::VEHICLE) {
            return self.place_but("in front of", tags::BUILDING, thing);
        }
        let (relation, tags) = self.draws.weighted(&[
            (30, ("on", tags::SURFACE)),
            (18, ("under", tags::SURFACE)),
            (22, ("in", tags::CONTAINER)),
            (8, ("behind", tags::FURNITURE | tags::OPENING)),
            (8, ("next to", tags::FURNITURE | tags::OPENING)),
            (8, ("near", tags::FURNITURE | tags::OPENING)),
            (6, ("in front of", tags::FURNITURE | tags::OPENING)),
        ]);
        self.place_but(relation, tags, thing)
    }

    fn place_but(&mut self, relation: &'static str, tags: Tags, not: &Noun) -> Adjunct {
        loop {
            let noun = self.noun(tags);
            if noun.en != not.en {
                return self.place_at(relation, noun);
            }
        }
    }

    fn place(&mut self, relation: &'static str, tags: Tags) -> Adjunct {
        // One goes to the station and into the kitchen.
        let closed = move |noun: &&Noun| noun.is(tags) && (relation != "into" || noun.is(tags::INSIDE));
        let noun = self.draws.among(nouns().filter(closed));
        self.place_at(relation, noun)
    }

    fn place_at(&mut self, relation: &'static str, noun: &'static Noun) -> Adjunct {
        let owned = noun.is(tags::ROOM | tags::CONTAINER | tags::FURNITURE) && self.draws.percent(20);
        let key = self.draws.weighted(&[(88, "the"), (8, "this"), (4, "that")]);
        let chosen = if owned { self.possessive(None) } else { determiner(key) };
        let mut common = Common::new(chosen, noun, Number::Singular);
        if self.draws.percent(10) {
            common.adjective = self.adjective(noun.tags, |adjective| adjective.attributive);
        }
        Adjunct::Prepositional(preposition(relation), NounPhrase::Common(Box::new(common)))
    }
}
