//! Lists of translations as Moses writes them: a line `id ||| hypothesis ||| features ||| score` for each, the lines of a sentence one after the other,
//! the best first. Ids count the lines of the source from 0.
//!
//! Features are a name with `=` (older lists: `:`) and one or more numbers. What Moses writes after the score (alignments) is kept as it is.
//!
//! A hypothesis that has `|||` itself is written with `&#124;` for each of the bars, as Moses escapes them: see [`escape`].

use std::borrow::Cow;
use std::io::{self, Write};

use crate::corpus::{CorpusError, Lines};

/// One translation of a list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Entry {
    /// The translation.
    pub text: String,
    /// Names and their numbers.
    pub features: Vec<(String, Vec<f64>)>,
    /// What it is ranked by.
    pub score: f64,
    /// What follows the score, if anything does.
    pub rest: Option<String>,
}

/// The translations of one sentence.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NBest {
    /// The source's line, from 0.
    pub id: u64,
    /// At least one.
    pub entries: Vec<Entry>,
}

/// Reads a list sentence by sentence.
///
/// ```
/// use unrolled_seq2seq::corpus::Lines;
/// use unrolled_seq2seq::n_best::Reader;
///
/// let list = "0 ||| le chat ||| LM= -7.5 TM= -1 -2 ||| -3.25\n0 ||| un chat ||| LM= -8 TM= -1 -3 ||| -4\n";
/// let mut reader = Reader::new(Lines::from_reader("list", list.as_bytes()));
/// let first = reader.next_list()?.unwrap();
/// assert_eq!((first.id, first.entries.len()), (0, 2));
/// assert_eq!(first.entries[0].feature("TM"), Some(&[-1.0, -2.0][..]));
/// assert_eq!(reader.next_list()?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Reader {
    lines: Lines,
    /// The first of the next sentence, which has been read already.
    waiting: Option<(u64, Entry)>,
}

impl Reader {
    /// Reads from lines.
    pub fn new(lines: Lines) -> Self {
        Self { lines, waiting: None }
    }

    /// The next sentence's translations, or `None` at the end.
    ///
    /// # Errors
    /// Where a line cannot be read or is none of a list, or sentences are not in order.
    pub fn next_list(&mut self) -> Result<Option<NBest>, CorpusError> {
        let Some((id, first)) = self.waiting.take().map_or_else(|| self.next_entry(), |waiting| Ok(Some(waiting)))?
        else {
            return Ok(None);
        };
        let mut list = NBest { id, entries: vec![first] };
        while let Some((id, entry)) = self.next_entry()? {
            if id < list.id {
                return Err(
                    self.malformed(format!("sentence {id} comes after sentence {}: sort the list by its ids", list.id))
                );
            }
            if id > list.id {
                self.waiting = Some((id, entry));
                break;
            }
            list.entries.push(entry);
        }
        Ok(Some(list))
    }

    fn next_entry(&mut self) -> Result<Option<(u64, Entry)>, CorpusError> {
        let Some(line) = self.lines.next_line()? else { return Ok(None) };
        let parsed = parse(line);
        parsed.map(Some).map_err(|problem| self.malformed(problem))
    }

    fn malformed(&self, problem: String) -> CorpusError {
        CorpusError::MalformedNBest { name: self.lines.name().to_owned(), line: self.lines.line(), problem }
    }
}

fn parse(line: &str) -> Result<(u64, Entry), String> {
    let mut fields = line.splitn(5, "|||").map(str::trim);
    let (Some(id), Some(text), Some(features), Some(score)) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err("a line must be `id ||| hypothesis ||| features ||| score`".to_owned());
    };
    let id = id.parse().map_err(|_| format!("`{id}` is not a sentence's number"))?;
    let features = parse_features(features)?;
    let score = number(score).ok_or_else(|| format!("the score `{score}` is not a number"))?;
    Ok((id, Entry { text: unescape(text).into_owned(), features, score, rest: fields.next().map(str::to_owned) }))
}

fn parse_features(text: &str) -> Result<Vec<(String, Vec<f64>)>, String> {
    let mut features: Vec<(String, Vec<f64>)> = Vec::new();
    for word in text.split_ascii_whitespace() {
        if let Some(name) = word.strip_suffix(['=', ':']) {
            features.push((name.to_owned(), Vec::new()));
            continue;
        }
        let number =
            number(word).ok_or_else(|| format!("`{word}` is neither a feature's name (`LM=`) nor a number"))?;
        match features.last_mut() {
            Some((_, numbers)) => numbers.push(number),
            None => return Err(format!("the feature {word} has no name (`LM= {word}`)")),
        }
    }
    Ok(features)
}

fn number(word: &str) -> Option<f64> {
    word.parse().ok().filter(|number: &f64| number.is_finite())
}

/// A hypothesis as it stands in a list, where `|||` ends it: of three bars or more in a row each is written `&#124;`. So that a list is read as it was written,
/// `&#124;` itself becomes `&amp;#124;` in such a row, and that `&amp;amp;#124;`; nothing else is changed.
///
/// ```
/// use unrolled_seq2seq::n_best::{escape, unescape};
/// assert_eq!(escape("a ||| b"), "a &#124;&#124;&#124; b");
/// assert_eq!(escape("a || b &#124; c"), "a || b &#124; c");
/// assert_eq!(unescape(&escape("a ||| &#124;&#124;&#124;")), "a ||| &#124;&#124;&#124;");
/// ```
pub fn escape(text: &str) -> Cow<'_, str> {
    change_bars(text, |level| level + 1)
}

/// What [`escape`] made of it undone.
pub fn unescape(text: &str) -> Cow<'_, str> {
    change_bars(text, |level| level.saturating_sub(1))
}

/// So many bars in a row can be taken for the end of a field.
const ROW: usize = 3;

/// Puts each bar of a row of at least [`ROW`] to another level: 0 is the bar, 1 `&#124;`, 2 `&amp;#124;` and so on.
fn change_bars(text: &str, change: impl Fn(usize) -> usize) -> Cow<'_, str> {
    let (mut changed, mut rest) = (String::new(), text);
    let mut copied = 0;
    while let Some(start) = rest.find(['|', '&']) {
        let mut after = &rest[start..];
        let mut row = Vec::new();
        while let Some((level, behind)) = bar(after) {
            row.push(level);
            after = behind;
        }
        if row.len() >= ROW {
            let place = text.len() - rest.len() + start;
            changed.push_str(&text[copied..place]);
            for level in row.into_iter().map(&change) {
                changed.push_str(&if level == 0 {
                    "|".to_owned()
                } else {
                    format!("&{}#124;", "amp;".repeat(level - 1))
                });
            }
            copied = text.len() - after.len();
        }
        rest = if after.len() < rest.len() - start { after } else { &after[1..] };
    }
    if copied == 0 { Cow::Borrowed(text) } else { Cow::Owned(changed + &text[copied..]) }
}

/// The level of the bar that `text` begins with, and what follows it.
fn bar(text: &str) -> Option<(usize, &str)> {
    if let Some(rest) = text.strip_prefix('|') {
        return Some((0, rest));
    }
    let (mut level, mut rest) = (1, text.strip_prefix('&')?);
    while let Some(behind) = rest.strip_prefix("amp;") {
        (level, rest) = (level + 1, behind);
    }
    Some((level, rest.strip_prefix("#124;")?))
}

impl Entry {
    /// The numbers of a feature.
    pub fn feature(&self, name: &str) -> Option<&[f64]> {
        self.features.iter().find(|(found, _)| found == name).map(|(_, numbers)| &numbers[..])
    }

    /// Sets a feature of one number, in the place of one that is there, or behind all.
    pub fn set_feature(&mut self, name: &str, value: f64) {
        match self.features.iter_mut().find(|(found, _)| found == name) {
            Some((_, numbers)) => *numbers = vec![value],
            None => self.features.push((name.to_owned(), vec![value])),
        }
    }

    /// How many words the translation has.
    pub fn words(&self) -> usize {
        self.text.split_whitespace().count()
    }
}

impl NBest {
    /// Writes the lines as Moses does.
    ///
    /// # Errors
    /// Where the writer fails.
    pub fn write(&self, output: &mut impl Write) -> io::Result<()> {
        for Entry { text, features, score, rest } in &self.entries {
            write!(output, "{} ||| {} |||", self.id, escape(text))?;
            for (name, numbers) in features {
                write!(output, " {name}=")?;
                numbers.iter().try_for_each(|number| write!(output, " {number}"))?;
            }
            write!(output, " ||| {score}")?;
            match rest {
                Some(rest) => writeln!(output, " ||| {rest}")?,
                None => writeln!(output)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(text: &'static str) -> Result<Vec<NBest>, CorpusError> {
        let mut reader = Reader::new(Lines::from_reader("list", text.as_bytes()));
        std::iter::from_fn(|| reader.next_list().transpose()).collect()
    }

    #[test]
    fn what_is_read_is_written_again() {
        let text = "0 ||| le chat ||| LM= -7.5 TM= -1 -2 ||| -3.25 ||| 0-0 1-1 ||| 7\n\
                    0 ||| un chat |||  ||| -4\n2 |||  ||| d= 0 ||| 0\n";
        let read = lists(text).unwrap();
        assert_eq!(read.iter().map(|list| (list.id, list.entries.len())).collect::<Vec<_>>(), [(0, 2), (2, 1)]);
        assert_eq!(read[0].entries[0].rest.as_deref(), Some("0-0 1-1 ||| 7"));
        assert_eq!((read[1].entries[0].text.as_str(), read[1].entries[0].words()), ("", 0));
        let mut written = Vec::new();
        read.iter().for_each(|list| list.write(&mut written).unwrap());
        assert_eq!(String::from_utf8(written).unwrap(), text.replace("|||  ||| -4", "||| ||| -4"));
        let old = lists("0 ||| a ||| d: 0 -1 lm: -20.5 ||| -300.1\n").unwrap();
        assert_eq!(old[0].entries[0].feature("lm"), Some(&[-20.5][..]), "as Moses wrote them once");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, says) in [
            ("0 ||| a ||| LM= -1\n", "`list`, line 1: a line must be"),
            ("x ||| a ||| LM= -1 ||| 0\n", "`x` is not a sentence's number"),
            ("0 ||| a ||| LM= one ||| 0\n", "`one` is neither"),
            ("0 ||| a ||| -1 ||| 0\n", "the feature -1 has no name"),
            ("0 ||| a ||| LM= -1 ||| nan\n", "the score `nan` is not a number"),
            ("3 ||| a ||| ||| 0\n2 ||| a ||| ||| 0\n", "line 2: sentence 2 comes after sentence 3"),
            ("", ""),
        ] {
            match lists(text) {
                Err(error) => assert!(error.to_string().contains(says), "{error}"),
                Ok(lists) => assert!(text.is_empty() && lists.is_empty(), "{text:?} was read"),
            }
        }
    }

    /// Every text of up to seven of these pieces comes back, and none ends its field.
    #[test]
    fn bars_in_a_hypothesis_come_back() {
        let pieces = ["|", "&#124;", "&amp;#124;", "&amp;", "#124;", " é"];
        for number in 0..pieces.len().pow(7) {
            let digits = (0..7).scan(number, |rest, _| {
                let digit = *rest % pieces.len();
                *rest /= pieces.len();
                Some(digit)
            });
            let text: String = digits.map(|digit| pieces[digit]).collect();
            let written = escape(&text);
            assert!(!written.contains("|||"), "{text:?} is written {written:?}");
            assert_eq!(unescape(&written), text, "from {written:?}");
        }
        let entry = Entry { text: "a ||| b".into(), ..Entry::default() };
        let list = NBest { id: 0, entries: vec![entry] };
        let mut written = Vec::new();
        list.write(&mut written).unwrap();
        assert_eq!(lists(String::from_utf8(written).unwrap().leak()).unwrap(), [list]);
    }

    #[test]
    fn a_feature_is_set_once() {
        let mut entry = Entry::default();
        entry.set_feature("LSTM", -2.0);
        entry.set_feature("LSTM", -3.0);
        assert_eq!(entry.features, [("LSTM".to_owned(), vec![-3.0])]);
    }
}
