//! Renders a meaning as a French sentence.

use super::features::{Agreement, Gender, Number, Polarity, Tense};
use super::french_clause::clause_words;
use super::french_morphology::{FrenchTense, finite};
use super::french_noun_phrase::{common, noun_phrase, prepositional};
use super::french_sound::join;
use super::lexicon::{WH_ADVERBS, pronoun};
use super::meaning::{Adjunct, NounPhrase, Order, Predicate, Question, Sentence, Weather};
use super::{french_clause, numbers};

/// The words of a French phrase, before elision.
pub type Words = Vec<String>;

/// Appends the words of `text`.
pub fn push(words: &mut Words, text: &str) {
    words.extend(text.split_whitespace().map(String::from));
}

/// The French of `sentence`, capitalised and punctuated, with a plain space before `?` and `!`.
pub fn render(sentence: &Sentence) -> String {
    let mut words = Words::new();
    let mark = match sentence {
        Sentence::Statement(clause) => {
            words = clause_words(clause);
            "."
        }
        Sentence::Question(question, clause) => {
            words = opening(question);
            words.extend(clause_words(clause));
            " ?"
        }
        Sentence::SubjectQuestion(clause) => {
            words = clause_words(clause);
            " ?"
        }
        Sentence::WhereIs(subject) => {
            push(&mut words, WH_ADVERBS[0].fr);
            push(&mut words, &finite("être", FrenchTense::Present, subject.agreement().french_row()));
            words.extend(noun_phrase(subject, false));
            " ?"
        }
        Sentence::Order(order) => {
            words = order_words(order);
            if order.polite || order.together { "." } else { " !" }
        }
        Sentence::Topic(topic, clause) => {
            let opening = finish(&join(&noun_phrase(topic, false)), " ?");
            return format!("{opening} {}", finish(&join(&clause_words(clause)), "."));
        }
        Sentence::Report(opinion, who, clause) => {
            push(&mut words, pronoun(*who, true).fr);
            push(&mut words, &finite(opinion.fr, FrenchTense::Present, who.french_row()));
            push(&mut words, "que");
            words.extend(clause_words(clause));
            "."
        }
        Sentence::Joined(first, word, second) => {
            words = clause_words(first);
            push(&mut words, word.fr);
            words.extend(clause_words(second));
            "."
        }
        Sentence::There(what, polarity, adjuncts) => {
            let negative = *polarity == Polarity::Not;
            push(&mut words, if negative { "il ne y a pas" } else { "il y a" });
            words.extend(noun_phrase(what, negative));
            words.extend(adjunct_words(adjuncts));
            "."
        }
        Sentence::Weather(weather) => {
            words = weather_words(weather);
            "."
        }
        Sentence::Hour(hour) => {
            push(&mut words, "il est");
            push(&mut words, &hours(*hour));
            "."
        }
    };
    finish(&join(&words), mark)
}

/// Capitalises and closes with `mark`.
fn finish(text: &str, mark: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}{mark}", letters.as_str())
}

/// What stands before the clause of a question, with est-ce que in place of inversion.
fn opening(question: &Question) -> Words {
    let mut words = Words::new();
    match question {
        Question::Polar => {}
        Question::Adverb(adverb) => push(&mut words, adverb.fr),
        Question::What => {
            push(&mut words, "qu'est-ce que");
            return words;
        }
        Question::Whom => push(&mut words, "qui"),
        Question::Which(noun) => words.extend(common(noun, false)),
    }
    push(&mut words, "est-ce que");
    words
}

/// Phrases of time and place.
pub fn adjunct_words(adjuncts: &[Adjunct]) -> Words {
    let mut words = Words::new();
    for adjunct in adjuncts {
        match adjunct {
            Adjunct::Time(time) => push(&mut words, time.fr),
            Adjunct::Ago(count, span) => {
                push(&mut words, &format!("il y a {}", counted(*count, span.fr, span.feminine)))
            }
            Adjunct::Within(count, span) => {
                push(&mut words, &format!("dans {}", counted(*count, span.fr, span.feminine)))
            }
            Adjunct::Clock(hour) => push(&mut words, &format!("à {}", hours(*hour))),
            Adjunct::Place(place) => push(&mut words, place.fr),
            Adjunct::Prepositional(preposition, phrase) => words.extend(prepositional(preposition.fr, phrase)),
            Adjunct::City(city, _) => push(&mut words, &format!("à {}", city.fr)),
            Adjunct::Country(country, _) => push(&mut words, country.fr),
        }
    }
    words
}

fn hours(hour: u32) -> String {
    counted(hour, "heure", true)
}

fn counted(count: u32, unit: &str, feminine: bool) -> String {
    let gender = if feminine { Gender::Feminine } else { Gender::Masculine };
    let unit = if count == 1 { unit.into() } else { super::french_morphology::plural(unit) };
    format!("{} {unit}", numbers::french(count, gender))
}

/// An order: clitics before the verb under negation (ne le touchez pas), after it otherwise (donnez-le-moi).
fn order_words(order: &Order) -> Words {
    let mut words = Words::new();
    let agreement = if order.together {
        Agreement { person: super::features::Person::First, number: Number::Plural, gender: Gender::Masculine }
    } else {
        Agreement { person: super::features::Person::Second, number: Number::Singular, gender: Gender::Masculine }
    };
    let Predicate::Verb { verb, object, .. } = &order.predicate else {
        return words;
    };
    let (infinitive, tail) = french_clause::split_idiom(verb.fr);
    let form = finite(infinitive, FrenchTense::Present, agreement.french_row());
    let clitics = french_clause::clitics(&order.predicate, pronoun(agreement, true));
    if order.negative {
        push(&mut words, "ne");
        words.extend(clitics);
        push(&mut words, &form);
        push(&mut words, "pas");
    } else {
        push(&mut words, &with_enclitics(&form, &order.predicate, pronoun(agreement, true).fr_strong));
    }
    push(&mut words, tail);
    let negated = order.negative && object.is_some();
    words.extend(french_clause::objects(&order.predicate, negated));
    words.extend(adjunct_words(&order.adjuncts));
    if order.polite {
        if let Some(last) = words.last_mut() {
            last.push(',');
        }
        push(&mut words, "s'il vous plaît");
    }
    words
}

/// The verb and its pronouns after it, the direct object first: donnez-le-moi, levez-vous.
fn with_enclitics(form: &str, predicate: &Predicate, reflexive: &str) -> String {
    let mut text = form.to_string();
    let Predicate::Verb { verb, object, recipient, .. } = predicate else {
        return text;
    };
    if verb.auxiliary == super::lexicon::Auxiliary::Reflexive {
        text.push_str(&format!("-{reflexive}"));
    }
    let indirect = verb.frame == super::lexicon::Frame::Indirect;
    for (phrase, is_recipient) in [(object, indirect), (recipient, true)] {
        let Some(pronoun) = phrase.as_ref().and_then(NounPhrase::pronoun) else { continue };
        let clitic = match (is_recipient, pronoun.fr_direct) {
            (_, "me") => pronoun.fr_strong,
            (true, _) => pronoun.fr_indirect,
            (false, direct) => direct,
        };
        text.push_str(&format!("-{clitic}"));
    }
    text
}

fn weather_words(weather: &Weather) -> Words {
    let column = match weather.tense {
        Tense::Present => 1,
        Tense::Past => 3,
        Tense::Will | Tense::GoingTo => 5,
    };
    let mut words = Words::new();
    push(&mut words, weather.sky[column]);
    words.extend(adjunct_words(&weather.adjuncts));
    words
}
