//! Prepared corpora: the same pairs and batches as from the text, the same bytes however they came about, and damage that is found.

mod damage;
mod from_text;
mod interrupted;
#[path = "../run/medium.rs"]
mod medium;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use tempfile::TempDir;
use unrolled_seq2seq::corpus::Corpus;
use unrolled_seq2seq::prepare::{Pieces, PrepareError, PrepareOptions, Prepared, Settings, prepare};

/// Small enough for a hundred pairs to make many blocks and runs.
const PIECES: Pieces = Pieces { block_pairs: 9, block_bytes: 400, run_words: 25, run_pairs: 30 };

fn options(overwrite: bool) -> PrepareOptions {
    PrepareOptions { overwrite, pieces: PIECES }
}

/// A hundred pairs of many lengths, some empty, some twice, some very unequal.
fn text() -> (TempDir, Corpus) {
    let folder = tempfile::tempdir().unwrap();
    let side = |pair: usize, salt: usize| -> String {
        let length = [0, 3, 1, 5, 12, 2, 7, 4, 30, 6][(pair * 7 + salt * pair / 5) % 10];
        let words: Vec<String> = (0..length).map(|at| format!("w{}", (pair * pair + salt * at * at) % 61)).collect();
        words.join(" ")
    };
    let pairs = (0..100).map(|pair| if pair % 11 == 10 { pair - 10 } else { pair });
    let text: String = pairs.map(|pair| format!("{}\t{}\n", side(pair, 1), side(pair, 3))).collect();
    let path = folder.path().join("pairs.tsv");
    fs::write(&path, text).unwrap();
    (folder, Corpus::tsv(path))
}

fn settings() -> Settings {
    Settings {
        source_vocabulary_size: 40,
        target_vocabulary_size: 50,
        max_length: 20,
        max_ratio: 4.0,
        deduplicate: true,
        ..Settings::default()
    }
}

/// Prepares without being disturbed.
fn prepared(corpus: &Corpus, settings: &Settings, folder: &Path) -> Result<Prepared, PrepareError> {
    prepare(corpus, settings, folder, options(false), &mut |_| {}, &AtomicBool::new(false))
}

/// Every file below a folder.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(below) = folders.pop() {
        for entry in fs::read_dir(below).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    found
}
