//! Abbreviations whose period belongs to them.

use super::Language;

/// Titles and ranks, months (May is a whole word), others.
const ENGLISH: &[&str] = &[
    "Adm", "Asst", "Brig", "Bros", "Capt", "Cmdr", "Col", "Corp", "Cpl", "Dr", "Drs", "Gen", "Gov", "Hon", "Insp",
    "Lt", "Maj", "Messrs", "Mgr", "Mr", "Mrs", "Ms", "Mt", "Msgr", "Pfc", "Prof", "Pvt", "Rep", "Reps", "Rev", "Sen",
    "Sens", "Sgt", "Sr", "St", "Supt", "Surg", "Jan", "Feb", "Mar", "Apr", "Jun", "Jul", "Aug", "Sep", "Sept", "Oct",
    "Nov", "Dec", "Bldg", "Hosp", "Rs", "cf", "rev", "vs", "v",
];
const FRENCH: &[&str] = &[
    "Dr", "Drs", "MM", "Me", "Mes", "Mgr", "Mlle", "Mlles", "Mme", "Mmes", "Pr", "Prof", "St", "Ste", "Sts", "Vve",
    "apr", "av", "cf", "dr", "env", "ex", "hab", "mgr", "tél",
];
/// These are abbreviations only where a number follows.
const BEFORE_NUMBERS: &[&str] =
    &["No", "no", "Nos", "nos", "Art", "art", "Fig", "fig", "Vol", "vol", "chap", "p", "pp"];

/// True where `word.` is an abbreviation, so that its period is not the end of a sentence.
pub(super) fn keeps_period(word: &str, language: Language) -> bool {
    let mut characters = word.chars();
    let initial = characters.next().is_some_and(char::is_uppercase) && characters.next().is_none();
    initial
        || match language {
            Language::English => ENGLISH.contains(&word),
            Language::French => FRENCH.contains(&word),
            Language::Other => false,
        }
}

/// True where `word.` is an abbreviation if a number follows, as in `No. 7`.
pub(super) fn keeps_period_before_number(word: &str, language: Language) -> bool {
    language != Language::Other && BEFORE_NUMBERS.contains(&word)
}
