//! Checkpoints of a run: one file of a sound one is replaced, with its checksum set right, so that what lies behind the checksums is reached too.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use unrolled_nn::Module;
use unrolled_nn::checkpoint::{self, CHECKSUMS, Checkpoint, MODEL, STATE};
use unrolled_seq2seq::config::Config;
use unrolled_seq2seq::model::{InitialRange, Model, Sizes};
use unrolled_seq2seq::run::{self, CONFIG_FILE, SOURCE_VOCABULARY, TARGET_VOCABULARY};
use unrolled_tensor::Device;
use unrolled_tensor::random::Key;

use super::{Target, told};
use crate::scratch;

/// Whole checkpoints.
pub const CHECKPOINT: Target = Target {
    name: "checkpoint",
    about: "a run's checkpoint, of which the first byte names the file that the rest replaces",
    words: &[
        "\0",
        "\u{1}",
        "\u{2}",
        "\u{3}",
        "\u{4}",
        "\u{5}",
        "{",
        "}",
        "\"sha256\":",
        "\"bytes\":",
        "\"files\":{",
        "\"../a\"",
        "layers = 1\n",
        "hidden-size = 0\n",
        "embedding-size = 4\n",
        "<pad>\t0\n<EOS>\t0\nUNK\t0\na\t1\n",
        "softmax-slices = 2\n",
        "18446744073709551615",
        "\"format\":1",
    ],
    run,
};

/// The files that an input can replace, by its first byte.
pub const FILES: [&str; 6] = [MODEL, STATE, CHECKSUMS, CONFIG_FILE, SOURCE_VOCABULARY, TARGET_VOCABULARY];

/// A sound checkpoint of the smallest model, made once in each thread.
fn sound() -> PathBuf {
    thread_local! {
        static MADE: PathBuf = {
            let folder = scratch::path("checkpoint");
            checkpoint::write(&folder, &smallest()).expect("the scratch folder can be written");
            folder
        };
    }
    MADE.with(Clone::clone)
}

fn smallest() -> Checkpoint {
    let vocabulary = b"<pad>\t0\n<EOS>\t2\nUNK\t0\na\t3\nb\t1\n".to_vec();
    let sizes = Sizes { source_words: 5, target_words: 5, embedding: 3, hidden: 2, layers: 1, softmax_slices: 1 };
    let range = InitialRange { parameters: 0.1, embeddings: 0.1 };
    let model = Model::new(&sizes, 0.0, range, Key::new(1), &Device::cpu());
    let config = Config { embedding_size: 3, hidden_size: 2, layers: 1, ..Config::default() };
    let files = [
        (CONFIG_FILE, config.to_toml().into_bytes()),
        (SOURCE_VOCABULARY, vocabulary.clone()),
        (TARGET_VOCABULARY, vocabulary),
    ];
    Checkpoint {
        model: model.state(),
        state: json!({"update": 3}),
        files: files.map(|(name, bytes)| (name.to_owned(), bytes)).into(),
        ..Checkpoint::default()
    }
}

/// The bytes of a file of the sound checkpoint, for seeds.
pub fn sound_file(name: &str) -> Vec<u8> {
    fs::read(sound().join(name)).expect("made before")
}

fn run(input: &[u8]) -> String {
    let Some((&which, bytes)) = input.split_first() else { return "refused: nothing".to_owned() };
    let name = FILES[usize::from(which) % FILES.len()];
    let folder = sound();
    let before = [name, CHECKSUMS].map(|name| (folder.join(name), sound_file(name)));
    fs::write(folder.join(name), bytes).expect("the scratch folder can be written");
    if name != CHECKSUMS {
        set_right(&folder, name, bytes);
    }
    let read = checkpoint::read(&folder, &Device::cpu());
    let read = told(read, |checkpoint| format!("{} tensors, {} files", checkpoint.model.len(), checkpoint.files.len()));
    let loaded = told(run::load(&folder, &Device::cpu()), |translator| {
        format!("{} and {} words", translator.source_vocabulary.len(), translator.target_vocabulary.len())
    });
    for (path, bytes) in before {
        fs::write(path, bytes).expect("the scratch folder can be written");
    }
    format!("{loaded}; {read}; {name}")
}

fn set_right(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(CHECKSUMS);
    let mut sums: Value = serde_json::from_slice(&sound_file(CHECKSUMS)).expect("made by the program");
    let entry = &mut sums["files"][name];
    let digest: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    (entry["bytes"], entry["sha256"]) = (json!(bytes.len()), json!(digest));
    fs::write(path, sums.to_string()).expect("the scratch folder can be written");
}
