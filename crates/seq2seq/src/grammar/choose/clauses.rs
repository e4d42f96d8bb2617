//! Clauses: a subject and what is said of it.

use super::Chooser;
use super::noun_phrases::{is_person, own_possessive};
use crate::grammar::features::{Agreement, Gender, Number, Polarity, Tense};
use crate::grammar::lexicon::{Frame, IDIOMS, LANGUAGES, MANNERS, NAMES, Tags, Verb, determiner, tags, verbs};
use crate::grammar::meaning::{Clause, Common, NounPhrase, Predicate};

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
                let subject = if is_common(&subject) { NounPhrase::Name(self.draws.pick(NAMES)) } else { subject };
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
        let predicate = self.predicate(verb, &subject, polarity.is_negative());
        let mut clause = Clause::new(subject, predicate, tense);
        clause.polarity = polarity;
        self.settle(&mut clause);
        self.perhaps_nothing(&mut clause);
        self.perhaps_manner(&mut clause);
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
            Frame::Direct => object = Some(self.object_or_pronoun(verb.objects, subject, negated, 22)),
            Frame::Indirect => object = Some(self.object_or_pronoun(verb.objects, subject, false, 50)),
            Frame::About => object = Some(self.object(verb.objects, own, false)),
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
        let free = clause.polarity == Polarity::Positive && clause.governor.is_none() && clause.frequency.is_none();
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

    /// be and an adjective, or a comparison.
    fn quality_clause(&mut self) -> Clause {
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
                let key = if common.determiner.key == "the" { "this" } else { "that" };
                NounPhrase::Common(Box::new(Common::new(determiner(key), common.noun, common.number)))
            }
            _ => self.other_person(&subject),
        };
        self.state(subject, Predicate::Comparison(adjective, other), &[Tense::Present, Tense::Present, Tense::Past])
    }

    fn other_person(&mut self, subject: &NounPhrase) -> NounPhrase {
        let agreement = subject.agreement();
        match self.draws.below(3) {
            0 => NounPhrase::Pronoun(self.object_pronoun(agreement)),
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

    fn age_clause(&mut self) -> Clause {
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
    fn located_clause(&mut self) -> Clause {
        let (subject, place) = if self.draws.percent(50) {
            let common = self.definite(tags::THING | tags::TEXT | tags::CLOTHING | tags::ANIMAL);
            (NounPhrase::Common(Box::new(common)), self.lying_place())
        } else {
            (self.subject(tags::PERSON), self.location())
        };
        let mut clause = self.state(subject, Predicate::Located, &[Tense::Present, Tense::Present, Tense::Past]);
        clause.adjuncts.push(place);
        clause
    }

    /// A clause with être or avoir in one of these tenses.
    fn state(&mut self, subject: NounPhrase, predicate: Predicate, tenses: &[Tense]) -> Clause {
        let mut clause = Clause::new(subject, predicate, *self.draws.pick(tenses));
        clause.polarity = self.polarity();
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

fn is_common(subject: &NounPhrase) -> bool {
    matches!(subject, NounPhrase::Common(_))
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
