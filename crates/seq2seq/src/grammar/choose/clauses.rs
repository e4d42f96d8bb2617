//! Clauses: a subject and what is said of it.

use super::Chooser;
use super::subjects::own_possessive;
use crate::grammar::features::{Agreement, Polarity, Tense};
use crate::grammar::lexicon::{Frame, IDIOMS, LANGUAGES, MANNERS, NAMES, Tags, Verb, determiner, tags, verbs};
use crate::grammar::meaning::{Clause, NounPhrase, Predicate};

impl Chooser {
    /// A clause of any kind, with its phrases of time and place.
    pub fn clause(&mut self) -> Clause {
        let mut clause = self.bare_clause();
        self.adorn(&mut clause);
        clause
    }

    /// A clause of any kind without phrases of time; verbs that need a place have it.
    pub fn bare_clause(&mut self) -> Clause {
        match self.draws.weighted(&[(72, 0), (12, 1), (4, 2), (4, 3), (3, 4), (5, 5)]) {
            0 => self.verb_clause(),
            1 => self.quality_clause(),
            2 => {
                let subject = self.subject(tags::PERSON);
                let trade = self.noun(tags::TRADE);
                let simple = matches!(subject, NounPhrase::Pronoun(_) | NounPhrase::Name(_));
                let subject = if simple { subject } else { NounPhrase::Name(self.draws.pick(NAMES)) };
                self.state(
                    subject,
                    Predicate::Trade(trade),
                    &[Tense::Present, Tense::Present, Tense::Past, Tense::Will],
                )
            }
            3 => {
                let subject = self.subject(tags::PERSON);
                let idiom = self.draws.pick(IDIOMS);
                self.state(
                    subject,
                    Predicate::Idiom(idiom),
                    &[Tense::Present, Tense::Present, Tense::Past, Tense::Will],
                )
            }
            4 => self.age_clause(),
            _ => self.located_clause(),
        }
    }

    /// A clause with a verb, its place not yet chosen.
    pub fn verb_clause(&mut self) -> Clause {
        let frame = self.draws.weighted(&[
            (50, Frame::Direct),
            (9, Frame::Dative),
            (6, Frame::Indirect),
            (6, Frame::About),
            (17, Frame::Intransitive),
            (8, Frame::Motion),
            (3, Frame::Located),
            (2, Frame::Language),
        ]);
        let verb = self.draws.among(verbs().filter(|verb| verb.frame == frame));
        let subject = self.subject(verb.subjects);
        self.clause_of(subject, verb)
    }

    /// A clause with this subject and verb.
    pub fn clause_of(&mut self, subject: NounPhrase, verb: &'static Verb) -> Clause {
        let tense = self.tense();
        let polarity = self.polarity();
        let subject = if polarity.is_negative() { without_quantifier(subject) } else { subject };
        let predicate = loop {
            let predicate = self.predicate(verb, &subject, polarity.is_negative());
            if !mentions(&predicate, &subject) {
                break predicate;
            }
        };
        let mut clause = Clause::new(subject, predicate, tense);
        clause.polarity = polarity;
        self.settle(&mut clause);
        self.perhaps_nothing(&mut clause);
        self.perhaps_manner(&mut clause);
        clause.adjuncts.extend(self.required_place(verb));
        clause
    }

    /// The verb with its objects.
    pub fn predicate(&mut self, verb: &'static Verb, subject: &NounPhrase, negated: bool) -> Predicate {
        let own = own_possessive(subject);
        let agreement = subject.agreement();
        let (mut object, mut recipient, mut language) = (None, None, None);
        match verb.frame {
            Frame::Intransitive | Frame::Motion | Frame::Located => {}
            Frame::Direct if verb.generic && self.draws.percent(60) => object = Some(self.generic(verb.objects)),
            // `who likes ten pies?`: what is not liked in general is a certain one.
            Frame::Direct if verb.generic && self.draws.percent(60) => {
                object = Some(NounPhrase::Common(Box::new(self.definite(verb.objects))));
            }
            Frame::Direct => object = Some(self.object_or_pronoun(verb.objects, subject, negated, 22)),
            Frame::Indirect => object = Some(self.object_or_pronoun(verb.objects, subject, false, 50)),
            Frame::About => object = Some(self.object(verb.objects, own, negated)),
            Frame::Dative => {
                object = Some(self.object_or_pronoun(verb.objects & !tags::PERSON, subject, negated, 15));
                recipient = Some(self.recipient(agreement, own));
            }
            Frame::Language => {
                let &(english, french) = self.draws.pick(LANGUAGES);
                language = Some((english, french));
            }
        }
        Predicate::Verb { verb, object, recipient, language, manner: None }
    }

    /// An object, in `percent` of the cases a pronoun.
    fn object_or_pronoun(&mut self, tags: Tags, subject: &NounPhrase, negated: bool, percent: usize) -> NounPhrase {
        if !self.draws.percent(percent) {
            return self.object(tags, own_possessive(subject), negated);
        }
        let human = self.noun(tags).is(tags::PERSON);
        NounPhrase::Pronoun(if human { self.object_pronoun(subject.agreement()) } else { self.thing_pronoun() })
    }

    fn recipient(&mut self, subject: Agreement, own: Option<&'static str>) -> NounPhrase {
        match self.draws.percent(58) {
            true => NounPhrase::Pronoun(self.object_pronoun(subject)),
            false => self.object(tags::PERSON, own, false),
        }
    }

    /// Turns `she ate an apple` into `she ate nothing`.
    fn perhaps_nothing(&mut self, clause: &mut Clause) {
        let free = clause.polarity == Polarity::Positive
            && clause.governor.is_none()
            && clause.frequency.is_none()
            && matches!(clause.tense, Tense::Present | Tense::Past);
        let Predicate::Verb { verb, object, .. } = &mut clause.predicate else { return };
        const VERBS: [&str; 9] = ["eat", "drink", "buy", "see", "find", "hear", "understand", "forget", "read"];
        if free && verb.frame == Frame::Direct && VERBS.contains(&verb.en) && self.draws.percent(8) {
            *object = None;
            clause.polarity = Polarity::Nothing;
        }
    }

    fn perhaps_manner(&mut self, clause: &mut Clause) {
        let free = clause.governor.is_none() && matches!(clause.polarity, Polarity::Positive | Polarity::Not);
        let Predicate::Verb { verb, manner, .. } = &mut clause.predicate else { return };
        let fitting = MANNERS.iter().enumerate().filter(|(i, _)| verb.manners >> i & 1 == 1).map(|(_, entry)| entry);
        if free && clause.frequency.is_none() && verb.manners != 0 && self.draws.percent(30) {
            *manner = Some(self.draws.among(fitting));
        }
    }
}

/// Under negation `every` and `all the` leave open what is negated; the article does not.
pub fn without_quantifier(subject: NounPhrase) -> NounPhrase {
    match subject {
        NounPhrase::Common(mut common) if matches!(common.determiner.key, "every" | "all the" | "many" | "several") => {
            common.determiner = determiner("the");
            NounPhrase::Common(common)
        }
        other => other,
    }
}

/// Whether a predicate names its own subject (`Louis talked to Louis`).
fn mentions(predicate: &Predicate, subject: &NounPhrase) -> bool {
    let Predicate::Verb { object, recipient, .. } = predicate else { return false };
    [object, recipient].into_iter().flatten().any(|phrase| match (phrase, subject) {
        (NounPhrase::Name(name), NounPhrase::Name(other)) => name.text == other.text,
        (NounPhrase::Name(name), NounPhrase::Pair(first, second)) => {
            name.text == first.text || name.text == second.text
        }
        (NounPhrase::Common(common), NounPhrase::Common(other)) => common.noun.en == other.noun.en,
        _ => false,
    })
}
