//! WMT's `.sgm` files: `<srcset>` or `<refset>`, of `<doc docid=…>`, of `<seg id=…>text</seg>`.

use super::error::{CorpusError, utf8};
use super::input::Input;

/// One `<seg>`.
#[derive(Debug, Default, Clone)]
pub(super) struct Segment {
    pub document: String,
    pub id: String,
    pub text: String,
    /// The line on which it begins.
    pub line: u64,
}

/// The segments of a file, in its order.
pub(super) struct Segments {
    input: Input,
    bytes: Vec<u8>,
    line: String,
    /// The first byte of `line` that has not been looked at.
    at: usize,
    count: u64,
    current: Segment,
}

/// True where a file that begins so is one of WMT's `.sgm` files.
pub(super) fn is_sgm(head: &[u8]) -> bool {
    let head = head.trim_ascii_start();
    ["<srcset", "<refset", "<tstset", "<!doctype mteval", "<mteval"]
        .iter()
        .any(|tag| head.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag.as_bytes())))
}

impl Segments {
    pub fn new(input: Input) -> Self {
        Self { input, bytes: Vec::new(), line: String::new(), at: 0, count: 0, current: Segment::default() }
    }

    pub fn name(&self) -> &str {
        self.input.name()
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    pub fn count_to_end(&mut self) -> Result<u64, CorpusError> {
        while self.next_segment()?.is_some() {}
        Ok(self.count)
    }

    /// The next segment, its text with entities decoded and white space at its ends dropped.
    pub fn next_segment(&mut self) -> Result<Option<&Segment>, CorpusError> {
        while let Some(tag) = self.next_tag()? {
            let (name, attributes) = tag.split_at(tag.bytes().take_while(u8::is_ascii_alphabetic).count());
            if name.eq_ignore_ascii_case("doc") {
                self.current.document = self.attribute(attributes, "docid")?.unwrap_or_default();
            } else if name.eq_ignore_ascii_case("seg") {
                let id = self.attribute(attributes, "id")?;
                self.current.id = id.ok_or_else(|| self.malformed("<seg> has no id".to_owned()))?;
                self.current.line = self.input.lines();
                self.read_text()?;
                self.count += 1;
                return Ok(Some(&self.current));
            }
        }
        Ok(None)
    }

    /// Skips to the next `<`, and takes what stands between it and its `>`. `None` at the end of the file.
    fn next_tag(&mut self) -> Result<Option<String>, CorpusError> {
        loop {
            if let Some(start) = find(&self.line[self.at..], "<") {
                self.at += start + 1;
                break;
            }
            if !self.next_line()? {
                return Ok(None);
            }
        }
        let opened = self.input.lines();
        let mut tag = String::new();
        loop {
            let rest = &self.line[self.at..];
            if let Some(end) = find(rest, ">") {
                tag.push_str(&rest[..end]);
                self.at += end + 1;
                return Ok(Some(tag));
            }
            tag.push_str(rest);
            tag.push(' ');
            if !self.next_line()? {
                return Err(self.malformed_at(opened, "a tag is not closed by `>`".to_owned()));
            }
        }
    }

    /// Takes the text up to `</seg>`, which may be lines further down.
    fn read_text(&mut self) -> Result<(), CorpusError> {
        let mut raw = String::new();
        loop {
            let rest = &self.line[self.at..];
            let end = find(rest, "</seg");
            let text = &rest[..end.unwrap_or(rest.len())];
            if find(text, "<seg ").is_some() {
                return Err(self.unclosed());
            }
            raw.push_str(text);
            self.at += text.len();
            if end.is_some() {
                break;
            }
            raw.push(' ');
            if !self.next_line()? {
                return Err(self.unclosed());
            }
        }
        self.current.text.clear();
        decode_entities(raw.trim(), &mut self.current.text);
        Ok(())
    }

    fn next_line(&mut self) -> Result<bool, CorpusError> {
        self.at = 0;
        self.line.clear();
        let more = self.input.read_line(&mut self.bytes)?;
        if more {
            self.line.push_str(utf8(&self.bytes, self.input.name(), self.input.lines())?);
        }
        Ok(more)
    }

    /// The value of an attribute, with or without quotes.
    fn attribute(&self, attributes: &str, wanted: &str) -> Result<Option<String>, CorpusError> {
        let mut rest = attributes;
        while let Some((name, after)) = rest.split_once('=') {
            let after = after.trim_start();
            let (value, next) = match after.chars().next() {
                Some(quote @ ('"' | '\'')) => after[1..]
                    .split_once(quote)
                    .ok_or_else(|| self.malformed(format!("the attribute `{}` is not closed", name.trim())))?,
                _ => after.split_once(char::is_whitespace).unwrap_or((after, "")),
            };
            if name.trim().eq_ignore_ascii_case(wanted) {
                return Ok(Some(value.to_owned()));
            }
            rest = next;
        }
        Ok(None)
    }

    fn unclosed(&self) -> CorpusError {
        let problem = format!("segment {} of document `{}` has no </seg>", self.current.id, self.current.document);
        self.malformed_at(self.current.line, problem)
    }

    fn malformed(&self, problem: String) -> CorpusError {
        self.malformed_at(self.input.lines(), problem)
    }

    fn malformed_at(&self, line: u64, problem: String) -> CorpusError {
        CorpusError::MalformedSgm { name: self.input.name().to_owned(), line, problem }
    }
}

/// Where `needle` begins in `haystack`, ASCII letters in either case.
fn find(haystack: &str, needle: &str) -> Option<usize> {
    haystack.as_bytes().windows(needle.len()).position(|window| window.eq_ignore_ascii_case(needle.as_bytes()))
}

/// Appends `text` with XML's five entities decoded, once: `&amp;lt;` is `&lt;`. Any other `&` stays as it is.
fn decode_entities(text: &str, out: &mut String) {
    const ENTITIES: [(&str, char); 5] =
        [("&amp;", '&'), ("&lt;", '<'), ("&gt;", '>'), ("&quot;", '"'), ("&apos;", '\'')];
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let (length, character) = ENTITIES
            .iter()
            .find(|(entity, _)| rest.starts_with(entity))
            .map_or((1, '&'), |&(entity, character)| (entity.len(), character));
        out.push(character);
        rest = &rest[length..];
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_are_decoded_once() {
        let mut out = String::new();
        decode_entities("a &amp;lt; b &lt;c&gt; &quot;d&apos; & &eacute; AT&T", &mut out);
        assert_eq!(out, "a &lt; b <c> \"d' & &eacute; AT&T");
    }
}
