//! Tokens to text, with spaces where English and French typography have them.

use super::{Language, is_apostrophe};

/// On which sides a token stands close to its neighbour.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Close {
    left: bool,
    right: bool,
}

const WORD: Close = Close { left: false, right: false };
const LEFT: Close = Close { left: true, right: false };
const RIGHT: Close = Close { left: false, right: true };
const BOTH: Close = Close { left: true, right: true };

/// Joins tokens; `hyphens` says whether a tokeniser was used that cuts `week-end` at its hyphen.
pub(super) fn join(tokens: &[impl AsRef<str>], language: Language, hyphens: bool) -> String {
    let mut text = String::with_capacity(tokens.len() * 6);
    let mut quotes = Quotes::default();
    let mut close = true;
    for (index, token) in tokens.iter().enumerate() {
        let token = token.as_ref();
        let next = tokens.get(index + 1).map_or("", AsRef::as_ref);
        let previous = index.checked_sub(1).map_or("", |index| tokens[index].as_ref());
        let sides = if hyphens && token == "-" && ends_word(previous) && begins_word(next) {
            BOTH
        } else {
            quotes.side(token, previous).unwrap_or_else(|| side(token, previous, next, language))
        };
        if !close && !sides.left {
            text.push(' ');
        }
        text.push_str(token);
        close = sides.right;
    }
    text
}

/// Which straight quotation marks are open.
#[derive(Default)]
struct Quotes {
    double: bool,
    single: bool,
}

impl Quotes {
    /// The first of a kind opens, the second closes, and so on; but `the dogs '` is a possessive.
    fn side(&mut self, token: &str, previous: &str) -> Option<Close> {
        let open = match token {
            "\"" => &mut self.double,
            "'" if !self.single && previous.ends_with('s') => return Some(LEFT),
            "'" => &mut self.single,
            _ => return None,
        };
        *open = !*open;
        Some(if *open { RIGHT } else { LEFT })
    }
}

fn side(token: &str, previous: &str, next: &str, language: Language) -> Close {
    let all = |set: &str| token.chars().all(|character| set.contains(character));
    let french = language == Language::French;
    let digits = previous.ends_with(|c: char| c.is_ascii_digit()) && next.starts_with(|c: char| c.is_ascii_digit());
    if token == ":" && digits {
        return BOTH;
    }
    if all("([{¿¡“‘") || (!french && all("«$£€")) {
        return RIGHT;
    }
    if all(".,…)]}”’") || (!french && all("?!:;%»")) {
        return LEFT;
    }
    // French sets `? ! : ; %` apart from the word, but not one from another.
    if french && all("?!") && !previous.is_empty() && previous.chars().all(|character| "?!".contains(character)) {
        return LEFT;
    }
    let mut characters = token.chars();
    let (first, last) = (characters.next(), characters.next_back());
    if last.is_some_and(is_apostrophe) && ends_word(token.trim_end_matches(is_apostrophe)) {
        return RIGHT;
    }
    let contraction = first.is_some_and(is_apostrophe) && last.is_some_and(char::is_alphanumeric);
    if language == Language::English && contraction && ends_word(previous) {
        return LEFT;
    }
    WORD
}

fn begins_word(token: &str) -> bool {
    token.starts_with(char::is_alphanumeric)
}

fn ends_word(token: &str) -> bool {
    token.ends_with(char::is_alphanumeric)
}
