//! Every key of the configuration as a flag, made from the library's table of keys.

use clap::builder::{PossibleValuesParser, ValueParser};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, value_parser};
use unrolled_seq2seq::config::{KEYS, Key, Kind};

/// The keys that were given as flags, with their words, in the order of the table.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct ConfigFlags(pub(super) Vec<(String, Vec<String>)>);

impl Args for ConfigFlags {
    fn augment_args(command: Command) -> Command {
        KEYS.iter().fold(command, |command, key| command.arg(flag(key)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ConfigFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        // The raw words: clap has checked their form, the table gives them their meaning.
        self.0 = KEYS
            .iter()
            .filter_map(|key| Some((key.name.to_owned(), matches.get_raw(key.name)?)))
            .map(|(name, words)| (name, words.map(|word| word.to_string_lossy().into_owned()).collect()))
            .collect();
        Ok(())
    }
}

fn flag(key: &'static Key) -> Arg {
    let default = key.value(&Default::default());
    let shown =
        if matches!(default.as_str(), "\"\"" | "[]") { String::new() } else { format!(" [default: {default}]") };
    let summary = key.doc.first().map_or("", |line| line.trim().trim_end_matches('.'));
    let arg = Arg::new(key.name)
        .long(key.name)
        .help(format!("{summary}{shown}"))
        .long_help(format!("{}{shown}", key.help()))
        .help_heading(key.section.title())
        .hide_possible_values(true);
    match key.kind {
        // `--reverse-source`, `--reverse-source false`
        Kind::Switch => {
            arg.value_name("true|false").num_args(0..=1).default_missing_value("true").value_parser(["true", "false"])
        }
        Kind::Whole => arg.value_name("N").allow_negative_numbers(true).value_parser(value_parser!(u64)),
        Kind::Number => arg.value_name("X").allow_negative_numbers(true).value_parser(value_parser!(f64)),
        Kind::Choice(words) => arg.value_name("WORD").value_parser(PossibleValuesParser::new(words)),
        Kind::Text => arg.value_name("NAME").value_parser(ValueParser::string()),
        Kind::Path => arg.value_name("PATH").value_parser(ValueParser::string()).value_hint(clap::ValueHint::AnyPath),
        Kind::Files => arg
            .value_name("FILE")
            .num_args(1..)
            .action(ArgAction::Append)
            .value_parser(ValueParser::string())
            .value_hint(clap::ValueHint::FilePath),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<ConfigFlags, clap::Error> {
        let command = ConfigFlags::augment_args(Command::new("test").no_binary_name(true));
        ConfigFlags::from_arg_matches(&command.try_get_matches_from(words)?)
    }

    fn given(name: &str, words: &[&str]) -> (String, Vec<String>) {
        (name.to_owned(), words.iter().map(|&word| word.to_owned()).collect())
    }

    #[test]
    fn only_what_was_given_is_a_flag() {
        assert_eq!(parse(&[]).unwrap(), ConfigFlags(vec![]));
        let flags =
            parse(&["--seed", "7", "--layers=2", "--source", "a", "b", "--source", "c", "--schedule", "cosine"])
                .unwrap();
        let wanted = [
            given("source", &["a", "b", "c"]),
            given("layers", &["2"]),
            given("schedule", &["cosine"]),
            given("seed", &["7"]),
        ];
        assert_eq!(flags.0, wanted);
    }

    #[test]
    fn a_switch_needs_no_word() {
        assert_eq!(parse(&["--reverse-source", "--seed", "1"]).unwrap().0[0], given("reverse-source", &["true"]));
        assert_eq!(parse(&["--reverse-source", "false"]).unwrap().0[0], given("reverse-source", &["false"]));
        assert!(parse(&["--reverse-source", "no"]).is_err());
    }

    #[test]
    fn what_has_the_wrong_form_is_refused() {
        for words in [["--layers", "two"], ["--layers", "-1"], ["--dropout", "x"], ["--optimiser", "sdg"]] {
            assert!(parse(&words).is_err(), "{words:?}");
        }
        let message = parse(&["--hiden-size", "3"]).unwrap_err().to_string();
        assert!(message.contains("--hidden-size"), "{message}");
    }
}
