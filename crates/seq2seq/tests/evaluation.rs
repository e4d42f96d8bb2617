//! chrF, BLEU by other tokenisers, sentence BLEU and significance against sacreBLEU 2.6.0: see scripts/evaluation_golden.py, which wrote the values.

use serde_json::Value;
use unrolled_seq2seq::bleu::{BleuTokeniser, Convention, Smoothing};
use unrolled_seq2seq::chrf::ChrF;
use unrolled_seq2seq::evaluation::{Counts, Metric, Test, compare, confidence};

const GOLDEN: &str = include_str!("golden/evaluation.tsv");
const SIGNIFICANCE: &str = include_str!("golden/significance.json");

fn strings(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn segments(metric: Metric, hypotheses: &[String], references: &[Vec<String>]) -> Vec<Counts> {
    let of = |line: usize| {
        let references: Vec<&String> = references.iter().map(|stream| &stream[line]).collect();
        metric.counts(&hypotheses[line], &references)
    };
    (0..hypotheses.len()).map(of).collect()
}

fn total(segments: &[Counts]) -> Counts {
    (0..segments[0].len()).map(|i| segments.iter().map(|counts| counts[i]).sum()).collect()
}

#[test]
fn equals_the_recorded_scores() {
    let intl = BleuTokeniser::International;
    let texts = [
        (3, Metric::ChrF(ChrF::CHRF)),
        (4, Metric::ChrF(ChrF::PLUS_PLUS)),
        (5, Metric::Bleu(Convention::SacreBleu { tokeniser: intl, smoothing: Smoothing::Exponential })),
    ];
    let mut cases = 0;
    for line in GOLDEN.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let hypotheses: Vec<String> = serde_json::from_str(columns[1]).expect("JSON");
        let references: Vec<Vec<String>> = serde_json::from_str(columns[2]).expect("JSON");
        let expect = |column: usize, found: f64, name: &str| {
            let expected: f64 = columns[column].parse().expect("a number");
            let case = columns[0];
            assert!(
                (found - expected).abs() < 1e-6,
                "{case}, {name}: {found} instead of {expected}\n{hypotheses:?}\n{references:?}"
            );
        };
        for (column, metric) in texts {
            let counts = total(&segments(metric, &hypotheses, &references));
            expect(column, metric.score(&counts), &metric.signature(1));
        }
        let bleu = Metric::Bleu(Convention::SACREBLEU);
        let own = segments(bleu, &hypotheses, &references);
        let mean = own.iter().map(|counts| bleu.sentence_score(counts)).sum::<f64>() / own.len() as f64;
        expect(6, mean, "sentence BLEU");
        cases += 1;
    }
    assert!(cases > 300, "only {cases} cases");
}

#[test]
fn paired_tests_give_the_recorded_p_values() {
    let cases: Vec<Value> = serde_json::from_str(SIGNIFICANCE).unwrap();
    let mut answers = 0;
    for case in &cases {
        let [reference, baseline, system] = ["reference", "baseline", "system"].map(|key| strings(&case[key]));
        for answer in case["answers"].as_array().unwrap() {
            let metric: Metric = answer["metric"].as_str().unwrap().parse().unwrap();
            let count = |texts: &[String]| segments(metric, texts, std::slice::from_ref(&reference));
            let (baseline, system) = (count(&baseline), count(&system));
            let test = if answer["test"] == "bs" { Test::Bootstrap } else { Test::Randomisation };
            let (trials, seed) = (answer["trials"].as_u64().unwrap() as usize, answer["seed"].as_u64().unwrap());
            let found = compare(metric, test, &baseline, &system, trials, seed);
            let wanted = |key: &str| answer[key].as_f64().unwrap();
            assert!((found.score - wanted("score")).abs() < 1e-6, "{answer} {found:?}");
            assert_eq!(found.p_value, wanted("p"), "{answer} {found:?}");
            if let Some(interval) = found.confidence {
                // sacreBLEU resamples in f32.
                assert!((interval.mean - wanted("mean")).abs() < 1e-3, "{answer} {interval:?}");
                assert!((interval.half_width - wanted("ci")).abs() < 1e-3, "{answer} {interval:?}");
                assert_eq!(confidence(metric, &system, trials, seed), interval);
            }
            answers += 1;
        }
    }
    assert!(answers >= 60, "only {answers} answers");
}

#[test]
fn a_system_against_itself_is_no_better() {
    let metric: Metric = "chrf".parse().unwrap();
    let counts: Vec<Counts> = (0..9).map(|i| metric.counts(&format!("text number {i}"), &["text number 4"])).collect();
    for test in [Test::Bootstrap, Test::Randomisation] {
        let found = compare(metric, test, &counts, &counts, 100, 1);
        assert!(found.p_value > 0.0 && found.p_value <= 1.0, "{found:?}");
    }
}
