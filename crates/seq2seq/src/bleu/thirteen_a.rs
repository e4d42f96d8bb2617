//! The tokenisation `13a` of sacreBLEU, which is that of NIST's `mteval-v13a.pl`.
//!
//! Four substitutions, one after the other, each over the whole text from left to right, where a match begins after the
//! end of the one before. Every pattern is of one ASCII character and any one beside it, so they are applied to bytes:
//! a space can come to stand only before or after a whole character.

/// Words as Python's `str.split()` separates them: Unicode white space, and the four separators U+001C to U+001F, which
/// Unicode itself does not count.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_space).filter(|word| !word.is_empty())
}

fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
}

/// A text without the white space at its end, as Python's `str.rstrip()` gives it.
pub(super) fn trim_end(text: &str) -> &str {
    text.trim_end_matches(is_space)
}

/// Sets spaces between the words of a text, for [`words`] to split at.
pub(super) fn separate(text: &str) -> String {
    let mut text = trim_end(text).replace("<skipped>", "").replace("-\n", "").replace('\n', " ");
    for (entity, character) in [("&quot;", "\""), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">")] {
        if text.contains('&') {
            text = text.replace(entity, character);
        }
    }
    let text = format!(" {text} ").into_bytes();
    let text = isolate(&text);
    let text = pairs(&text, |first, second| !first.is_ascii_digit() && is_point(second), Spaces::AroundSecond);
    let text = pairs(&text, |first, second| is_point(first) && !second.is_ascii_digit(), Spaces::AroundFirst);
    let text = pairs(&text, |first, second| first.is_ascii_digit() && second == b'-', Spaces::AroundSecond);
    String::from_utf8(text).expect("spaces beside whole characters leave the text valid UTF-8")
}

/// Puts a space on both sides of every symbol.
fn isolate(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + text.len() / 4);
    for &byte in text {
        if is_symbol(byte) {
            out.extend([b' ', byte, b' ']);
        } else {
            out.push(byte);
        }
    }
    out
}

/// `[\{-\~\[-\` -\&\(-\+\:-\@\/]`: ASCII punctuation and the space, but not `'` `,` `-` `.`.
fn is_symbol(byte: u8) -> bool {
    matches!(byte, b'{'..=b'~' | b'['..=b'`' | b' '..=b'&' | b'('..=b'+' | b':'..=b'@' | b'/')
}

fn is_point(byte: u8) -> bool {
    matches!(byte, b'.' | b',')
}

/// Where a substitution of two characters puts its spaces.
#[derive(Clone, Copy)]
enum Spaces {
    /// `\1 \2 `
    AroundSecond,
    /// ` \1 \2`
    AroundFirst,
}

/// Replaces every two neighbours that match, from left to right; what was matched is not looked at again.
fn pairs(text: &[u8], matches: impl Fn(u8, u8) -> bool, spaces: Spaces) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + text.len() / 4);
    let mut at = 0;
    while at < text.len() {
        match text.get(at + 1) {
            Some(&second) if matches(text[at], second) => {
                match spaces {
                    Spaces::AroundSecond => out.extend([text[at], b' ', second, b' ']),
                    Spaces::AroundFirst => out.extend([b' ', text[at], b' ', second]),
                }
                at += 2;
            }
            _ => {
                out.push(text[at]);
                at += 1;
            }
        }
    }
    out
}
