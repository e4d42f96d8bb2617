//! Numbers as people read them.

/// A whole number with its thousands apart: `12,345,678`.
pub(super) fn whole(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with so many decimals; a dash where it is none.
pub(super) fn decimal(number: f64, places: usize) -> String {
    if number.is_finite() { format!("{number:.places$}") } else { "–".to_owned() }
}

/// A perplexity: three digits are enough.
pub(super) fn perplexity(number: f64) -> String {
    match number {
        _ if !number.is_finite() => "–".to_owned(),
        _ if number < 100.0 => format!("{number:.2}"),
        _ if number < 1e15 => whole(number.round() as u64),
        _ => format!("{number:.1e}"),
    }
}

/// `48 s`, `12 min 5 s`, `3 h 20 min`, `9 d 4 h`.
pub(super) fn duration(seconds: f64) -> String {
    let all = seconds.max(0.0).round() as u64;
    match all {
        _ if seconds < 10.0 => format!("{seconds:.1} s"),
        0..60 => format!("{all} s"),
        60..3600 => format!("{} min {} s", all / 60, all % 60),
        3600..86400 => format!("{} h {} min", all / 3600, all % 3600 / 60),
        _ => format!("{} d {} h", all / 86400, all % 86400 / 3600),
    }
}

/// `512 bytes`, `61.9 MB`, `4.61 GB`; powers of ten, as disks are sold.
pub(super) fn bytes(number: u64) -> String {
    let number = number as f64;
    match number {
        _ if number < 1e4 => format!("{number} bytes"),
        _ if number < 1e6 => format!("{:.1} kB", number / 1e3),
        _ if number < 1e9 => format!("{:.1} MB", number / 1e6),
        _ => format!("{:.2} GB", number / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!([0, 999, 1000, 12_345_678].map(whole), ["0", "999", "1,000", "12,345,678"]);
        assert_eq!([1.234, 2406.4, f64::NAN, 1e30].map(perplexity), ["1.23", "2,406", "–", "1.0e30"]);
        assert_eq!(
            [3.26, 48.0, 725.0, 12_000.0, 800_000.0].map(duration),
            ["3.3 s", "48 s", "12 min 5 s", "3 h 20 min", "9 d 6 h"]
        );
        assert_eq!([512, 61_875_800, 4_610_000_000].map(bytes), ["512 bytes", "61.9 MB", "4.61 GB"]);
        assert_eq!((decimal(2.0, 2), decimal(f64::INFINITY, 2)), ("2.00".to_owned(), "–".to_owned()));
    }
}
