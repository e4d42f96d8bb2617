//! Sentences: statements, questions, orders, and what joins two clauses.

use super::Chooser;
use crate::grammar::features::{Agreement, Gender, Number, Person, Polarity, Tense};
use crate::grammar::lexicon::{
    Auxiliary, CLOCK_HOURS, Frame, PRONOUNS, SKIES, Tags, Verb, determiner, pronoun, tags, verbs,
};
use crate::grammar::meaning::{Adjunct, Clause, NounPhrase, Order, Predicate, Sentence, Weather};

/// Verbs that are proposed with `let's`.
const TOGETHER: [&str; 9] = ["visit", "prepare", "help", "clean", "invite", "follow", "wait for", "eat", "buy"];
/// Things that are bought, found, broken and counted.
pub const THINGS: Tags = tags::THING | tags::TEXT | tags::CLOTHING | tags::VEHICLE | tags::DISH;

impl Chooser {
    /// A sentence of any kind.
    pub fn sentence(&mut self) -> Sentence {
        match self.draws.weighted(&[
            (470, 0),
            (110, 1),
            (110, 2),
            (30, 3),
            (20, 4),
            (65, 5),
            (45, 6),
            (35, 7),
            (45, 8),
            (40, 9),
            (15, 10),
            (5, 11),
            (30, 12),
        ]) {
            0 => Sentence::Statement(self.clause()),
            1 => self.polar_question(),
            2 => self.wh_question(),
            3 => self.subject_question(),
            4 => self.where_is(),
            5 => Sentence::Order(self.order()),
            6 => self.topic(),
            7 => self.report(),
            8 => self.joined(),
            9 => self.there(),
            10 => self.weather(),
            11 => Sentence::Hour(self.draws.among(CLOCK_HOURS)),
            _ => self.relative(),
        }
    }

    fn order(&mut self) -> Order {
        let together = self.draws.percent(18);
        let negative = !together && self.draws.percent(28);
        let polite = !together && self.draws.percent(22);
        let frame = self.draws.weighted(&[
            (52, Frame::Direct),
            (20, Frame::Dative),
            (8, Frame::Indirect),
            (13, Frame::Intransitive),
            (7, Frame::Motion),
        ]);
        let frame = if together && matches!(frame, Frame::Dative | Frame::Indirect) { Frame::Motion } else { frame };
        let verb = self.draws.among(verbs().filter(move |verb| verb.frame == frame && fits_order(verb, together)));
        let speaker = NounPhrase::Pronoun(pronoun(
            Agreement { person: Person::Second, number: Number::Singular, gender: Gender::Masculine },
            true,
        ));
        // Like a negation, an order takes no several or too many.
        let mut predicate = self.predicate(verb, &speaker, true);
        self.limit_pronouns(&mut predicate, together, negative);
        let adjuncts = self.required_place(verb).into_iter().collect();
        Order { predicate, negative, together, polite, adjuncts }
    }

    /// Keeps the compounds of an affirmative order (prenez-le, répondez-moi) few: one pronoun, `it` or `them` for a direct
    /// object and `me` for an indirect one.
    fn limit_pronouns(&mut self, predicate: &mut Predicate, together: bool, negative: bool) {
        let thing = self.thing_pronoun();
        let speaker = &PRONOUNS[0];
        let Predicate::Verb { verb, object, recipient, .. } = predicate else { return };
        let has_pronoun =
            |phrase: &Option<NounPhrase>| phrase.as_ref().is_some_and(|phrase| phrase.pronoun().is_some());
        let direct = matches!(verb.frame, Frame::Direct | Frame::Dative);
        if verb.frame == Frame::Indirect && has_pronoun(object) && !negative {
            *object = Some(NounPhrase::Pronoun(speaker));
            return;
        }
        if direct
            && has_pronoun(object)
            && (together || (has_pronoun(recipient) && !negative) || verb.objects & THINGS == 0)
        {
            let own = if together { "our" } else { "your" };
            *object = Some(self.object(verb.objects & !tags::KIN, Some(own), negative));
        } else if direct && has_pronoun(object) {
            *object = Some(NounPhrase::Pronoun(thing));
        }
    }

    fn there(&mut self) -> Sentence {
        let negative = self.draws.percent(15);
        let people = self.draws.percent(30);
        let noun = self.noun(if people { tags::TRADE | tags::ANIMAL } else { THINGS | tags::DRINK | tags::FOOD });
        let mut common = self.object_of(noun, None, negative);
        let existential = ["a", "some", "several", "many", "a few", "too many", "a lot of", "a little", "(numeral)"];
        if !existential.contains(&common.determiner.key) {
            common.determiner = determiner(if noun.is(tags::MASS) { "some" } else { "a" });
            common.owner = None;
            common.numeral = None;
        }
        if common.number == Number::Plural && !negative && self.draws.percent(40) {
            common.determiner = determiner("(numeral)");
            common.numeral = Some(self.numeral(people));
        }
        let polarity = if negative { Polarity::Not } else { Polarity::Positive };
        let place = match noun.tags {
            _ if noun.is(tags::ANIMAL) => self.wild_place(),
            _ if people => self.location(),
            _ => self.lying_place(noun),
        };
        Sentence::There(NounPhrase::Common(Box::new(common)), polarity, vec![place])
    }

    fn weather(&mut self) -> Sentence {
        let tense = *self.draws.pick(&[Tense::Present, Tense::Past, Tense::Will]);
        let mut adjuncts = Vec::new();
        if self.draws.percent(50) {
            adjuncts.push(self.location());
            if !matches!(adjuncts[0], Adjunct::City(..) | Adjunct::Country(..)) {
                adjuncts.clear();
            }
        }
        let subject = NounPhrase::Pronoun(pronoun(Agreement::third(Number::Singular, Gender::Masculine), false));
        let clause = Clause::new(subject, Predicate::Located, tense);
        if tense != Tense::Present && self.draws.percent(60) {
            adjuncts.extend(self.time(&clause));
        }
        Sentence::Weather(Weather { sky: self.draws.pick(SKIES), tense, adjuncts })
    }
}

/// Whether one orders or proposes this.
fn fits_order(verb: &Verb, together: bool) -> bool {
    let willed = !verb.stative && !verb.momentary && !matches!(verb.en, "fall" | "receive" | "arrive");
    match (together, verb.frame) {
        (true, Frame::Direct) => TOGETHER.contains(&verb.en),
        (true, Frame::Motion) => verb.fr == "aller",
        (true, _) => willed && verb.auxiliary == Auxiliary::Avoir,
        (false, _) => willed,
    }
}
