//! What a run tells as it goes.

use std::fs;

use unrolled_seq2seq::config::{Config, Optimiser};
use unrolled_seq2seq::progress::{Event, Reason};
use unrolled_seq2seq::run::Error;

use crate::toy::{FRESH, config, corpus, log, train, warnings};

/// An event by its kind and update.
fn brief(event: &Event) -> String {
    let kind = serde_json::to_value(event).unwrap()["event"].as_str().unwrap().to_owned();
    event.update().map_or(kind.clone(), |update| format!("{kind} {update}"))
}

#[test]
fn events_come_in_order_and_the_log_has_them_all() {
    let folder = corpus();
    let config = Config { updates: 11, ..config(folder.path(), "run", Optimiser::Adam) };
    let mut events = Vec::new();
    train(&config, &FRESH, &mut events).unwrap();
    let told: Vec<String> = events.iter().map(brief).filter(|told| told != "warning").collect();
    let expected = [
        "started 0",
        "validation 0",
        "checkpoint 0",
        "checkpoint 4",
        "update 5",
        "update 6",
        "validation 6",
        "checkpoint 6",
        "checkpoint 8",
        "update 10",
        "validation 11",
        "checkpoint 11",
        "finished 11",
    ];
    assert_eq!(told, expected);
    assert_eq!(log(config.output.as_ref().unwrap()), events);
    let Some(Event::Started(started)) = events.first() else { panic!() };
    assert_eq!((started.training_pairs, started.updates_per_epoch, started.last_update), (60, 8, Some(11)));
    let Some(Event::Finished { reason: Reason::Updates, epoch: 1.375, .. }) = events.last() else { panic!() };
}

#[test]
fn reports_cover_every_pair_once() {
    let folder = corpus();
    let config = Config { updates: 16, log_every: 3, ..config(folder.path(), "run", Optimiser::Adam) };
    let mut events = Vec::new();
    train(&config, &FRESH, &mut events).unwrap();
    let pairs: u64 = events
        .iter()
        .filter_map(|event| if let Event::Update(update) = event { Some(update.pairs) } else { None })
        .sum();
    // Updates 1 to 15 of 16: two epochs of 60 pairs, but for the last batch.
    assert!((112..120).contains(&pairs), "{pairs}");
}

#[test]
fn lines_without_words_are_counted_and_small_vocabularies_told() {
    let folder = corpus();
    let pairs = folder.path().join("pairs.tsv");
    let text = fs::read_to_string(&pairs).unwrap();
    fs::write(&pairs, format!("\tvide\n{text}empty\t \n{}\tlong\n", "one ".repeat(30))).unwrap();
    let base = config(folder.path(), "run", Optimiser::Adam);
    let config = Config { updates: 1, max_source_length: 20, source_vocabulary_size: 50, ..base };
    let mut events = Vec::new();
    train(&config, &FRESH, &mut events).unwrap();
    let told = warnings(&events);
    assert!(told[0].starts_with("source vocabulary: a vocabulary of 50 was asked for, but the data give"), "{told:?}");
    assert!(told.contains(&"training: 3 pairs skipped: 2 with an empty side, 1 too long"), "{told:?}");
    assert!(told.contains(&"validation: 2 pairs skipped: 2 with an empty side, 0 too long"), "{told:?}");
    let Some(Event::Started(started)) = events.first() else { panic!() };
    assert_eq!((started.training_pairs, started.skipped_pairs, started.validation_pairs), (60, 3, 61));
}

#[test]
fn data_without_a_pair_are_refused() {
    let folder = corpus();
    let empty = folder.path().join("empty.tsv");
    fs::write(&empty, "\t\n").unwrap();
    let base = config(folder.path(), "run", Optimiser::Adam);
    for (purpose, config) in [
        ("training", Config { tsv: vec![empty.clone()], ..base.clone() }),
        ("validation", Config { valid_tsv: vec![empty.clone()], ..base.clone() }),
    ] {
        let error = train(&config, &FRESH, &mut Vec::new()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("empty.tsv") || matches!(error, Error::Vocabulary(_)), "{text}");
        assert!(purpose == "training" || text.starts_with("no validation pairs in "), "{text}");
    }
    let quiet = Config { valid_tsv: Vec::new(), updates: 2, ..base };
    let mut events = Vec::new();
    let ended = train(&quiet, &FRESH, &mut events).unwrap();
    assert!(ended.best_perplexity.is_none() && !events.iter().any(|event| matches!(event, Event::Validation(_))));
}

#[test]
fn the_same_translation_for_every_source_is_told() {
    let folder = corpus();
    // Steps too small to learn anything: the untrained model says the same of all.
    let base = config(folder.path(), "run", Optimiser::Sgd);
    let lazy = Config { learning_rate: 1e-6, updates: 6, initial_range: 0.01, ..base.clone() };
    let mut events = Vec::new();
    train(&lazy, &FRESH, &mut events).unwrap();
    let about = |events: &[Event]| warnings(events).iter().filter(|told| told.contains("the same translation")).count();
    assert_eq!(about(&events), 1, "not of the untrained model: {:?}", warnings(&events));
    let learnt = Config {
        output: Some(folder.path().join("learnt")),
        updates: 200,
        validate_every: 200,
        dropout: 0.0,
        hidden_size: 32,
        embedding_size: 32,
        optimiser: Optimiser::Adam,
        learning_rate: 0.02,
        valid_bleu_sentences: 60,
        ..base
    };
    let mut events = Vec::new();
    train(&learnt, &FRESH, &mut events).unwrap();
    assert_eq!(about(&events), 0, "{:?}", warnings(&events));
}
