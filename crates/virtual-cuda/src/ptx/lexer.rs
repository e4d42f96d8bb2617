//! Text to tokens. A word keeps its dots (`ld.global.f32`, `%tid.x`, `.visible`): the decoder splits it.

use super::PtxError;

/// A number as it was written: the instruction's type decides how it is read.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Number {
    /// An integer, sign not included.
    Integer(u64),
    /// `0f3F800000`: the bits of an f32.
    F32(u32),
    /// `0d…` (the bits of an f64) or a decimal fraction.
    F64(u64),
}

/// One token.
#[derive(Clone, PartialEq, Debug)]
pub enum Token<'a> {
    /// A name, directive or mnemonic.
    Word(&'a str),
    /// A literal.
    Number(Number),
    /// Text in quotation marks, without them.
    Text(&'a str),
    /// Any other character.
    Mark(char),
}

/// Tokens with the line (from 1) on which each stands.
pub fn tokens(source: &str) -> Result<Vec<(Token<'_>, u32)>, PtxError> {
    let bytes = source.as_bytes();
    let (mut out, mut at, mut line) = (Vec::new(), 0, 1u32);
    while at < bytes.len() {
        let rest = &source[at..];
        let byte = bytes[at];
        if byte == b'\n' {
            line += 1;
            at += 1;
        } else if byte.is_ascii_whitespace() || byte == 0 {
            at += 1;
        } else if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if rest.starts_with("/*") {
            let end = rest.find("*/").ok_or_else(|| PtxError::new(line, "comment without an end"))?;
            line += rest[..end].matches('\n').count() as u32;
            at += end + 2;
        } else if byte == b'"' {
            let end = rest[1..].find('"').ok_or_else(|| PtxError::new(line, "text without its closing mark"))?;
            out.push((Token::Text(&rest[1..1 + end]), line));
            at += end + 2;
        } else if byte.is_ascii_digit() {
            let (number, length) =
                number(rest).ok_or_else(|| PtxError::new(line, format!("bad number at `{}`", first_word(rest))))?;
            out.push((Token::Number(number), line));
            at += length;
        } else if is_word(byte) {
            let length = word(rest);
            out.push((Token::Word(&rest[..length]), line));
            at += length;
        } else {
            let mark = rest.chars().next().expect("not at the end");
            out.push((Token::Mark(mark), line));
            at += mark.len_utf8();
        }
    }
    Ok(out)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'%' | b'.')
}

/// Length of the word at the start; `::` belongs to it (`shared::cta`), a single colon ends it (a label).
fn word(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut end = 0;
    while end < bytes.len() {
        if is_word(bytes[end]) {
            end += 1;
        } else if text[end..].starts_with("::") && bytes.get(end + 2).is_some_and(|b| is_word(*b)) {
            end += 2;
        } else {
            break;
        }
    }
    end
}

fn first_word(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or("")
}

fn number(text: &str) -> Option<(Number, usize)> {
    let run = |from: usize, test: fn(u8) -> bool| {
        from + text.as_bytes()[from..].iter().position(|b| !test(*b)).unwrap_or(text.len() - from)
    };
    let hex = |from: usize| {
        let end = run(from, |b| b.is_ascii_hexdigit());
        Some((u64::from_str_radix(&text[from..end], 16).ok()?, end))
    };
    // An unsigned suffix says nothing that the instruction's type does not say.
    let suffix = |end: usize| end + usize::from(text.as_bytes().get(end) == Some(&b'U'));
    match text.get(..2) {
        Some("0x" | "0X") => hex(2).map(|(v, end)| (Number::Integer(v), suffix(end))),
        Some("0f" | "0F") => hex(2).map(|(v, end)| (Number::F32(v as u32), end)),
        Some("0d" | "0D") => hex(2).map(|(v, end)| (Number::F64(v), end)),
        _ => {
            let end = run(0, |b| b.is_ascii_digit());
            if text.as_bytes().get(end) == Some(&b'.') || text.as_bytes().get(end) == Some(&b'e') {
                let end = run(0, |b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
                return Some((Number::F64(text[..end].parse::<f64>().ok()?.to_bits()), end));
            }
            Some((Number::Integer(text[..end].parse().ok()?), suffix(end)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_dots_and_double_colons_and_labels_do_not() {
        let source = "$L_1: ld.shared::cta.f32 %f1, [%rd2+-4]; // x\n mov.f32 %f2, 0f3F800000;";
        let got = tokens(source).unwrap();
        assert_eq!(got[0].0, Token::Word("$L_1"));
        assert_eq!(got[1].0, Token::Mark(':'));
        assert_eq!(got[2].0, Token::Word("ld.shared::cta.f32"));
        let one = got.iter().find(|t| t.0 == Token::Number(Number::F32(0x3f80_0000))).unwrap();
        assert_eq!(one.1, 2);
    }

    #[test]
    fn numbers() {
        let all = |s| tokens(s).unwrap().into_iter().map(|t| t.0).collect::<Vec<_>>();
        assert_eq!(
            all("0x1FU 12 0d3FF0000000000000 1.5"),
            [
                Token::Number(Number::Integer(31)),
                Token::Number(Number::Integer(12)),
                Token::Number(Number::F64(1f64.to_bits())),
                Token::Number(Number::F64(1.5f64.to_bits())),
            ]
        );
        assert!(tokens("/* never closed").is_err());
    }
}
