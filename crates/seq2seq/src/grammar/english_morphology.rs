//! English inflection: plurals, verb forms, comparatives, and `a` against `an`.

use super::features::{Agreement, Number, Person};

/// The plural of a regular noun; the last word of a compound takes it.
pub fn plural(noun: &str) -> String {
    with_s(noun)
}

/// The third person singular of the present, on the first word of `verb`.
pub fn third_singular(verb: &str) -> String {
    on_first_word(verb, |word| match word {
        "have" => "has".into(),
        "go" => "goes".into(),
        _ => with_s(word),
    })
}

/// The simple past, on the first word of `verb`; `irregular` is its form where it is not empty.
pub fn past(verb: &str, irregular: &str) -> String {
    on_first_word(verb, |word| match word {
        _ if !irregular.is_empty() => irregular.into(),
        _ if word.ends_with('e') => format!("{word}d"),
        _ => match consonant_y(word) {
            Some(stem) => format!("{stem}ied"),
            None => format!("{}ed", doubled(word)),
        },
    })
}

/// The present participle, on the first word of `verb`.
pub fn ing(verb: &str) -> String {
    on_first_word(verb, |word| {
        if let Some(stem) = word.strip_suffix("ie") {
            format!("{stem}ying")
        } else if let (Some(stem), false) = (word.strip_suffix('e'), word.ends_with("ee")) {
            format!("{stem}ing")
        } else {
            format!("{}ing", doubled(word))
        }
    })
}

/// The present of `be`.
pub fn be_present(agreement: Agreement) -> &'static str {
    match (agreement.person, agreement.number) {
        (Person::First, Number::Singular) => "am",
        (Person::Third, Number::Singular) => "is",
        _ => "are",
    }
}

/// The past of `be`.
pub fn be_past(agreement: Agreement) -> &'static str {
    match (agreement.person, agreement.number) {
        (Person::First | Person::Third, Number::Singular) => "was",
        _ => "were",
    }
}

/// The contraction of an operator with `not`; `am` has none.
pub fn negated(operator: &str) -> String {
    match operator {
        "am" => "am not".into(),
        "will" => "won't".into(),
        "can" => "can't".into(),
        _ => format!("{operator}n't"),
    }
}

/// The comparative, with `than` left to the caller; `irregular` is its form where it is not empty.
pub fn comparative(adjective: &str, irregular: &str) -> String {
    if !irregular.is_empty() {
        irregular.into()
    } else if let Some(stem) = consonant_y(adjective) {
        format!("{stem}ier")
    } else if syllables(adjective) > 1 || adjective.ends_with("ed") {
        format!("more {adjective}")
    } else if adjective.ends_with('e') {
        format!("{adjective}r")
    } else {
        format!("{}er", doubled(adjective))
    }
}

/// `a` or `an`, as the sound of the next word asks.
pub fn indefinite_article(next: &str) -> &'static str {
    const CONSONANT_SOUND: [&str; 4] = ["university", "useful", "European", "one"];
    const VOWEL_SOUND: [&str; 2] = ["hour", "honest"];
    let vowel = next.starts_with(['a', 'e', 'i', 'o', 'u', 'A', 'E', 'I', 'O', 'U']);
    let word = next.split(['-', '\'']).next().unwrap_or(next);
    if (vowel && !CONSONANT_SOUND.contains(&word)) || VOWEL_SOUND.contains(&word) { "an" } else { "a" }
}

fn on_first_word(phrase: &str, inflect: impl Fn(&str) -> String) -> String {
    match phrase.split_once(' ') {
        Some((first, rest)) => format!("{} {rest}", inflect(first)),
        None => inflect(phrase),
    }
}

fn with_s(word: &str) -> String {
    if let Some(stem) = consonant_y(word) {
        format!("{stem}ies")
    } else if ["s", "x", "ch", "sh", "z"].iter().any(|end| word.ends_with(end)) {
        format!("{word}es")
    } else {
        format!("{word}s")
    }
}

/// The word without its `y`, where a consonant stands before that.
fn consonant_y(word: &str) -> Option<&str> {
    word.strip_suffix('y').filter(|stem| !stem.ends_with(is_vowel) && !stem.is_empty())
}

fn is_vowel(letter: char) -> bool {
    matches!(letter, 'a' | 'e' | 'i' | 'o' | 'u')
}

/// Groups of vowel letters, a silent final e not counted.
fn syllables(word: &str) -> usize {
    let letters: Vec<char> = word.strip_suffix('e').unwrap_or(word).chars().collect();
    let sounds = |letter: char| is_vowel(letter) || letter == 'y';
    (0..letters.len()).filter(|&i| sounds(letters[i]) && (i == 0 || !sounds(letters[i - 1]))).count()
}

/// The word with its last consonant doubled where one stressed short vowel stands before it: stop, stopp-; wait stays.
fn doubled(word: &str) -> String {
    // British spelling doubles the l of travel whatever the stress; the others are stressed at the end.
    if ["travel", "forget", "begin"].contains(&word) || (syllables(word) == 1 && ends_consonant_vowel_consonant(word)) {
        let last = word.chars().next_back().unwrap_or_default();
        return format!("{word}{last}");
    }
    word.into()
}

fn ends_consonant_vowel_consonant(word: &str) -> bool {
    let mut letters = word.chars().rev();
    let (Some(last), Some(middle), Some(first)) = (letters.next(), letters.next(), letters.next()) else {
        return false;
    };
    !is_vowel(last) && !matches!(last, 'w' | 'x' | 'y') && is_vowel(middle) && !is_vowel(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regular_forms_are_spelt_right() {
        assert_eq!(plural("box"), "boxes");
        assert_eq!(plural("city"), "cities");
        assert_eq!(plural("key"), "keys");
        assert_eq!(plural("living room"), "living rooms");
        assert_eq!(third_singular("watch"), "watches");
        assert_eq!(third_singular("study"), "studies");
        assert_eq!(third_singular("look for"), "looks for");
        assert_eq!(third_singular("go out"), "goes out");
        assert_eq!(past("stop", ""), "stopped");
        assert_eq!(past("wait for", ""), "waited for");
        assert_eq!(past("open", ""), "opened");
        assert_eq!(past("carry", ""), "carried");
        assert_eq!(past("go home", "went"), "went home");
        assert_eq!(past("visit", ""), "visited");
        assert_eq!(past("play", ""), "played");
        assert_eq!(ing("run"), "running");
        assert_eq!(ing("write to"), "writing to");
        assert_eq!(ing("listen to"), "listening to");
        assert_eq!(ing("travel"), "travelling");
        assert_eq!(ing("get up"), "getting up");
        assert_eq!(ing("obey"), "obeying");
        assert_eq!(ing("draw"), "drawing");
        assert_eq!(ing("eat"), "eating");
        assert_eq!(comparative("big", ""), "bigger");
        assert_eq!(comparative("happy", ""), "happier");
        assert_eq!(comparative("strange", ""), "stranger");
        assert_eq!(comparative("tired", ""), "more tired");
        assert_eq!(comparative("useful", ""), "more useful");
        assert_eq!(comparative("small", ""), "smaller");
    }

    #[test]
    fn the_article_follows_the_sound() {
        for (next, article) in [("apple", "an"), ("university", "a"), ("useful", "a"), ("hour", "an"), ("house", "a")] {
            assert_eq!(indefinite_article(next), article, "{next}");
        }
    }
}
