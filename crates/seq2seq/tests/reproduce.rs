//! The paper's tables at a scale of seconds: every row is there, and nothing is done twice.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use unrolled_seq2seq::progress::{Event, Observer, Silent};
use unrolled_seq2seq::reproduce::{Error, Part, ReproduceOptions, Scale, Table, reproduce};
use unrolled_tensor::Device;

fn options(folder: &Path) -> ReproduceOptions {
    ReproduceOptions {
        folder: folder.to_owned(),
        scale: Scale::Seconds,
        data: None,
        seeds: 2,
        sentences: 12,
        n_best: Some(4),
    }
}

fn run(options: &ReproduceOptions, observer: &mut dyn Observer, stop: &AtomicBool) -> Result<Table, Error> {
    reproduce(options, &Device::cpu(), observer, &mut |_| {}, stop)
}

/// When each file of a folder, tables aside, was last written.
fn times(folder: &Path, found: &mut BTreeMap<String, SystemTime>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            times(&path, found);
        } else if !path.file_name().unwrap().to_string_lossy().starts_with("table.") {
            found.insert(path.display().to_string(), entry.metadata().unwrap().modified().unwrap());
        }
    }
}

/// Asks to stop after so many events.
struct StopAfter<'a> {
    events: usize,
    stop: &'a AtomicBool,
}

impl Observer for StopAfter<'_> {
    fn event(&mut self, _: &Event) {
        self.events = self.events.saturating_sub(1);
        self.stop.store(self.events == 0, Ordering::Relaxed);
    }
}

#[test]
fn every_row_is_there_and_nothing_is_done_twice() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());

    // Stopped again and again, it ends all the same, with what an unbroken one gives.
    let mut stops = 0;
    let table = loop {
        let stop = AtomicBool::new(false);
        match run(&options, &mut StopAfter { events: 40, stop: &stop }, &stop) {
            Ok(table) => break table,
            Err(Error::Stopped) => stops += 1,
            Err(error) => panic!("{error}"),
        }
        assert!(stops < 50, "it gets no further");
    };
    assert!(stops > 1, "it was stopped {stops} times");
    check(&table);

    let mut before = BTreeMap::new();
    times(folder.path(), &mut before);
    let mut events: Vec<Event> = Vec::new();
    assert_eq!(run(&options, &mut events, &AtomicBool::new(false)).unwrap(), table);
    let mut after = BTreeMap::new();
    times(folder.path(), &mut after);
    assert_eq!((events.len(), before.len()), (0, after.len()), "nothing is trained again");
    assert_eq!(before, after, "no file was written again");

    // Longer lists are other lists.
    let longer = ReproduceOptions { n_best: Some(6), ..self::options(folder.path()) };
    check(&run(&longer, &mut Silent, &AtomicBool::new(false)).unwrap());

    let unbroken = tempfile::tempdir().unwrap();
    let other = run(&self::options(unbroken.path()), &mut Silent, &AtomicBool::new(false)).unwrap();
    assert_eq!(other.rows, table.rows, "stopping changes no number");
}

fn check(table: &Table) {
    let of = |part| table.rows.iter().filter(|row| row.part == part).count();
    assert_eq!((of(Part::Translation), of(Part::Rescoring), of(Part::Perplexity)), (8, 5, 6));
    assert_eq!((table.claims.len(), table.training_seconds.len()), (16, 5 + 2 + 3 + 1));
    let row = |id: &str| table.rows.iter().find(|row| row.id == id).unwrap();
    assert_eq!((row("reversed-12").ours.len(), row("five-12").ours.len()), (2, 1));
    assert!(table.rows.iter().flat_map(|row| &row.ours).all(|number| number.is_finite() && *number >= 0.0));
    // The first of the reversed models is the one of depth 1.
    assert_eq!(row("depth-1").ours[0], row("perplexity-reversed").ours[0]);
    for part in ["baseline", "rescored-forward", "rescored-reversed", "rescored-five"] {
        assert!(row("oracle").mean() >= row(part).mean(), "{part} is above the oracle");
    }
    let text = table.markdown();
    assert!(
        text.contains("not WMT'14") && text.contains("a weaker model of ours") && text.contains("multi-bleu|nrefs:1")
    );
}

#[test]
fn models_of_other_settings_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let stop = AtomicBool::new(false);
    // Stopped in its first model.
    assert!(matches!(
        run(&options(folder.path()), &mut StopAfter { events: 3, stop: &stop }, &stop),
        Err(Error::Stopped)
    ));
    let data = folder.path().join("corpus");
    let other = ReproduceOptions { data: Some(data), ..options(folder.path()) };
    let refused = run(&other, &mut Silent, &AtomicBool::new(false)).unwrap_err();
    assert!(refused.to_string().contains("hidden-size") && refused.to_string().contains("other settings"), "{refused}");

    let paper = ReproduceOptions { scale: Scale::Paper, ..options(folder.path()) };
    assert!(matches!(run(&paper, &mut Silent, &AtomicBool::new(false)), Err(Error::PaperNeedsData)));
    let empty = tempfile::tempdir().unwrap();
    let nowhere = ReproduceOptions { data: Some(empty.path().to_owned()), ..options(folder.path()) };
    let missing = run(&nowhere, &mut Silent, &AtomicBool::new(false)).unwrap_err();
    assert!(missing.to_string().contains("europarl"), "{missing}");
}
