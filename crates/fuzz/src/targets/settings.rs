//! Configurations.

use unrolled_seq2seq::config::{Config, KEYS};

use super::{Target, told};

pub const CONFIG: Target = Target {
    name: "config",
    about: "a configuration in TOML: what was read is written and read again",
    words: &[
        "preset = \"tiny\"\n",
        "layers = 2\n",
        "hidden-size = ",
        "tsv = [\"a\", \"b\"]\n",
        "= ",
        "\"",
        "'''",
        "\"\"\"",
        "[",
        "]",
        "[a]",
        "{",
        "}",
        "\n",
        "true",
        "false",
        "nan",
        "inf",
        "-inf",
        "1e400",
        "0x7fffffffffffffff",
        "-1",
        "9223372036854775807",
        "1979-05-27T07:32:00Z",
        "\\u0000",
        "#",
        "seed = 1\n",
        "epochs = 0\n",
        "updates = 0\n",
        ".",
        "_",
        "é",
        "learning-rate = 0.5\n",
        "output = \"run\"\n",
    ],
    run: config,
};

fn config(input: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(input) else { return "refused: not UTF-8".to_owned() };
    told(text.parse::<Config>(), |config| {
        let again: Config =
            config.to_toml().parse().unwrap_or_else(|error| panic!("what was written cannot be read: {error}"));
        assert!(again == config, "a configuration changes when it is written");
        let _ = config.check_for_training();
        let changed = Config::default().differences(&config);
        format!(
            "{} of {} keys: {:?}",
            changed.len(),
            KEYS.len(),
            changed.iter().map(|difference| difference.key.name).collect::<Vec<_>>()
        )
    })
}
