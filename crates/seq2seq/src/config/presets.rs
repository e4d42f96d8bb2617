//! The presets: configuration files that come with the crate.

/// A configuration file that comes with the crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// What `--preset` calls it.
    pub name: &'static str,
    /// The file's text.
    pub text: &'static str,
}

macro_rules! presets {
    ($($name:literal),+) => {
        /// Every preset, small ones first.
        pub static PRESETS: &[Preset] =
            &[$(Preset { name: $name, text: include_str!(concat!("../../configs/", $name, ".toml")) }),+];
    };
}
presets!("tiny", "s", "tatoeba", "m", "sutskever2014");

impl Preset {
    /// The preset of that name.
    pub fn find(name: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.name == name)
    }

    /// The names of all presets.
    pub fn names() -> Vec<&'static str> {
        PRESETS.iter().map(|preset| preset.name).collect()
    }

    /// What it is for, from the first line of the file.
    pub fn summary(&self) -> &'static str {
        self.text.lines().next().unwrap_or_default().trim_start_matches('#').trim()
    }
}
