//! Determiners, pronouns and prepositions.

use crate::grammar::features::{
    Agreement,
    Gender::{self, Feminine, Masculine},
    Number::{self, Plural, Singular},
    Person,
};

/// How a determiner behaves in French syntax.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeterminerKind {
    /// le, la, les: contracts with à and de.
    Definite,
    /// un, une, des: becomes de under negation; des becomes de before an adjective and vanishes after de.
    Indefinite,
    /// du, de la, de l': becomes de under negation and after de.
    Partitive,
    /// Everything else, which never changes.
    Plain,
}

/// A determiner in both languages.
#[derive(Debug)]
pub struct Determiner {
    /// Key by which the grammar asks for it: the English form, made unique.
    pub key: &'static str,
    /// English before a singular (`a` stands for a or an).
    pub en_singular: &'static str,
    /// English before a plural.
    pub en_plural: &'static str,
    /// French: masculine, masculine before a vowel, feminine, feminine before a vowel, masculine plural, feminine plural.
    pub fr: [&'static str; 6],
    /// Behaviour in French.
    pub kind: DeterminerKind,
}

impl Determiner {
    /// The French form before a word of this gender and number.
    pub fn french(&self, gender: Gender, number: Number, before_vowel: bool) -> &'static str {
        self.fr[match (number, gender, before_vowel) {
            (Singular, Masculine, false) => 0,
            (Singular, Masculine, true) => 1,
            (Singular, Feminine, false) => 2,
            (Singular, Feminine, true) => 3,
            (Plural, Masculine, _) => 4,
            (Plural, Feminine, _) => 5,
        }]
    }
}

const fn plain(key: &'static str, en: [&'static str; 2], fr: [&'static str; 6]) -> Determiner {
    Determiner { key, en_singular: en[0], en_plural: en[1], fr, kind: DeterminerKind::Plain }
}

const fn of(key: &'static str, en: [&'static str; 2], kind: DeterminerKind, fr: [&'static str; 6]) -> Determiner {
    Determiner { key, en_singular: en[0], en_plural: en[1], fr, kind }
}

const fn possessive(key: &'static str, m: &'static str, f: &'static str, plural: &'static str) -> Determiner {
    plain(key, [key, key], [m, m, f, m, plural, plural])
}

const LE: [&str; 6] = ["le", "le", "la", "la", "les", "les"];
const CE: [&str; 6] = ["ce", "cet", "cette", "cette", "ces", "ces"];

/// The table.
pub const DETERMINERS: &[Determiner] = &[
    of("the", ["the", "the"], DeterminerKind::Definite, LE),
    of("a", ["a", "some"], DeterminerKind::Indefinite, ["un", "un", "une", "une", "des", "des"]),
    // English has no article where French generalises with the definite one: I like coffee, j'aime le café.
    of("(generic)", ["", ""], DeterminerKind::Definite, LE),
    of("some", ["some", "some"], DeterminerKind::Partitive, ["du", "de le", "de la", "de la", "des", "des"]),
    // A bare numeral: two books, deux livres.
    plain("(numeral)", ["", ""], ["", "", "", "", "", ""]),
    plain("this", ["this", "these"], CE),
    plain("that", ["that", "those"], CE),
    possessive("my", "mon", "ma", "mes"),
    possessive("your", "votre", "votre", "vos"),
    possessive("his", "son", "sa", "ses"),
    possessive("her", "son", "sa", "ses"),
    possessive("our", "notre", "notre", "nos"),
    possessive("their", "leur", "leur", "leurs"),
    plain("every", ["every", ""], ["chaque", "chaque", "chaque", "chaque", "", ""]),
    plain("several", ["", "several"], ["", "", "", "", "plusieurs", "plusieurs"]),
    plain("a few", ["", "a few"], ["", "", "", "", "quelques", "quelques"]),
    plain("many", ["", "many"], ["", "", "", "", "beaucoup de", "beaucoup de"]),
    plain("too many", ["", "too many"], ["", "", "", "", "trop de", "trop de"]),
    plain("a lot of", ["a lot of", ""], ["beaucoup de", "beaucoup de", "beaucoup de", "beaucoup de", "", ""]),
    plain("a little", ["a little", ""], ["un peu de", "un peu de", "un peu de", "un peu de", "", ""]),
    plain("all the", ["", "all the"], ["", "", "", "", "tous les", "toutes les"]),
    plain("another", ["another", ""], ["un autre", "un autre", "une autre", "une autre", "", ""]),
    of(
        "the same",
        ["the same", "the same"],
        DeterminerKind::Definite,
        ["le même", "le même", "la même", "la même", "les mêmes", "les mêmes"],
    ),
    plain("which", ["which", "which"], ["quel", "quel", "quelle", "quelle", "quels", "quelles"]),
    plain("how many", ["", "how many"], ["", "", "", "", "combien de", "combien de"]),
];

/// The determiner with this key.
///
/// # Panics
/// Where the table has no such key.
#[track_caller]
pub fn determiner(key: &str) -> &'static Determiner {
    DETERMINERS.iter().find(|entry| entry.key == key).unwrap_or_else(|| panic!("no determiner is called {key:?}"))
}

/// A personal pronoun in both languages.
#[derive(Debug)]
pub struct Pronoun {
    /// English subject.
    pub en: &'static str,
    /// English object.
    pub en_object: &'static str,
    /// French subject.
    pub fr: &'static str,
    /// French direct object clitic.
    pub fr_direct: &'static str,
    /// French indirect object clitic.
    pub fr_indirect: &'static str,
    /// French form after a preposition and after an affirmative imperative.
    pub fr_strong: &'static str,
    /// French reflexive clitic.
    pub fr_reflexive: &'static str,
    /// What it agrees with.
    pub agreement: Agreement,
    /// Whether it stands for a person.
    pub animate: bool,
}

const fn personal(
    en: [&'static str; 2],
    fr: [&'static str; 5],
    person: Person,
    number: Number,
    gender: Gender,
    animate: bool,
) -> Pronoun {
    Pronoun {
        en: en[0],
        en_object: en[1],
        fr: fr[0],
        fr_direct: fr[1],
        fr_indirect: fr[2],
        fr_strong: fr[3],
        fr_reflexive: fr[4],
        agreement: Agreement { person, number, gender },
        animate,
    }
}

/// The table. `you` is the polite singular and masculine, `we` and `they` are masculine unless an antecedent says otherwise.
pub const PRONOUNS: &[Pronoun] = &[
    personal(["I", "me"], ["je", "me", "me", "moi", "me"], Person::First, Singular, Masculine, true),
    personal(["you", "you"], ["vous", "vous", "vous", "vous", "vous"], Person::Second, Singular, Masculine, true),
    personal(["he", "him"], ["il", "le", "lui", "lui", "se"], Person::Third, Singular, Masculine, true),
    personal(["she", "her"], ["elle", "la", "lui", "elle", "se"], Person::Third, Singular, Feminine, true),
    personal(["we", "us"], ["nous", "nous", "nous", "nous", "nous"], Person::First, Plural, Masculine, true),
    personal(["they", "them"], ["ils", "les", "leur", "eux", "se"], Person::Third, Plural, Masculine, true),
    personal(["they", "them"], ["elles", "les", "leur", "elles", "se"], Person::Third, Plural, Feminine, true),
    personal(["it", "it"], ["il", "le", "lui", "lui", "se"], Person::Third, Singular, Masculine, false),
    personal(["it", "it"], ["elle", "la", "lui", "elle", "se"], Person::Third, Singular, Feminine, false),
];

/// The pronoun for these features; in the first and second person the gender is the masculine of the table.
///
/// # Panics
/// Where the table has no such pronoun.
#[track_caller]
pub fn pronoun(agreement: Agreement, animate: bool) -> &'static Pronoun {
    PRONOUNS
        .iter()
        .find(|entry| entry.agreement == agreement && (entry.animate == animate || agreement.number == Plural))
        .unwrap_or_else(|| panic!("no pronoun agrees with {agreement:?}"))
}

/// A preposition in both languages; the French one may end in de or be à, which contract with the article.
#[derive(Debug)]
pub struct Preposition {
    /// English.
    pub en: &'static str,
    /// French.
    pub fr: &'static str,
}

const fn prep(en: &'static str, fr: &'static str) -> Preposition {
    Preposition { en, fr }
}

/// The table.
pub const PREPOSITIONS: &[Preposition] = &[
    prep("in", "dans"),
    prep("at", "à"),
    prep("on", "sur"),
    prep("under", "sous"),
    prep("behind", "derrière"),
    prep("in front of", "devant"),
    prep("near", "près de"),
    prep("next to", "à côté de"),
    prep("with", "avec"),
    prep("without", "sans"),
    prep("for", "pour"),
    prep("to", "à"),
    prep("into", "dans"),
    prep("of", "de"),
];

/// The preposition whose English is `en`.
///
/// # Panics
/// Where the table has no such preposition.
#[track_caller]
pub fn preposition(en: &str) -> &'static Preposition {
    PREPOSITIONS.iter().find(|entry| entry.en == en).unwrap_or_else(|| panic!("no preposition is called {en:?}"))
}
