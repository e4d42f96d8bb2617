//! The configuration as a user meets it: files, flags, layers, and what is said about mistakes.

use std::path::{Path, PathBuf};

use unrolled_seq2seq::config::{Config, ConfigError, KEYS, Layers, Origin, PRESETS, Problem, Resolved, Schedule};
use unrolled_seq2seq::tokenise::Tokeniser;

fn problems(text: &str) -> String {
    text.parse::<Config>().expect_err("a mistake that was not found").to_string()
}

fn flags(pairs: &[(&str, &str)]) -> Vec<(String, Vec<String>)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), value.split(' ').map(str::to_owned).collect())).collect()
}

fn resolve(layers: Layers) -> Result<Resolved, ConfigError> {
    layers.resolve()
}

#[test]
fn the_defaults_are_the_papers_recipe() {
    let config = Config::default();
    config.check().unwrap();
    assert_eq!(config, Config::preset("sutskever2014").unwrap());
    assert_eq!((config.source_vocabulary_size, config.target_vocabulary_size), (160_000, 80_000));
    assert_eq!((config.layers, config.hidden_size, config.embedding_size), (4, 1000, 1000));
    assert_eq!((config.learning_rate, config.batch_size, config.clip_norm, config.epochs), (0.7, 128, 5.0, 7.5));
    assert_eq!((config.halve_after_epochs, config.halve_every_epochs, config.initial_range), (5.0, 0.5, 0.08));
    assert!(config.reverse_source && config.dropout == 0.0);
}

#[test]
fn every_preset_is_sound_and_comments_every_key() {
    for preset in PRESETS {
        Config::preset(preset.name).unwrap_or_else(|error| panic!("{}: {error}", preset.name));
        assert!(preset.text.starts_with("# ") && preset.summary().ends_with('.'), "{}", preset.name);
        let mut commented = false;
        for line in preset.text.lines().skip(1) {
            // A comment covers the keys below it up to the next empty line.
            match line {
                "" => commented = false,
                _ if line.starts_with('#') => commented = true,
                _ => assert!(commented, "{}: no comment above `{line}`", preset.name),
            }
        }
    }
}

#[test]
fn the_presets_have_the_sizes_they_promise() {
    let size = |name: &str| {
        let config = Config::preset(name).unwrap();
        (
            config.source_vocabulary_size,
            config.target_vocabulary_size,
            config.layers,
            config.hidden_size,
            config.batch_size,
        )
    };
    assert_eq!(size("s"), (8_000, 8_000, 2, 256, 64));
    assert_eq!(size("m"), (30_000, 30_000, 4, 512, 64));
    assert_eq!(size("tatoeba"), (10_000, 12_000, 2, 256, 128));
}

#[test]
fn keys_are_named_once_documented_and_kebab_case() {
    for (index, key) in KEYS.iter().enumerate() {
        assert!(
            key.name
                .chars()
                .all(|character| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-')
        );
        assert!(KEYS[..index].iter().all(|other| other.name != key.name), "{} twice", key.name);
        let summary = key.doc.first().unwrap();
        assert!(summary.len() > 15 && summary.ends_with('.'), "{}: the first line is one sentence", key.name);
    }
    assert_eq!(KEYS[0].name, "source");
    assert!(KEYS.iter().any(|key| key.name == "source-vocabulary-size"));
}

#[test]
fn files_may_be_one_or_several() {
    let config: Config =
        "source = [\"a.en\", \"b.en\"]\ntarget = ['a.fr', 'b.fr']\nvalid-tsv = \"v.tsv\"".parse().unwrap();
    assert_eq!(config.source, [PathBuf::from("a.en"), PathBuf::from("b.en")]);
    assert_eq!(config.valid_tsv, [Path::new("v.tsv")]);
    let config: Config = "source = ''\noutput = ''\nlearning-rate = 1".parse().unwrap();
    assert!(config.source.is_empty() && config.output.is_none() && config.learning_rate == 1.0);
}

#[test]
fn unknown_keys_name_their_line_and_the_nearest_key() {
    assert_eq!(
        problems("layers = 2\n\nhiden-size = 256"),
        "line 3: unknown key `hiden-size`; did you mean `hidden-size`?"
    );
    assert_eq!(problems("optimizer = 'sgd'"), "line 1: unknown key `optimizer`; did you mean `optimiser`?");
    assert_eq!(problems("batch_size = 3"), "line 1: unknown key `batch_size`; did you mean `batch-size`?");
    assert_eq!(problems("colour = 3"), "line 1: unknown key `colour`; `unrolled train --dump-config` lists them all");
    let table = problems("seed = 3\n[model]\nlayers = 2");
    assert_eq!(table, "line 2: `[model]` starts a table, but this file is flat: write its keys above, without tables");
}

#[test]
fn wrong_types_name_what_is_expected_and_what_was_found() {
    let cases = [
        ("layers = 'two'", "line 1: `layers` expected a whole number, 0 or more, found the string \"two\""),
        ("layers = 2.5", "line 1: `layers` expected a whole number, 0 or more, found the number 2.5"),
        ("layers = -1", "line 1: `layers` expected a whole number, 0 or more, found the whole number -1"),
        ("dropout = true", "line 1: `dropout` expected a finite number, found true"),
        ("dropout = nan", "line 1: `dropout` expected a finite number, found the number NaN"),
        ("reverse-source = 1", "line 1: `reverse-source` expected true or false, found the whole number 1"),
        (
            "tokeniser = 'bpe'",
            "line 1: `tokeniser` expected \"moses\", \"whitespace\" or \"words\", found the string \"bpe\"",
        ),
        (
            "source = ['a', 1]",
            "line 1: `source` expected a file, or a list of files, as strings, found the list [\"a\", 1]",
        ),
        ("preset = 3", "line 1: `preset` expected the name of a preset, as a string, found the whole number 3"),
    ];
    for (text, message) in cases {
        assert_eq!(problems(text), message);
    }
}

#[test]
fn all_problems_come_at_once() {
    let text = problems("layers = 0\ndropout = 1.0\nsouce = 'a'\nepochs = 0\nsource = 'a'\nbatch-size = 'x'");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines,
        [
            "6 problems in the configuration",
            "  - line 3: unknown key `souce`; did you mean `source`?",
            "  - line 6: `batch-size` expected a whole number, 0 or more, found the string \"x\"",
            "  - line 1: `layers` must be at least 1, found 0",
            "  - line 2: `dropout` must be at least 0 and less than 1, found 1.0",
            "  - `source` names 1 file and `target` no file: each source file needs its target file",
            "  - training would never end: give a limit by `epochs`, `updates`, `minutes` or `patience`",
        ]
    );
}

#[test]
fn contradictions_are_explained() {
    let cases = [
        ("tsv = 'a'\nsource = 'b'\ntarget = 'c'", "`tsv` stands instead of"),
        ("valid-target = 'b'", "`valid-source` names no file and `valid-target` 1 file"),
        ("schedule = 'cosine'\nepochs = 0\nminutes = 5", "`schedule` \"cosine\" needs the run's length"),
        ("schedule = 'inverse-sqrt'", "give `warmup-updates`"),
        ("weight-decay = 0.1", "`weight-decay` has no effect with `optimiser` \"sgd\""),
        ("softmax-slices = 9\ntarget-vocabulary-size = 8", "`softmax-slices` is 9, more than the 8 words"),
        ("minimum-learning-rate = 0.8", "`minimum-learning-rate` 0.8 is above `learning-rate` 0.7"),
    ];
    for (text, message) in cases {
        let found = problems(text);
        assert!(found.contains(message), "{text:?} gave {found:?}");
    }
}

#[test]
fn broken_toml_names_the_line() {
    assert!(problems("layers = 2\nseed = = 3").starts_with("line 2: "));
    assert!(
        problems("layers = 2\nseed = 3\nlayers = 4").starts_with("line 3: "),
        "{}",
        problems("layers = 2\nseed = 3\nlayers = 4")
    );
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none.toml");
    let message = Config::read(&missing).unwrap_err().to_string();
    assert!(message.starts_with(&format!("cannot read the configuration {}: ", missing.display())), "{message}");
    let latin = folder.path().join("latin.toml");
    std::fs::write(&latin, b"layers = 2\n# caf\xe9\n").unwrap();
    assert!(Config::read(&latin).unwrap_err().to_string().ends_with("latin.toml: line 2 is not UTF-8"));
    std::fs::write(&latin, "layers = 2\n\nlayer = 3\n").unwrap();
    let message = Config::read(&latin).unwrap_err().to_string();
    assert_eq!(message, format!("{}:3: unknown key `layer`; did you mean `layers`?", latin.display()));
}

#[test]
fn each_layer_wins_over_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.toml");
    std::fs::write(&file, "preset = \"s\"\nhidden-size = 128\nlayers = 3\n").unwrap();
    let layers = Layers {
        file: Some(file.clone()),
        flags: flags(&[("layers", "1"), ("tokeniser", "whitespace")]),
        ..Layers::default()
    };
    let resolved = resolve(layers.clone()).unwrap();
    let config = &resolved.config;
    assert_eq!((config.source_vocabulary_size, config.hidden_size, config.layers), (8000, 128, 1));
    assert_eq!(config.tokeniser, Tokeniser::Whitespace);
    assert_eq!(resolved.origin("batch-size"), &Origin::Preset("s".into()));
    assert_eq!(resolved.origin("hidden-size"), &Origin::File { path: file, line: 2 });
    assert_eq!(resolved.origin("layers"), &Origin::Flag);
    assert_eq!(resolved.origin("momentum"), &Origin::Default);
    let medium = resolve(Layers { preset: Some("m".into()), ..layers }).unwrap();
    assert_eq!(medium.config.source_vocabulary_size, 30_000, "--preset wins over the file's own");
}

#[test]
fn flags_are_read_like_values() {
    let given = flags(&[
        ("source", "a b"),
        ("target", "c d"),
        ("reverse-source", "false"),
        ("schedule", "constant"),
        ("adam-epsilon", "1e-6"),
    ]);
    let config = resolve(Layers { flags: given, ..Layers::default() }).unwrap().config;
    assert_eq!(config.source, [Path::new("a"), Path::new("b")]);
    assert_eq!((config.reverse_source, config.schedule, config.adam_epsilon), (false, Schedule::Constant, 1e-6));
    let error = resolve(Layers { flags: flags(&[("layers", "many"), ("dropout", "2")]), ..Layers::default() })
        .unwrap_err()
        .to_string();
    assert!(error.contains("command line: `layers` expected a whole number, 0 or more, found `many`"), "{error}");
    assert!(error.contains("command line: `dropout` must be at least 0 and less than 1, found 2.0"), "{error}");
    let error = resolve(Layers { preset: Some("xl".into()), ..Layers::default() }).unwrap_err().to_string();
    assert_eq!(error, "command line: unknown preset `xl`; there are: tiny, s, tatoeba, m, sutskever2014");
}

#[test]
fn a_resumed_run_keeps_what_its_parameters_depend_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    let kept = Config { hidden_size: 64, learning_rate: 0.5, ..Config::preset("s").unwrap() };
    std::fs::write(&path, kept.to_toml()).unwrap();
    let run =
        |given: &[(&str, &str)]| resolve(Layers { run: Some(path.clone()), flags: flags(given), ..Layers::default() });

    assert_eq!(run(&[]).unwrap().config, kept);
    let changed = run(&[("learning-rate", "0.25"), ("hidden-size", "64")]).unwrap();
    assert_eq!((changed.config.learning_rate, changed.origin("learning-rate")), (0.25, &Origin::Flag));
    assert_eq!(changed.origin("batch-size"), &Origin::Run);
    let lines: Vec<String> = kept.differences(&changed.config).iter().map(ToString::to_string).collect();
    assert_eq!(lines, ["learning-rate: 0.25 instead of 0.5"]);
    let error = run(&[("hidden-size", "128"), ("learning-rate", "0.1")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "command line: `hidden-size` of a resumed run must stay 64, found 128; train a new run for another value"
    );
    assert!(matches!(error.problems[0], Problem::Fixed { key: "hidden-size", .. }));
}

#[test]
fn the_run_folder_is_found_before_anything_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.toml");
    std::fs::write(&file, "output = 'runs/a'\nlayers = 0\n").unwrap();
    let layers = Layers { file: Some(file), ..Layers::default() };
    assert_eq!(layers.output().unwrap().as_deref(), Some(Path::new("runs/a")));
    let layers = Layers { flags: flags(&[("output", "runs/b"), ("weight-decay", "0.1")]), ..layers };
    assert_eq!(layers.output().unwrap().as_deref(), Some(Path::new("runs/b")));
    assert_eq!(Layers::default().output().unwrap(), None);
}

#[test]
fn training_needs_data_and_a_folder() {
    let message = Config { patience: 3, ..Config::default() }.check_for_training().unwrap_err().to_string();
    for wanted in ["3 problems", "no training data", "no run folder", "`patience` counts validations"] {
        assert!(message.contains(wanted), "{message}");
    }
    let ready = Config { tsv: vec!["a.tsv".into()], output: Some("run".into()), ..Config::default() };
    ready.check_for_training().unwrap();
    let message = Config { layers: 0, ..ready }.check_for_training().unwrap_err().to_string();
    assert_eq!(message, "`layers` must be at least 1, found 0");
}

#[test]
fn the_dump_says_what_each_key_means_and_where_its_value_came_from() {
    let layers = Layers { preset: Some("s".into()), flags: flags(&[("seed", "7")]), ..Layers::default() };
    let text = resolve(layers).unwrap().to_toml();
    for wanted in [
        "\n# LSTM layers in the encoder",
        "\nlayers = 2  # preset s\n",
        "\nseed = 7  # command line\n",
        "\nmomentum = 0.9  # default\n",
    ] {
        assert!(text.contains(wanted), "no {wanted:?} in\n{text}");
    }
    for key in KEYS {
        assert_eq!(text.matches(&format!("\n{} = ", key.name)).count(), 1, "{}", key.name);
    }
    assert!(text.lines().all(|line| line.chars().count() <= 140), "a dump that fits a screen");
}

mod round_trip {
    use proptest::prelude::*;
    use unrolled_seq2seq::config::{Config, KEYS, Key, Kind, Layers, Rule};

    /// Words that a key accepts, made from the key's own row of the table.
    fn words(key: &'static Key) -> BoxedStrategy<Vec<String>> {
        let one = |strategy: BoxedStrategy<String>| strategy.prop_map(|word| vec![word]).boxed();
        let (least, limit) = match key.rule {
            Rule::Any => (0.0, 1e15),
            Rule::AtLeast(least) => (least, 1e15),
            Rule::Above(least) => (least + f64::MIN_POSITIVE, 1e15),
            Rule::FromTo(least, limit) => (least, limit),
        };
        match key.kind {
            Kind::Switch => one(any::<bool>().prop_map(|truth| truth.to_string()).boxed()),
            Kind::Whole => one((least as i64..i64::MAX).prop_map(|number| number.to_string()).boxed()),
            Kind::Number => one((least..limit).prop_map(|number| format!("{number:?}")).boxed()),
            Kind::Choice(words) => one(prop::sample::select(words).prop_map(str::to_owned).boxed()),
            Kind::Text | Kind::Path => one("\\PC{0,12}|[a-z\"'\\\\\r\n\t#]{0,8}".boxed()),
            Kind::Files => prop::collection::vec("\\PC{1,12}|[a-z \"\\\\\n\t\u{7f}]{1,8}", 1..4).boxed(),
        }
    }

    /// The flag, with the others that a configuration cannot do without once it is given.
    fn with_company(key: &'static Key, words: Vec<String>) -> Vec<(String, Vec<String>)> {
        let company = match key.name {
            "source" => Some(("target", words.clone())),
            "target" => Some(("source", words.clone())),
            "valid-source" => Some(("valid-target", words.clone())),
            "valid-target" => Some(("valid-source", words.clone())),
            "weight-decay" => Some(("optimiser", vec!["adamw".into()])),
            "softmax-slices" => Some(("target-vocabulary-size", vec![i64::MAX.to_string()])),
            "minimum-learning-rate" => Some(("learning-rate", words.clone())),
            "learning-rate" => Some(("minimum-learning-rate", vec!["0".into()])),
            "schedule" => Some(("warmup-updates", vec!["4000".into()])),
            _ => None,
        };
        let company = company.filter(|(_, words)| words != &["0.0"]);
        company
            .map(|(name, words)| (name.to_owned(), words))
            .into_iter()
            .chain([(key.name.to_owned(), words)])
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Whatever a key can hold, a dumped configuration reads back as the same one, with or without its comments.
        #[test]
        fn a_dump_reads_back(given in KEYS.iter().map(words).collect::<Vec<_>>()) {
            for (key, words) in KEYS.iter().zip(given) {
                let flags = with_company(key, words);
                let resolved = Layers { flags: flags.clone(), ..Layers::default() }.resolve();
                prop_assert!(resolved.is_ok(), "{:?}: {}", flags, resolved.unwrap_err());
                let resolved = resolved.unwrap();
                prop_assert_eq!(resolved.config.to_toml().parse::<Config>(), Ok(resolved.config.clone()));
                prop_assert_eq!(resolved.to_toml().parse::<Config>(), Ok(resolved.config));
            }
        }
    }
}
