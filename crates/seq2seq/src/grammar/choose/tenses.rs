//! Tense, polarity, progressive, governors and adverbs of frequency, so that the English shows what the French needs.

use super::Chooser;
use crate::grammar::features::{Polarity, Tense};
use crate::grammar::lexicon::{CATENATIVES, Catenative, FREQUENCIES, Modal, Verb};
use crate::grammar::meaning::{Clause, Governor, Predicate};

impl Chooser {
    /// The tense of a clause.
    pub fn tense(&mut self) -> Tense {
        self.draws.weighted(&[(40, Tense::Present), (36, Tense::Past), (15, Tense::Will), (9, Tense::GoingTo)])
    }

    /// The polarity of a clause.
    pub fn polarity(&mut self) -> Polarity {
        self.draws.weighted(&[
            (76, Polarity::Positive),
            (19, Polarity::Not),
            (3, Polarity::Never),
            (2, Polarity::NoLonger),
        ])
    }

    /// Settles what depends on verb, tense and polarity together: governor, progressive, frequency.
    pub fn settle(&mut self, clause: &mut Clause) {
        let verb = lexical(&clause.predicate);
        if clause.polarity == Polarity::NoLonger && clause.tense != Tense::Present {
            clause.polarity = Polarity::Not;
        }
        if clause.polarity == Polarity::Never && clause.tense == Tense::GoingTo {
            clause.tense = Tense::Will;
        }
        if let Some(verb) = verb {
            self.perhaps_governor(clause, verb);
            self.perhaps_progressive(clause, verb);
        }
        let simple_present = clause.tense == Tense::Present && !clause.progressive && clause.governor.is_none();
        let polar = matches!(clause.polarity, Polarity::Positive | Polarity::Not);
        if simple_present && polar && recurs(&clause.predicate) && !hides(clause, verb) && self.draws.percent(18) {
            let negative = clause.polarity == Polarity::Not;
            let usual = FREQUENCIES.iter().filter(|entry| !negative || entry.under_negation);
            clause.frequency = Some(self.draws.among(usual));
        }
    }

    fn perhaps_governor(&mut self, clause: &mut Clause, verb: &Verb) {
        let plain = matches!(clause.polarity, Polarity::Positive | Polarity::Not);
        if !plain || verb.stative || !self.draws.percent(22) {
            return;
        }
        let can = self.draws.percent(50);
        let (tense, modal) = (clause.tense, self.draws.percent(55));
        clause.governor = match tense {
            // One can see or find, but one does not want or try to.
            Tense::Present if verb.momentary => Some(Governor::Modal(Modal::Can)),
            Tense::Present if modal => Some(Governor::Modal(if can { Modal::Can } else { Modal::Must })),
            Tense::GoingTo => None,
            _ if verb.momentary => None,
            _ => {
                let fitting = CATENATIVES.iter().filter(|entry| governs(entry, verb, tense));
                Some(Governor::Catenative(self.draws.among(fitting)))
            }
        };
    }

    fn perhaps_progressive(&mut self, clause: &mut Clause, verb: &'static Verb) {
        let possible = clause.tense == Tense::Present
            && clause.governor.is_none()
            && !verb.stative
            && !verb.momentary
            && matches!(clause.polarity, Polarity::Positive | Polarity::Not);
        if possible {
            clause.progressive = self.draws.percent(55) || hides(clause, Some(verb));
        } else if hides(clause, Some(verb)) && clause.tense == Tense::Present && clause.governor.is_none() {
            clause.polarity = Polarity::Not;
        }
    }
}

/// Whether a catenative goes with a verb and a tense: one begins what lasts, and learns what is a skill.
fn governs(entry: &Catenative, verb: &Verb, tense: Tense) -> bool {
    let fits = match entry.en {
        "begin" => verb.lasting,
        "learn" => verb.skill,
        _ => true,
    };
    fits && match tense {
        Tense::Past => true,
        Tense::Present => entry.stative || entry.en == "have",
        Tense::Will => matches!(entry.en, "have" | "try"),
        Tense::GoingTo => false,
    }
}

/// Whether the predicate is of the kind that happens again and again, so that often and sometimes go with it.
pub fn recurs(predicate: &Predicate) -> bool {
    match predicate {
        Predicate::Verb { verb, .. } => !verb.stative,
        Predicate::Quality(adjective) => adjective.passing,
        Predicate::Located | Predicate::Idiom(_) => true,
        Predicate::Age(_) | Predicate::Trade(_) | Predicate::Comparison(..) => false,
    }
}

/// The verb of a predicate that has one.
pub fn lexical(predicate: &Predicate) -> Option<&'static Verb> {
    match predicate {
        Predicate::Verb { verb, .. } => Some(verb),
        _ => None,
    }
}

/// Whether a bare English form would leave open if it is present or past (`I read`): it is then always the past.
fn hides(clause: &Clause, verb: Option<&'static Verb>) -> bool {
    let shown = clause.subject.agreement().is_third_singular() || clause.polarity == Polarity::Not;
    clause.tense == Tense::Present && !shown && verb.is_some_and(Verb::hides_tense)
}
