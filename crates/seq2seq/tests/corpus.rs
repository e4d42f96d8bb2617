//! Reading sentences and pairs: every kind of file, and everything that can be wrong with one.

use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use std::io::Write;
use std::path::PathBuf;
use tempfile::TempDir;
use unrolled_seq2seq::corpus::{Corpus, CorpusError, Lines, Pair};

/// A folder with files in it.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).expect("a file");
        path
    }
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).expect("memory");
    encoder.finish().expect("memory")
}

fn lines(content: impl AsRef<[u8]>) -> Vec<String> {
    let files = Files::new();
    Lines::open(files.put("text", content)).and_then(Iterator::collect).expect("good lines")
}

fn pairs(corpus: &Corpus) -> Result<Vec<Pair>, CorpusError> {
    corpus.pairs()?.collect()
}

fn texts(corpus: &Corpus) -> Vec<(String, String)> {
    pairs(corpus).expect("good pairs").into_iter().map(|pair| (pair.source, pair.target)).collect()
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|&(source, target)| (source.to_owned(), target.to_owned())).collect()
}

const SOURCE: &str = r#"<srcset setid="t" srclang="en" trglang="fr">
<doc sysid="source" docid="d1" genre="news" origlang="en">
<p>
<seg id="1">Salt &amp; pepper cost &lt;5&gt; &quot;euros&quot;</seg>
<seg id="2"> Two
lines </seg></p></doc>
<DOC DocId='d2'><SEG ID=1>Third</SEG></DOC>
</srcset>
"#;
const REFERENCE: &str = r#"<refset setid="t" srclang="en" trglang="fr">
<doc sysid="ref" docid="d2"><seg id="1">Troisième</seg></doc>
<doc sysid="ref" docid="d1"><seg id="1">L&apos;un</seg><seg id="2"></seg></doc>
</refset>
"#;

#[test]
fn only_line_feeds_end_lines() {
    let text = "one\u{2028}still one\r\ntwo\u{85}\u{c}\x0b\rtwo\n\n\r\nlast";
    assert_eq!(lines(text), ["one\u{2028}still one", "two\u{85}\u{c}\x0b\rtwo", "", "", "last"]);
    assert_eq!(lines("a\n"), ["a"]);
    assert_eq!(lines("a\r\r\n"), ["a\r"]);
    assert!(lines("").is_empty());
    assert_eq!(lines("\n"), [""]);
}

#[test]
fn a_byte_order_mark_is_dropped_at_the_beginning_only() {
    assert_eq!(lines("\u{feff}a\n\u{feff}b\n"), ["a", "\u{feff}b"]);
    assert_eq!(lines("\u{feff}"), [""]);
}

#[test]
fn gzip_is_recognised_by_content_and_may_have_members() {
    let mut two = gzip("a\nb");
    two.extend(gzip("c\nd\n"));
    assert_eq!(lines(two), ["a", "bc", "d"]);
}

#[test]
fn what_is_named_gzip_must_be() {
    let files = Files::new();
    let error = Lines::open(files.put("page.GZ", "<html>not found</html>\n")).err().unwrap();
    assert!(matches!(&error, CorpusError::NotGzip { name } if name.ends_with("page.GZ")), "{error}");
}

#[test]
fn pairs_come_from_parallel_and_tsv_files() {
    let files = Files::new();
    let english = files.put("train.en", "Hello.\n\nBye.\n");
    let french = files.put("train.fr.gz", gzip("Bonjour.\nVide.\nAdieu."));
    let parallel = Corpus::from_paths(&english, Some(&french));
    let expected = [("Hello.", "Bonjour."), ("", "Vide."), ("Bye.", "Adieu.")];
    assert_eq!(texts(&parallel), owned(&expected));
    assert_eq!(pairs(&parallel).unwrap()[2].line, 3);

    let tsv = Corpus::from_paths(files.put("more.tsv", "a b\tc\tignored\tso\n\td\r\n"), None::<PathBuf>);
    assert_eq!(texts(&tsv), owned(&[("a b", "c"), ("", "d")]));

    let both = Corpus::concat([tsv.clone(), parallel.clone(), tsv.clone()]);
    assert_eq!(texts(&both), [texts(&tsv), texts(&parallel), texts(&tsv)].concat());
    assert_eq!(both.paths().count(), 4);
}

#[test]
fn segments_are_matched_by_their_ids() {
    let files = Files::new();
    let (source, reference) = (files.put("src.sgm", SOURCE), files.put("ref.sgm.gz", gzip(REFERENCE)));
    let expected = [("Salt & pepper cost <5> \"euros\"", "L'un"), ("Two lines", ""), ("Third", "Troisième")];
    assert_eq!(texts(&Corpus::parallel(&source, &reference)), owned(&expected));
    assert_eq!(Lines::open(&reference).unwrap().map(Result::unwrap).collect::<Vec<_>>(), ["Troisième", "L'un", ""]);
    // Beside plain text there are no ids to match by.
    let plain = files.put("plain", "1\n2\n3\n");
    assert_eq!(texts(&Corpus::parallel(&source, &plain))[2], ("Third".to_owned(), "3".to_owned()));
}

#[test]
fn a_missing_file_is_named_before_anything_is_read() {
    let files = Files::new();
    let missing = files.0.path().join("absent.en");
    let corpus = Corpus::concat([Corpus::tsv(files.put("good.tsv", "a\tb\n")), Corpus::tsv(&missing)]);
    match corpus.pairs().err() {
        Some(CorpusError::Open { path, .. }) => assert_eq!(path, missing),
        other => panic!("{other:?}"),
    }
    let error = Lines::open(files.0.path()).and_then(Iterator::collect::<Result<Vec<_>, _>>).unwrap_err();
    assert!(matches!(error, CorpusError::Read { .. } | CorpusError::Open { .. }), "a folder is no file: {error}");
}

#[test]
fn unequal_line_counts_give_both_counts_and_the_first_bad_line() {
    let files = Files::new();
    let (long, short) = (files.put("long", "1\n2\n3\n4\n5\n"), files.put("short", "1\n2\n3"));
    for (source, target, counts) in [(&long, &short, (5, 3)), (&short, &long, (3, 5))] {
        match pairs(&Corpus::parallel(source, target)).unwrap_err() {
            error @ CorpusError::UnequalLines { first_lines, second_lines, line, .. } => {
                assert_eq!(((first_lines, second_lines), line), (counts, 4));
                let message = error.to_string();
                assert!(message.contains("5 lines") || message.contains(" 5:"), "{message}");
                assert!(message.contains("line 4") && message.contains("short"), "{message}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn invalid_utf8_is_found_by_line_and_byte() {
    let files = Files::new();
    let good = files.put("good", "a\nb\nc\n");
    let bad = files.put("bad", b"a\nde\xcc\x81but \xe9t\xe9\nc\n");
    match pairs(&Corpus::parallel(&good, &bad)).unwrap_err() {
        error @ CorpusError::InvalidUtf8 { line: 2, byte: 9, value: 0xe9, .. } => {
            assert!(error.to_string().contains("bad`, line 2, byte 9: 0xe9"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    let mut stdin = Lines::from_reader("<stdin>", &b"ok\n\xff\n"[..]);
    assert_eq!(stdin.next_line().unwrap(), Some("ok"));
    assert!(stdin.next_line().unwrap_err().to_string().starts_with("`<stdin>`, line 2, byte 1"));
    let sgm = files.put("bad.sgm", b"<refset>\n<seg id=\"1\">\xc3</seg></refset>");
    let error = Lines::open(sgm).unwrap().next_line().unwrap_err().to_string();
    assert!(error.contains("line 2, byte 13"), "{error}");
}

#[test]
fn a_tsv_line_without_a_tab_is_an_error() {
    let files = Files::new();
    let corpus = Corpus::tsv(files.put("train.tsv", "a\tb\nc d\n"));
    assert!(matches!(pairs(&corpus).unwrap_err(), CorpusError::MissingTab { line: 2, .. }));
}

#[test]
fn truncated_and_damaged_gzip_are_told_apart() {
    let files = Files::new();
    let text: String = (0..20_000).map(|number| format!("line {}\n", number * 7919 % 10_007)).collect();
    let whole = gzip(&text);
    let read =
        |content: &[u8]| Lines::open(files.put("text.gz", content)).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    assert_eq!(read(&whole).unwrap().len(), 20_000);
    for length in [0, 1, 2, 9, 100, whole.len() / 2, whole.len() - 1] {
        let error = read(&whole[..length]).unwrap_err();
        assert!(matches!(error, CorpusError::TruncatedGzip { .. }), "{length} bytes: {error}");
    }
    let mut damaged = whole.clone();
    let checksum = whole.len() - 8;
    damaged[checksum] ^= 1;
    assert!(matches!(read(&damaged).unwrap_err(), CorpusError::CorruptGzip { .. }));
}

#[test]
fn malformed_sgm_is_named_with_its_line() {
    let files = Files::new();
    let problem = |source: &str, reference: &str| {
        let corpus = Corpus::parallel(files.put("s.sgm", source), files.put("r.sgm", reference));
        pairs(&corpus).unwrap_err()
    };
    let unclosed = SOURCE.replace("Third</SEG>", "Third");
    let cases = [
        (unclosed.as_str(), REFERENCE, 7, "no </seg>"),
        ("<srcset>\n<seg id=\"1\">a <seg id=\"2\">b</seg>", REFERENCE, 2, "segment 1"),
        ("<srcset>\n\n<seg>a</seg>", REFERENCE, 3, "no id"),
        ("<srcset>\n<seg id=\"1>a</seg>", REFERENCE, 2, "not closed"),
        ("<srcset>\n<doc", REFERENCE, 2, "not closed"),
        (SOURCE, "<refset><seg id=1>a</seg>\n<seg id=1>b</seg>", 1, "again"),
    ];
    for (source, reference, expected, part) in cases {
        match problem(source, reference) {
            CorpusError::MalformedSgm { line, problem, .. } => {
                assert!(line == expected && problem.contains(part), "line {line}: {problem}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn segments_without_counterpart_are_named() {
    let files = Files::new();
    let source = files.put("s.sgm", SOURCE);
    let fewer = files.put("fewer.sgm", REFERENCE.replace("<seg id=\"2\"></seg>", ""));
    match pairs(&Corpus::parallel(&source, &fewer)).unwrap_err() {
        CorpusError::UnmatchedSegment { line, document, segment, segments, other_segments, .. } => {
            assert_eq!((line, document.as_str(), segment.as_str()), (5, "d1", "2"));
            assert_eq!((segments, other_segments), (3, 2));
        }
        other => panic!("{other:?}"),
    }
    let more = files.put("more.sgm", REFERENCE.replace("</refset>", "<seg id=\"9\">neuf</seg></refset>"));
    match pairs(&Corpus::parallel(&source, &more)).unwrap_err() {
        CorpusError::UnmatchedSegment { name, line, segment, segments, other_segments, .. } => {
            assert!(name.ends_with("more.sgm"));
            assert_eq!((line, segment.as_str(), segments, other_segments), (4, "9", 4, 3));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn nothing_follows_an_error() {
    let files = Files::new();
    let bad = files.put("bad", b"a\tb\n\xff\tb\nc\td\n");
    assert_eq!(Corpus::concat([Corpus::tsv(&bad), Corpus::tsv(&bad)]).pairs().unwrap().flatten().count(), 1);
    assert_eq!(Lines::open(&bad).unwrap().flatten().count(), 1);
}

#[test]
fn one_sgm_file_is_no_corpus() {
    let files = Files::new();
    let corpus = Corpus::from_paths(files.put("s.sgm", SOURCE), None::<PathBuf>);
    assert!(matches!(corpus.pairs().err(), Some(CorpusError::MissingTarget { .. })));
}

#[test]
fn a_line_without_end_does_not_fill_the_memory() {
    let mut lines = Lines::from_reader("zeros", std::io::BufReader::new(std::io::repeat(b'a')));
    assert!(matches!(lines.next_line(), Err(CorpusError::LineTooLong { line: 1, .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever the bytes, reading ends in lines or in an error.
    #[test]
    fn no_bytes_make_a_reader_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        start in prop::sample::select(vec![&b""[..], b"\x1f\x8b", b"\x1f\x8b\x08\0\0\0\0\0\0\xff", b"<srcset>", b"<refset><seg id=1>"]),
    ) {
        let files = Files::new();
        let path = files.put("any", [start, &bytes[..]].concat());
        let good = files.put("good", "a\nb\n");
        let _ = Lines::open(&path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        for corpus in [Corpus::tsv(&path), Corpus::parallel(&path, &path), Corpus::parallel(&path, &good)] {
            let _ = pairs(&corpus);
        }
    }

    /// Sgm made of its parts in any order.
    #[test]
    fn no_sgm_makes_the_reader_panic(
        parts in proptest::collection::vec(
            prop::sample::select(vec!["<seg id=\"1\">", "<seg id=2>", "</seg>", "<doc docid='d'>", "<", ">", "=", "\"", "é", "\n", "&amp;", "&", " "]),
            0..30,
        ),
    ) {
        let files = Files::new();
        let path = files.put("any.sgm", format!("<srcset>{}", parts.concat()));
        let _ = pairs(&Corpus::parallel(&path, &path));
    }

    /// Lines are what stands between line feeds, compressed or not.
    #[test]
    fn lines_are_the_text_split_at_line_feeds(text in "[a-é \r\n\u{85}\u{2028}]{0,60}") {
        let mut expected: Vec<String> = text.split('\n').map(|l| l.strip_suffix('\r').unwrap_or(l).to_owned()).collect();
        if text.is_empty() || text.ends_with('\n') {
            expected.pop();
        }
        prop_assert_eq!(&lines(&text), &expected);
        prop_assert_eq!(&lines(gzip(&text)), &expected);
    }
}
