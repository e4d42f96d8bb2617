//! Questions: of yes and no, of the subject, of the object, of place, time, reason and means.

use super::Chooser;
use super::sentences::THINGS;
use super::subjects::is_person;
use super::tenses::lexical;
use crate::grammar::features::{Agreement, Gender, Number, Polarity, Tense};
use crate::grammar::lexicon::{Frame, Tags, Verb, WH_ADVERBS, determiner, tags, verbs};
use crate::grammar::meaning::{Clause, Common, NounPhrase, Predicate, Question, Sentence};

/// Verbs whose means one asks after with how.
const BY_SOME_MEANS: [&str; 9] = ["open", "break", "repair", "find", "lose", "go", "travel", "close", "hide"];

/// What an adverb asks after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Where,
    When,
    Why,
    How,
}

impl Chooser {
    /// A question of yes or no.
    pub fn polar_question(&mut self) -> Sentence {
        loop {
            let clause = self.clause();
            // `Will he eat nothing?` is no question that one asks.
            if clause.polarity != Polarity::Nothing && self.asked_of(&clause) {
                return Sentence::Question(Question::Polar, clause);
            }
        }
    }

    /// A question that opens with a question word other than who as the subject.
    pub fn wh_question(&mut self) -> Sentence {
        match self.draws.weighted(&[(22, 0), (14, 1), (16, 2), (6, 3), (16, 4), (8, 5), (10, 6), (8, 7)]) {
            0 => self.adverb_question(Asked::Where),
            1 => self.adverb_question(Asked::When),
            2 => self.adverb_question(Asked::Why),
            3 => self.adverb_question(Asked::How),
            4 => Sentence::Question(Question::What, self.object_question(THINGS | tags::FOOD | tags::DRINK, None)),
            5 => Sentence::Question(Question::Whom, self.object_question(tags::PERSON, None)),
            6 => self.which_question("which"),
            _ => self.which_question("how many"),
        }
    }

    /// where, when, why and how ask about an event; the clause has no phrase of its own but a place that the verb needs.
    fn adverb_question(&mut self, asked: Asked) -> Sentence {
        let mut clause = loop {
            let clause = if asked == Asked::Why { self.bare_clause() } else { self.verb_clause() };
            if asks_well(asked, &clause) && self.asked_of(&clause) {
                break clause;
            }
        };
        if asked == Asked::Where {
            clause.adjuncts.clear();
        }
        Sentence::Question(Question::Adverb(&WH_ADVERBS[asked as usize]), clause)
    }

    /// Nobody asks much about himself: most questions with I are drawn again.
    fn asked_of(&mut self, clause: &Clause) -> bool {
        let first = clause.subject.pronoun().is_some_and(|pronoun| pronoun.en == "I");
        !first || self.draws.percent(25)
    }

    /// A clause whose direct object, of one of these sorts, stands in front.
    fn object_question(&mut self, objects: Tags, agreement: Option<Agreement>) -> Clause {
        let masculine = Agreement::third(Number::Singular, Gender::Masculine);
        let fits = move |verb: &&Verb| verb.frame == Frame::Direct && verb.objects & objects != 0 && !verb.stative;
        let verb = self.draws.among(verbs().filter(fits));
        let subject = self.subject(tags::PERSON);
        let mut clause = self.clause_of(subject, verb);
        clause.polarity = Polarity::Positive;
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
            common.adjective = self.adjective(noun.tags, |adjective| adjective.attributive);
        }
        let clause = self.object_question(noun.tags, Some(common.agreement()));
        Sentence::Question(Question::Which(Box::new(common)), clause)
    }

    /// Who does it?
    pub fn subject_question(&mut self) -> Sentence {
        let mut clause = loop {
            let clause = self.bare_clause();
            let asked = !matches!(clause.predicate, Predicate::Age(_) | Predicate::Comparison(..));
            if is_person(&clause.subject) && asked && clause.polarity != Polarity::Nothing {
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

    /// Where is it?
    pub fn where_is(&mut self) -> Sentence {
        let common = self.definite(THINGS | tags::PERSON | tags::ANIMAL | tags::PLACE);
        Sentence::WhereIs(NounPhrase::Common(Box::new(common)))
    }
}

/// Whether one would ask this adverb of the clause.
fn asks_well(asked: Asked, clause: &Clause) -> bool {
    if clause.polarity == Polarity::Nothing {
        return false;
    }
    if asked == Asked::Why {
        return !matches!(clause.predicate, Predicate::Age(_));
    }
    let Some(verb) = lexical(&clause.predicate) else { return false };
    let plain = clause.polarity == Polarity::Positive && clause.frequency.is_none() && clause.governor.is_none();
    plain
        && match asked {
            Asked::Where => {
                let resides = verb.en == "live";
                resides || (!verb.stative && (clause.tense != Tense::Present || clause.progressive))
            }
            Asked::When => !verb.stative && clause.tense != Tense::Present,
            Asked::How => BY_SOME_MEANS.contains(&verb.en) && !clause.progressive,
            Asked::Why => true,
        }
}
