//! Tokens as Moses's `tokenizer.perl` makes them, in one pass and without rewriting the text.

use super::address::address_length;
use super::prefixes::{keeps_period, keeps_period_before_number};
use super::{Language, is_apostrophe};

/// Cuts `text` into tokens.
pub(super) fn split<'a>(text: &'a str, language: Language, each: impl FnMut(&'a str)) {
    let mut out = Output { each, language, held: None };
    for chunk in text.split_whitespace() {
        split_chunk(chunk, language, &mut out);
    }
    out.flush(None);
}

/// Where a word that has an apostrophe in it is cut.
enum Cut {
    Before,
    After,
    Both,
    Nowhere,
}

/// Cuts text that has no white space in it.
fn split_chunk<'a>(chunk: &'a str, language: Language, out: &mut Output<'a, impl FnMut(&'a str)>) {
    let has_address = chunk.contains('@') || chunk.contains("://") || chunk.contains("www.") || chunk.contains("WWW.");
    let (mut start, mut at) = (0, 0);
    let mut previous = None;
    while let Some(character) = chunk[at..].chars().next() {
        if has_address
            && start == at
            && let Some(length) = address_length(&chunk[at..])
        {
            out.push(&chunk[at..at + length]);
            at += length;
            (start, previous) = (at, chunk[..at].chars().next_back());
            continue;
        }
        let end = at + length_of(character, &chunk[at..]);
        let next = chunk[end..].chars().next();
        let cut = match character {
            '.' if end - at > 1 => Cut::Both,
            '.' | '-' | '‐' | '‑' => Cut::Nowhere,
            ',' if previous.is_some_and(char::is_numeric) && next.is_some_and(char::is_numeric) => Cut::Nowhere,
            _ if is_apostrophe(character) => cut_apostrophe(&chunk[start..at], &chunk[end..], language),
            _ if character.is_alphanumeric() || is_mark(character) => Cut::Nowhere,
            _ => Cut::Both,
        };
        if matches!(cut, Cut::Before | Cut::Both) {
            out.push(&chunk[start..at]);
            start = at;
        }
        if matches!(cut, Cut::After | Cut::Both) {
            out.push(&chunk[start..end]);
            start = end;
        }
        previous = chunk[at..end].chars().next_back();
        at = end;
    }
    out.push(&chunk[start..]);
}

/// The bytes that stay together at the beginning of `text`: a run of periods, or a character with its marks.
fn length_of(character: char, text: &str) -> usize {
    if character == '.' {
        return text.len() - text.trim_start_matches('.').len();
    }
    let rest = &text[character.len_utf8()..];
    character.len_utf8() + rest.len() - rest.trim_start_matches(is_mark).len()
}

/// Combining accents, variation selectors, the joiner of emoji, the soft hyphen: part of what stands before them.
fn is_mark(character: char) -> bool {
    matches!(character, '\u{300}'..='\u{36f}' | '\u{fe00}'..='\u{fe0f}' | '\u{200d}' | '\u{ad}')
}

/// Cuts at an apostrophe between `word` (what stands before it since the last cut) and `rest`.
fn cut_apostrophe(word: &str, rest: &str, language: Language) -> Cut {
    let before = word.chars().next_back();
    let after = rest.chars().next();
    let letter_before = before.is_some_and(|character| character.is_alphabetic() || is_mark(character));
    let letter_after = after.is_some_and(char::is_alphabetic);
    match language {
        Language::English if letter_before && letter_after => Cut::Before,
        Language::English if letter_after && before.is_some_and(char::is_numeric) => {
            if after == Some('s') {
                Cut::Before
            } else {
                Cut::Nowhere
            }
        }
        Language::French if letter_before && is_one_word(word, rest) => Cut::Nowhere,
        Language::French if letter_before && after.is_some_and(char::is_alphanumeric) => Cut::After,
        Language::French if after.is_some() && is_elision(word) => Cut::After,
        _ => Cut::Both,
    }
}

/// `aujourd'hui` and `prud'homme`, which are words and not two.
fn is_one_word(word: &str, rest: &str) -> bool {
    let begins =
        |beginning: &str| rest.get(..beginning.len()).is_some_and(|start| start.eq_ignore_ascii_case(beginning));
    (word.eq_ignore_ascii_case("aujourd") && begins("hui")) || (word.eq_ignore_ascii_case("prud") && begins("hom"))
}

/// What French elides, so that an apostrophe after it is no quotation mark even before `«` or a digit.
fn is_elision(word: &str) -> bool {
    const ELIDED: [&str; 14] =
        ["l", "d", "j", "m", "t", "s", "n", "c", "qu", "jusqu", "lorsqu", "puisqu", "quoiqu", "quelqu"];
    ELIDED.iter().any(|elided| word.eq_ignore_ascii_case(elided))
}

/// Takes pieces, and cuts a period off the end of one as soon as the next shows whether it ends a sentence.
struct Output<'a, F> {
    each: F,
    language: Language,
    held: Option<&'a str>,
}

impl<'a, F: FnMut(&'a str)> Output<'a, F> {
    fn push(&mut self, piece: &'a str) {
        if piece.is_empty() {
            return;
        }
        self.flush(piece.chars().next());
        if piece.len() > 1 && piece.ends_with('.') && !piece.ends_with("..") {
            self.held = Some(piece);
        } else {
            (self.each)(piece);
        }
    }

    /// Lets go of the piece that is held; `next` is the first character after it.
    fn flush(&mut self, next: Option<char>) {
        let Some(piece) = self.held.take() else { return };
        let word = &piece[..piece.len() - 1];
        let keep = (word.contains('.') && word.contains(char::is_alphabetic))
            || keeps_period(word, self.language)
            || next.is_some_and(char::is_lowercase)
            || (next.is_some_and(|next| next.is_ascii_digit()) && keeps_period_before_number(word, self.language));
        if keep {
            (self.each)(piece);
        } else {
            (self.each)(word);
            (self.each)(&piece[word.len()..]);
        }
    }
}
