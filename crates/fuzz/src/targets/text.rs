//! Sentences: `.sgm`, TSV, gzip; vocabularies.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use unrolled_seq2seq::corpus::{Corpus, CorpusError, Lines};
use unrolled_seq2seq::n_best::{NBest, Reader};
use unrolled_seq2seq::tokenise::{Language, Tokeniser};
use unrolled_seq2seq::vocabulary::{SPECIALS, Vocabulary};

use super::{Target, told, two_files};
use crate::scratch;

pub const SGM: Target = Target {
    name: "sgm",
    about: "two .sgm files, matched by document and segment; one alone",
    words: &[
        "<srcset",
        "<refset",
        "<doc docid=\"a\">",
        "</doc>",
        "<seg id=\"1\">",
        "<seg id=2>",
        "</seg>",
        "<seg",
        "</seg",
        ">",
        "\"",
        "'",
        "&amp;",
        "&lt;",
        "&",
        "=",
        "\n",
        "\r\n",
        "\n====\n",
        "<srcset>\n",
        "é",
        "\u{feff}",
    ],
    run: sgm,
};

pub const TSV: Target = Target {
    name: "tsv",
    about: "pairs in one file, cut into words and put together again by every tokeniser",
    words: &[
        "\t",
        "\n",
        "\r\n",
        "\u{feff}",
        "’",
        "'",
        "don't",
        "l'homme",
        "http://a.b",
        "a@b.c",
        "...",
        "Mr.",
        "\u{300}",
        "\u{200d}",
        "« ",
        " »",
        "\"",
        "3,5",
        "3:4",
        "\u{a0}",
        "\u{2028}",
        "🙂",
        "aujourd'hui",
        "www.",
        "-",
    ],
    run: tsv,
};

pub const GZ: Target = Target {
    name: "gz",
    about: "compressed text: damaged bytes, and sound ones of damaged text (where the first byte is `z`)",
    words: &["\x1f", "z", "\n", "\u{8}", "\0"],
    run: gz,
};

pub const VOCABULARY: Target = Target {
    name: "vocabulary",
    about: "a vocabulary's file",
    words: &[
        "<pad>\t0\n",
        "<EOS>\t0\n",
        "UNK\t0\n",
        "\t",
        "\n",
        "\r\n",
        "\t\t",
        "a\t1\n",
        "18446744073709551616",
        "-1",
        "\u{feff}",
    ],
    run: vocabulary,
};

pub const N_BEST: Target = Target {
    name: "n-best",
    about: "Moses's n-best lists: what was read is written and read again",
    words: &[
        " ||| ",
        "|||",
        "0 ||| ",
        "1 ||| ",
        "LM= -1.5 ",
        "d: 0 ",
        "=",
        ":",
        "\n",
        "nan",
        "inf",
        "-1e308",
        "1e400",
        "18446744073709551616",
        "-0",
        "\u{a0}",
    ],
    run: n_best,
};

/// Reads all pairs; how many, and how many bytes.
fn read(corpus: &Corpus) -> Result<(usize, usize), CorpusError> {
    let mut read = (0, 0);
    for pair in corpus.pairs()? {
        let pair = pair?;
        read = (read.0 + 1, read.1 + pair.source.len() + pair.target.len());
    }
    Ok(read)
}

fn sgm(input: &[u8]) -> String {
    let (source, target) = two_files(input);
    let (source, target) = (scratch::write("source.sgm", source), scratch::write("target.sgm", target));
    let pairs =
        told(read(&Corpus::parallel(&source, &target)), |(pairs, bytes)| format!("{pairs} pairs, {bytes} bytes"));
    let lines = Lines::open(&source).and_then(|lines| lines.collect::<Result<Vec<_>, _>>());
    format!("{pairs}; {}", told(lines, |lines| format!("{} lines", lines.len())))
}

fn tsv(input: &[u8]) -> String {
    let corpus = Corpus::tsv(scratch::write("pairs.tsv", input));
    let pairs = corpus.pairs().and_then(|pairs| pairs.collect::<Result<Vec<_>, _>>());
    told(pairs, |pairs| {
        let texts = pairs.iter().flat_map(|pair| [&pair.source, &pair.target]);
        let tokens: usize = texts.map(|text| tokens_of(text)).sum();
        format!("{} pairs, {tokens} tokens", pairs.len())
    })
}

/// Checks the promise of `tokenise`: the tokens are the text without its white space.
fn tokens_of(text: &str) -> usize {
    let bare: String = text.split_whitespace().collect();
    let mut count = 0;
    for tokeniser in Tokeniser::ALL {
        for language in [Language::English, Language::French, Language::Other] {
            let tokens = tokeniser.tokenise(text, language);
            assert!(tokens.iter().all(|token| !token.is_empty()), "an empty token of {text:?}");
            assert_eq!(tokens.concat(), bare, "{tokeniser} ({language}) changes {text:?}");
            let again: String = tokeniser.detokenise(&tokens, language).split_whitespace().collect();
            assert_eq!(again, bare, "{tokeniser} ({language}) does not put {text:?} together again");
            count += tokens.len();
        }
    }
    count
}

fn gz(input: &[u8]) -> String {
    let bytes = match input.strip_prefix(b"z") {
        Some(text) => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(text).and_then(|()| encoder.finish()).expect("memory takes every byte")
        }
        None => input.to_vec(),
    };
    let path = scratch::write("text", &bytes);
    let lines = Lines::open(&path).and_then(|lines| lines.collect::<Result<Vec<_>, _>>());
    told(lines, |lines| format!("{} lines", lines.len()))
}

fn vocabulary(input: &[u8]) -> String {
    let parse = |bytes: &[u8]| Vocabulary::read(Lines::from_reader("vocabulary", std::io::Cursor::new(bytes.to_vec())));
    told(parse(input), |vocabulary| {
        let mut written = Vec::new();
        vocabulary.write(&mut written).expect("memory takes every byte");
        let again = parse(&written).unwrap_or_else(|error| panic!("what was written cannot be read: {error}"));
        assert!(again == vocabulary, "a vocabulary changes when it is written");
        for id in 0..vocabulary.len() as u32 {
            let word = vocabulary.word(id);
            assert!(vocabulary.id(word) == id || SPECIALS.contains(&word), "{word:?} is not word {id}");
        }
        let _ = (vocabulary.coverage(), vocabulary.encode(["a"]));
        format!("{} words", vocabulary.len())
    })
}

fn n_best(input: &[u8]) -> String {
    let parse = |bytes: &[u8]| -> Result<Vec<NBest>, CorpusError> {
        let mut reader = Reader::new(Lines::from_reader("list", std::io::Cursor::new(bytes.to_vec())));
        std::iter::from_fn(|| reader.next_list().transpose()).collect()
    };
    told(parse(input), |lists| {
        let mut written = Vec::new();
        lists.iter().for_each(|list| list.write(&mut written).expect("memory takes every byte"));
        let again = parse(&written).unwrap_or_else(|error| panic!("what was written cannot be read: {error}"));
        assert!(again == lists, "a list changes when it is written");
        format!("{} lists, {} entries", lists.len(), lists.iter().map(|list| list.entries.len()).sum::<usize>())
    })
}
