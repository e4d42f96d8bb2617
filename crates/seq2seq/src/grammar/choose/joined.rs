//! Sentences of two clauses: reported, joined, taken up again, and with a relative clause.

use super::Chooser;
use super::sentences::THINGS;
use super::states::{sorts, taken_up, without_adjective};
use super::subjects::own_possessive;
use crate::grammar::features::{Agreement, Number, Polarity, Tense};
use crate::grammar::lexicon::{Frame, SUBORDINATORS, Tags, Verb, determiner, nouns, pronoun, tags, verbs};
use crate::grammar::meaning::{Clause, Common, NounPhrase, OPINIONS, Predicate, Sentence};

/// What makes people sad or nervous.
const LOSSES: [&str; 4] = ["lose", "break", "forget", "sell"];
/// What makes people happy.
const GAINS: [&str; 5] = ["find", "receive", "meet", "see", "buy"];
/// How one comes by a thing.
const COMING_BY: [&str; 9] = ["buy", "find", "choose", "take", "receive", "prepare", "build", "write", "draw"];
/// What one then does with it.
const DOING_WITH: [&str; 17] = [
    "sell", "wash", "repair", "use", "cut", "open", "close", "finish", "read", "wear", "drive", "eat", "paint", "hide",
    "lose", "break", "forget",
];
/// How many of them one does on purpose.
const WILLED: usize = 13;
/// What people do because they are tired, sick or hungry.
const REACTIONS: [&str; 8] = ["go home", "go to bed", "rest", "sleep", "cry", "eat", "leave", "come back"];
const BECAUSE: usize = 1;
const AND: usize = 5;
const BUT: usize = 6;

impl Chooser {
    /// The keys? I lost them yesterday.
    pub fn topic(&mut self) -> Sentence {
        let topic = self.definite(THINGS | tags::ANIMAL);
        let pronoun = NounPhrase::Pronoun(pronoun(topic.agreement(), false));
        let sorts = topic.noun.tags;
        let clause = if self.draws.percent(25) {
            self.description(pronoun, topic.noun)
        } else {
            let verb = self.direct_verb(sorts);
            let subject = self.subject(tags::PERSON);
            self.pronoun_clause(subject, verb, pronoun)
        };
        Sentence::Topic(NounPhrase::Common(Box::new(topic)), clause)
    }

    /// I think that she is tired.
    pub fn report(&mut self) -> Sentence {
        let who = self.personal_pronoun().agreement;
        let clause = self.bare_clause();
        Sentence::Report(self.draws.pick(OPINIONS), who, clause)
    }

    /// Two clauses joined by and, but or because.
    pub fn joined(&mut self) -> Sentence {
        match self.draws.weighted(&[(40, 0), (25, 1), (25, 2), (10, 3)]) {
            0 => self.bought_and_sold(),
            1 => self.moved_by_event(),
            2 => self.acts_by_state(),
            _ => self.contrast(),
        }
    }

    /// She bought a car and she sold it: the pronoun takes the gender of the noun before it.
    fn bought_and_sold(&mut self) -> Sentence {
        let noun = self.noun(THINGS);
        let subject = self.subject(tags::PERSON);
        let again = again(&subject);
        let own = own_possessive(&subject);
        let mut object = self.object_of(noun, own, false);
        object.owner = None;
        let first = self.verb_of(&COMING_BY, noun.tags);
        let but = self.draws.percent(30);
        // `She found it but she didn't lose it` opposes nothing.
        let list = if but { &DOING_WITH[..WILLED] } else { &DOING_WITH[..] };
        let second = self.verb_of(list, noun.tags);
        let it = NounPhrase::Pronoun(pronoun(object.agreement(), false));
        let clause = |subject, verb, object| {
            let predicate =
                Predicate::Verb { verb, object: Some(object), recipient: None, language: None, manner: None };
            Clause::new(subject, predicate, Tense::Past)
        };
        let first = clause(subject, first, NounPhrase::Common(Box::new(object)));
        let mut last = clause(again, second, it);
        if but {
            last.polarity = Polarity::Not;
        }
        Sentence::Joined(first, &SUBORDINATORS[if but { BUT } else { AND }], last)
    }

    /// He is sad because he lost his dog.
    fn moved_by_event(&mut self) -> Sentence {
        let subject = without_adjective(self.subject(tags::PERSON));
        let cause = again(&subject);
        let tense = *self.draws.pick(&[Tense::Present, Tense::Past]);
        let happy = self.draws.percent(45);
        let adjective = match happy {
            true => self.adjective(tags::PERSON, |adjective| adjective.en == "happy"),
            false => self.adjective(tags::PERSON, |adjective| matches!(adjective.en, "sad" | "nervous")),
        };
        let feeling = Clause::new(subject, adjective.map_or(Predicate::Located, Predicate::Quality), tense);
        let verb = self.verb_of(if happy { &GAINS } else { &LOSSES }, Tags::MAX);
        let predicate = self.predicate(verb, &cause, false);
        Sentence::Joined(feeling, &SUBORDINATORS[BECAUSE], Clause::new(cause, predicate, Tense::Past))
    }

    /// She went to bed because she was tired.
    fn acts_by_state(&mut self) -> Sentence {
        let subject = self.subject(tags::PERSON);
        let cause = again(&subject);
        let verb = self.draws.among(verbs().filter(|verb| REACTIONS.contains(&verb.en)));
        let predicate = self.predicate(verb, &subject, false);
        let mut act =
            Clause::new(subject, predicate, *self.draws.pick(&[Tense::Past, Tense::Past, Tense::Will, Tense::GoingTo]));
        let state_tense = if act.tense == Tense::Past { Tense::Past } else { Tense::Present };
        act.adjuncts.extend(self.required_place(verb));
        let adjective = self.adjective(tags::PERSON, |adjective| matches!(adjective.en, "sad" | "tired" | "sick"));
        let mut state = adjective.map_or(Predicate::Located, Predicate::Quality);
        if self.draws.percent(40) {
            let idioms = crate::grammar::lexicon::IDIOMS.iter();
            let fits = idioms.filter(|idiom| matches!(idiom.en, "hungry" | "thirsty" | "cold" | "sleepy" | "afraid"));
            state = Predicate::Idiom(self.draws.among(fits));
        }
        Sentence::Joined(act, &SUBORDINATORS[BECAUSE], Clause::new(cause, state, state_tense))
    }

    /// He is rich but he isn't happy; the car is old but it is beautiful.
    fn contrast(&mut self) -> Sentence {
        let subject = if self.draws.percent(60) {
            self.subject(tags::PERSON)
        } else {
            NounPhrase::Common(Box::new(self.definite(THINGS | tags::ANIMAL)))
        };
        let subject = without_adjective(subject);
        let sorts = sorts(&subject);
        let pronoun = again(&subject);
        let tense = *self.draws.pick(&[Tense::Present, Tense::Present, Tense::Past]);
        let quality = |subject, chooser: &mut Self| {
            let adjective = chooser.adjective(sorts, |adjective| adjective.predicative);
            Clause::new(subject, adjective.map_or(Predicate::Located, Predicate::Quality), tense)
        };
        let first = quality(subject, self);
        let mut second = quality(pronoun, self);
        if self.draws.percent(60) || same_quality(&first, &second) {
            second.polarity = Polarity::Not;
        }
        if same_quality(&first, &second) {
            return self.bought_and_sold();
        }
        Sentence::Joined(first, &SUBORDINATORS[BUT], second)
    }

    /// The flowers that she bought are beautiful; I know the man who sold the house.
    pub fn relative(&mut self) -> Sentence {
        if self.draws.percent(50) { self.object_relative() } else { self.subject_relative() }
    }

    fn object_relative(&mut self) -> Sentence {
        let noun = self.noun(THINGS);
        let number = if self.draws.percent(35) { Number::Plural } else { Number::Singular };
        let mut common = Common::new(determiner("the"), noun, number);
        let gap = NounPhrase::Gap(common.agreement());
        let verb = self.event_verb(noun.tags);
        let subject = NounPhrase::Pronoun(self.personal_pronoun());
        let predicate = Predicate::Verb { verb, object: Some(gap), recipient: None, language: None, manner: None };
        common.relative = Some(Clause::new(subject, predicate, Tense::Past));
        let clause = self.description(NounPhrase::Common(Box::new(common)), noun);
        Sentence::Statement(clause)
    }

    fn subject_relative(&mut self) -> Sentence {
        let strangers = nouns().filter(|noun| noun.is(tags::PERSON) && !noun.is(tags::KIN | tags::UNIQUE));
        let noun = self.draws.among(strangers);
        let number = if self.draws.percent(25) { Number::Plural } else { Number::Singular };
        let mut common = Common::new(determiner("the"), noun, number);
        let verb = self.draws.among(verbs().filter(|verb| verb.frame == Frame::Direct && !verb.stative));
        let subject = NounPhrase::Relative(common.agreement(), true);
        let predicate = self.predicate(verb, &subject, false);
        common.relative = Some(Clause::new(subject, predicate, Tense::Past));
        let mains = ["know", "see", "meet", "look for", "help", "thank"];
        let main = self.draws.among(verbs().filter(move |verb| mains.contains(&verb.en)));
        let tense = if main.stative { Tense::Present } else { Tense::Past };
        let subject = NounPhrase::Pronoun(self.personal_pronoun());
        let object = Some(NounPhrase::Common(Box::new(common)));
        let predicate = Predicate::Verb { verb: main, object, recipient: None, language: None, manner: None };
        Sentence::Statement(Clause::new(subject, predicate, tense))
    }

    /// What a thing is like, or where it is.
    fn description(&mut self, subject: NounPhrase, noun: &'static crate::grammar::lexicon::Noun) -> Clause {
        let adjective = self.adjective(noun.tags, |adjective| adjective.predicative);
        if let Some(adjective) = adjective.filter(|_| self.draws.percent(60)) {
            return Clause::new(subject, Predicate::Quality(adjective), Tense::Present);
        }
        let mut clause = Clause::new(subject, Predicate::Located, Tense::Present);
        clause.adjuncts.push(self.lying_place(noun));
        clause
    }

    /// A verb that takes a direct object of these sorts.
    fn direct_verb(&mut self, sorts: Tags) -> &'static Verb {
        self.draws.among(verbs().filter(move |verb| verb.frame == Frame::Direct && verb.objects & sorts != 0))
    }

    /// A verb of an event that takes a direct object of these sorts.
    fn event_verb(&mut self, sorts: Tags) -> &'static Verb {
        let fits = move |verb: &&Verb| verb.frame == Frame::Direct && verb.objects & sorts != 0 && !verb.stative;
        self.draws.among(verbs().filter(fits))
    }

    /// A verb of this list that takes a direct object of these sorts.
    fn verb_of(&mut self, list: &'static [&'static str], sorts: Tags) -> &'static Verb {
        let fits =
            move |verb: &&Verb| verb.frame == Frame::Direct && list.contains(&verb.en) && verb.objects & sorts != 0;
        self.draws.among(verbs().filter(fits))
    }

    /// A clause with this object, with a phrase of time at times.
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
}

/// The pronoun that takes up a subject.
fn again(subject: &NounPhrase) -> NounPhrase {
    let (agreement, human): (Agreement, bool) = taken_up(subject);
    NounPhrase::Pronoun(pronoun(agreement, human))
}

fn same_quality(first: &Clause, second: &Clause) -> bool {
    match (&first.predicate, &second.predicate) {
        (Predicate::Quality(first), Predicate::Quality(second)) => first.en == second.en,
        _ => true,
    }
}
