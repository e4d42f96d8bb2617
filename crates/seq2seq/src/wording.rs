//! How counts are told.

use std::borrow::Cow;
use std::fmt::Display;

/// `1 line`, `2 lines`, `0 batches`.
///
/// ```
/// use unrolled_seq2seq::wording::counted;
/// assert_eq!([0, 1, 2].map(|n: u64| counted(n, "line")), ["0 lines", "1 line", "2 lines"]);
/// assert_eq!(counted(3usize, "batch"), "3 batches");
/// ```
pub fn counted<N: Display + PartialEq + From<u8>>(count: N, thing: &str) -> String {
    let things = plural(&count, thing);
    format!("{count} {things}")
}

/// The word for so many of a thing: for counts that are written in another way.
///
/// ```
/// use unrolled_seq2seq::wording::plural;
/// assert_eq!(format!("{} {}", "one", plural(&1u64, "pair")), "one pair");
/// assert_eq!(format!("{} {}", "1,000", plural(&1000u64, "pair")), "1,000 pairs");
/// ```
pub fn plural<'a, N: PartialEq + From<u8>>(count: &N, thing: &'a str) -> Cow<'a, str> {
    if *count == N::from(1) {
        Cow::Borrowed(thing)
    } else {
        let hisses = ["s", "x", "ch", "sh"].iter().any(|end| thing.ends_with(end));
        Cow::Owned(format!("{thing}{}", if hisses { "es" } else { "s" }))
    }
}
