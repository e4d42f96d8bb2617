//! The report of a run, parsed as XML: it has every part, hides no markup, and says what is missing.

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use roxmltree::{Document, Node, ParsingOptions};
use tempfile::TempDir;
use unrolled_seq2seq::beam_search::DecodeOptions;
use unrolled_seq2seq::chrf::ChrF;
use unrolled_seq2seq::config::Config;
use unrolled_seq2seq::corpus::Corpus;
use unrolled_seq2seq::evaluation::Metric;
use unrolled_seq2seq::progress::Silent;
use unrolled_seq2seq::report::{self, Report, ReportOptions};
use unrolled_seq2seq::run::{self, RunOptions};
use unrolled_tensor::Device;

const CHRF: Metric = Metric::ChrF(ChrF::CHRF);

/// Sixty pairs of one to five words, among them `<i>` and `&amp;`.
fn corpus() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let words = ["one", "two", "<i>", "&amp;", "five"];
    let pair = |index: usize| {
        let chosen: Vec<&str> = (0..1 + index % 5).map(|place| words[(index / 5 + place) % 5]).collect();
        format!("{0}\t{0}\n", chosen.join(" "))
    };
    fs::write(folder.path().join("pairs.tsv"), (0..60).map(pair).collect::<String>()).unwrap();
    folder
}

fn train(folder: &Path, change: impl FnOnce(&mut Config)) {
    let pairs = vec![folder.join("pairs.tsv")];
    let mut config = Config {
        tsv: pairs.clone(),
        valid_tsv: pairs,
        output: Some(folder.join("run")),
        tokeniser: "whitespace".parse().unwrap(),
        layers: 2,
        hidden_size: 8,
        embedding_size: 6,
        batch_size: 10,
        epochs: 0.0,
        updates: 12,
        validate_every: 6,
        valid_bleu_sentences: 5,
        log_every: 3,
        source_vocabulary_size: 8,
        target_vocabulary_size: 8,
        ..Config::default()
    };
    change(&mut config);
    run::train(&config, &Device::cpu(), &RunOptions::default(), &mut Silent, &AtomicBool::new(false)).unwrap();
}

fn reported(folder: &Path, options: &ReportOptions) -> Report {
    let decode = DecodeOptions { beam_size: 2, ..options.decode };
    report::report(&folder.join("run"), &Device::cpu(), &ReportOptions { decode, ..options.clone() }).unwrap()
}

fn parse(html: &str) -> Document<'_> {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    Document::parse_with_options(html, options).unwrap_or_else(|error| panic!("{error}:\n{html}"))
}

fn text(node: Node) -> String {
    node.descendants().filter(Node::is_text).filter_map(|node| node.text()).collect()
}

fn section<'a>(page: &'a Document, id: &str) -> Option<Node<'a, 'a>> {
    page.descendants().find(|node| node.has_tag_name_any("section") && node.attribute("id") == Some(id))
}

trait AnyNamespace {
    fn has_tag_name_any(&self, name: &str) -> bool;
}

impl AnyNamespace for Node<'_, '_> {
    fn has_tag_name_any(&self, name: &str) -> bool {
        self.is_element() && self.tag_name().name() == name
    }
}

fn count(node: Node, name: &str) -> usize {
    node.descendants().filter(|node| node.has_tag_name_any(name)).count()
}

#[test]
fn the_page_has_every_part_and_each_figure_its_table() {
    let folder = corpus();
    train(folder.path(), |_| {});
    let html = reported(folder.path(), &ReportOptions::default()).html();
    let page = parse(&html);
    for (id, figures, tables) in [
        ("curves", 4, 1),
        ("phrases", 2, 2),
        ("scores", 0, 1),
        ("length", 1, 1),
        ("rarity", 1, 1),
        ("growth", 0, 1),
        ("cost", 2, 1),
        ("config", 0, 5),
    ] {
        let section = section(&page, id).unwrap_or_else(|| panic!("no section {id}"));
        assert_eq!((count(section, "svg"), count(section, "table")), (figures, tables), "{id}");
    }
    let scores = text(section(&page, "scores").unwrap());
    for told in
        ["multi-bleu|nrefs:1|case:mixed", "tok:13a|smooth:exp", "nc:6|nw:0|", "nc:6|nw:2|", "60 sentences, beam 2"]
    {
        assert!(scores.contains(told), "{told}: {scores}");
    }
    let samples = section(&page, "samples").unwrap();
    assert!(count(samples, "dl") >= 8 && text(samples).contains("smooth:add-k"), "{}", text(samples));
    let links = page.descendants().filter_map(|node| node.attribute("href")).collect::<Vec<_>>();
    assert_eq!(links.len(), 9);
    assert!(links.iter().all(|link| section(&page, link.trim_start_matches('#')).is_some()), "{links:?}");
    let discs = count_class(&page, "disc");
    assert!((2..=12).contains(&discs), "{discs} discs of twelve phrases");
    assert_eq!(count(page.root(), "circle") - discs, count_class(&page, "dot"), "the rest are points of curves");
}

#[test]
fn chrf_is_beside_bleu_where_the_run_measured_it_and_of_the_test_set_always() {
    let folder = corpus();
    train(folder.path(), |config| config.valid_chrf = true);
    let report = reported(folder.path(), &ReportOptions::default());
    let html = report.html();
    let page = parse(&html);
    let curves = section(&page, "curves").unwrap();
    assert_eq!(count(curves, "svg"), 4, "one chart has both");
    assert!(text(curves).contains("BLEU and chrF while training") && text(curves).contains("nc:6|nw:0"));
    let last = report.history.validations.last().unwrap();
    let cell = format!("{:.2}", last.chrf.as_ref().unwrap().score);
    let cells: Vec<String> = curves.descendants().filter(|node| node.has_tag_name_any("td")).map(text).collect();
    assert!(cells.contains(&cell), "{cell}: {cells:?}");

    // As the metric alone says.
    let measured = report.measured.unwrap();
    let pairs = measured.sentences.iter();
    let counts: Vec<_> = pairs.map(|s| CHRF.counts(&s.hypothesis, &[&s.reference])).collect();
    assert_eq!(measured.chrf().score, CHRF.text_score(&counts));
    assert!(measured.sentences.iter().zip(&counts).all(|(s, counts)| s.chrf == CHRF.sentence_score(counts)));
    assert!(text(section(&page, "scores").unwrap()).contains(&format!("{:.2}", measured.chrf().score)));
}

fn count_class(page: &Document, class: &str) -> usize {
    let has = |node: &Node| node.attribute("class").is_some_and(|all| all.split(' ').any(|one| one == class));
    page.descendants().filter(has).count()
}

#[test]
fn the_page_needs_nothing_beside_itself() {
    let folder = corpus();
    train(folder.path(), |_| {});
    let html = reported(folder.path(), &ReportOptions::default()).html();
    let page = parse(&html);
    for node in page.descendants().filter(Node::is_element) {
        let name = node.tag_name().name();
        assert!(!["script", "link", "img", "iframe", "object", "base"].contains(&name), "<{name}>");
        for attribute in node.attributes().filter(|attribute| attribute.name() != "xmlns") {
            assert!(!attribute.value().contains("://"), "{}={}", attribute.name(), attribute.value());
        }
    }
    let style: String = page.descendants().filter(|node| node.has_tag_name_any("style")).map(text).collect();
    assert!(style.contains("prefers-color-scheme:dark") && style.contains("@media print"));
    assert!(!style.contains("url(") && !style.contains("@import"), "no font, no picture from elsewhere");
}

#[test]
fn sentences_are_text_and_never_markup() {
    let folder = corpus();
    train(folder.path(), |_| {});
    let phrases = Some(vec![vec!["<i> \"x\" & 'y'".to_owned(), "\u{1}two".to_owned(), "</svg><b>".to_owned()]]);
    let html = reported(folder.path(), &ReportOptions { phrases, ..ReportOptions::default() }).html();
    let page = parse(&html);
    assert_eq!((count(page.root(), "i"), count(section(&page, "phrases").unwrap(), "b")), (0, 0));
    assert!(text(section(&page, "samples").unwrap()).contains("<i>"), "the corpus's own words are shown");
    assert!(text(section(&page, "samples").unwrap()).contains("&amp;"));
    let phrases = text(section(&page, "phrases").unwrap());
    assert!(phrases.contains("<i> \"x\" & 'y'") && phrases.contains("</svg><b>"), "{phrases}");
}

#[test]
fn a_run_without_validation_or_bleu_is_reported() {
    let folder = corpus();
    train(folder.path(), |config| {
        config.valid_tsv = vec![];
    });
    let report = reported(folder.path(), &ReportOptions::default());
    assert!(report.measured.as_ref().is_err_and(|reason| reason.contains("no validation files")));
    let html = report.html();
    let page = parse(&html);
    let curves = section(&page, "curves").unwrap();
    assert_eq!((count(curves, "svg"), count(curves, "table")), (3, 0));
    assert!(
        text(curves).contains("No BLEU was measured") && text(curves).contains("no validation"),
        "{}",
        text(curves)
    );
    assert!(section(&page, "samples").is_none() && section(&page, "growth").is_none());
    assert_eq!(count(section(&page, "phrases").unwrap(), "svg"), 2, "the encoder needs no test set");

    let test = Some(Corpus::tsv(folder.path().join("pairs.tsv")));
    let given = reported(folder.path(), &ReportOptions { test, sentences: 7, ..ReportOptions::default() });
    assert_eq!(given.measured.unwrap().sentences.len(), 7);
}

#[test]
fn what_is_lost_is_named_and_the_rest_is_shown() {
    let folder = corpus();
    train(folder.path(), |config| config.valid_bleu_sentences = 0);
    fs::remove_file(folder.path().join("pairs.tsv")).unwrap();
    let moved = reported(folder.path(), &ReportOptions::default());
    assert!(moved.measured.as_ref().is_err_and(|reason| reason.contains("pairs.tsv")), "{:?}", moved.measured);
    parse(&moved.html());

    fs::remove_dir_all(folder.path().join("run/checkpoints")).unwrap();
    fs::write(folder.path().join("run/log.jsonl"), "{\"event\":\"upd").unwrap();
    let broken = reported(folder.path(), &ReportOptions::default());
    assert!(broken.groups.is_err() && broken.measured.is_err());
    let html = broken.html();
    let page = parse(&html);
    let all = text(page.root());
    for told in [
        "no update yet",
        "no checkpoint that can be loaded",
        "Of the log, 1 line could not be read",
        "does not say that the run has ended",
    ] {
        assert!(all.contains(told), "{told}: {all}");
    }
    assert!(section(&page, "config").is_some());
    let nothing = report::report(folder.path(), &Device::cpu(), &ReportOptions::default());
    assert!(nothing.is_err(), "a folder without a configuration is no run");
}

#[test]
fn the_same_run_gives_the_same_page() {
    let folder = corpus();
    train(folder.path(), |_| {});
    let once = reported(folder.path(), &ReportOptions::default()).html();
    assert_eq!(reported(folder.path(), &ReportOptions::default()).html(), once);
}

#[test]
fn the_states_of_a_phrase_are_the_encoders_own() {
    let folder = corpus();
    train(folder.path(), |_| {});
    let phrases = ["one two", "two one", "one two", "five"].map(str::to_owned).to_vec();
    let group = reported(folder.path(), &ReportOptions { phrases: Some(vec![phrases]), ..ReportOptions::default() });
    let group = group.groups.unwrap().remove(0);
    assert_eq!(group.dimensions, 2 * 2 * 8, "h and c of two layers of eight cells");
    let places = &group.pca.coordinates;
    let near = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(x, y)| (x - y).abs() < 1e-12);
    assert!(near(&places[0], &places[2]), "the same phrase, the same state, whatever stands beside it: {places:?}");
    assert!(!near(&places[0], &places[1]) && !near(&places[0], &places[3]));
    assert!(group.pca.shares[0] >= group.pca.shares[1] && group.unknown == [0; 4]);
}
