//! A truncated or damaged file is refused with its name.

use std::fs;

use unrolled_seq2seq::prepare::{PrepareError, PreparedCorpus};

use crate::{files, prepared, settings, text};

#[test]
fn every_damage_of_every_file_is_found_and_named() {
    let (folder, corpus) = text();
    let output = folder.path().join("prepared");
    prepared(&corpus, &settings(), &output).unwrap();
    let check = || PreparedCorpus::open(&output).and_then(|corpus| corpus.verify());
    check().unwrap();
    let mut tried = 0;
    for (name, bytes) in files(&output).into_iter().filter(|(name, _)| !name.ends_with("prepared.json")) {
        let path = output.join(&name);
        let mut damaged = vec![Vec::new(), bytes[..bytes.len() - 1].to_vec(), [&bytes[..], b"x"].concat()];
        damaged.extend((0..bytes.len()).step_by(23).map(|at| {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << (at % 8);
            bytes
        }));
        for bytes in damaged {
            fs::write(&path, bytes).unwrap();
            let error = check().expect_err("damage goes unnoticed").to_string();
            assert!(error.contains(name.to_str().unwrap()), "{}: {error}", name.display());
            tried += 1;
        }
        fs::remove_file(&path).unwrap();
        assert!(check().unwrap_err().to_string().contains(name.to_str().unwrap()));
        fs::write(&path, bytes).unwrap();
    }
    check().unwrap();
    assert!(tried > 200, "{tried}");
}

#[test]
fn a_shard_that_is_damaged_in_its_words_is_opened_and_refused_where_it_is_read() {
    let (folder, corpus) = text();
    let output = folder.path().join("prepared");
    prepared(&corpus, &settings(), &output).unwrap();
    let path = output.join("shards/000001.pairs");
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 4;
    fs::write(&path, &bytes).unwrap();
    let open = PreparedCorpus::open(&output).unwrap();
    let read: Vec<bool> = (0..open.len() as u32).map(|pair| open.read(&[pair]).is_ok()).collect();
    assert_eq!(read.iter().filter(|&&sound| !sound).count(), 1, "one pair has it");
    fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
    let error = open.verify().unwrap_err();
    assert!(matches!(error, PrepareError::Damaged { .. }) && error.to_string().contains("cut short"), "{error}");
}

#[test]
fn other_versions_and_foreign_shards_are_refused() {
    let (folder, corpus) = text();
    let output = folder.path().join("prepared");
    prepared(&corpus, &settings(), &output).unwrap();
    let manifest = output.join("prepared.json");
    let text = fs::read_to_string(&manifest).unwrap();
    let says = |words: &str| {
        let error = PreparedCorpus::open(&output).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    fs::write(&manifest, text.replace("\"format\": 1", "\"format\": 2")).unwrap();
    says("is of version 2 of the format, this program reads version 1");
    fs::write(&manifest, &text[..text.len() / 2]).unwrap();
    says("prepared.json` is damaged");
    fs::write(&manifest, &text).unwrap();
    fs::copy(output.join("shards/000002.pairs"), output.join("shards/000003.pairs")).unwrap();
    says("000003.pairs` is damaged: it is not the shard that `prepared.json` speaks of");
}
