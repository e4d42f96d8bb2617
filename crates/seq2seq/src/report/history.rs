//! What a run's log says of its training.

use std::fs;
use std::io;
use std::path::Path;

use crate::progress::{Event, Reason, Started, Update, Validation};
use crate::run::LOG_FILE;

/// The log of a run, sorted by kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// How each process of the run began: more than one of a run that was resumed.
    pub started: Vec<Started>,
    /// Means over some updates each, in order.
    pub updates: Vec<Update>,
    /// In order; the first may be that before the first update.
    pub validations: Vec<Validation>,
    /// What a person should know, each once.
    pub warnings: Vec<String>,
    /// Why the run ended last, where it says so.
    pub ended: Option<Reason>,
    /// The error that ended it, where one did.
    pub failure: Option<String>,
    /// Lines that are no event: cut short, or not ours.
    pub unreadable: usize,
}

/// What the training took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Seconds of updates.
    pub training: f64,
    /// Seconds of validations.
    pub validation: f64,
    /// Words of both languages, without `<EOS>`.
    pub words: u64,
    /// Sentence pairs.
    pub pairs: u64,
}

impl Cost {
    /// Words of both languages in a second of training; 0 where there was none.
    pub fn words_per_second(&self) -> f64 {
        if self.training > 0.0 { self.words as f64 / self.training } else { 0.0 }
    }
}

impl History {
    /// Reads the log of a run. One that is not there has nothing in it.
    ///
    /// # Errors
    /// Where the file is there and cannot be read.
    pub fn read(run: &Path) -> io::Result<History> {
        match fs::read(run.join(LOG_FILE)) {
            Ok(bytes) => Ok(History::of(&bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(History::default()),
            Err(error) => Err(error),
        }
    }

    /// Of the bytes of a log, JSON lines. A line that cannot be read is counted and passed over, so that the log of a killed run can be shown.
    pub fn of(log: &[u8]) -> History {
        let mut history = History::default();
        for line in log.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            match serde_json::from_slice(line) {
                Ok(event) => history.add(event),
                Err(_) => history.unreadable += 1,
            }
        }
        history
    }

    fn add(&mut self, event: Event) {
        match event {
            Event::Started(started) => {
                (self.ended, self.failure) = (None, None);
                self.started.push(started);
            }
            Event::Update(update) => self.updates.push(update),
            Event::Validation(validation) => self.validations.push(validation),
            Event::Warning { message } if self.warnings.contains(&message) => {}
            Event::Warning { message } => self.warnings.push(message),
            Event::Failed { message } => self.failure = Some(message),
            Event::Finished { reason, .. } => self.ended = Some(reason),
            Event::Checkpoint { .. } => {}
        }
    }

    /// What it took, as far as the log tells.
    pub fn cost(&self) -> Cost {
        let mut cost = Cost::default();
        for update in &self.updates {
            cost.training += update.seconds;
            cost.words += update.source_words + update.target_words;
            cost.pairs += update.pairs;
        }
        cost.validation = self.validations.iter().map(|validation| validation.seconds).sum();
        cost
    }

    /// The best validation, by the measure that the run chose by: its checkpoint is the run's best.
    pub fn best(&self) -> Option<&Validation> {
        self.validations.iter().rev().find(|validation| validation.best)
    }

    /// Updates made, and passes over the training pairs.
    pub fn last(&self) -> (u64, f64) {
        let updates = self.updates.last().map(|update| (update.update, update.epoch));
        let validation = self.validations.last().map(|validation| (validation.update, validation.epoch));
        updates.into_iter().chain(validation).max_by_key(|last| last.0).unwrap_or_default()
    }

    /// The most bytes of tensors that the device has held, where the log says so.
    pub fn peak_memory(&self) -> Option<u64> {
        self.updates.iter().filter_map(|update| update.peak_memory).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = concat!(
        r#"{"event":"warning","message":"small"}"#,
        "\n",
        r#"{"event":"warning","message":"small"}"#,
        "\n",
        r#"{"event":"validation","update":0,"epoch":0,"perplexity":null,"bleu":null,"samples":[],"best":false,"seconds":1}"#,
        "\n",
        r#"{"event":"update","update":10,"epoch":0.5,"loss_per_word":1,"perplexity":2.7,"gradient_norm":1,"clipped":0,"learning_rate":0.7,"pairs":20,"source_words":60,"target_words":40,"seconds":0.5,"elapsed":2,"peak_memory":4096}"#,
        "\n",
        r#"{"event":"validation","update":10,"epoch":0.5,"perplexity":3.5,"bleu":null,"samples":[],"best":true,"seconds":2}"#,
        "\n",
        r#"{"event":"finished","reason":"updates","update":10,"epoch":0.5,"seconds":4}"#,
        "\n",
        r#"{"event":"upd"#,
    );

    #[test]
    fn a_log_is_sorted_and_added_up() {
        let history = History::of(LOG.as_bytes());
        assert_eq!((history.updates.len(), history.validations.len(), history.unreadable), (1, 2, 1));
        assert_eq!((&history.warnings[..], history.ended), (&["small".to_owned()][..], Some(Reason::Updates)));
        let cost = history.cost();
        assert_eq!(cost, Cost { training: 0.5, validation: 3.0, words: 100, pairs: 20 });
        assert_eq!((cost.words_per_second(), history.last(), history.peak_memory()), (200.0, (10, 0.5), Some(4096)));
        assert_eq!(history.best().map(|best| best.update), Some(10), "no number is not the best one");
    }

    #[test]
    fn a_log_that_is_not_there_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        let history = History::read(folder.path()).unwrap();
        assert_eq!((history.last(), history.cost().words_per_second()), ((0, 0.0), 0.0));
        assert_eq!(history, History::default());
    }
}
