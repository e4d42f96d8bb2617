//! Sentences: statements, questions, orders, and what joins two clauses.

use super::Chooser;
use super::clauses::taken_up;
use super::noun_phrases::{is_person, own_possessive};
use super::tenses::lexical;
use crate::grammar::features::{Agreement, Gender, Number, Polarity, Tense};
use crate::grammar::lexicon::{
    Auxiliary, CLOCK_HOURS, Frame, SKIES, SUBORDINATORS, Tags, Verb, WH_ADVERBS, determiner, pronoun, tags, verbs,
};
use crate::grammar::meaning::{
    Adjunct, Clause, Common, NounPhrase, OPINIONS, Order, Predicate, Question, Sentence, Weather,
};

/// Verbs that are proposed with `let's`.
const TOGETHER: [&str; 9] = ["visit", "prepare", "help", "clean", "invite", "follow", "wait for", "eat", "buy"];
const THINGS: Tags = tags::THING | tags::TEXT | tags::CLOTHING | tags::VEHICLE | tags::DISH;

impl Chooser {
    /// A sentence of any kind.
    pub fn any_sentence(&mut self) -> Sentence {
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
            1 => Sentence::Question(Question::Polar, self.clause()),
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

    fn wh_question(&mut self) -> Sentence {
        match self.draws.weighted(&[(22, 0), (14, 1), (16, 2), (6, 3), (16, 4), (8, 5), (10, 6), (8, 7)]) {
            0 => self.adverb_question(0),
            1 => self.adverb_question(1),
            2 => Sentence::Question(Question::Adverb(&WH_ADVERBS[2]), self.bare_clause()),
            3 => self.adverb_question(3),
            4 => {
                let clause = self.object_question(THINGS | tags::FOOD | tags::DRINK, None);
                Sentence::Question(Question::What, clause)
            }
            5 => {
                let clause = self.object_question(tags::PERSON, None);
                Sentence::Question(Question::Whom, clause)
            }
            6 => self.which_question("which"),
            _ => self.which_question("how many"),
        }
    }

    /// where, when and how ask about an event; the clause then has no phrase of its own.
    fn adverb_question(&mut self, adverb: usize) -> Sentence {
        let clause = loop {
            let mut clause = self.verb_clause();
            let Some(verb) = lexical(&clause.predicate) else { continue };
            let placed = adverb != 0 || !matches!(verb.frame, Frame::Located) || verb.en == "live";
            let events = !verb.stative || (adverb == 0 && verb.en == "live");
            let timed = adverb != 1 || clause.tense != Tense::Present;
            let means = adverb != 3
                || matches!(
                    verb.en,
                    "open" | "break" | "repair" | "find" | "lose" | "go" | "travel" | "close" | "hide"
                );
            let plain = clause.polarity == Polarity::Positive && clause.frequency.is_none();
            if !(placed && events && timed && means && plain) {
                continue;
            }
            if adverb != 0 {
                self.adorn_place_only(&mut clause);
            }
            break clause;
        };
        Sentence::Question(Question::Adverb(&WH_ADVERBS[adverb]), clause)
    }

    /// A place where the verb needs one.
    fn adorn_place_only(&mut self, clause: &mut Clause) {
        let needed =
            lexical(&clause.predicate).is_some_and(|verb| matches!(verb.frame, Frame::Motion | Frame::Located));
        if needed {
            self.adorn(clause);
            clause.adjuncts.truncate(1);
            clause.adjuncts.retain(|adjunct| {
                !matches!(adjunct, Adjunct::Time(_) | Adjunct::Ago(..) | Adjunct::Within(..) | Adjunct::Clock(_))
            });
        }
    }

    /// A clause whose direct object, of one of these sorts, stands in front.
    fn object_question(&mut self, objects: Tags, agreement: Option<Agreement>) -> Clause {
        let masculine = Agreement::third(Number::Singular, Gender::Masculine);
        let verb = self.draws.among(
            verbs().filter(move |verb| verb.frame == Frame::Direct && verb.objects & objects != 0 && !verb.stative),
        );
        let subject = self.subject(tags::PERSON);
        let mut clause = self.clause_of(subject, verb);
        if matches!(clause.polarity, Polarity::Never | Polarity::NoLonger | Polarity::Nothing | Polarity::Not) {
            clause.polarity = Polarity::Positive;
        }
        // A bare `read` in the present does not occur in a question, where do shows the tense.
        let gap = NounPhrase::Gap(agreement.unwrap_or(masculine));
        clause.predicate = Predicate::Verb { verb, object: Some(gap), recipient: None, language: None, manner: None };
        if self.draws.percent(22) {
            clause.adjuncts.extend(self.time(&clause));
        }
        clause
    }

    fn which_question(&mut self, key: &str) -> Sentence {
        let noun = self.noun(THINGS);
        let number = if key == "how many" || self.draws.percent(25) { Number::Plural } else { Number::Singular };
        let mut common = Common::new(determiner(key), noun, number);
        if self.draws.percent(12) {
            common.adjective = self.adjective(noun.tags, |_| true);
        }
        let clause = self.object_question(noun.tags, Some(common.agreement()));
        Sentence::Question(Question::Which(common), clause)
    }

    fn subject_question(&mut self) -> Sentence {
        let mut clause = loop {
            let clause = self.bare_clause();
            if is_person(&clause.subject) && !matches!(clause.predicate, Predicate::Age(_) | Predicate::Comparison(..))
            {
                break clause;
            }
        };
        clause.subject = NounPhrase::Who;
        if clause.polarity == Polarity::NoLonger {
            clause.polarity = Polarity::Not;
        }
        self.adorn(&mut clause);
        Sentence::SubjectQuestion(clause)
    }

    fn where_is(&mut self) -> Sentence {
        let common = self.definite(THINGS | tags::PERSON | tags::ANIMAL | tags::PLACE);
        Sentence::WhereIs(NounPhrase::Common(Box::new(common)))
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
            Agreement {
                person: crate::grammar::features::Person::Second,
                number: Number::Singular,
                gender: Gender::Masculine,
            },
            true,
        ));
        let mut predicate = self.predicate(verb, &speaker, negative);
        self.limit_pronouns(&mut predicate, together, negative);
        let mut adjuncts = Vec::new();
        if verb.frame == Frame::Motion {
            let mut clause = Clause::new(speaker, predicate.clone(), Tense::Will);
            self.adorn_place_only(&mut clause);
            adjuncts = clause.adjuncts;
        }
        Order { predicate, negative, together, polite, adjuncts }
    }

    /// Keeps the compounds of an affirmative order (prenez-le, donnez-moi) few: one pronoun, and `it`, `them` for objects.
    fn limit_pronouns(&mut self, predicate: &mut Predicate, together: bool, negative: bool) {
        let thing = self.thing_pronoun();
        let Predicate::Verb { verb, object, recipient, .. } = predicate else { return };
        let has_pronoun =
            |phrase: &Option<NounPhrase>| phrase.as_ref().is_some_and(|phrase| phrase.pronoun().is_some());
        let direct = matches!(verb.frame, Frame::Direct | Frame::Dative);
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

    /// The keys? I lost them yesterday.
    fn topic(&mut self) -> Sentence {
        let topic = self.definite(THINGS | tags::ANIMAL);
        let agreement = topic.agreement();
        let pronoun = pronoun(agreement, false);
        let sorts = topic.noun.tags;
        let clause = if self.draws.percent(25) {
            let adjective = self.adjective(sorts, |adjective| adjective.predicative);
            let predicate = adjective.map_or(Predicate::Located, Predicate::Quality);
            let mut clause = Clause::new(NounPhrase::Pronoun(pronoun), predicate, Tense::Present);
            if adjective.is_none() || self.draws.percent(40) {
                clause.predicate = Predicate::Located;
                clause.adjuncts.push(self.lying_place());
            }
            clause
        } else {
            let verb = self.direct_verb(sorts);
            let subject = self.subject(tags::PERSON);
            self.pronoun_clause(subject, verb, NounPhrase::Pronoun(pronoun))
        };
        Sentence::Topic(NounPhrase::Common(Box::new(topic)), clause)
    }

    /// A verb that takes a direct object of these sorts.
    fn direct_verb(&mut self, sorts: Tags) -> &'static Verb {
        self.draws.among(verbs().filter(move |verb| verb.frame == Frame::Direct && verb.objects & sorts != 0))
    }

    /// A clause with this object, not negated by nothing, with a phrase of time at times.
    fn pronoun_clause(&mut self, subject: NounPhrase, verb: &'static Verb, object: NounPhrase) -> Clause {
        let mut clause = self.clause_of(subject, verb);
        if clause.polarity == Polarity::Nothing {
            clause.polarity = Polarity::Positive;
        }
        clause.predicate =
            Predicate::Verb { verb, object: Some(object), recipient: None, language: None, manner: None };
        if self.draws.percent(30) {
            clause.adjuncts.extend(self.time(&clause));
        }
        clause
    }

    fn report(&mut self) -> Sentence {
        let who = self.personal_pronoun().agreement;
        let clause = self.bare_clause();
        Sentence::Report(self.draws.pick(OPINIONS), who, clause)
    }

    fn joined(&mut self) -> Sentence {
        if self.draws.percent(40) {
            return self.bought_and_sold();
        }
        let first = self.bare_clause();
        let (agreement, human) = taken_up(&first.subject);
        let subject = NounPhrase::Pronoun(pronoun(agreement, human));
        let word = self.draws.weighted(&[(60, 1), (20, 5), (20, 6)]);
        let second = match human && self.draws.percent(55) {
            true => {
                let verb = self
                    .draws
                    .among(verbs().filter(|verb| verb.subjects & tags::PERSON != 0 && verb.frame == Frame::Direct));
                self.clause_of(subject, verb)
            }
            false => {
                let sorts = super::clauses::sorts(&first.subject);
                match self.adjective(sorts, |adjective| adjective.predicative) {
                    Some(adjective) => Clause::new(subject, Predicate::Quality(adjective), first.tense.min_state()),
                    None => Clause { subject, ..first.clone() },
                }
            }
        };
        Sentence::Joined(first, &SUBORDINATORS[word], second)
    }

    /// She bought a car and she sold it: the pronoun takes the gender of the noun before it.
    fn bought_and_sold(&mut self) -> Sentence {
        let noun = self.noun(THINGS);
        let subject = self.subject(tags::PERSON);
        let (agreement, human) = taken_up(&subject);
        let own = own_possessive(&subject);
        let mut object = self.object_of(noun, own, false);
        object.owner = None;
        let (first, second) = (self.direct_verb(noun.tags), self.direct_verb(noun.tags));
        let it = NounPhrase::Pronoun(pronoun(object.agreement(), false));
        let again = NounPhrase::Pronoun(pronoun(agreement, human));
        let object = NounPhrase::Common(Box::new(object));
        let clause = |subject, verb, object| {
            let predicate =
                Predicate::Verb { verb, object: Some(object), recipient: None, language: None, manner: None };
            Clause::new(subject, predicate, Tense::Past)
        };
        let word = self.draws.weighted(&[(70, 5), (30, 6)]);
        let mut last = clause(again, second, it);
        if word == 6 {
            last.polarity = Polarity::Not;
        }
        Sentence::Joined(clause(subject, first, object), &SUBORDINATORS[word], last)
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
        let place = if people { self.location() } else { self.lying_place() };
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

    /// The flowers that she bought are beautiful; I know the man who sells bread.
    fn relative(&mut self) -> Sentence {
        if self.draws.percent(50) {
            let mut common = self.definite(THINGS);
            common.owner = None;
            common.adjective = None;
            let gap = NounPhrase::Gap(common.agreement());
            let verb =
                self.draws.among(verbs().filter(|verb| {
                    verb.frame == Frame::Direct && verb.objects & common.noun.tags != 0 && !verb.stative
                }));
            let subject = NounPhrase::Pronoun(self.personal_pronoun());
            let predicate = Predicate::Verb { verb, object: Some(gap), recipient: None, language: None, manner: None };
            let sorts = common.noun.tags;
            common.determiner = determiner("the");
            common.relative = Some(Clause::new(subject, predicate, Tense::Past));
            let head = NounPhrase::Common(Box::new(common));
            let predicate = self.adjective(sorts, |adjective| adjective.predicative).map(Predicate::Quality);
            let mut clause = Clause::new(head, predicate.unwrap_or(Predicate::Located), Tense::Present);
            if matches!(clause.predicate, Predicate::Located) || self.draws.percent(25) {
                clause.predicate = Predicate::Located;
                clause.adjuncts.push(self.lying_place());
            }
            return Sentence::Statement(clause);
        }
        let noun = self.draws.among(
            crate::grammar::lexicon::nouns().filter(|noun| noun.is(tags::PERSON) && !noun.is(tags::KIN | tags::UNIQUE)),
        );
        let number = if self.draws.percent(25) { Number::Plural } else { Number::Singular };
        let mut common = Common::new(determiner("the"), noun, number);
        let verb = self.draws.among(verbs().filter(|verb| verb.frame == Frame::Direct && !verb.stative));
        let subject = NounPhrase::Relative(common.agreement(), true);
        let predicate = self.predicate(verb, &subject, false);
        common.relative = Some(Clause::new(subject, predicate, Tense::Past));
        let subject = NounPhrase::Pronoun(self.personal_pronoun());
        let main = self
            .draws
            .among(verbs().filter(|verb| matches!(verb.en, "know" | "see" | "meet" | "look for" | "help" | "thank")));
        let tense = if main.stative { Tense::Present } else { Tense::Past };
        let object = Some(NounPhrase::Common(Box::new(common)));
        let predicate = Predicate::Verb { verb: main, object, recipient: None, language: None, manner: None };
        Sentence::Statement(Clause::new(subject, predicate, tense))
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

impl Tense {
    /// The tense of a state that goes with an event in this one.
    fn min_state(self) -> Self {
        match self {
            Self::Past => Self::Past,
            _ => Self::Present,
        }
    }
}
