//! Reading one TOML document: which keys it sets, on which lines, and everything that is wrong with it.

use std::path::Path;

use toml::Table;
use toml::de::DeTable;

use super::setting::describe;
use super::{Config, Key, Origin, Problem};

/// A TOML document, cut into its entries.
#[derive(Debug)]
pub(super) struct Document {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    name: String,
    value: toml::Value,
    place: Origin,
}

/// Makes the origin of what stands on a line.
type Place<'a> = &'a dyn Fn(usize) -> Origin;

impl Document {
    /// Reads and parses a file.
    pub(super) fn open(path: &Path) -> Result<Self, Problem> {
        let unreadable = |reason: String| Problem::Unreadable { path: path.into(), reason };
        let bytes = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let line =
                1 + error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|&&byte| byte == b'\n').count();
            unreadable(format!("line {line} is not UTF-8"))
        })?;
        Self::parse(&text, &|line| Origin::File { path: path.into(), line })
    }

    /// Parses a text; `place` says where a line of it is.
    pub(super) fn parse(text: &str, place: Place<'_>) -> Result<Self, Problem> {
        let line_at =
            |offset: usize| 1 + text.as_bytes()[..offset.min(text.len())].iter().filter(|&&byte| byte == b'\n').count();
        let syntax = |error: toml::de::Error| Problem::Syntax {
            place: place(error.span().map_or(1, |span| line_at(span.start))),
            message: error.message().to_owned(),
        };
        // The values come from one parse and their positions from another: the crate's spanned values are still unparsed text.
        let spans = DeTable::parse(text).map_err(syntax)?.into_inner();
        let mut values: Table = toml::from_str(text).map_err(syntax)?;
        let mut entries: Vec<Entry> = Vec::with_capacity(values.len());
        let mut names: Vec<(usize, String)> =
            spans.keys().map(|name| (name.span().start, name.get_ref().clone().into_owned())).collect();
        names.sort();
        for (offset, name) in names {
            if let Some(value) = values.remove(&name) {
                entries.push(Entry { name, value, place: place(line_at(offset)) });
            }
        }
        Ok(Self { entries })
    }

    /// Takes out the name of the preset that the document builds upon, and where it stands.
    pub(super) fn take_preset(&mut self) -> Result<Option<(String, Origin)>, Problem> {
        let Some(index) = self.entries.iter().position(|entry| entry.name == "preset") else { return Ok(None) };
        let Entry { value, place, .. } = self.entries.remove(index);
        match value.as_str() {
            Some(name) => Ok(Some((name.to_owned(), place))),
            None => Err(Problem::WrongType {
                place,
                key: "preset",
                expected: "the name of a preset, as a string".into(),
                found: describe(&value),
            }),
        }
    }

    /// Puts every entry into `config`, tells `set` which key came from where, and adds what is wrong to `problems`.
    pub(super) fn apply(
        self,
        config: &mut Config,
        mut set: impl FnMut(&'static Key, Origin),
        problems: &mut Vec<Problem>,
    ) {
        for Entry { name, value, place } in self.entries {
            let Some(key) = Key::find(&name) else {
                problems.push(unknown(place, name, &value));
                continue;
            };
            if (key.from_toml)(config, &value) {
                set(key, place);
            } else {
                problems.push(Problem::WrongType {
                    place,
                    key: key.name,
                    expected: key.kind.to_string(),
                    found: describe(&value),
                });
            }
        }
    }
}

fn unknown(place: Origin, name: String, value: &toml::Value) -> Problem {
    if value.is_table() {
        let message = format!("`[{name}]` starts a table, but this file is flat: write its keys above, without tables");
        return Problem::Syntax { place, message };
    }
    let nearest = Key::nearest(&name).map(|key| key.name);
    Problem::UnknownKey { place, name, nearest }
}
