//! BLEU against sacreBLEU 2.6.0 and multi-bleu: see scripts/bleu_golden.py, which wrote the values.

use proptest::prelude::*;
use unrolled_seq2seq::bleu::{Bleu, BleuStatistics, BleuTokeniser, Convention, Scorer, Smoothing};
use unrolled_seq2seq::corpus::{CorpusError, Lines};

const GOLDEN: &str = include_str!("golden/bleu.tsv");

fn score(convention: Convention, hypotheses: &[String], references: &[Vec<String>]) -> Bleu {
    let mut scorer = Scorer::new(convention);
    for (line, hypothesis) in hypotheses.iter().enumerate() {
        let references: Vec<&String> = references.iter().map(|stream| &stream[line]).collect();
        scorer.add(hypothesis, &references);
    }
    scorer.bleu()
}

#[test]
fn equals_the_recorded_scores() {
    let thirteen_a = |smoothing| Convention::SacreBleu { tokeniser: BleuTokeniser::ThirteenA, smoothing };
    let conventions = [
        (3, Convention::MultiBleu),
        (5, Convention::SacreBleu { tokeniser: BleuTokeniser::None, smoothing: Smoothing::None }),
        (6, Convention::SACREBLEU),
        (7, thirteen_a(Smoothing::None)),
        (8, thirteen_a(Smoothing::Floor(0.1))),
        (9, thirteen_a(Smoothing::AddK(1.0))),
    ];
    let mut cases = 0;
    for line in GOLDEN.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let hypotheses: Vec<String> = serde_json::from_str(columns[1]).expect("JSON");
        let references: Vec<Vec<String>> = serde_json::from_str(columns[2]).expect("JSON");
        for (column, convention) in conventions {
            let expected: f64 = columns[column].parse().expect("a number");
            let bleu = score(convention, &hypotheses, &references);
            assert!(
                (bleu.score - expected).abs() < 1e-6,
                "{}, {}: {} instead of {expected}\n{hypotheses:?}\n{references:?}",
                columns[0],
                bleu.signature(),
                bleu.score
            );
            if convention == Convention::MultiBleu {
                assert_eq!(bleu.to_string(), columns[4], "{}", columns[0]);
            }
        }
        cases += 1;
    }
    assert!(cases > 300, "only {cases} cases");
}

#[test]
fn the_signature_says_which_bleu_it_is() {
    let version = format!("version:unrolled-{}", env!("CARGO_PKG_VERSION"));
    let mut scorer = Scorer::new(Convention::SACREBLEU);
    scorer.add("a b", &["a b"]);
    assert_eq!(scorer.bleu().signature(), format!("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|{version}"));
    scorer.add("a b", &["a b", "a"]);
    assert_eq!(scorer.bleu().signature(), format!("nrefs:var|case:mixed|eff:no|tok:13a|smooth:exp|{version}"));
    let convention = Convention::SacreBleu { tokeniser: BleuTokeniser::None, smoothing: Smoothing::Floor(0.1) };
    let mut scorer = Scorer::new(convention);
    scorer.add("a b", &["a b", "a"]);
    assert_eq!(scorer.bleu().signature(), format!("nrefs:2|case:mixed|eff:no|tok:none|smooth:floor[0.10]|{version}"));
    let multi_bleu = Scorer::new(Convention::MultiBleu).bleu().signature();
    assert_eq!(multi_bleu, format!("multi-bleu|nrefs:1|case:mixed|eff:no|tok:none|smooth:none|{version}"));
}

#[test]
fn names_are_understood() {
    assert_eq!("sacrebleu".parse(), Ok(Convention::SACREBLEU));
    assert_eq!("multi-bleu".parse(), Ok(Convention::MultiBleu));
    assert_eq!("13a".parse(), Ok(BleuTokeniser::ThirteenA));
    assert_eq!("floor".parse(), Ok(Smoothing::Floor(0.1)));
    assert!("bleu".parse::<Convention>().unwrap_err().to_string().contains("multi-bleu or sacrebleu"));
}

#[test]
fn files_must_have_the_same_number_of_lines() {
    let hypotheses = Lines::from_reader("hyp", "a b c d\ne f g h\n".as_bytes());
    let references = vec![
        Lines::from_reader("ref0", "a b c d\ne f g h\n".as_bytes()),
        Lines::from_reader("ref1", "a b c d\n".as_bytes()),
    ];
    match Bleu::of_lines(Convention::MultiBleu, hypotheses, references) {
        Err(CorpusError::UnequalLines { first, second, first_lines: 2, second_lines: 1, line: 2 }) => {
            assert_eq!((first.as_str(), second.as_str()), ("hyp", "ref1"));
        }
        other => panic!("{other:?}"),
    }
    let hypotheses = Lines::from_reader("hyp", "a b c d\ne f g h\n".as_bytes());
    let references = vec![Lines::from_reader("ref0", "a b c d\ne f g h\n".as_bytes())];
    assert_eq!(Bleu::of_lines(Convention::MultiBleu, hypotheses, references).unwrap().score.round(), 100.0);
}

proptest! {
    /// Scores lie between 0 and 100, a text scores 100 against itself, and counts add up over sentences.
    #[test]
    fn scores_are_sane(sentences in proptest::collection::vec(".{0,40}", 1..6), other in ".{0,40}") {
        for convention in [Convention::MultiBleu, Convention::SACREBLEU] {
            let mut scorer = Scorer::new(convention);
            let segments: BleuStatistics = sentences.iter().map(|s| scorer.add(s, &[&other])).sum();
            prop_assert_eq!(segments, scorer.statistics());
            let score = scorer.bleu().score;
            prop_assert!((0.0..=100.0 + 1e-9).contains(&score), "{}", score);
            let itself = convention.score(&convention.segment(&sentences[0], &[&sentences[0]]));
            prop_assert!(itself.hypothesis_length < 4 || (itself.score - 100.0).abs() < 1e-9);
        }
    }
}
