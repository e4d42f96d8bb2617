//! Writing a configuration as TOML, every key with its documentation.

use std::fmt::Write;

use super::{Config, KEYS, Key, Kind, Origin, Resolved, Rule, Section};

impl Config {
    /// The whole configuration as TOML, every key under a comment that says what it means. Reading it back gives an equal one.
    pub fn to_toml(&self) -> String {
        dump(self, |_| None)
    }
}

impl Resolved {
    /// As [`Config::to_toml`], and where each value came from.
    pub fn to_toml(&self) -> String {
        dump(&self.config, |key| Some(self.origin(key.name)))
    }
}

impl Key {
    /// The documentation as sentences, with the allowed words or range after it.
    ///
    /// ```
    /// # use unrolled_seq2seq::config::Key;
    /// let help = Key::find("momentum").unwrap().help();
    /// assert_eq!(help, "Momentum of optimiser \"momentum\". At least 0 and less than 1.");
    /// ```
    pub fn help(&self) -> String {
        let mut text = self.doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
        if let Kind::Choice(words) = self.kind {
            let _ = write!(text, " One of: {}.", words.join(", "));
        } else if !matches!(self.rule, Rule::Any | Rule::AtLeast(0.0)) {
            let rule = self.rule.to_string();
            let _ = write!(text, " {}{}.", rule[..1].to_uppercase(), &rule[1..]);
        }
        text
    }
}

fn dump<'a>(config: &Config, origin: impl Fn(&'static Key) -> Option<&'a Origin>) -> String {
    let mut text = String::new();
    let mut section: Option<Section> = None;
    for key in KEYS {
        if section != Some(key.section) {
            let gap = if section.is_some() { "\n" } else { "" };
            let _ = writeln!(text, "{gap}# ---- {} ----", key.section.title());
            section = Some(key.section);
        }
        let _ = writeln!(text, "\n# {}", wrap(&key.help(), 110).join("\n# "));
        let from = origin(key).map(|origin| format!("  # {}", one_line(&origin.to_string()))).unwrap_or_default();
        let _ = writeln!(text, "{} = {}{from}", key.name, key.value(config));
    }
    text
}

/// A file's name may hold a line break, which would end the comment.
fn one_line(text: &str) -> String {
    text.replace(|character: char| character.is_control(), "?")
}

/// Breaks a text into lines of at most `width` characters, between words.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
