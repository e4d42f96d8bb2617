//! What a training run reports as it goes, as data: an [`Event`] for an [`Observer`].
//!
//! The trainer knows nothing of terminals or files. A progress bar, the run folder's log ([`JsonLines`]) and a test are observers alike, and
//! [`Tee`] feeds several.

use std::io::{self, Write};
use std::path::PathBuf;

use serde::{Deserialize, Deserializer, Serialize};

/// One thing that happened in training; as JSON, an object whose `event` says which.
///
/// JSON has no word for infinities and NaN: they are written as `null`, and `null` is read as NaN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// Data is read and the model made, or loaded; the first update comes next.
    Started(Started),
    /// Updates were made since the last such event.
    Update(Update),
    /// The model was measured on the validation data.
    Validation(Validation),
    /// A checkpoint is complete on disk.
    Checkpoint {
        /// Updates made before it.
        update: u64,
        /// Its folder.
        path: PathBuf,
    },
    /// Something that a person should know and that does not stop the run.
    Warning {
        /// One sentence.
        message: String,
    },
    /// The run ended by an error; its last checkpoint is sound.
    Failed {
        /// The error and its causes.
        message: String,
    },
    /// The run is over; its last checkpoint is written.
    Finished {
        /// Why.
        reason: Reason,
        /// Updates made, those before a resume included.
        update: u64,
        /// Passes over the training pairs, likewise.
        epoch: f64,
        /// Seconds of this process's training.
        seconds: f64,
    },
}

impl Event {
    /// The updates made when it happened; a warning and a failure do not say.
    pub fn update(&self) -> Option<u64> {
        match self {
            Event::Started(Started { update, .. })
            | Event::Update(Update { update, .. })
            | Event::Validation(Validation { update, .. })
            | Event::Checkpoint { update, .. }
            | Event::Finished { update, .. } => Some(*update),
            Event::Warning { .. } | Event::Failed { .. } => None,
        }
    }
}

/// What is trained, on what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Started {
    /// The run folder.
    pub output: PathBuf,
    /// The device's name.
    pub device: String,
    /// Threads that it computes with.
    pub threads: usize,
    /// Numbers to be learnt.
    pub parameters: u64,
    /// Source words known, special symbols included.
    pub source_vocabulary: usize,
    /// Target words known, special symbols included.
    pub target_vocabulary: usize,
    /// Pairs to train on.
    pub training_pairs: u64,
    /// Pairs left out because they are too long or empty.
    pub skipped_pairs: u64,
    /// Pairs to validate on.
    pub validation_pairs: u64,
    /// Updates made before: 0 unless the run is resumed.
    pub update: u64,
    /// Updates of one pass over the training pairs.
    pub updates_per_epoch: u64,
    /// The update at which the run will end, unless time or patience end it first; none where there is no such limit.
    pub last_update: Option<u64>,
    /// The run's limit in seconds, if it has one.
    pub seconds_limit: Option<f64>,
}

/// How the last updates went: means and sums since the previous such event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Update {
    /// Updates made so far.
    pub update: u64,
    /// Passes over the training pairs so far.
    pub epoch: f64,
    /// Mean negative log-probability of a target word (with `<EOS>`), in nats.
    #[serde(deserialize_with = "number_or_null")]
    pub loss_per_word: f64,
    /// Its exponential.
    #[serde(deserialize_with = "number_or_null")]
    pub perplexity: f64,
    /// Global norm of the last gradient, before clipping.
    #[serde(deserialize_with = "number_or_null")]
    pub gradient_norm: f64,
    /// How many of the updates were clipped.
    pub clipped: u64,
    /// How many of the updates were not made, because their loss or gradient was not finite.
    #[serde(default)]
    pub skipped: u64,
    /// What the loss of the last update was multiplied by, with precision "f16".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_scale: Option<f64>,
    /// Of the last update.
    pub learning_rate: f64,
    /// Sentence pairs since the last event.
    pub pairs: u64,
    /// Source words since the last event, without `<EOS>` and padding.
    pub source_words: u64,
    /// Target words since the last event, without `<EOS>` and padding.
    pub target_words: u64,
    /// Seconds of training since the last event, validation and checkpoints left out.
    pub seconds: f64,
    /// Seconds since this process began to train, everything included.
    pub elapsed: f64,
    /// The most bytes of tensors that the device has held at once in this process (of several devices, their peaks together); logs of older versions
    /// do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_memory: Option<u64>,
}

impl Update {
    /// Words of both languages in a second; 0 where no time has passed.
    pub fn words_per_second(&self) -> f64 {
        if self.seconds > 0.0 { (self.source_words + self.target_words) as f64 / self.seconds } else { 0.0 }
    }
}

/// A measurement on the validation data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// Updates made so far.
    pub update: u64,
    /// Passes over the training pairs so far.
    pub epoch: f64,
    /// Of the target words with their `<EOS>`.
    #[serde(deserialize_with = "number_or_null")]
    pub perplexity: f64,
    /// Where translations were asked for.
    pub bleu: Option<BleuScore>,
    /// Where chrF was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chrf: Option<BleuScore>,
    /// Some of the translations.
    pub samples: Vec<Sample>,
    /// Whether this is the best validation of the run so far, by the configuration's `best_metric`.
    pub best: bool,
    /// What it took.
    pub seconds: f64,
}

/// A BLEU (or chrF) score that says which it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BleuScore {
    /// From 0 to 100.
    pub score: f64,
    /// How it was computed.
    pub signature: String,
    /// Sentences translated.
    pub sentences: u64,
}

/// A sentence, its reference translation, and the model's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// What was translated.
    pub source: String,
    /// The translation in the data.
    pub reference: String,
    /// The model's translation.
    pub hypothesis: String,
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The passes asked for are done.
    Epochs,
    /// The updates asked for are done.
    Updates,
    /// The time is up.
    Minutes,
    /// Validation has not improved for long enough.
    Patience,
    /// A signal asked it to stop; it can be resumed.
    Signal,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Epochs => "all epochs done",
            Self::Updates => "all updates done",
            Self::Minutes => "time is up",
            Self::Patience => "validation perplexity no longer falls",
            Self::Signal => "stopped by a signal",
        })
    }
}

pub(crate) fn number_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

/// Something that is told what happens in training.
pub trait Observer {
    /// Takes note of an event. Training waits for it, so it should be quick.
    fn event(&mut self, event: &Event);
}

/// An observer that looks away.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn event(&mut self, _: &Event) {}
}

/// Collects events, for tests and notebooks.
impl Observer for Vec<Event> {
    fn event(&mut self, event: &Event) {
        self.push(event.clone());
    }
}

/// Two observers as one; either can be another `Tee`.
///
/// ```
/// use unrolled_seq2seq::progress::{Event, JsonLines, Observer, Tee};
///
/// let (mut kept, mut log) = (Vec::new(), JsonLines::new(Vec::new()));
/// Tee(&mut kept, &mut log).event(&Event::Warning { message: "the same output for every input".into() });
/// assert_eq!(kept.len(), 1);
/// let line = String::from_utf8(log.finish()?).unwrap();
/// assert_eq!(line, "{\"event\":\"warning\",\"message\":\"the same output for every input\"}\n");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Tee<'a>(pub &'a mut dyn Observer, pub &'a mut dyn Observer);

impl Observer for Tee<'_> {
    fn event(&mut self, event: &Event) {
        self.0.event(event);
        self.1.event(event);
    }
}

/// Writes each event as one line of JSON, at once, so that a killed run leaves a whole log.
///
/// A log that cannot be written (a full disk) must not end the training: the first error is kept for [`finish`](Self::finish), and later events are
/// dropped so that the log has no hole in its middle.
#[derive(Debug)]
pub struct JsonLines<W: Write> {
    writer: W,
    error: Option<io::Error>,
}

impl<W: Write> JsonLines<W> {
    /// Logs to `writer`, which need not be buffered: each event is one write.
    pub fn new(writer: W) -> Self {
        Self { writer, error: None }
    }

    /// The error that ended the log, if one did.
    pub fn error(&self) -> Option<&io::Error> {
        self.error.as_ref()
    }

    /// Gives the writer back.
    ///
    /// # Errors
    /// The first error of any write.
    pub fn finish(self) -> io::Result<W> {
        match self.error {
            Some(error) => Err(error),
            None => Ok(self.writer),
        }
    }
}

impl<W: Write> Observer for JsonLines<W> {
    fn event(&mut self, event: &Event) {
        if self.error.is_some() {
            return;
        }
        let written = serde_json::to_vec(event).map_err(io::Error::from).and_then(|mut line| {
            line.push(b'\n');
            self.writer.write_all(&line)?;
            self.writer.flush()
        });
        self.error = written.err();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update() -> Update {
        Update {
            update: 100,
            epoch: 0.5,
            loss_per_word: 4.25,
            perplexity: 70.1,
            gradient_norm: 3.5,
            clipped: 7,
            skipped: 1,
            loss_scale: Some(32768.0),
            learning_rate: 0.7,
            pairs: 12_800,
            source_words: 1000,
            target_words: 1200,
            seconds: 2.0,
            elapsed: 2.5,
            peak_memory: Some(1 << 20),
        }
    }

    fn one_of_each() -> Vec<Event> {
        let sample = Sample { source: "a\tb".into(), reference: "été\n".into(), hypothesis: String::new() };
        vec![
            Event::Started(Started {
                output: "runs/a".into(),
                device: "cpu".into(),
                threads: 2,
                parameters: 384_112_000,
                source_vocabulary: 160_000,
                target_vocabulary: 80_000,
                training_pairs: 12_000_000,
                skipped_pairs: 3,
                validation_pairs: 6003,
                update: 0,
                updates_per_epoch: 93_750,
                last_update: Some(703_125),
                seconds_limit: None,
            }),
            Event::Update(update()),
            Event::Validation(Validation {
                update: 100,
                epoch: 0.5,
                perplexity: 60.0,
                bleu: Some(BleuScore { score: 1.5, signature: "multi-bleu".into(), sentences: 500 }),
                chrf: None,
                samples: vec![sample],
                best: true,
                seconds: 1.0,
            }),
            Event::Checkpoint { update: 100, path: "runs/a/latest".into() },
            Event::Warning { message: "slow".into() },
            Event::Failed { message: "no room".into() },
            Event::Finished { reason: Reason::Patience, update: 100, epoch: 0.5, seconds: 4.0 },
        ]
    }

    #[test]
    fn every_event_is_one_line_that_reads_back() {
        let events = one_of_each();
        let mut log = JsonLines::new(Vec::new());
        events.iter().for_each(|event| log.event(event));
        let text = String::from_utf8(log.finish().unwrap()).unwrap();
        let read: Vec<Event> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(read, events);
    }

    #[test]
    fn a_diverged_run_can_be_logged_and_read_back() {
        let diverged = Event::Update(Update { perplexity: f64::INFINITY, gradient_norm: f64::NAN, ..update() });
        let line = serde_json::to_string(&diverged).unwrap();
        let Event::Update(read) = serde_json::from_str(&line).unwrap() else { panic!("{line}") };
        assert!(read.perplexity.is_nan() && read.gradient_norm.is_nan());
        assert_eq!(read.loss_per_word, 4.25);
    }

    #[test]
    fn a_report_of_a_run_in_f32_says_nothing_of_a_scale_and_older_ones_can_be_read() {
        let report = Update { skipped: 0, loss_scale: None, peak_memory: None, ..update() };
        let mut line = serde_json::to_value(Event::Update(report.clone())).unwrap();
        let fields = line.as_object_mut().unwrap();
        assert!(!fields.contains_key("loss_scale") && !fields.contains_key("peak_memory"));
        fields.remove("skipped");
        assert_eq!(serde_json::from_value::<Event>(line).unwrap(), Event::Update(report));
    }

    #[test]
    fn words_per_second_counts_both_languages() {
        assert_eq!(update().words_per_second(), 1100.0);
        assert_eq!(Update { seconds: 0.0, ..update() }.words_per_second(), 0.0);
    }

    #[test]
    fn a_full_disk_ends_the_log_and_not_the_run() {
        struct Full {
            room: usize,
        }
        impl Write for Full {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.room = self.room.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut log = JsonLines::new(Full { room: 60 });
        log.event(&Event::Warning { message: "short".into() });
        assert!(log.error().is_none());
        log.event(&Event::Warning { message: "long".repeat(20) });
        log.event(&Event::Warning { message: "x".into() });
        assert_eq!(log.finish().err().map(|error| error.kind()), Some(io::ErrorKind::StorageFull));
    }
}
