//! The lines to be translated, as they come.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, sync_channel};
use std::thread;
use std::time::Duration;

use unrolled_seq2seq::corpus::{CorpusError, Lines};
use unrolled_seq2seq::run::Line;

/// A line with its number, from 0.
pub(super) struct Numbered {
    pub(super) number: u64,
    pub(super) text: String,
    pub(super) prefix: String,
}

impl Numbered {
    pub(super) fn line(&self) -> Line<'_> {
        Line { source: &self.text, prefix: &self.prefix, number: self.number }
    }
}

/// What is translated, with how each translation begins.
pub(super) struct Input {
    pub(super) lines: Lines,
    pub(super) prefixes: Option<Lines>,
}

impl Input {
    /// The next line.
    fn next(&mut self) -> Result<Option<Numbered>, CorpusError> {
        let number = self.lines.line();
        let text = self.lines.next_line()?.map(str::to_owned);
        let Some(prefixes) = &mut self.prefixes else {
            return Ok(text.map(|text| Numbered { number, text, prefix: String::new() }));
        };
        match (text, prefixes.next_line()?.map(str::to_owned)) {
            (Some(text), Some(prefix)) => Ok(Some(Numbered { number, text, prefix })),
            (None, None) => Ok(None),
            _ => Err(CorpusError::unequal(&mut self.lines, prefixes)),
        }
    }
}

/// What comes next.
pub(super) enum Next {
    Line(Numbered),
    /// A line may come, but it is not here yet.
    NotYet,
    End,
}

/// How long a signal may go unseen while no line comes.
const LOOK_UP: Duration = Duration::from_millis(50);

/// The input, a block at a time.
pub(super) enum Feed {
    /// All of it is there to be read.
    File(Box<Input>),
    /// Somebody writes it, who may wait for an answer before the next line: another thread waits for the lines.
    Live(Receiver<Result<Option<Numbered>, CorpusError>>),
}

impl Feed {
    /// Reads so far ahead as `ahead` lines where `path` is no file.
    pub(super) fn new(path: &Path, input: Input, ahead: usize) -> io::Result<Feed> {
        let is_a_file = if path.as_os_str() == "-" { stdin_is_a_file() } else { path.is_file() };
        if is_a_file { Ok(Feed::File(input.into())) } else { Feed::live(input, ahead) }
    }

    pub(super) fn live(mut input: Input, ahead: usize) -> io::Result<Feed> {
        let (sender, receiver) = sync_channel(ahead);
        let read = move || {
            loop {
                let line = input.next();
                let last = !matches!(line, Ok(Some(_)));
                if sender.send(line).is_err() || last {
                    return;
                }
            }
        };
        thread::Builder::new().name("input".to_owned()).spawn(read)?;
        Ok(Feed::Live(receiver))
    }

    /// The next line; where `wait` is false, only one that is there already. Once `stop` is true it waits no longer: there it ends.
    pub(super) fn next(&mut self, wait: bool, stop: &AtomicBool) -> Result<Next, CorpusError> {
        let line = match self {
            Feed::File(input) => input.next()?,
            // A reader that is gone has told of the end, or of an error, before.
            Feed::Live(lines) if wait => loop {
                match lines.recv_timeout(LOOK_UP) {
                    Ok(line) => break line?,
                    Err(RecvTimeoutError::Timeout) if !stop.load(Ordering::Relaxed) => {}
                    Err(_) => break None,
                }
            },
            Feed::Live(lines) => match lines.try_recv() {
                Ok(line) => line?,
                Err(TryRecvError::Empty) => return Ok(Next::NotYet),
                Err(TryRecvError::Disconnected) => None,
            },
        };
        Ok(line.map_or(Next::End, Next::Line))
    }
}

#[cfg(unix)]
fn stdin_is_a_file() -> bool {
    use std::os::fd::AsFd;
    let file = io::stdin().as_fd().try_clone_to_owned().map(std::fs::File::from);
    file.and_then(|file| file.metadata()).is_ok_and(|metadata| metadata.is_file())
}

#[cfg(not(unix))]
fn stdin_is_a_file() -> bool {
    false
}
