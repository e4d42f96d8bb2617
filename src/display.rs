//! What a person sees of a training run: a progress bar on a terminal, plain lines elsewhere; always on standard error.

use std::io::{self, Write};
use std::time::Duration;

use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use unrolled_seq2seq::progress::{Event, Observer, Started, Update, Validation};
use unrolled_seq2seq::wording::{counted, plural};

/// Shows events as they come.
pub struct Display<W: Write> {
    /// On a terminal.
    bar: Option<ProgressBar>,
    /// Elsewhere.
    lines: W,
    limits: Option<Limits>,
}

/// What the time that is left is estimated from.
#[derive(Debug, Clone, Copy)]
struct Limits {
    first_update: u64,
    last_update: Option<u64>,
    seconds: Option<f64>,
}

impl Display<io::Stderr> {
    /// A bar where standard error is a terminal that can draw one, plain lines where it is not (`TERM=dumb` cannot).
    pub fn on_stderr() -> Self {
        Self { bar: bar(ProgressDrawTarget::stderr()), lines: io::stderr(), limits: None }
    }
}

/// A bar that can be seen: one that cannot would hide the lines above it too.
fn bar(target: ProgressDrawTarget) -> Option<ProgressBar> {
    (!target.is_hidden()).then(|| ProgressBar::with_draw_target(None, target))
}

impl<W: Write> Display<W> {
    fn line(&mut self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            // Standard error may be gone; the run and its own log go on.
            None => drop(writeln!(self.lines, "{text}")),
        }
    }

    fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn started(&mut self, started: &Started) {
        let Started { update, last_update, seconds_limit, .. } = *started;
        self.limits = Some(Limits { first_update: update, last_update, seconds: seconds_limit });
        self.line(&overview(started));
        if update > 0 {
            self.line(&format!("resumed after update {}", HumanCount(update)));
        }
        if let Some(bar) = &self.bar {
            let template = match last_update {
                Some(last) => {
                    bar.set_length(last);
                    "{bar:10} {percent:>2}% {wide_msg}"
                }
                None => "{spinner} {wide_msg}",
            };
            bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_position(update);
        }
    }

    fn update(&mut self, update: &Update) {
        let left = self.limits.and_then(|limits| limits.left(update));
        match &self.bar {
            Some(bar) => {
                bar.set_position(update.update);
                bar.set_message(compact(update, left));
            }
            None => self.line(&progress(update, left)),
        }
    }
}

impl<W: Write> Observer for Display<W> {
    fn event(&mut self, event: &Event) {
        match event {
            Event::Started(started) => self.started(started),
            Event::Update(update) => self.update(update),
            Event::Validation(validation) => report(validation).iter().for_each(|line| self.line(line)),
            // Too frequent to tell a person; the log has them.
            Event::Checkpoint { .. } => {}
            Event::Warning { message } => self.line(&format!("warning: {message}")),
            // Whoever ran the training tells its error.
            Event::Failed { .. } => self.clear(),
            Event::Finished { reason, update, epoch, seconds } => {
                self.clear();
                let (count, updates) = (HumanCount(*update), plural(update, "update"));
                let took = duration(*seconds);
                self.line(&format!("{reason}: {count} {updates}, {epoch:.2} epochs; this process took {took}"));
            }
        }
    }
}

impl Limits {
    /// Seconds until the first of the run's limits.
    fn left(&self, now: &Update) -> Option<f64> {
        let made = now.update.saturating_sub(self.first_update) as f64;
        let by_updates = self.last_update.filter(|_| made > 0.0).map(|last| {
            let to_make = last.saturating_sub(now.update) as f64;
            to_make * now.elapsed / made
        });
        let by_time = self.seconds.map(|limit| (limit - now.elapsed).max(0.0));
        match (by_updates, by_time) {
            (Some(updates), Some(time)) => Some(updates.min(time)),
            (one, other) => one.or(other),
        }
    }
}

fn overview(started: &Started) -> String {
    let Started { output, device, threads, parameters, source_vocabulary, target_vocabulary, .. } = started;
    let skipped = match started.skipped_pairs {
        0 => String::new(),
        pairs => format!(" ({} left out)", HumanCount(pairs)),
    };
    let threads = counted(*threads, "thread");
    let pairs = |count: u64, kind: &str| format!("{} {kind} {}", HumanCount(count), plural(&count, "pair"));
    format!(
        "{}: {} parameters, {} source and {} target words, {}{skipped}, {}, on {device} ({threads})",
        output.display(),
        HumanCount(*parameters),
        HumanCount(*source_vocabulary as u64),
        HumanCount(*target_vocabulary as u64),
        pairs(started.training_pairs, "training"),
        pairs(started.validation_pairs, "validation"),
    )
}

/// What there is to tell of steps that were skipped and of the loss's scale: nothing as a rule.
fn scaling(update: &Update) -> String {
    let scale = update.loss_scale.map(|scale| format!("  scale {scale}")).unwrap_or_default();
    if update.skipped > 0 { format!("{scale}  {} skipped", HumanCount(update.skipped)) } else { scale }
}

fn progress(update: &Update, left: Option<f64>) -> String {
    let left = left.map(|seconds| format!("  {} left", duration(seconds))).unwrap_or_default();
    format!(
        "update {}  epoch {:.2}  loss {:.3}  perplexity {:.2}  gradient {:.2}  rate {}{}  {} words/s{left}",
        HumanCount(update.update),
        update.epoch,
        update.loss_per_word,
        update.perplexity,
        update.gradient_norm,
        short(update.learning_rate),
        scaling(update),
        HumanCount(update.words_per_second().round() as u64),
    )
}

/// As [`progress`], for the rest of a terminal's line.
fn compact(update: &Update, left: Option<f64>) -> String {
    let left = left.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    format!(
        "epoch {:.2} loss {:.3} ppl {:.2} |g| {:.2} lr {}{} {} words/s{}",
        update.epoch,
        update.loss_per_word,
        update.perplexity,
        update.gradient_norm,
        short(update.learning_rate),
        scaling(update).replace("  ", " "),
        HumanCount(update.words_per_second().round() as u64),
        left.map(|left| format!(" {:#} left", HumanDuration(left))).unwrap_or_default(),
    )
}

fn report(validation: &Validation) -> Vec<String> {
    let best = if validation.best { " (best)" } else { "" };
    let bleu = match &validation.bleu {
        Some(bleu) => {
            let (count, sentences) = (HumanCount(bleu.sentences), plural(&bleu.sentences, "sentence"));
            format!(", BLEU {:.2} on {count} {sentences} ({})", bleu.score, bleu.signature)
        }
        None => String::new(),
    };
    let chrf = validation.chrf.as_ref().map_or(String::new(), |chrf| format!(", chrF2 {:.2}", chrf.score));
    let (update, epoch) = (HumanCount(validation.update), validation.epoch);
    let perplexity = validation.perplexity;
    let first =
        format!("validation at update {update}, epoch {epoch:.2}: perplexity {perplexity:.3}{best}{bleu}{chrf}");
    let samples = validation.samples.iter().flat_map(|sample| {
        [
            format!("  source     {}", sample.source),
            format!("  reference  {}", sample.reference),
            format!("  model      {}", sample.hypothesis),
        ]
    });
    [first].into_iter().chain(samples).collect()
}

fn duration(seconds: f64) -> String {
    // Not a number, or longer than a Duration holds: a rate of nothing.
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) => HumanDuration(duration).to_string(),
        Err(_) => "unknown time".into(),
    }
}

/// A learning rate in at most four digits that count.
fn short(rate: f64) -> String {
    let rounded: f64 = format!("{rate:.3e}").parse().unwrap_or(rate);
    if (1e-4..1e4).contains(&rounded) { rounded.to_string() } else { format!("{rounded:e}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use unrolled_seq2seq::progress::{BleuScore, Reason, Sample};

    fn started(update: u64, last_update: Option<u64>, seconds_limit: Option<f64>) -> Started {
        Started {
            output: "runs/a".into(),
            device: "cpu".into(),
            threads: 2,
            parameters: 384_112_000,
            source_vocabulary: 160_000,
            target_vocabulary: 80_000,
            training_pairs: 12_000_000,
            skipped_pairs: 17,
            validation_pairs: 6003,
            update,
            updates_per_epoch: 1000,
            last_update,
            seconds_limit,
        }
    }

    fn update(update: u64, elapsed: f64) -> Update {
        Update {
            update,
            epoch: 0.2,
            loss_per_word: 4.25,
            perplexity: 70.1,
            gradient_norm: 3.5,
            clipped: 0,
            skipped: 0,
            loss_scale: None,
            learning_rate: 0.7 / 3.0,
            pairs: 1,
            source_words: 1000,
            target_words: 2000,
            seconds: 2.0,
            elapsed,
            peak_memory: None,
        }
    }

    fn shown(events: &[Event]) -> Vec<String> {
        let mut display = Display { bar: None, lines: Vec::new(), limits: None };
        events.iter().for_each(|event| display.event(event));
        String::from_utf8(display.lines).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_terminal_that_draws_no_bar_gets_lines() {
        assert!(bar(ProgressDrawTarget::hidden()).is_none());
    }

    #[test]
    fn a_run_without_a_terminal_is_plain_lines() {
        let sample = Sample { source: "a".into(), reference: "b".into(), hypothesis: "c".into() };
        let bleu = BleuScore { score: 12.345, signature: "multi-bleu".into(), sentences: 500 };
        let lines = shown(&[
            Event::Started(started(0, Some(1000), None)),
            Event::Update(update(200, 60.0)),
            Event::Checkpoint { update: 200, path: "x".into() },
            Event::Validation(Validation {
                update: 200,
                epoch: 0.2,
                perplexity: 50.0,
                bleu: Some(bleu),
                chrf: None,
                samples: vec![sample],
                best: true,
                seconds: 1.0,
            }),
            Event::Finished { reason: Reason::Signal, update: 1200, epoch: 1.2, seconds: 61.0 },
        ]);
        assert_eq!(
            lines,
            [
                "runs/a: 384,112,000 parameters, 160,000 source and 80,000 target words, 12,000,000 training pairs (17 left out), \
                 6,003 validation pairs, on cpu (2 threads)",
                "update 200  epoch 0.20  loss 4.250  perplexity 70.10  gradient 3.50  rate 0.2333  1,500 words/s  4 minutes left",
                "validation at update 200, epoch 0.20: perplexity 50.000 (best), BLEU 12.35 on 500 sentences (multi-bleu)",
                "  source     a",
                "  reference  b",
                "  model      c",
                "stopped by a signal: 1,200 updates, 1.20 epochs; this process took 61 seconds",
            ]
        );
    }

    #[test]
    fn time_left_is_that_of_the_nearest_limit() {
        let left =
            |first, last, seconds| Limits { first_update: first, last_update: last, seconds }.left(&update(200, 60.0));
        assert_eq!(left(0, Some(1000), None), Some(240.0));
        assert_eq!(left(100, Some(1000), None), Some(480.0), "only this process's updates tell its speed");
        assert_eq!(left(0, Some(1000), Some(90.0)), Some(30.0));
        assert_eq!(left(0, None, Some(30.0)), Some(0.0));
        assert_eq!(left(200, Some(1000), None), None);
        assert_eq!(left(0, None, None), None);
    }

    #[test]
    fn learning_rates_are_short() {
        assert_eq!(
            [0.7, 0.35, 0.7 / 3.0, 1e-5, 0.1 / 7000.0].map(short),
            ["0.7", "0.35", "0.2333", "1e-5", "1.429e-5"]
        );
    }

    #[test]
    fn the_bar_fits_a_terminal_of_80_columns() {
        let text = compact(&update(200, 60.0), Some(240.0));
        assert_eq!(text, "epoch 0.20 loss 4.250 ppl 70.10 |g| 3.50 lr 0.2333 1,500 words/s 4m left");
        assert!(text.len() <= 80);
        assert!(compact(&update(200, 60.0), None).ends_with("words/s"));
    }

    #[test]
    fn a_run_in_f16_shows_its_scale_and_what_was_skipped() {
        let scaled = Update { loss_scale: Some(65536.0), ..update(200, 60.0) };
        assert!(progress(&scaled, None).contains("rate 0.2333  scale 65536  1,500 words/s"));
        let skipped = Update { skipped: 2, ..scaled };
        assert!(progress(&skipped, None).contains("scale 65536  2 skipped  1,500"));
        assert!(compact(&skipped, None).ends_with("lr 0.2333 scale 65536 2 skipped 1,500 words/s"));
    }

    #[test]
    fn a_diverged_run_is_shown_as_it_is() {
        let diverged = Update { loss_per_word: f64::NAN, perplexity: f64::INFINITY, seconds: 0.0, ..update(0, 0.0) };
        let lines = shown(&[Event::Started(started(0, Some(10), None)), Event::Update(diverged)]);
        assert!(lines[1].contains("loss NaN  perplexity inf") && lines[1].ends_with("0 words/s"), "{}", lines[1]);
    }
}
