//! The tokenisation `intl` of sacreBLEU, which is that of NIST's `mteval-v14.pl` with international tokenisation.
//!
//! Three substitutions, one after the other, each over the whole text from left to right, where a match begins after the end of the one before.
//! `\P{N}` matches any character but a number, a line end among them.

use std::sync::LazyLock;

use regex::Regex;

/// Punctuation after what is no number; punctuation before it; symbols.
static RULES: LazyLock<[(Regex, &str); 3]> = LazyLock::new(|| {
    let rule = |pattern, spaced| (Regex::new(pattern).expect("a pattern of our own"), spaced);
    [rule(r"(\P{N})(\p{P})", "$1 $2 "), rule(r"(\p{P})(\P{N})", " $1 $2"), rule(r"(\p{S})", " $1 ")]
});

/// Sets spaces between the words of a text.
pub(super) fn separate(text: &str) -> String {
    let text = super::thirteen_a::trim_end(text).to_owned();
    RULES.iter().fold(text, |text, (pattern, spaced)| pattern.replace_all(&text, *spaced).into_owned())
}
