//! Text to words and back.
//!
//! A token is always a slice of the text: nothing is rewritten, escaped or dropped but white space, so the tokens put
//! together are the text without its white space.

mod address;
mod detokenise;
mod moses;
mod prefixes;

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How text is cut into words.
///
/// ```
/// use unrolled_seq2seq::tokenise::{Language, Tokeniser};
///
/// let text = "I don't know, Mr. Bond.";
/// let tokens = Tokeniser::Moses.tokenise(text, Language::English);
/// assert_eq!(tokens, ["I", "don", "'t", "know", ",", "Mr.", "Bond", "."]);
/// assert_eq!(Tokeniser::Moses.detokenise(&tokens, Language::English), text);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tokeniser {
    /// Cuts at Unicode white space and nowhere else: for text that is tokenised already.
    #[default]
    Whitespace,
    /// Like Moses's `tokenizer.perl -no-escape`: punctuation apart, contractions, elisions and abbreviations by
    /// language. It differs where Moses harms text: `’` is treated as `'`, addresses stay whole, French `aujourd'hui`
    /// too, an elision holds before digits and quotation marks, and combining marks stay with their letter.
    Moses,
    /// The plainest: runs of letters, digits and `_`, with one apostrophe after them; every other character alone.
    /// In the notation of Python's regular expressions, `\w+['’]?|[^\w\s]`.
    Words,
}

/// The language of a text, as far as cutting it into words depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Language {
    /// English: `don't` is `don 't`.
    #[serde(rename = "en")]
    English,
    /// French: `l'homme` is `l' homme`, and `? ! : ;` stand apart from the word before.
    #[serde(rename = "fr")]
    French,
    /// Any other: an apostrophe is a token of its own.
    #[default]
    #[serde(rename = "other", alias = "")]
    Other,
}

impl Tokeniser {
    /// Every tokeniser, for help texts and tests.
    pub const ALL: [Self; 3] = [Self::Whitespace, Self::Moses, Self::Words];

    /// Cuts a text into tokens.
    pub fn tokenise(self, text: &str, language: Language) -> Vec<&str> {
        let mut tokens = Vec::with_capacity(text.len() / 5 + 1);
        self.for_each_token(text, language, |token| tokens.push(token));
        tokens
    }

    /// Hands each token to `each`, in order, without allocating.
    pub fn for_each_token<'a>(self, text: &'a str, language: Language, each: impl FnMut(&'a str)) {
        match self {
            Self::Whitespace => text.split_whitespace().for_each(each),
            Self::Moses => moses::split(text, language, each),
            Self::Words => split_words(text, each),
        }
    }

    /// Puts tokens together to text: with [`Tokeniser::Whitespace`] one space between any two, otherwise with spaces
    /// where the language's typography has them. What tokenising cannot keep (two spaces, `3 : 4` or `3:4`) is guessed.
    pub fn detokenise(self, tokens: &[impl AsRef<str>], language: Language) -> String {
        match self {
            Self::Whitespace => {
                let tokens: Vec<&str> = tokens.iter().map(AsRef::as_ref).collect();
                tokens.join(" ")
            }
            Self::Moses => detokenise::join(tokens, language, false),
            Self::Words => detokenise::join(tokens, language, true),
        }
    }
}

/// True for `'` and for the typographic `’`.
fn is_apostrophe(character: char) -> bool {
    matches!(character, '\'' | '’')
}

fn split_words<'a>(text: &'a str, mut each: impl FnMut(&'a str)) {
    let in_word = |character: char| character.is_alphanumeric() || character == '_';
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let mut end = first.len_utf8();
        if in_word(first) {
            end = rest.find(|character| !in_word(character)).unwrap_or(rest.len());
            end += rest[end..].chars().next().filter(|&next| is_apostrophe(next)).map_or(0, char::len_utf8);
        }
        each(&rest[..end]);
        rest = rest[end..].trim_start();
    }
}

/// A tokeniser's name that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a tokeniser: use whitespace, moses or words")]
pub struct UnknownTokeniser(
    /// The name.
    pub String,
);

impl FromStr for Tokeniser {
    type Err = UnknownTokeniser;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|tokeniser| tokeniser.to_string() == name);
        found.ok_or_else(|| UnknownTokeniser(name.to_owned()))
    }
}

impl fmt::Display for Tokeniser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Whitespace => "whitespace",
            Self::Moses => "moses",
            Self::Words => "words",
        })
    }
}

impl From<&str> for Language {
    /// From a code such as `en`, `fr` or `fr-CA`; whatever is not known is [`Language::Other`].
    fn from(code: &str) -> Self {
        match code.split(['-', '_']).next().unwrap_or("").to_ascii_lowercase().as_str() {
            "en" => Self::English,
            "fr" => Self::French,
            _ => Self::Other,
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::English => "en",
            Self::French => "fr",
            Self::Other => "other",
        })
    }
}
