//! The English verbal group: operators, do-support, progressive, will and going to.

use super::english_morphology::{be_past, be_present, ing, past, third_singular};
use super::features::Tense;
use super::meaning::{Clause, Governor, Predicate};

/// The verbal group: an operator that can invert and be negated, and what follows it.
pub struct VerbGroup {
    /// be, do, will, can: `None` in a plain affirmative statement.
    pub operator: Option<String>,
    /// The rest, the inflected verb first where there is no operator.
    pub rest: Vec<String>,
}

/// The verbal group of `clause`; with `operator` it has one even where `do` must serve.
pub fn verb_group(clause: &Clause, operator: bool) -> VerbGroup {
    let agreement = clause.subject.agreement();
    let (main, main_past) = match &clause.predicate {
        Predicate::Verb { verb, .. } => (verb.en, verb.en_past),
        _ => ("be", ""),
    };
    let mut rest = Vec::new();
    let (head, head_past) = match clause.governor {
        Some(Governor::Modal(modal)) => {
            return VerbGroup { operator: Some(modal.english().into()), rest: vec![main.into()] };
        }
        Some(Governor::Catenative(catenative)) => {
            rest = vec!["to".into(), main.into()];
            (catenative.en, catenative.en_past)
        }
        None => (main, main_past),
    };
    let be = if clause.tense == Tense::Past { be_past(agreement) } else { be_present(agreement) };
    match clause.tense {
        Tense::Will => {
            rest.insert(0, head.into());
            return VerbGroup { operator: Some("will".into()), rest };
        }
        Tense::GoingTo => {
            rest.insert(0, format!("going to {head}"));
            return VerbGroup { operator: Some(be.into()), rest };
        }
        Tense::Present | Tense::Past => {}
    }
    if head == "be" {
        return VerbGroup { operator: Some(be.into()), rest };
    }
    if clause.progressive {
        rest.insert(0, ing(head));
        return VerbGroup { operator: Some(be.into()), rest };
    }
    let third = agreement.is_third_singular();
    if operator {
        let form = match (clause.tense, third) {
            (Tense::Past, _) => "did",
            (_, true) => "does",
            (_, false) => "do",
        };
        rest.insert(0, head.into());
        return VerbGroup { operator: Some(form.into()), rest };
    }
    let form = match (clause.tense, third) {
        (Tense::Past, _) => past(head, head_past),
        (_, true) => third_singular(head),
        (_, false) => head.into(),
    };
    rest.insert(0, form);
    VerbGroup { operator: None, rest }
}
