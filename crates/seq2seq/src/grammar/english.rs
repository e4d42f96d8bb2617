//! Renders a meaning as an English sentence.

use super::english_morphology::{be_present, comparative, indefinite_article, negated, plural, third_singular};
use super::english_verb_group::verb_group;
use super::features::{Agreement, Number, Person, Polarity, Tense};
use super::lexicon::{Noun, pronoun};
use super::meaning::{Adjunct, Clause, Common, NounPhrase, Order, Predicate, Question, Sentence, Weather};
use super::numbers;

/// The English of `sentence`, capitalised and punctuated.
pub fn render(sentence: &Sentence) -> String {
    let mut line = Line::default();
    let mark = match sentence {
        Sentence::Statement(clause) => line.statement(clause, "."),
        Sentence::Question(question, clause) => line.question(question, clause),
        Sentence::SubjectQuestion(clause) => line.statement(clause, "?"),
        Sentence::WhereIs(subject) => {
            line.push("where").push(be_present(subject.agreement())).subject(subject);
            "?"
        }
        Sentence::Order(order) => line.order(order),
        Sentence::Topic(topic, clause) => {
            line.subject(topic);
            let opening = finish(&line.text(), "?");
            line = Line::default();
            line.statement(clause, ".");
            return format!("{opening} {}", finish(&line.text(), "."));
        }
        Sentence::Report(opinion, who, clause) => {
            let verb = if who.is_third_singular() { third_singular(opinion.en) } else { opinion.en.into() };
            line.push(pronoun(*who, true).en).push(&verb).push("that").statement(clause, ".")
        }
        Sentence::Joined(first, word, second) => {
            line.statement(first, ".");
            line.push(word.en).statement(second, ".")
        }
        Sentence::There(what, polarity, adjuncts) => {
            let be = be_present(Agreement { person: Person::Third, ..what.agreement() });
            let negative = *polarity == Polarity::Not;
            line.push("there").push(&if negative { negated(be) } else { be.into() });
            line.noun_phrase(what, false, negative).adjuncts(adjuncts);
            "."
        }
        Sentence::Weather(weather) => line.weather(weather),
        Sentence::Hour(hour) => {
            line.push("it is").push(&numbers::english(*hour)).push("o'clock");
            "."
        }
    };
    finish(&line.text(), mark)
}

/// Capitalises and closes with `mark`.
fn finish(text: &str, mark: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}{mark}", letters.as_str())
}

/// The words of a sentence so far.
#[derive(Default)]
struct Line {
    words: Vec<String>,
}

impl Line {
    /// Appends the words of `text`.
    fn push(&mut self, text: &str) -> &mut Self {
        self.words.extend(text.split_whitespace().map(String::from));
        self
    }

    /// The words joined, with `a` settled as a or an.
    fn text(&self) -> String {
        let mut text = String::new();
        for (i, word) in self.words.iter().enumerate() {
            let next = self.words.get(i + 1);
            text.push_str(match (word.as_str(), next) {
                ("a", Some(next)) => indefinite_article(next),
                _ => word,
            });
            text.push_str(if next.is_some() { " " } else { "" });
        }
        text
    }

    fn subject(&mut self, subject: &NounPhrase) -> &mut Self {
        self.noun_phrase(subject, true, false)
    }

    /// A noun phrase; under negation `a` plural and `some` are `any`.
    fn noun_phrase(&mut self, phrase: &NounPhrase, is_subject: bool, negated: bool) -> &mut Self {
        match phrase {
            NounPhrase::Pronoun(pronoun) => self.push(if is_subject { pronoun.en } else { pronoun.en_object }),
            NounPhrase::Name(name) => self.push(name.text),
            NounPhrase::Pair(first, second) => self.push(first.text).push("and").push(second.text),
            NounPhrase::Common(common) => self.common(common, negated),
            NounPhrase::Who => self.push("who"),
            NounPhrase::Relative(_, animate) => self.push(if *animate { "who" } else { "that" }),
            NounPhrase::Gap(_) => self,
        }
    }

    fn common(&mut self, common: &Common, negated: bool) -> &mut Self {
        if let Some(owner) = &common.owner {
            self.subject(owner);
            if let Some(last) = self.words.last_mut() {
                last.push_str("'s");
            }
        } else {
            let form = match common.number {
                Number::Singular => common.determiner.en_singular,
                Number::Plural => common.determiner.en_plural,
            };
            self.push(if negated && form == "some" { "any" } else { form });
        }
        if let Some(numeral) = common.numeral {
            self.push(&numbers::english(numeral));
        }
        if let Some(adjective) = common.adjective {
            self.push(adjective.en);
        }
        self.push(&noun(common.noun, common.number));
        if let Some(measured) = common.measured {
            self.push("of").push(measured.en);
        }
        if let Some(relative) = &common.relative {
            if !matches!(relative.subject, NounPhrase::Relative(..)) {
                self.push("that");
            }
            self.statement(relative, ".");
        }
        self
    }

    /// A clause in the order of a statement; gives back `mark`.
    fn statement(&mut self, clause: &Clause, mark: &'static str) -> &'static str {
        let negative = clause.polarity == Polarity::Not;
        let group = verb_group(clause, negative);
        self.subject(&clause.subject);
        if let Some(operator) = &group.operator {
            self.push(&if negative { negated(operator) } else { operator.clone() });
        }
        self.middle(clause);
        for word in &group.rest {
            self.push(word);
        }
        self.complement(clause).adjuncts(&clause.adjuncts);
        mark
    }

    fn question(&mut self, question: &Question, clause: &Clause) -> &'static str {
        match question {
            Question::Polar => &mut *self,
            Question::Adverb(adverb) => self.push(adverb.en),
            Question::What => self.push("what"),
            Question::Whom => self.push("who"),
            Question::Which(common) => self.common(common, false),
        };
        let negative = clause.polarity == Polarity::Not;
        let group = verb_group(clause, true);
        let operator = group.operator.unwrap_or_default();
        // `am` has no contraction to invert: Am I not tired?
        let split = negative && operator == "am";
        self.push(&if negative && !split { negated(&operator) } else { operator }).subject(&clause.subject);
        if split {
            self.push("not");
        }
        self.middle(clause);
        for word in &group.rest {
            self.push(word);
        }
        self.complement(clause).adjuncts(&clause.adjuncts);
        "?"
    }

    /// never, no longer and adverbs of frequency.
    fn middle(&mut self, clause: &Clause) -> &mut Self {
        match clause.polarity {
            Polarity::Never => self.push("never"),
            Polarity::NoLonger => self.push("no longer"),
            _ => self,
        };
        if let Some(frequency) = clause.frequency {
            self.push(frequency.en);
        }
        self
    }

    /// Objects and complements, without the verb.
    fn complement(&mut self, clause: &Clause) -> &mut Self {
        let negated = clause.polarity.is_negative();
        if clause.polarity == Polarity::Nothing {
            self.push("nothing");
        }
        self.predicate(&clause.predicate, &clause.subject, negated)
    }

    fn predicate(&mut self, predicate: &Predicate, subject: &NounPhrase, negated: bool) -> &mut Self {
        match predicate {
            Predicate::Verb { object, recipient, language, manner, .. } => {
                // A pronoun as recipient comes first (gave me the book) unless the object is a pronoun too.
                let dative_shift = recipient.as_ref().is_some_and(|to| to.pronoun().is_some())
                    && object.as_ref().is_some_and(|object| object.pronoun().is_none() && !is_gap(object));
                if let (true, Some(to)) = (dative_shift, recipient) {
                    self.noun_phrase(to, false, false);
                }
                if let Some(object) = object {
                    self.noun_phrase(object, false, negated);
                }
                if let (false, Some(to)) = (dative_shift, recipient) {
                    self.push("to").noun_phrase(to, false, false);
                }
                if let Some((english, _)) = language {
                    self.push(english);
                }
                if let Some(manner) = manner {
                    self.push(manner.en);
                }
                self
            }
            Predicate::Quality(adjective) => self.push(adjective.en),
            Predicate::Comparison(adjective, other) => self
                .push(&comparative(adjective.en, adjective.en_comparative))
                .push("than")
                .noun_phrase(other, false, false),
            Predicate::Trade(trade) => match subject.agreement().number {
                Number::Singular => self.push("a").push(trade.en),
                Number::Plural => self.push(&noun(trade, Number::Plural)),
            },
            Predicate::Located => self,
            Predicate::Idiom(idiom) => self.push(idiom.en),
            Predicate::Age(years) => {
                self.push(&numbers::english(*years)).push(if *years == 1 { "year old" } else { "years old" })
            }
        }
    }

    fn adjuncts(&mut self, adjuncts: &[Adjunct]) -> &mut Self {
        for adjunct in adjuncts {
            match adjunct {
                Adjunct::Time(time) => self.push(time.en),
                Adjunct::Ago(count, span) => self.push(&counted(*count, span.en)).push("ago"),
                Adjunct::Within(count, span) => self.push("in").push(&counted(*count, span.en)),
                Adjunct::Clock(hour) => self.push("at").push(&numbers::english(*hour)).push("o'clock"),
                Adjunct::Place(place) => self.push(place.en),
                Adjunct::Prepositional(preposition, phrase) => {
                    self.push(preposition.en).noun_phrase(phrase, false, false)
                }
                Adjunct::City(city, preposition) => self.push(preposition.en).push(city.en),
                Adjunct::Country(country, preposition) => self.push(preposition.en).push(country.en),
            };
        }
        self
    }

    fn order(&mut self, order: &Order) -> &'static str {
        self.push(match (order.together, order.negative) {
            (true, true) => "let's not",
            (true, false) => "let's",
            (false, true) => "don't",
            (false, false) => "",
        });
        if let Predicate::Verb { verb, .. } = &order.predicate {
            self.push(verb.en);
        }
        let nobody = NounPhrase::Who;
        self.predicate(&order.predicate, &nobody, order.negative).adjuncts(&order.adjuncts);
        if order.polite {
            if let Some(last) = self.words.last_mut() {
                last.push(',');
            }
            self.push("please");
        }
        if order.polite || order.together { "." } else { "!" }
    }

    fn weather(&mut self, weather: &Weather) -> &'static str {
        let column = match weather.tense {
            Tense::Present => 0,
            Tense::Past => 2,
            Tense::Will | Tense::GoingTo => 4,
        };
        self.push("it").push(weather.sky[column]).adjuncts(&weather.adjuncts);
        "."
    }
}

fn is_gap(phrase: &NounPhrase) -> bool {
    matches!(phrase, NounPhrase::Gap(_))
}

fn noun(noun: &Noun, number: Number) -> String {
    match number {
        Number::Singular => noun.en.into(),
        Number::Plural if noun.en_plural.is_empty() => plural(noun.en),
        Number::Plural => noun.en_plural.into(),
    }
}

fn counted(count: u32, unit: &str) -> String {
    format!("{} {}", numbers::english(count), if count == 1 { unit.into() } else { plural(unit) })
}
