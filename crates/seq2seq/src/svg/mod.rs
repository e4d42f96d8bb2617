//! What drawings have in common: round numbers, axes, and text that markup cannot be hidden in.

mod axis;

pub use axis::Axis;

/// 1, 2 or 5 times a power of ten, at least so much.
///
/// ```
/// use unrolled_seq2seq::svg::round_step;
/// assert_eq!([0.096, 0.1, 0.13, 3.0].map(round_step), [0.1, 0.1, 0.2, 5.0]);
/// ```
pub fn round_step(least: f64) -> f64 {
    let power = 10f64.powf(least.max(1e-9).log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|&step| step >= least).unwrap_or(10.0 * power)
}

/// Text for SVG and HTML, in an element or in an attribute. Characters that XML forbids become U+FFFD.
///
/// ```
/// use unrolled_seq2seq::svg::escaped;
/// assert_eq!(escaped(r#"a < "b" & 'c'"#), "a &lt; &quot;b&quot; &amp; &#39;c&#39;");
/// ```
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            '\'' => safe += "&#39;",
            '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                safe.push('\u{fffd}')
            }
            _ => safe.push(letter),
        }
    }
    safe
}

/// A number of an axis, short: `0.5`, `20`, `1.5k`, `2M`.
///
/// ```
/// use unrolled_seq2seq::svg::short;
/// assert_eq!([0.5, 20.0, 1500.0, 2e6, -3.0].map(short), ["0.5", "20", "1.5k", "2M", "-3"]);
/// ```
pub fn short(value: f64) -> String {
    let size = value.abs();
    if size >= 1e6 {
        format!("{}M", (value / 1e4).round() / 100.0)
    } else if size >= 1000.0 {
        format!("{}k", (value / 10.0).round() / 100.0)
    } else {
        // Without the addition, a tick just below zero would be "-0".
        format!("{}", (value * 1e6).round() / 1e6 + 0.0)
    }
}
