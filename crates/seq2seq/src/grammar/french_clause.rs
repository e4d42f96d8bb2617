//! French clauses: the verbal group with its auxiliary, clitics, negation and participle.

use super::features::{Agreement, Tense};
use super::french::{Words, adjunct_words, push};
use super::french_morphology::{FrenchTense, finite, participle};
use super::french_noun_phrase::{comparative, noun_phrase, predicative, prepositional, trade_form};
use super::lexicon::{Auxiliary, Frame, Pronoun, pronoun};
use super::meaning::{Clause, Governor, NounPhrase, Predicate};
use super::numbers;

/// The verbs of a clause from the finite one to the last.
struct Chain {
    /// The finite verb.
    finite: String,
    /// Participle of the finite verb's passé composé.
    participle: Option<String>,
    /// à or de before the infinitive.
    link: &'static str,
    /// The infinitive of the lexical verb, where it is not itself finite.
    infinitive: Option<&'static str>,
}

/// The words of a clause in the order of a statement, which est-ce que keeps in questions.
///
/// The order is: subject, ne, clitics, finite verb, pas, adverb, participle, link, clitics, infinitive, objects, adjuncts;
/// the clitics stand before the verb to which they belong.
pub fn clause_words(clause: &Clause) -> Words {
    let mut words = match &clause.subject {
        NounPhrase::Pronoun(pronoun) => vec![pronoun.fr.to_string()],
        other => noun_phrase(other, false),
    };
    let chain = chain(clause);
    let clitics = clitics(&clause.predicate, subject_pronoun(clause.subject.agreement()));
    let (_, idiom) = split_idiom(lexical_verb(&clause.predicate).0);
    if clause.polarity.is_negative() {
        push(&mut words, "ne");
    }
    if chain.infinitive.is_none() {
        words.extend(clitics.iter().cloned());
    }
    push(&mut words, &chain.finite);
    push(&mut words, clause.polarity.french().unwrap_or(""));
    push(&mut words, clause.frequency.map_or("", |frequency| frequency.fr));
    let manner = manner(&clause.predicate);
    // il a bien dormi, il va bien dormir
    let compound = chain.participle.is_some() || chain.infinitive.is_some();
    let early = manner.is_some_and(|(_, early)| early) && compound;
    if let (true, Some((adverb, _))) = (early, manner) {
        push(&mut words, adverb);
    }
    push(&mut words, chain.participle.as_deref().unwrap_or(""));
    if let Some(infinitive) = chain.infinitive {
        push(&mut words, chain.link);
        words.extend(clitics);
        push(&mut words, infinitive);
    }
    push(&mut words, idiom);
    if let (false, Some((adverb, _))) = (early, manner) {
        push(&mut words, adverb);
    }
    words.extend(complement(clause));
    words.extend(adjunct_words(&clause.adjuncts));
    words
}

/// The French infinitive of the predicate, its auxiliary, and whether its past is the imparfait.
fn lexical_verb(predicate: &Predicate) -> (&'static str, Auxiliary, bool) {
    match predicate {
        Predicate::Verb { verb, .. } => (verb.fr, verb.auxiliary, verb.stative),
        Predicate::Idiom(_) | Predicate::Age(_) => ("avoir", Auxiliary::Avoir, true),
        _ => ("être", Auxiliary::Avoir, true),
    }
}

/// The infinitive that inflects and what follows it unchanged: avoir besoin.
pub fn split_idiom(verb: &'static str) -> (&'static str, &'static str) {
    verb.split_once(' ').unwrap_or((verb, ""))
}

fn chain(clause: &Clause) -> Chain {
    let (lexical, auxiliary, stative) = lexical_verb(&clause.predicate);
    let (lexical, _) = split_idiom(lexical);
    let agreement = clause.subject.agreement();
    let row = agreement.french_row();
    let (head, head_auxiliary, head_stative, link) = match clause.governor {
        Some(Governor::Modal(modal)) => (modal.french(), Auxiliary::Avoir, false, ""),
        Some(Governor::Catenative(verb)) => (verb.fr, Auxiliary::Avoir, verb.stative, verb.link),
        None => (lexical, auxiliary, stative, ""),
    };
    let governed = clause.governor.is_some();
    let below = governed.then_some(lexical);
    let simple = |tense| Chain { finite: finite(head, tense, row), participle: None, link, infinitive: below };
    match clause.tense {
        Tense::Present => simple(FrenchTense::Present),
        Tense::Will => simple(FrenchTense::Future),
        Tense::Past if head_stative => simple(FrenchTense::Imperfect),
        // The lexicon's choice never puts a governor under aller: the chain has one infinitive.
        Tense::GoingTo => Chain {
            finite: finite("aller", FrenchTense::Present, row),
            participle: None,
            link: "",
            infinitive: Some(head),
        },
        Tense::Past => {
            let with_etre = head_auxiliary != Auxiliary::Avoir;
            let target = if with_etre {
                Some(agreement)
            } else if governed {
                None
            } else {
                preceding_object(&clause.predicate)
            };
            let target = target
                .unwrap_or(Agreement::third(super::features::Number::Singular, super::features::Gender::Masculine));
            Chain {
                finite: finite(if with_etre { "être" } else { "avoir" }, FrenchTense::Present, row),
                participle: Some(participle(head, target.gender, target.number)),
                link,
                infinitive: below,
            }
        }
    }
}

/// The direct object that stands before the verb, a clitic or one moved to the front: the participle with avoir agrees with it.
fn preceding_object(predicate: &Predicate) -> Option<Agreement> {
    let Predicate::Verb { verb, object: Some(object), .. } = predicate else { return None };
    let direct = matches!(verb.frame, Frame::Direct | Frame::Dative);
    let precedes = matches!(object, NounPhrase::Pronoun(_) | NounPhrase::Gap(_));
    (direct && precedes).then(|| object.agreement())
}

/// The pronoun that agrees with a subject, for its reflexive form.
fn subject_pronoun(agreement: Agreement) -> &'static Pronoun {
    pronoun(agreement, true)
}

/// The clitics of the predicate in their order: me, te, se, nous, vous; then le, la, les; then lui, leur.
pub fn clitics(predicate: &Predicate, subject: &'static Pronoun) -> Words {
    let Predicate::Verb { verb, object, recipient, .. } = predicate else { return Words::new() };
    let mut words = Words::new();
    if verb.auxiliary == Auxiliary::Reflexive {
        push(&mut words, subject.fr_reflexive);
    }
    let object = object.as_ref().and_then(NounPhrase::pronoun);
    let recipient = recipient.as_ref().and_then(NounPhrase::pronoun);
    let (direct, indirect) = match verb.frame {
        Frame::Indirect => (None, object),
        Frame::About => (None, None),
        _ => (object, recipient),
    };
    let indirect = indirect.map(|pronoun| pronoun.fr_indirect);
    if let Some(clitic) = indirect.filter(|clitic| !matches!(*clitic, "lui" | "leur")) {
        push(&mut words, clitic);
    }
    push(&mut words, direct.map_or("", |pronoun| pronoun.fr_direct));
    if let Some(clitic) = indirect.filter(|clitic| matches!(*clitic, "lui" | "leur")) {
        push(&mut words, clitic);
    }
    words
}

/// The objects that are not clitics; `negated` turns un, du and des into de.
pub fn objects(predicate: &Predicate, negated: bool) -> Words {
    let Predicate::Verb { verb, object, recipient, language, .. } = predicate else { return Words::new() };
    let mut words = Words::new();
    match (object, verb.frame) {
        (None | Some(NounPhrase::Gap(_)), _) => {}
        (Some(object), Frame::About) => words.extend(prepositional("de", object)),
        (Some(NounPhrase::Pronoun(_)), _) => {}
        (Some(object), Frame::Indirect) => words.extend(prepositional("à", object)),
        (Some(object), _) => words.extend(noun_phrase(object, negated)),
    }
    if let Some(to) = recipient.as_ref().filter(|to| to.pronoun().is_none()) {
        words.extend(prepositional("à", to));
    }
    if let Some((_, french)) = language {
        // One speaks parler français, but learns apprendre le français.
        push(&mut words, if verb.fr == "parler" { "" } else { "le" });
        push(&mut words, french);
    }
    words
}

fn manner(predicate: &Predicate) -> Option<(&'static str, bool)> {
    match predicate {
        Predicate::Verb { manner: Some(manner), .. } => Some((manner.fr, manner.before_participle)),
        _ => None,
    }
}

fn complement(clause: &Clause) -> Words {
    let Agreement { gender, number, .. } = clause.subject.agreement();
    let mut words = Words::new();
    match &clause.predicate {
        Predicate::Verb { .. } => words = objects(&clause.predicate, clause.polarity.is_negative()),
        Predicate::Quality(adjective) => push(&mut words, &predicative(adjective, gender, number)),
        Predicate::Comparison(adjective, other) => {
            push(&mut words, &comparative(adjective, gender, number));
            push(&mut words, "que");
            words.extend(noun_phrase(other, false));
        }
        Predicate::Trade(trade) => push(&mut words, &trade_form(trade, gender, number)),
        Predicate::Located => {}
        Predicate::Idiom(idiom) => push(&mut words, idiom.fr),
        Predicate::Age(years) => {
            push(&mut words, &numbers::french(*years, super::features::Gender::Masculine));
            push(&mut words, if *years == 1 { "an" } else { "ans" });
        }
    }
    words
}
