//! Mutates, runs, keeps what is new and what crashes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use crate::Target;
use crate::mutate::{Random, mutate};
use crate::panics::caught;

/// An input that takes longer is a finding: real files have thousands of lines of this length.
pub const SLOW: Duration = Duration::from_secs(5);
/// Outcomes that begin alike and are told apart: a message that quotes what it cannot read would else make every input a new one.
const ALIKE: usize = 256;
/// Letters by which a beginning is known: few, as what is quoted may hold quotation marks and then counts as part of the message.
const BEGINNING: usize = 12;

/// An input that a reader does not bear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where and how it panicked, or that it took too long.
    pub what: String,
    /// The bytes.
    pub input: Vec<u8>,
}

/// What a time of fuzzing brought.
#[derive(Debug, Default)]
pub struct Report {
    /// How many inputs were read.
    pub executions: u64,
    /// How many different outcomes there were.
    pub outcomes: usize,
    /// One for each place that panicked, by it.
    pub findings: BTreeMap<String, Finding>,
    /// How often each beginning of an outcome (its first word) was met: whether inputs get beyond the first check.
    pub kinds: BTreeMap<String, u64>,
}

impl Report {
    fn note(&mut self, finding: Finding) {
        // The same place panics with many messages.
        let place = finding.what.lines().next().unwrap_or_default().to_owned();
        self.findings.entry(place).or_insert(finding);
    }
}

/// Runs a target on its seeds and then on mutations of them until `time` is over. `before` is handed each input before it is read, so that one which kills the
/// process is not lost.
pub fn fuzz(target: &Target, seeds: Vec<Vec<u8>>, seed: u64, time: Duration, before: &mut dyn FnMut(&[u8])) -> Report {
    let began = Instant::now();
    let mut report = Report::default();
    let mut seen = Seen::default();
    let mut pool = Vec::new();
    for input in seeds {
        run(target, &input, &mut report, &mut seen, before);
        pool.push(input);
    }
    if pool.is_empty() {
        pool.push(Vec::new());
    }
    let mut random = Random::new(seed);
    while began.elapsed() < time {
        let mut input = random.pick(&pool).clone();
        mutate(&mut input, &pool, target.words, &mut random);
        if run(target, &input, &mut report, &mut seen, before) {
            pool.push(input);
        }
    }
    report.outcomes = seen.outcomes.len();
    report
}

/// The outcomes that were met.
#[derive(Default)]
struct Seen {
    outcomes: HashSet<String>,
    /// How many begin alike.
    beginnings: HashMap<String, usize>,
}

impl Seen {
    /// True where it is new, and not too many begin like it.
    fn insert(&mut self, outcome: String) -> bool {
        if self.outcomes.contains(&outcome) {
            return false;
        }
        let beginning: String = outcome.chars().filter(char::is_ascii_alphabetic).take(BEGINNING).collect();
        let alike = self.beginnings.entry(beginning).or_insert(0);
        *alike += 1;
        *alike <= ALIKE && self.outcomes.insert(outcome)
    }
}

/// True where the outcome is new.
fn run(target: &Target, input: &[u8], report: &mut Report, seen: &mut Seen, before: &mut dyn FnMut(&[u8])) -> bool {
    before(input);
    let began = Instant::now();
    let outcome = caught(|| (target.run)(input));
    report.executions += 1;
    // Again, where it is the machine that may have been busy.
    let again = || {
        let began = Instant::now();
        let _ = caught(|| (target.run)(input));
        began.elapsed()
    };
    let mut took = began.elapsed();
    for _ in 0..2 {
        took = if took > SLOW { took.min(again()) } else { took };
    }
    if took > SLOW {
        let what = format!("took {:.1} s for {} bytes", took.as_secs_f64(), input.len());
        report.note(Finding { what, input: input.to_vec() });
    }
    match outcome {
        Ok(outcome) => {
            let outcome = class_of(&outcome);
            let kind = outcome.split([' ', ':']).next().unwrap_or_default();
            match report.kinds.get_mut(kind) {
                Some(count) => *count += 1,
                None => drop(report.kinds.insert(kind.to_owned(), 1)),
            }
            seen.insert(outcome)
        }
        Err(what) => {
            report.note(Finding { what, input: input.to_vec() });
            false
        }
    }
}

/// An outcome without what differs from input to input: quoted texts and numbers, but for how many digits these have.
fn class_of(outcome: &str) -> String {
    let mut class = String::with_capacity(outcome.len().min(200));
    let mut quoted = false;
    for character in outcome.chars() {
        match character {
            '`' | '"' => quoted = !quoted,
            _ if quoted => {}
            digit if digit.is_ascii_digit() => class.push('0'),
            other => class.push(other),
        }
        if class.len() >= 200 {
            break;
        }
    }
    class
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fragile(input: &[u8]) -> String {
        assert!(!input.windows(4).any(|piece| piece == b"boom"), "a word that must not come");
        format!("read {} bytes", input.len())
    }

    const FRAGILE: Target = Target { name: "fragile", about: "", words: &["bo", "om"], run: fragile };

    #[test]
    fn a_reader_that_panics_is_found_out_with_the_input_that_did_it() {
        let mut handed = 0;
        let seeds = vec![b"a seed".to_vec()];
        let report = fuzz(&FRAGILE, seeds, 1, Duration::from_secs(2), &mut |_| handed += 1);
        assert_eq!((report.findings.len(), handed), (1, report.executions));
        let finding = report.findings.values().next().unwrap();
        assert!(finding.what.contains("must not come") && caught(|| fragile(&finding.input)).is_err());
    }

    #[test]
    fn outcomes_differ_by_kind_and_not_by_what_they_quote() {
        assert_eq!(class_of("line 12: `a` is wrong"), class_of("line 34: `b` is wrong"));
        assert_ne!(class_of("line 12: `a` is wrong"), class_of("line 5: `a` is wrong"));
    }
}
