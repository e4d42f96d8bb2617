//! The checkpoints of a run: newest and best, pruning, leftovers, deaths between any two steps.

mod common;

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use common::{Faulty, example, names_in, seed_in};
use unrolled_nn::checkpoint::{CheckpointError, CheckpointStore, MODEL, STATE};

/// A run with these checkpoints.
fn run_with(updates: &[u64]) -> (tempfile::TempDir, CheckpointStore) {
    let run = tempfile::tempdir().unwrap();
    let store = CheckpointStore::create_on(Arc::new(Faulty::sound()), run.path()).unwrap();
    for &update in updates {
        store.save(update, &example(update)).unwrap();
    }
    (run, store)
}

fn damage(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(file, bytes).unwrap();
}

#[test]
fn an_empty_run_has_nothing() {
    let (run, store) = run_with(&[]);
    let newest = store.newest_good().unwrap();
    assert!(newest.good.is_none() && newest.refused.is_empty());
    assert_eq!((store.latest().unwrap(), store.best().unwrap()), (None, None));
    assert!(store.updates().unwrap().is_empty() && store.prune(1).unwrap().is_empty());
    assert!(matches!(CheckpointStore::resolve(run.path()), Err(CheckpointError::NoModel { .. })));
}

#[test]
fn the_newest_good_checkpoint_is_found_and_newer_ones_are_refused_with_reasons() {
    let (_run, store) = run_with(&[100, 200, 300, 400, 500]);
    assert_eq!(store.newest_good().unwrap().good.unwrap().update, 500);
    damage(&store.folder(500).join(MODEL));
    fs::remove_file(store.folder(400).join(STATE)).unwrap();
    fs::remove_dir_all(store.folder(300)).unwrap();
    fs::create_dir(store.folder(300)).unwrap();
    let newest = store.newest_good().unwrap();
    let good = newest.good.unwrap();
    assert_eq!((good.update, seed_in(&good.folder)), (200, 200));
    let refused: Vec<u64> = newest.refused.iter().map(|refused| refused.update).collect();
    assert_eq!(refused, [500, 400, 300]);
    assert!(matches!(newest.refused[0].reason, CheckpointError::Damaged { .. }));
    assert!(matches!(newest.refused[1].reason, CheckpointError::Missing { .. }));
    assert!(matches!(newest.refused[2].reason, CheckpointError::NotACheckpoint { .. }));
    assert!(newest.refused[0].to_string().starts_with("checkpoint 500 refused: "), "{}", newest.refused[0]);
    damage(&store.folder(200).join(MODEL));
    damage(&store.folder(100).join(MODEL));
    let Err(CheckpointError::NoneGood { refused, .. }) = store.newest_good() else { panic!() };
    assert_eq!(refused.len(), 5);
}

#[test]
fn pruning_keeps_the_newest_the_best_and_the_latest() {
    let (run, store) = run_with(&[100, 200, 300, 400, 500]);
    store.mark_best(200).unwrap();
    assert_eq!(store.prune(2).unwrap(), [100, 300]);
    assert_eq!(store.updates().unwrap(), [200, 400, 500]);
    // A run that was resumed from an older checkpoint: the latest is not the one with the highest number.
    store.save(300, &example(300)).unwrap();
    assert_eq!(store.prune(1).unwrap(), [400]);
    assert_eq!(store.updates().unwrap(), [200, 300, 500]);
    assert_eq!(store.prune(0).unwrap(), [500]);
    assert_eq!((store.best().unwrap(), store.latest().unwrap()), (Some(200), Some(300)));
    assert_eq!(names_in(&run.path().join("checkpoints")), ["0000000200", "0000000300"]);
    // Where it is not known which is the best, nothing goes.
    fs::write(run.path().join("best"), "?").unwrap();
    store.save(600, &example(600)).unwrap();
    assert!(matches!(store.prune(1), Err(CheckpointError::Pointer { .. })));
    assert_eq!(store.updates().unwrap(), [200, 300, 600]);
}

#[test]
fn a_model_is_a_checkpoint_or_a_runs_best_else_latest_else_newest() {
    let (run, store) = run_with(&[100, 200]);
    let resolve = |folder: &Path| CheckpointStore::resolve(folder).unwrap();
    assert_eq!(resolve(run.path()), store.folder(200));
    store.mark_best(100).unwrap();
    assert_eq!(resolve(run.path()), store.folder(100));
    assert_eq!(resolve(&run.path().join("latest")), store.folder(200));
    assert_eq!(resolve(&store.folder(200)), store.folder(200));
    fs::remove_file(run.path().join("best")).unwrap();
    fs::remove_file(run.path().join("latest")).unwrap();
    assert_eq!(resolve(run.path()), store.folder(200));
    assert_eq!(CheckpointStore::run_of(&store.folder(200)).unwrap(), run.path());
    assert_eq!(CheckpointStore::run_of(run.path()), None);
}

#[test]
fn what_is_no_model_is_said() {
    let (run, store) = run_with(&[100]);
    for wrong in [run.path().join("none"), run.path().join("checkpoints"), store.folder(100).join(MODEL)] {
        let error = CheckpointStore::resolve(&wrong).unwrap_err();
        assert!(matches!(&error, CheckpointError::NoModel { folder } if *folder == wrong), "{error}");
    }
    fs::write(run.path().join("best"), "checkpoints/0000000700\n").unwrap();
    let error = CheckpointStore::resolve(run.path()).unwrap_err();
    assert!(matches!(&error, CheckpointError::Pointer { content, .. } if content.ends_with("700")), "{error}");
    assert!(matches!(store.mark_best(700), Err(CheckpointError::NotACheckpoint { .. })));
}

#[test]
#[cfg(unix)]
fn what_cannot_be_read_is_no_missing_model() {
    use std::os::unix::fs::symlink;
    let (run, store) = run_with(&[100]);
    let circle = |name: &str| {
        let path = run.path().join(name);
        symlink(&path, &path).unwrap();
        path
    };
    let told = |model: &Path, place: &Path| {
        let told = CheckpointStore::resolve(model).unwrap_err().to_string();
        assert!(told.contains(place.to_str().unwrap()) && told.contains("(os error "), "{told}");
    };
    let file = store.folder(100).join(MODEL);
    told(&file.join("below"), &file.join("below"));
    told(&circle("best"), &run.path().join("best"));
    told(run.path(), &run.path().join("best"));
    let other = circle("other");
    told(&other, &other);
    told(&other.join("run"), &other);
    let list = store.folder(100).join("checksums.json");
    fs::remove_file(&list).unwrap();
    symlink(&list, &list).unwrap();
    told(&store.folder(100), &list);
    fs::create_dir(run.path().join("odd")).unwrap();
    fs::write(run.path().join("odd/checkpoints"), "").unwrap();
    told(&run.path().join("odd"), &run.path().join("odd/checkpoints"));
    // What is not there, is not there.
    symlink("nowhere", run.path().join("dangling")).unwrap();
    let error = CheckpointStore::resolve(run.path().join("dangling")).unwrap_err();
    assert!(matches!(error, CheckpointError::NoModel { .. }), "{error}");
}

#[test]
fn two_trainings_cannot_share_a_run() {
    let (run, store) = run_with(&[100]);
    assert!(matches!(CheckpointStore::create(run.path()), Err(CheckpointError::InUse { .. })));
    assert_eq!(CheckpointStore::open(run.path()).unwrap().updates().unwrap(), [100]);
    drop(store);
    CheckpointStore::create(run.path()).unwrap();
}

#[test]
fn leftovers_are_cleaned_up_and_strangers_left_alone() {
    let (run, store) = run_with(&[100, 200]);
    let checkpoints = run.path().join("checkpoints");
    drop(store);
    // Killed while writing 300; killed between moving 200 aside and its replacement's arrival; killed while pruning 50; and while marking.
    fs::create_dir(checkpoints.join(".0000000300.writing")).unwrap();
    fs::write(checkpoints.join(".0000000300.writing").join(MODEL), "half").unwrap();
    fs::rename(checkpoints.join("0000000200"), checkpoints.join(".0000000200.replaced")).unwrap();
    fs::create_dir(checkpoints.join(".0000000200.writing")).unwrap();
    fs::create_dir(checkpoints.join(".0000000050.removing")).unwrap();
    fs::write(run.path().join(".best.writing"), "check").unwrap();
    fs::write(checkpoints.join("notes.txt"), "mine").unwrap();
    fs::write(checkpoints.join(".mine.writing"), "mine").unwrap();
    // A reader changes nothing.
    assert_eq!(CheckpointStore::open(run.path()).unwrap().newest_good().unwrap().good.unwrap().update, 100);
    assert_eq!(names_in(&checkpoints).len(), 7);
    let store = CheckpointStore::create(run.path()).unwrap();
    assert_eq!(names_in(&checkpoints), [".mine.writing", "0000000100", "0000000200", "notes.txt"]);
    assert_eq!(names_in(run.path()), ["checkpoints", "latest"]);
    assert_eq!(seed_in(&store.newest_good().unwrap().good.unwrap().folder), 200);
}

#[test]
fn a_full_disk_loses_nothing() {
    let run = tempfile::tempdir().unwrap();
    let disk = Faulty::new(|step, path| match step == "write" && path.to_string_lossy().contains("0000000200") {
        true => Err(ErrorKind::StorageFull.into()),
        false => Ok(()),
    });
    let store = CheckpointStore::create_on(Arc::new(disk), run.path()).unwrap();
    store.save(100, &example(100)).unwrap();
    store.mark_best(100).unwrap();
    let error = store.save(200, &example(200)).unwrap_err();
    assert!(error.is_full() && error.to_string().contains(MODEL), "{error}");
    assert_eq!((store.latest().unwrap(), store.best().unwrap()), (Some(100), Some(100)));
    assert_eq!(names_in(&run.path().join("checkpoints")), ["0000000100"]);
    assert_eq!(seed_in(&store.newest_good().unwrap().good.unwrap().folder), 100);
    store.save(300, &example(300)).unwrap();
}

/// A training's end of an interval: save, mark, prune; and it dies at step `n`. Answers whether it got through.
fn interval(run: &Path, n: usize) -> bool {
    let (disk, steps) = Faulty::dying_at(n);
    let Ok(store) = CheckpointStore::create_on(Arc::new(disk), run) else { return false };
    // The first one replaces a checkpoint of its number, and both prune.
    for update in [200, 300] {
        let saved = store.save(update, &example(update)).and_then(|_| store.mark_best(update));
        if saved.and_then(|()| store.prune(1)).is_err() {
            return false;
        }
    }
    steps.load(SeqCst) <= n
}

#[test]
fn a_kill_between_any_two_steps_loses_at_most_the_checkpoint_being_written() {
    for n in 0.. {
        let (run, store) = run_with(&[100, 200]);
        store.mark_best(100).unwrap();
        drop(store);
        let done = interval(run.path(), n);
        // What a reader finds is whole at any moment, and the best model too, but while a checkpoint replaces that very one.
        let reader = CheckpointStore::open(run.path()).unwrap();
        for update in reader.updates().unwrap() {
            assert_eq!(seed_in(&reader.folder(update)), update, "{n}");
        }
        if let Ok(model) = CheckpointStore::resolve(run.path()) {
            seed_in(&model);
        }
        let store = CheckpointStore::create(run.path()).unwrap();
        let newest = store.newest_good().unwrap();
        assert!(newest.refused.is_empty(), "{n}: {:?}", newest.refused);
        let good = newest.good.unwrap();
        assert_eq!(seed_in(&good.folder), good.update, "{n}");
        assert!(good.update >= 200, "{n}: {}", good.update);
        let (best, latest) = (store.best().unwrap().unwrap(), store.latest().unwrap().unwrap());
        assert_eq!((seed_in(&store.folder(best)), seed_in(&store.folder(latest))), (best, latest), "{n}");
        assert!(names_in(&run.path().join("checkpoints")).iter().all(|name| !name.starts_with('.')), "{n}");
        assert!(names_in(run.path()).iter().all(|name| !name.starts_with('.')), "{n}");
        if done {
            assert!(n > 60, "{n} steps are fewer than there can be");
            return;
        }
    }
}
