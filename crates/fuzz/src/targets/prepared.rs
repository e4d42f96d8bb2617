//! A prepared corpus of which one file is replaced, with checksums set right, so that what lies behind them is reached too.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use unrolled_seq2seq::corpus::Corpus;
use unrolled_seq2seq::prepare::{self, PrepareError, PreparedCorpus, Settings};

use super::{Target, told};
use crate::scratch;

/// Prepared corpora.
pub const PREPARED: Target = Target {
    name: "prepared",
    about: "a prepared corpus, of which the first byte names the file that the rest replaces",
    words: &[
        "\0",
        "\u{1}",
        "\u{2}",
        "\u{3}",
        "unrldata",
        "\u{2}\u{2}",
        "\u{4}\u{4}",
        "\"format\": 1",
        "\"pairs\": 0",
        "\"shards\": [",
        "]",
        "{",
        "}",
        ",",
        "\"lines\":",
        "18446744073709551615",
        "4294967295",
        "-1",
        "\"moses\"",
        "<pad>\t0\n<EOS>\t0\nUNK\t0\na\t1\n",
        "\"max_ratio\": 1e308",
    ],
    run,
};

/// The files that an input can replace, by its first byte; a shard with the highest bit set has its checksums set right.
pub const FILES: [&str; 4] =
    ["shards/000000.pairs", "prepared.json", prepare::SOURCE_VOCABULARY, prepare::TARGET_VOCABULARY];

/// A sound prepared corpus, made once in each thread.
fn sound() -> PathBuf {
    thread_local! {
        static MADE: PathBuf = {
            let text = scratch::write("prepared.tsv", "one two\tun deux\nthree\ttrois\ntwo one two\tdeux un deux\n".as_bytes());
            let folder = scratch::path("prepared");
            let never = AtomicBool::new(false);
            prepare::prepare(&Corpus::tsv(text), &Settings::default(), &folder, Default::default(), &mut |_| {}, &never)
                .expect("the scratch folder can be written");
            folder
        };
    }
    MADE.with(Clone::clone)
}

/// The bytes of a file of the sound corpus, for seeds.
pub fn sound_file(name: &str) -> Vec<u8> {
    fs::read(sound().join(name)).expect("made before")
}

fn run(input: &[u8]) -> String {
    let Some((&which, bytes)) = input.split_first() else { return "refused: nothing".to_owned() };
    let name = FILES[usize::from(which & 0x7f) % FILES.len()];
    let folder = sound();
    let before = [name, "prepared.json"].map(|name| (folder.join(name), sound_file(name)));
    let mut bytes = bytes.to_vec();
    if which & 0x80 != 0 && name == FILES[0] {
        prepare::reseal(&mut bytes);
        set_right(&folder, &bytes);
    }
    fs::write(folder.join(name), bytes).expect("the scratch folder can be written");
    let read = told(read(&folder), |(pairs, words)| format!("{pairs} pairs, {words} words"));
    for (path, bytes) in before {
        fs::write(path, bytes).expect("the scratch folder can be written");
    }
    format!("{read}; {name}")
}

/// Lets the manifest speak of this shard.
fn set_right(folder: &Path, shard: &[u8]) {
    let Some(pairs) = shard.get(16..20).map(|bytes| u32::from_le_bytes(bytes.try_into().expect("four bytes"))) else {
        return;
    };
    let mut crc = flate2::Crc::new();
    crc.update(&shard[..124.min(shard.len())]);
    let mut manifest: serde_json::Value =
        serde_json::from_slice(&sound_file("prepared.json")).expect("made by the program");
    manifest["pairs"] = pairs.into();
    manifest["shards"][0] = serde_json::json!({"pairs": pairs, "bytes": shard.len(), "crc": crc.sum()});
    fs::write(folder.join("prepared.json"), manifest.to_string()).expect("the scratch folder can be written");
}

fn read(folder: &Path) -> Result<(usize, u64), PrepareError> {
    let corpus = PreparedCorpus::open(folder)?;
    let pairs: Vec<u32> = (0..corpus.len() as u32).collect();
    let read = corpus.read(&pairs)?;
    corpus.verify()?;
    let vocabularies = [corpus.source_vocabulary(), corpus.target_vocabulary()];
    for pair in 0..read.len() {
        // Panics where an id is in no vocabulary.
        assert_eq!(vocabularies[0].decode(read.source(pair)).count(), read.source(pair).len());
        assert_eq!(vocabularies[1].decode(read.target(pair)).count(), read.target(pair).len());
    }
    Ok((pairs.len(), read.source_words() + read.target_words()))
}
