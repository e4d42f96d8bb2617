//! What is prepared is what the text says.

use std::fs;
use std::path::Path;

use unrolled_seq2seq::batch::BatchPlan;
use unrolled_seq2seq::corpus::Corpus;
use unrolled_seq2seq::numbered::{Limits, NumberedCorpus, Side};
use unrolled_seq2seq::prepare::{Dropped, PreparedCorpus, Settings};
use unrolled_seq2seq::tokenise::{Language, Tokeniser};
use unrolled_seq2seq::vocabulary::{Vocabulary, VocabularyBuilder};
use unrolled_tensor::random::Key;

use crate::{prepared, settings, text};

const LANGUAGES: [Language; 2] = [Language::English, Language::French];

/// The slow definition: everything counted in memory.
fn counted(corpus: &Corpus, sizes: [usize; 2]) -> [Vocabulary; 2] {
    [0, 1].map(|side| {
        let mut builder = VocabularyBuilder::new();
        for pair in corpus.pairs().unwrap().map(Result::unwrap) {
            let text = [&pair.source, &pair.target][side];
            builder.add_sentence(Tokeniser::Moses.tokenise(text, LANGUAGES[side]));
        }
        builder.build(sizes[side]).unwrap().0
    })
}

fn numbered(corpus: &Corpus, vocabularies: &[Vocabulary; 2], limits: Limits) -> NumberedCorpus {
    let side =
        |side: usize| Side { tokeniser: Tokeniser::Moses, language: LANGUAGES[side], vocabulary: &vocabularies[side] };
    NumberedCorpus::read(corpus, side(0), side(1), limits).unwrap()
}

fn all(corpus: &PreparedCorpus) -> NumberedCorpus {
    corpus.read(&(0..corpus.len() as u32).collect::<Vec<_>>()).unwrap()
}

fn same_pairs(a: &NumberedCorpus, b: &NumberedCorpus) -> bool {
    a.len() == b.len() && (0..a.len()).all(|pair| (a.source(pair), a.target(pair)) == (b.source(pair), b.target(pair)))
}

#[test]
fn pairs_vocabularies_and_batches_are_those_of_the_text() {
    let (folder, corpus) = text();
    let output = folder.path().join("prepared");
    let plain =
        Settings { source_vocabulary_size: 40, target_vocabulary_size: 50, max_length: 20, ..Settings::default() };
    let manifest = prepared(&corpus, &plain, &output).unwrap().manifest;
    let mut open = PreparedCorpus::open(&output).unwrap();
    open.verify().unwrap();
    let vocabularies = counted(&corpus, [40, 50]);
    assert_eq!([open.source_vocabulary(), open.target_vocabulary()], [&vocabularies[0], &vocabularies[1]]);
    let limits = |longest| Limits { source: longest, target: longest };
    let wanted = numbered(&corpus, &vocabularies, limits(20));
    assert!(open.len() > 40 && same_pairs(&all(&open), &wanted));
    assert_eq!(manifest.words, [wanted.source_words(), wanted.target_words()]);
    assert_eq!(manifest.known, [wanted.source_coverage().known, wanted.target_coverage().known]);
    let skipped = wanted.skipped();
    assert_eq!(manifest.dropped, Dropped { empty: skipped.empty, too_long: skipped.too_long, ..Dropped::default() });
    assert!(skipped.empty > 0 && skipped.too_long > 0 && manifest.shards.len() > 10);
    let plan = |epoch| BatchPlan::shuffled(&wanted, 8, Key::new(3), epoch);
    assert_eq!(BatchPlan::shuffled(&open, 8, Key::new(3), 1), plan(1));
    assert_ne!(plan(0), plan(1));

    let shorter = numbered(&corpus, &vocabularies, limits(6));
    let skipped = open.limit(limits(6));
    assert!(same_pairs(&all(&open), &shorter) && shorter.len() < wanted.len());
    assert_eq!(skipped.too_long as usize, wanted.len() - shorter.len());
    assert_eq!(BatchPlan::shuffled(&open, 8, Key::new(3), 0), BatchPlan::shuffled(&shorter, 8, Key::new(3), 0));
}

#[test]
fn each_rule_of_cleaning_drops_what_it_says() {
    let (folder, corpus) = text();
    let output = folder.path().join("prepared");
    let settings = Settings { min_length: 2, ..settings() };
    let manifest = prepared(&corpus, &settings, &output).unwrap().manifest;
    let mut seen = Vec::new();
    let mut dropped = Dropped::default();
    for pair in corpus.pairs().unwrap().map(Result::unwrap) {
        let lengths = [&pair.source, &pair.target].map(|text| text.split_whitespace().count());
        let [shorter, longer] = [lengths[0].min(lengths[1]), lengths[0].max(lengths[1])];
        let key = (pair.source, pair.target);
        let reason = match () {
            () if shorter == 0 => Some(&mut dropped.empty),
            () if shorter < 2 => Some(&mut dropped.too_short),
            () if longer > 20 => Some(&mut dropped.too_long),
            () if longer > 4 * shorter => Some(&mut dropped.ratio),
            () if seen.contains(&key) => Some(&mut dropped.duplicate),
            () => None,
        };
        reason.into_iter().for_each(|reason| *reason += 1);
        seen.push(key);
    }
    assert_eq!(manifest.dropped, dropped);
    assert!(
        [dropped.empty, dropped.too_short, dropped.too_long, dropped.ratio, dropped.duplicate].iter().all(|&n| n > 0),
        "{dropped}"
    );
    assert_eq!((manifest.lines, manifest.pairs), (100, 100 - dropped.total()));
}

#[test]
fn vocabularies_can_be_given_and_ids_are_as_wide_as_they_need() {
    let folder = tempfile::tempdir().unwrap();
    let many: String = (0..70_000).map(|word| format!("{word} ")).collect();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("a.en"), format!("{many}\n1 2\n")).unwrap();
    fs::write(path("a.fr"), "un\ndeux trois\n").unwrap();
    let corpus = Corpus::parallel(path("a.en"), path("a.fr"));
    let given = Settings { max_length: 0, ..Settings::default() };
    let manifest = prepared(&corpus, &given, &path("wide")).unwrap().manifest;
    assert_eq!((manifest.pairs, manifest.dropped.too_long), (1, 1), "70,000 words are too many for the format");
    assert_eq!(manifest.vocabulary, [70_003, 6]);
    let wide = PreparedCorpus::open(path("wide")).unwrap();
    assert_eq!(wide.read(&[0]).unwrap().source_words(), 2);
    let length = |folder: &str| fs::metadata(path(folder).join("shards/000001.pairs")).unwrap().len();
    assert_eq!(length("wide"), 128 + 12 + 2 * 4 + 2 * 2);

    let file = |name: &str| Some(path("wide").join(name));
    let again = Settings {
        source_vocabulary: file("source.vocabulary"),
        target_vocabulary: file("target.vocabulary"),
        ..Settings::default()
    };
    prepared(&corpus, &again, &path("again")).unwrap();
    let again = PreparedCorpus::open(path("again")).unwrap();
    assert_eq!(again.source_vocabulary(), wide.source_vocabulary());
    assert!(same_pairs(&all(&again), &all(&wide)));

    fs::write(path("few"), "<pad>\t0\n<EOS>\t0\nUNK\t0\n2\t1\n").unwrap();
    let few = Settings { source_vocabulary: Some(path("few")), ..Settings::default() };
    prepared(&corpus, &few, &path("narrow")).unwrap();
    assert_eq!(length("narrow"), 128 + 12 + 2 * 2 + 2 * 2);
    assert_eq!(PreparedCorpus::open(path("narrow")).unwrap().read(&[0]).unwrap().source(0), [2, 3]);
}

#[test]
fn nothing_but_a_corpus_is_overwritten_and_settings_must_make_sense() {
    let (folder, corpus) = text();
    let says = |settings: &Settings, output: &Path, words: &str| {
        let error = prepared(&corpus, settings, output).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    says(&settings(), folder.path(), "holds no prepared corpus: choose another folder");
    let output = folder.path().join("prepared");
    says(&Settings { max_ratio: 0.5, ..settings() }, &output, "must be 1 or more");
    says(&Settings { max_length: 70_000, ..settings() }, &output, "above 65535");
    says(
        &Settings { min_length: 30, ..settings() },
        &output,
        "the shortest length to keep, 30, is above the longest, 20",
    );
    assert!(!output.exists());
    says(&Settings { min_length: 13, ..settings() }, &output, "no pairs are left of");
    assert!(PreparedCorpus::open(&output).unwrap_err().to_string().contains("unfinished"));
}
