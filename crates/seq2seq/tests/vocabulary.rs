//! Vocabularies: order, files, and what can be wrong with them; and a corpus in ids.

use proptest::prelude::*;
use unrolled_seq2seq::corpus::{Corpus, CorpusError, Lines, Skipped};
use unrolled_seq2seq::numbered::{Limits, NumberedCorpus, Side};
use unrolled_seq2seq::tokenise::{Language, Tokeniser};
use unrolled_seq2seq::vocabulary::{EOS, PAD, Shortfall, UNK, Vocabulary, VocabularyBuilder, VocabularyError};

fn count(text: &str) -> VocabularyBuilder {
    let mut builder = VocabularyBuilder::new();
    text.lines().for_each(|line| builder.add_sentence(line.split_whitespace()));
    builder
}

fn words(vocabulary: &Vocabulary) -> Vec<&str> {
    (0..vocabulary.len() as u32).map(|id| vocabulary.word(id)).collect()
}

fn read(text: &str) -> Result<Vocabulary, VocabularyError> {
    Vocabulary::read(Lines::from_reader("vocab", std::io::Cursor::new(text.to_owned().into_bytes())))
}

#[test]
fn words_go_by_frequency_then_by_bytes() {
    let (vocabulary, shortfall) = count("b a é a\nZ b c\nb").build(7).unwrap();
    assert_eq!(words(&vocabulary), ["<pad>", "<EOS>", "UNK", "b", "a", "Z", "c"]);
    assert_eq!(shortfall, None);
    assert_eq!((vocabulary.count(3), vocabulary.count(EOS), vocabulary.count(UNK)), (3, 3, 1));
    assert_eq!(vocabulary.coverage().share(), 7.0 / 8.0);
    assert_eq!(vocabulary.id("é"), UNK);
}

#[test]
fn a_size_beyond_the_data_is_reported() {
    let (vocabulary, shortfall) = count("a b").build(100).unwrap();
    assert_eq!(shortfall, Some(Shortfall { requested: 100, available: 5 }));
    assert!(shortfall.unwrap().to_string().contains("100") && vocabulary.len() == 5);
    assert!(matches!(count("a").build(3), Err(VocabularyError::TooSmall { size: 3 })));
    assert!(matches!(count("").build(10), Err(VocabularyError::NoWords)));
    assert!(matches!(count("<EOS>").build(10), Err(VocabularyError::NoWords)));
}

#[test]
fn specials_in_text_are_unknown_words() {
    let (vocabulary, _) = count("<EOS> <pad> UNK a <EOS>").build(10).unwrap();
    assert_eq!(vocabulary.encode(["<EOS>", "<pad>", "UNK", "a"]), [UNK, UNK, UNK, 3]);
    assert_eq!(words(&vocabulary), ["<pad>", "<EOS>", "UNK", "a"]);
    assert_eq!((vocabulary.count(UNK), vocabulary.count(EOS), vocabulary.count(PAD)), (4, 1, 0));
}

#[test]
fn decoding_ends_at_the_end_of_the_sentence() {
    let (vocabulary, _) = count("a b").build(10).unwrap();
    assert_eq!(vocabulary.decode(&[4, PAD, UNK, 3, EOS, 3]).collect::<Vec<_>>(), ["b", "UNK", "a"]);
}

#[test]
#[should_panic(expected = "there is no word 5, the ids are 0 to 4")]
fn an_id_beyond_the_end_panics() {
    count("a b").build(10).unwrap().0.word(5);
}

#[test]
fn files_come_back_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vocab");
    let (vocabulary, _) = count("a\u{85}b \u{feff} b' \u{200b}\nb' «").build(10).unwrap();
    vocabulary.save(&path).unwrap();
    assert_eq!(Vocabulary::load(&path).unwrap(), vocabulary);
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("<pad>\t0\n<EOS>\t2\nUNK\t0\nb'\t2\n"));
    assert!(matches!(vocabulary.save(folder.path()), Err(VocabularyError::Write { .. })));
    // The old file stays whole until the new one is.
    let old = folder.path().join("old");
    std::fs::write(&path, "old").unwrap();
    std::fs::hard_link(&path, &old).unwrap();
    vocabulary.save(&path).unwrap();
    assert_eq!(std::fs::read_to_string(old).unwrap(), "old");
    assert_eq!(Vocabulary::load(&path).unwrap(), vocabulary);
}

#[test]
fn bad_files_are_refused_with_their_line() {
    let specials = "<pad>\t0\n<EOS>\t1\nUNK\t0\n";
    assert!(matches!(
        read(&format!("{specials}a\t2\nb\t1\na\t1\n")),
        Err(VocabularyError::Duplicate { line: 6, first: 4, word, .. }) if word == "a"
    ));
    assert!(matches!(read(&format!("{specials}UNK\t2\n")), Err(VocabularyError::Duplicate { line: 4, first: 3, .. })));
    assert!(matches!(read(&format!("{specials}a\t1\n\nb\t1\n")), Err(VocabularyError::EmptyLine { line: 5, .. })));
    assert!(matches!(read(&format!("{specials}\t1\n")), Err(VocabularyError::EmptyLine { line: 4, .. })));
    for bad in ["a", "a 1", "a\t", "a\tb", "a\t-1", "a\tb\t1"] {
        let error = read(&format!("{specials}{bad}\n")).unwrap_err();
        assert!(matches!(error, VocabularyError::MissingCount { line: 4, .. }), "{bad}: {error}");
    }
    for (text, at, wanted) in [("", 1, "<pad>"), ("<pad>\t0\n", 2, "<EOS>"), ("<pad>\t0\n<EOS>\t0\na\t3\n", 3, "UNK")] {
        match read(text).unwrap_err() {
            VocabularyError::MissingSpecial { line, expected, .. } => assert_eq!((line, expected), (at, wanted)),
            other => panic!("{other:?}"),
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vocab");
    std::fs::write(&path, b"<pad>\t0\n<EO\xff>\t0\n").unwrap();
    let error = Vocabulary::load(&path).unwrap_err();
    assert!(matches!(error, VocabularyError::Read(CorpusError::InvalidUtf8 { line: 2, byte: 4, .. })), "{error}");
    assert!(matches!(Vocabulary::load(folder.path().join("no")), Err(VocabularyError::Read(CorpusError::Open { .. }))));
}

#[test]
fn a_corpus_becomes_ids_and_says_what_it_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train.tsv");
    std::fs::write(&path, "a cat\tun chat\n\tvide\nb \t \u{a0}\na b a\tx y\na b\tx y z\ncat\tchat noir\n").unwrap();
    let (english, _) = count("a a cat").build(10).unwrap();
    let (french, _) = count("un chat chat").build(10).unwrap();
    let side = |vocabulary| Side { tokeniser: Tokeniser::Whitespace, language: Language::Other, vocabulary };
    let limits = Limits { source: 2, target: 2 };
    let corpus = NumberedCorpus::read(&Corpus::tsv(&path), side(&english), side(&french), limits).unwrap();
    assert_eq!(corpus.len(), 2);
    assert_eq!((corpus.source(0), corpus.target(0)), (&[3, 4][..], &[4, 3][..]));
    assert_eq!((corpus.source(1), corpus.target(1)), (&[4][..], &[3, UNK][..]));
    assert_eq!(corpus.skipped(), Skipped { empty: 2, too_long: 2 });
    assert_eq!((corpus.source_words(), corpus.target_words()), (3, 4));
    assert_eq!((corpus.source_coverage().share(), corpus.target_coverage().share()), (1.0, 0.75));
    let all = NumberedCorpus::read(&Corpus::tsv(&path), side(&english), side(&french), Limits::NONE).unwrap();
    assert_eq!((all.len(), all.skipped().too_long), (4, 0));
}

proptest! {
    /// Whatever the counts: the order is by frequency, ids and words are inverse, and a file keeps everything.
    #[test]
    fn vocabularies_are_consistent(text in "[a-e<>\u{a0}é\n ]{0,200}", size in 4usize..12) {
        let builder = count(&text);
        prop_assume!(builder.distinct() > 0);
        let (vocabulary, shortfall) = builder.build(size).unwrap();
        prop_assert_eq!(vocabulary.len(), size.min(builder.distinct() + 3));
        prop_assert_eq!(shortfall.is_some(), vocabulary.len() < size);
        for id in 3..vocabulary.len() as u32 {
            prop_assert_eq!(vocabulary.id(vocabulary.word(id)), id);
            prop_assert!(id == 3 || vocabulary.count(id) <= vocabulary.count(id - 1));
        }
        prop_assert_eq!(vocabulary.coverage().total, builder.running());
        let mut file = Vec::new();
        vocabulary.write(&mut file).unwrap();
        prop_assert_eq!(read(std::str::from_utf8(&file).unwrap()).unwrap(), vocabulary);
    }

    /// No text makes reading a vocabulary panic.
    #[test]
    fn no_bytes_make_reading_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100), good in any::<bool>()) {
        let head: &[u8] = if good { b"<pad>\t0\n<EOS>\t1\nUNK\t0\n" } else { b"" };
        let _ = Vocabulary::read(Lines::from_reader("any", std::io::Cursor::new([head, &bytes].concat())));
    }
}
