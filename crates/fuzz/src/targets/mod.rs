//! The readers, each as a function of bytes.

pub mod checkpoint;
pub mod prepared;
mod settings;
mod tensors;
mod text;

/// One reader.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// What the command and the folder of seeds call it.
    pub name: &'static str,
    /// What it reads.
    pub about: &'static str,
    /// Words of the format, for mutation.
    pub words: &'static [&'static str],
    /// Reads the bytes and says how it went, shortly. A panic is a finding: the reader's own, or one of a property that does not hold.
    pub run: fn(&[u8]) -> String,
}

/// Every reader.
pub fn targets() -> &'static [Target] {
    &[
        text::SGM,
        text::TSV,
        text::GZ,
        text::VOCABULARY,
        text::N_BEST,
        settings::CONFIG,
        tensors::SAFETENSORS,
        checkpoint::CHECKPOINT,
        prepared::PREPARED,
        tensors::NPY,
        tensors::NPZ,
    ]
}

/// The reader of that name.
pub fn find(name: &str) -> Option<&'static Target> {
    targets().iter().find(|target| target.name == name)
}

/// What went well or wrong, shortly.
fn told<T, E: std::fmt::Display>(result: Result<T, E>, well: impl FnOnce(T) -> String) -> String {
    match result {
        Ok(value) => format!("read {}", well(value)),
        Err(error) => format!("refused: {error}"),
    }
}

/// An input that stands for two files: what comes before the first line `====`, and what comes after it.
fn two_files(input: &[u8]) -> (&[u8], &[u8]) {
    const BETWEEN: &[u8] = b"\n====\n";
    match input.windows(BETWEEN.len()).position(|piece| piece == BETWEEN) {
        Some(at) => (&input[..=at], &input[at + BETWEEN.len()..]),
        None => (input, &[]),
    }
}
