//! However the work is interrupted, and on however many threads it is done: the same bytes in the end.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::{fs, io};

use unrolled_nn::disk::{Disk, FileSystem, Output};
use unrolled_seq2seq::prepare::{PrepareError, PrepareOptions, PreparedCorpus, Settings, prepare, prepare_on};

use crate::medium::{Medium, Unsynced};
use crate::{files, options, prepared, settings, text};

#[test]
fn the_bytes_do_not_depend_on_the_threads() {
    let (folder, corpus) = text();
    let made = [1, 2, 5].map(|threads| {
        let output = folder.path().join(format!("with-{threads}"));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| prepared(&corpus, &settings(), &output)).unwrap();
        files(&output)
    });
    assert!(made[0] == made[1] && made[0] == made[2]);
    let names: Vec<_> = made[0].keys().map(|path| path.to_str().unwrap()).collect();
    assert!(
        names.starts_with(&["prepared.json", "shards/000000.pairs"])
            && names.ends_with(&["source.vocabulary", "target.vocabulary"])
    );
}

#[test]
fn work_that_was_stopped_anywhere_goes_on_and_ends_the_same() {
    let (folder, corpus) = text();
    prepared(&corpus, &settings(), &folder.path().join("whole")).unwrap();
    let whole = files(&folder.path().join("whole"));
    for every in [1, 3, 8] {
        let output = folder.path().join(format!("pieces-{every}"));
        let mut stops = 0;
        loop {
            let (stop, mut steps) = (AtomicBool::new(false), 0);
            let mut count = |_| {
                steps += 1;
                stop.store(steps >= every, Ordering::Relaxed);
            };
            match prepare(&corpus, &settings(), &output, options(false), &mut count, &stop) {
                Ok(_) => break,
                Err(PrepareError::Stopped) => stops += 1,
                Err(error) => panic!("{error}"),
            }
            assert!(PreparedCorpus::open(&output).unwrap_err().to_string().contains("unfinished"));
            assert!(stops < 100, "it gets nowhere");
        }
        assert!(stops > 1 && files(&output) == whole, "after {stops} stops");
    }
}

#[test]
fn a_full_disk_leaves_nothing_half_valid_and_the_work_goes_on_when_there_is_room() {
    let (folder, corpus) = text();
    prepared(&corpus, &settings(), &folder.path().join("whole")).unwrap();
    let whole = files(&folder.path().join("whole"));
    let mut room = 0;
    let mut failures = 0;
    loop {
        let output = folder.path().join(format!("room-{room}"));
        let disk = Medium::with_room(room);
        let outcome = prepare_on(
            Arc::new(disk.clone()),
            &corpus,
            &settings(),
            &output,
            options(false),
            &mut |_| {},
            &AtomicBool::new(false),
        );
        let Err(error) = outcome else { break };
        assert!(error.is_full() && disk.room() == 0, "{error}");
        assert!(error.to_string().contains(output.to_str().unwrap()), "names the file: {error}");
        assert!(PreparedCorpus::open(&output).is_err());
        assert!(files(&output).keys().all(|path| !path.to_str().unwrap().ends_with(".writing")), "gives the room back");
        prepared(&corpus, &settings(), &output).unwrap();
        assert!(files(&output) == whole, "with room for {room} bytes first");
        failures += 1;
        room += 997;
    }
    assert!(failures > 5, "{failures}");
}

/// Whatever step of replacing a corpus fails, once or because the process is killed: the old one can be read until the new one can, or the same command brings the
/// new one.
#[test]
fn an_old_corpus_stays_until_the_new_one_is_whole() {
    let (folder, corpus) = text();
    let (output, wanted) = (folder.path().join("prepared"), folder.path().join("wanted"));
    let other = Settings { max_length: 7, ..settings() };
    let prepare = |settings: &Settings, folder: &Path, disk: Steps| {
        let options = PrepareOptions { overwrite: true, ..PrepareOptions::default() };
        prepare_on(Arc::new(disk), &corpus, settings, folder, options, &mut |_| {}, &AtomicBool::new(false))
    };
    prepare(&settings(), &output, Steps::all()).unwrap();
    prepare(&other, &wanted, Steps::all()).unwrap();
    let (old, new) = (files(&output), files(&wanted));
    let (mut before, mut between) = (0, 0);
    for killed in [false, true] {
        for step in 0.. {
            let outcome = prepare(&other, &output, Steps::failing_at(step, killed));
            match PreparedCorpus::open(&output) {
                Ok(found) if found.manifest().settings == other => {}
                Ok(_) => {
                    assert!(outcome.is_err() && files(&output) == old, "step {step}, killed: {killed}");
                    before += 1;
                }
                Err(error) => {
                    assert!(killed && error.to_string().contains("give the same `unrolled prepare` again"), "{error}");
                    between += 1;
                }
            }
            prepare(&other, &output, Steps::all()).unwrap();
            assert!(files(&output) == new, "after step {step}, killed: {killed}");
            prepare(&settings(), &output, Steps::all()).unwrap();
            assert!(files(&output) == old);
            if outcome.is_ok() {
                break;
            }
        }
    }
    assert!(before > 30 && between > 0, "{before} and {between}");
    let left = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(left.filter(|name| name.to_str().unwrap().starts_with('.')).count(), 0, "nothing is left beside it");
}

/// A disk that refuses one step, or that one and all behind it.
#[derive(Debug)]
struct Steps {
    taken: AtomicUsize,
    refused: usize,
    killed: bool,
}

impl Steps {
    fn failing_at(refused: usize, killed: bool) -> Steps {
        Steps { taken: AtomicUsize::new(0), refused, killed }
    }

    fn all() -> Steps {
        Steps::failing_at(usize::MAX, false)
    }

    fn take(&self) -> io::Result<FileSystem> {
        let step = self.taken.fetch_add(1, Ordering::Relaxed);
        let refused = step == self.refused || self.killed && step > self.refused;
        if refused { Err(io::Error::other("refused")) } else { Ok(FileSystem) }
    }
}

impl Disk for Steps {
    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        self.take()?.create_folder(folder)
    }
    fn create_file(&self, file: &Path) -> io::Result<Box<dyn Output>> {
        Ok(Box::new(Unsynced(self.take()?.create_file(file)?)))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.take()?.rename(from, to)
    }
    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        self.take().map(drop)
    }
    fn remove_folder(&self, folder: &Path) -> io::Result<()> {
        self.take()?.remove_folder(folder)
    }
    fn remove_file(&self, file: &Path) -> io::Result<()> {
        self.take()?.remove_file(file)
    }
}

#[test]
fn other_work_is_not_gone_on_with() {
    let (folder, corpus) = text();
    let output = folder.path().join("prepared");
    let stopped = |settings: &Settings, overwrite| {
        prepare(&corpus, settings, &output, options(overwrite), &mut |_| {}, &AtomicBool::new(true)).unwrap_err()
    };
    assert!(matches!(stopped(&settings(), false), PrepareError::Stopped));
    let other = Settings { max_length: 21, ..settings() };
    let error = stopped(&other, false).to_string();
    assert!(error.contains("holds the beginning of other work (max-length was 20)"), "{error}");
    assert!(matches!(stopped(&other, true), PrepareError::Stopped), "it begins anew");

    let path = folder.path().join("pairs.tsv");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text + "one more\tun de plus\n").unwrap();
    let error = stopped(&other, false).to_string();
    assert!(error.contains("pairs.tsv` has changed since"), "{error}");

    let lock = fs::File::open(output.join(".lock")).unwrap();
    lock.try_lock().unwrap();
    assert!(matches!(stopped(&other, true), PrepareError::InUse { .. }));
    drop(lock);
    prepare(&corpus, &other, &output, options(true), &mut |_| {}, &AtomicBool::new(false)).unwrap();
    assert!(matches!(prepared(&corpus, &other, &output), Err(PrepareError::Exists { .. })));
    let before = files(&output);
    prepare(&corpus, &other, &output, options(true), &mut |_| {}, &AtomicBool::new(false)).unwrap();
    assert!(files(&output) == before);

    fs::write(output.join("notes"), "mine").unwrap();
    let error = stopped(&other, true).to_string();
    assert!(error.contains("holds `notes`, which is not of a prepared corpus"), "{error}");
    assert_eq!(fs::read(output.join("notes")).unwrap(), b"mine");
}
