//! Tense, polarity, progressive, governors and adverbs of frequency, so that the English shows what the French needs.

use super::Chooser;
use crate::grammar::features::{Polarity, Tense};
use crate::grammar::lexicon::{CATENATIVES, FREQUENCIES, Modal, Verb};
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
        let stative = verb.is_some_and(|verb| verb.stative);
        let timeless = matches!(clause.predicate, Predicate::Age(_) | Predicate::Trade(_) | Predicate::Comparison(..));
        let polar = matches!(clause.polarity, Polarity::Positive | Polarity::Not);
        if simple_present && polar && !stative && !timeless && self.draws.percent(18) {
            let negative = clause.polarity == Polarity::Not;
            clause.frequency =
                Some(self.draws.among(FREQUENCIES.iter().filter(|entry| !negative || entry.under_negation)));
            // `I often read` does not say when.
            if hides(clause, verb) {
                clause.frequency = None;
                clause.progressive = true;
            }
        }
    }

    fn perhaps_governor(&mut self, clause: &mut Clause, verb: &Verb) {
        let plain = matches!(clause.polarity, Polarity::Positive | Polarity::Not);
        if !plain || verb.stative || !self.draws.percent(22) {
            return;
        }
        match clause.tense {
            Tense::Present if self.draws.percent(55) => {
                clause.governor = Some(Governor::Modal(*self.draws.pick(&Modal::ALL)))
            }
            Tense::Present | Tense::Past => {
                let entry = self.draws.among(
                    CATENATIVES
                        .iter()
                        .filter(|entry| clause.tense == Tense::Past || entry.stative || entry.link.is_empty()),
                );
                clause.governor = Some(Governor::Catenative(entry));
            }
            Tense::Will if self.draws.percent(40) => {
                let have = CATENATIVES.iter().filter(|entry| entry.en == "have" || entry.en == "try");
                clause.governor = Some(Governor::Catenative(self.draws.among(have)));
            }
            Tense::Will | Tense::GoingTo => {}
        }
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
