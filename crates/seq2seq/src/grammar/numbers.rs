//! Numerals from 1 to 9,999 in both languages, by their rules rather than by a table of every number.

use super::features::Gender;

const ENGLISH_UNITS: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const ENGLISH_TENS: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const FRENCH_UNITS: [&str; 17] = [
    "zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "dix", "onze", "douze", "treize",
    "quatorze", "quinze", "seize",
];
const FRENCH_TENS: [&str; 5] = ["vingt", "trente", "quarante", "cinquante", "soixante"];

/// The words from which every numeral is made: the units from one to nineteen, the tens, hundred and thousand.
pub const BASE_WORDS: usize = ENGLISH_UNITS.len() - 1 + ENGLISH_TENS.len() + 2;

/// The English numeral: `twenty-one`, `two hundred and five`.
///
/// # Panics
/// Where `number` is 0 or above 9,999.
#[track_caller]
pub fn english(number: u32) -> String {
    assert!((1..10_000).contains(&number), "numerals go from 1 to 9,999, not {number}");
    let (thousands, hundreds, rest) = (number / 1000, number / 100 % 10, number % 100);
    let mut words = Vec::new();
    if thousands > 0 {
        words.push(format!("{} thousand", ENGLISH_UNITS[thousands as usize]));
    }
    if hundreds > 0 {
        words.push(format!("{} hundred", ENGLISH_UNITS[hundreds as usize]));
    }
    if rest > 0 {
        if !words.is_empty() {
            words.push("and".into());
        }
        words.push(english_below_hundred(rest));
    }
    words.join(" ")
}

fn english_below_hundred(number: u32) -> String {
    if number < 20 {
        return ENGLISH_UNITS[number as usize].into();
    }
    let tens = ENGLISH_TENS[number as usize / 10 - 2];
    match number % 10 {
        0 => tens.into(),
        unit => format!("{tens}-{}", ENGLISH_UNITS[unit as usize]),
    }
}

/// The French numeral before a noun of this gender, in the spelling before 1990: vingt et une, quatre-vingt-onze, deux cents.
///
/// # Panics
/// Where `number` is 0 or above 9,999.
#[track_caller]
pub fn french(number: u32, gender: Gender) -> String {
    assert!((1..10_000).contains(&number), "numerals go from 1 to 9,999, not {number}");
    let (thousands, hundreds, rest) = (number / 1000, number / 100 % 10, number % 100);
    let mut words = Vec::new();
    match thousands {
        0 => {}
        1 => words.push("mille".to_string()),
        // `mille` never takes an s, and one does not say `un mille`.
        _ => words.push(format!("{} mille", FRENCH_UNITS[thousands as usize])),
    }
    match hundreds {
        0 => {}
        1 => words.push("cent".into()),
        _ => words.push(format!("{} cent{}", FRENCH_UNITS[hundreds as usize], if rest == 0 { "s" } else { "" })),
    }
    if rest > 0 {
        words.push(french_below_hundred(rest, gender));
    }
    words.join(" ")
}

fn french_below_hundred(number: u32, gender: Gender) -> String {
    let unit = |unit: u32| match (unit, gender) {
        (1, Gender::Feminine) => "une".to_string(),
        (17..=19, _) => format!("dix-{}", FRENCH_UNITS[unit as usize - 10]),
        _ => FRENCH_UNITS[unit as usize].to_string(),
    };
    match number {
        1..20 => unit(number),
        80 => "quatre-vingts".into(),
        81..100 => format!("quatre-vingt-{}", unit(number - 80)),
        _ => {
            // From 60 on French counts by twenties: soixante-dix is sixty and ten.
            let tens = (number / 10).min(6);
            let rest = number - tens * 10;
            let word = FRENCH_TENS[tens as usize - 2];
            match rest {
                0 => word.into(),
                1 | 11 => format!("{word} et {}", unit(rest)),
                _ => format!("{word}-{}", unit(rest)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Gender::{Feminine, Masculine};

    #[test]
    fn numerals_follow_both_systems() {
        let cases = [
            (1, "one", "un"),
            (17, "seventeen", "dix-sept"),
            (21, "twenty-one", "vingt et un"),
            (32, "thirty-two", "trente-deux"),
            (70, "seventy", "soixante-dix"),
            (71, "seventy-one", "soixante et onze"),
            (77, "seventy-seven", "soixante-dix-sept"),
            (80, "eighty", "quatre-vingts"),
            (81, "eighty-one", "quatre-vingt-un"),
            (91, "ninety-one", "quatre-vingt-onze"),
            (99, "ninety-nine", "quatre-vingt-dix-neuf"),
            (100, "one hundred", "cent"),
            (200, "two hundred", "deux cents"),
            (205, "two hundred and five", "deux cent cinq"),
            (1000, "one thousand", "mille"),
            (2300, "two thousand three hundred", "deux mille trois cents"),
        ];
        for (number, en, fr) in cases {
            assert_eq!(english(number), en);
            assert_eq!(french(number, Masculine), fr);
        }
        assert_eq!(french(1, Feminine), "une");
        assert_eq!(french(61, Feminine), "soixante et une");
        assert_eq!(french(81, Feminine), "quatre-vingt-une");
        assert_eq!(french(71, Feminine), "soixante et onze");
    }
}
