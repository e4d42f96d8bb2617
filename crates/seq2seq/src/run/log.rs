//! The run's log, and who else is told what happens.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::{Error, LOG_FILE, TENSORBOARD_FOLDER};
use crate::progress::{Event, JsonLines, Observer};
use crate::tensorboard::EventFile;

/// The caller's observer and the log in the run folder.
pub(super) struct Watchers<'a> {
    observer: &'a mut dyn Observer,
    log: JsonLines<File>,
    curves: Option<EventFile<File>>,
    path: PathBuf,
    told: bool,
}

impl<'a> Watchers<'a> {
    /// Opens the log of `run`. A run that goes on after `resumed` updates first cuts off what was logged of later ones: those updates are
    /// made, and logged, again. So a log has each update once, as that of a run that never stopped.
    pub fn open(observer: &'a mut dyn Observer, run: &Path, resumed: Option<u64>) -> Result<Watchers<'a>, Error> {
        let path = run.join(LOG_FILE);
        let open = || -> io::Result<File> {
            let file = File::options().create(true).append(true).open(&path)?;
            if let Some(update) = resumed {
                file.set_len(kept_bytes(&fs::read(&path)?, update))?;
            }
            Ok(file)
        };
        let file = open().map_err(Error::file("write", &path))?;
        Ok(Watchers { observer, log: JsonLines::new(file), curves: None, path, told: false })
    }

    /// Writes curves for TensorBoard too, in a new file for what follows `update`.
    pub fn with_curves(mut self, run: &Path, update: u64) -> Result<Watchers<'a>, Error> {
        let folder = run.join(TENSORBOARD_FOLDER);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // TensorBoard takes files with this in their name, in the order of the time in it.
        let path = folder.join(format!("events.out.tfevents.{:010}.{}", since.as_secs(), since.subsec_nanos()));
        let file =
            fs::create_dir_all(&folder).and_then(|()| File::create(&path)).map_err(Error::file("write", &path))?;
        self.curves = Some(EventFile::new(file, update));
        Ok(self)
    }
}

impl Observer for Watchers<'_> {
    fn event(&mut self, event: &Event) {
        self.observer.event(event);
        self.log.event(event);
        self.curves.iter_mut().for_each(|curves| curves.event(event));
        if let (Some(error), false) = (self.log.error(), self.told) {
            self.told = true;
            let message = format!("cannot write `{}`: {error}; the run goes on without its log", self.path.display());
            self.observer.event(&Event::Warning { message });
        }
    }
}

/// The length of a log's beginning that tells of `update` and of what came before: up to the first line that is cut short or of a later update.
fn kept_bytes(log: &[u8], update: u64) -> u64 {
    let keeps = |line: &&[u8]| {
        let event = line.ends_with(b"\n").then(|| serde_json::from_slice::<Event>(line).ok()).flatten();
        event.is_some_and(|event| event.update().is_none_or(|of| of <= update))
    };
    log.split_inclusive(|&byte| byte == b'\n').take_while(keeps).map(|line| line.len() as u64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(update: u64) -> String {
        serde_json::to_string(&Event::Checkpoint { update, path: "x".into() }).unwrap() + "\n"
    }

    #[test]
    fn later_updates_and_half_lines_are_cut_off() {
        let warning = serde_json::to_string(&Event::Warning { message: "w".into() }).unwrap() + "\n";
        let log = line(1) + &warning + &line(2) + &line(3) + &line(4);
        let kept = |log: &str, update| log[..kept_bytes(log.as_bytes(), update) as usize].to_owned();
        assert_eq!(kept(&log, 2), line(1) + &warning + &line(2));
        assert_eq!(kept(&log, 9), log);
        assert_eq!(kept(&log, 0), "");
        for end in log.len() - line(4).len()..log.len() {
            assert_eq!(kept(&log[..end], 9), line(1) + &warning + &line(2) + &line(3), "cut at {end}");
        }
        assert_eq!(kept_bytes(b"\xff\xfe\n", 9), 0);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_log_that_cannot_be_written_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/dev/full", folder.path().join(LOG_FILE)).unwrap();
        let mut told = Vec::new();
        let mut watchers = Watchers::open(&mut told, folder.path(), None).unwrap();
        for update in [1, 2] {
            watchers.event(&Event::Checkpoint { update, path: "x".into() });
        }
        drop(watchers);
        let warnings =
            told.iter().filter(|event| matches!(event, Event::Warning { message } if message.contains(LOG_FILE)));
        assert_eq!((told.len(), warnings.count()), (3, 1), "{told:?}");
    }
}
