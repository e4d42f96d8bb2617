//! Runs with batches by words or in parts, measures to choose by, several checkpoints kept, another run's parameters to start from.

use unrolled_nn::checkpoint::{self, CheckpointStore};
use unrolled_seq2seq::config::{BestMetric, Config, Normalise, Optimiser};
use unrolled_seq2seq::progress::{Event, Validation};
use unrolled_tensor::Device;

use crate::toy::{FRESH, RESUME, config, corpus, outcome, train};

fn validations(events: &[Event]) -> Vec<&Validation> {
    fn of(event: &Event) -> Option<&Validation> {
        if let Event::Validation(validation) = event { Some(validation) } else { None }
    }
    events.iter().filter_map(of).collect()
}

#[test]
fn batches_by_words_in_parts_resume_to_the_bit() {
    let folder = corpus();
    let with = |name: &str| Config {
        batch_words: 30,
        accumulate: 3,
        normalise: Normalise::Words,
        ..config(folder.path(), name, Optimiser::Adam)
    };
    let mut events = Vec::new();
    train(&with("whole"), &FRESH, &mut events).unwrap();
    let Some(Event::Started(started)) = events.first() else { panic!("{events:?}") };
    // 60 pairs of 1 to 5 words and <EOS>, twelve of each length.
    let wanted: usize = [2usize, 3, 4, 5, 6].iter().map(|length| 12 * length).sum::<usize>().div_ceil(30);
    assert!((wanted as u64..wanted as u64 + 4).contains(&started.updates_per_epoch), "{started:?}");
    let halfway = with("stopped");
    train(&Config { updates: 9, ..halfway.clone() }, &FRESH, &mut Vec::new()).unwrap();
    train(&halfway, &RESUME, &mut Vec::new()).unwrap();
    let [whole, stopped] = ["whole", "stopped"].map(|name| outcome(&folder.path().join(name)));
    assert_eq!(whole.reports.len(), stopped.reports.len());
    assert_eq!(whole.tensors, stopped.tensors);
}

#[test]
fn the_measure_that_decides_is_measured_and_the_best_are_kept() {
    let folder = corpus();
    let config = Config {
        valid_bleu_sentences: 40,
        best_metric: BestMetric::Chrf,
        keep_best: 3,
        keep_checkpoints: 1,
        updates: 60,
        dropout: 0.0,
        ..config(folder.path(), "run", Optimiser::Adam)
    };
    let mut events = Vec::new();
    train(&config, &FRESH, &mut events).unwrap();
    let validations = validations(&events);
    assert!(
        validations[0].chrf.is_none() && !validations[0].best,
        "a few translations before the first update are not scored"
    );
    let mut scores: Vec<(u64, f64)> =
        validations[1..].iter().map(|found| (found.update, found.chrf.as_ref().unwrap().score)).collect();
    assert!(validations[1].chrf.as_ref().unwrap().signature.contains("|nc:6|nw:0|"));
    scores.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let store = CheckpointStore::open(config.output.as_ref().unwrap()).unwrap();
    assert_eq!(store.best().unwrap(), Some(scores[0].0), "{scores:?}");
    let mut wanted: Vec<u64> = scores[..3].iter().map(|(update, _)| *update).chain([60]).collect();
    wanted.sort_unstable();
    wanted.dedup();
    assert_eq!(store.updates().unwrap(), wanted, "{scores:?}");
}

#[test]
fn a_run_can_start_from_another_with_its_vocabularies() {
    let folder = corpus();
    let first = config(folder.path(), "first", Optimiser::Adam);
    train(&first, &FRESH, &mut Vec::new()).unwrap();
    let start = first.output.clone();
    let second = Config { start_from: start.clone(), updates: 1, ..config(folder.path(), "second", Optimiser::Sgd) };
    let mut events = Vec::new();
    train(&second, &FRESH, &mut events).unwrap();
    let model = |run: &str, update| {
        let store = CheckpointStore::open(folder.path().join(run)).unwrap();
        let saved = checkpoint::read(store.folder(update), &Device::cpu()).unwrap();
        saved.model.into_iter().map(|(path, tensor)| (path, tensor.to_bytes())).collect::<Vec<_>>()
    };
    let store = CheckpointStore::open(folder.path().join("first")).unwrap();
    assert_eq!(model("second", 0), model("first", store.best().unwrap().unwrap()));
    assert_ne!(model("second", 1), model("second", 0));
    let Some(Event::Started(started)) = events.first() else { panic!("{events:?}") };
    assert_eq!(started.update, 0, "progress starts anew");
    // A corpus of other words: the vocabularies are those of the model all the same.
    std::fs::write(folder.path().join("other.tsv"), "seven one\tsept un\n").unwrap();
    let other = Config { tsv: vec![folder.path().join("other.tsv")], ..second.clone() };
    train(&Config { output: Some(folder.path().join("third")), ..other }, &FRESH, &mut Vec::new()).unwrap();
    let vocabulary = |run: &str| std::fs::read(folder.path().join(run).join("source.vocabulary")).unwrap();
    assert_eq!(vocabulary("third"), vocabulary("first"));
    let larger = Config { hidden_size: 13, output: Some(folder.path().join("fourth")), ..second.clone() };
    let error = train(&larger, &FRESH, &mut Vec::new()).unwrap_err().to_string();
    assert!(error.contains("does not fit its configuration"), "{error}");
    let both = Config { source_vocabulary: start, ..second };
    assert!(train(&both, &FRESH, &mut Vec::new()).unwrap_err().to_string().contains("brings its vocabularies"));
}

#[test]
fn curves_are_written_for_tensorboard_where_asked_for() {
    let folder = corpus();
    let config = Config { tensorboard: true, updates: 11, ..config(folder.path(), "run", Optimiser::Adam) };
    train(&config, &FRESH, &mut Vec::new()).unwrap();
    train(&Config { updates: 12, ..config.clone() }, &RESUME, &mut Vec::new()).unwrap();
    let files = std::fs::read_dir(config.output.unwrap().join("tensorboard")).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 2, "one for each time that the run went on");
    let bytes = std::fs::read(&files[0]).unwrap();
    for name in ["train/perplexity", "validation/perplexity", "validation/BLEU"] {
        assert!(bytes.windows(name.len()).any(|part| part == name.as_bytes()), "{name}");
    }
}
