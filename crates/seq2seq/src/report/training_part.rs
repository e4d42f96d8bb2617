//! The parts of the page that the log fills: curves, validations, cost.

use super::Report;
use super::chart::{Chart, Series};
use super::history::History;
use super::html::{Column, Table, beside, figure, note, paragraph, section};
use super::words::{bytes, decimal, duration, perplexity, whole};
use crate::progress::{BleuScore, Update, Validation};
use crate::wording::counted;

/// More validations than these are not all listed.
const LISTED: usize = 30;

/// Curves over the updates, and the validations in a table.
pub(super) fn curves(report: &Report) -> String {
    let history = &report.history;
    if history.updates.is_empty() && history.validations.is_empty() {
        return section("curves", "Training", &paragraph("The run's log has no update yet."));
    }
    let of_updates = |value: &dyn Fn(&Update) -> f64| -> Vec<(f64, f64)> {
        history.updates.iter().map(|update| (update.update as f64, value(update))).collect()
    };
    let of_validations = |value: &dyn Fn(&Validation) -> f64| -> Vec<(f64, f64)> {
        history.validations.iter().map(|validation| (validation.update as f64, value(validation))).collect()
    };
    let pair = |training, validation| two_lines(training, validation);
    let loss = chart(
        history,
        "Loss while training",
        "nats a word",
        pair(of_updates(&|update| update.loss_per_word), of_validations(&|validation| validation.perplexity.ln())),
    );
    let perplexities = Chart {
        logarithmic: true,
        ..chart(
            history,
            "Perplexity while training",
            "perplexity (logarithmic)",
            pair(of_updates(&|update| update.perplexity), of_validations(&|validation| validation.perplexity)),
        )
    };
    let mut figures = vec![
        figure(&loss.svg(), "The mean negative log-probability of a target word and of <EOS>."),
        figure(&perplexities.svg(), "Its exponential: among how many words the model hesitates."),
    ];
    let scores = score_chart(history);
    figures.extend(scores.as_ref().map(|(chart, caption)| figure(&chart.svg(), caption)));
    let rate = Series { points: of_updates(&|update| update.learning_rate), ..Series::default() };
    figures.push(figure(
        &chart(history, "Learning rate", "learning rate", vec![rate]).svg(),
        "The learning rate of the last update before each line of the log.",
    ));
    let mut body = beside(&figures);
    if scores.is_none() {
        body += &note("No BLEU was measured while training (valid-bleu-sentences is 0, or there was no validation).");
    }
    if history.validations.is_empty() {
        body += &note("The run has no validation: the curves are those of the training text.");
    } else {
        body += &validations(history);
    }
    section("curves", "Training", &body)
}

/// The lines that have a point.
fn two_lines(training: Vec<(f64, f64)>, validation: Vec<(f64, f64)>) -> Vec<Series> {
    let all = [("training", training, false), ("validation", validation, true)].into_iter();
    all.filter(|(_, points, _)| !points.is_empty())
        .map(|(name, points, marked)| Series { name, points, marked, ..Series::default() })
        .collect()
}

/// A chart over the updates, with the epochs below.
fn chart(history: &History, title: &str, y: &'static str, series: Vec<Series>) -> Chart {
    let epoch = history.started.last().map(|started| started.updates_per_epoch as f64).filter(|&epoch| epoch > 0.0);
    Chart { title: title.to_owned(), x: "updates", y, from_zero: true, epoch, series, logarithmic: false }
}

/// BLEU, and chrF where the run measured it, of the validation sentences; and what they are.
fn score_chart(history: &History) -> Option<(Chart, String)> {
    let line = |name, of: fn(&Validation) -> Option<&BleuScore>| {
        let scores: Vec<_> = history
            .validations
            .iter()
            .filter_map(|validation| Some((validation.update as f64, of(validation)?)))
            .collect();
        let caption = format!("{name}: {}", scores.last()?.1.signature);
        let points = scores.iter().map(|(update, score)| (*update, score.score)).collect();
        Some((Series { name, points, marked: true, ..Series::default() }, caption))
    };
    let lines =
        [line("BLEU", |validation| validation.bleu.as_ref()), line("chrF", |validation| validation.chrf.as_ref())];
    let (series, captions): (Vec<Series>, Vec<String>) = lines.into_iter().flatten().unzip();
    let names: Vec<&str> = series.iter().map(|series| series.name).collect();
    let (title, y) = match names[..] {
        [] => return None,
        ["BLEU"] => ("BLEU while training", "validation BLEU"),
        ["chrF"] => ("chrF while training", "validation chrF"),
        _ => ("BLEU and chrF while training", "validation BLEU and chrF"),
    };
    Some((chart(history, title, y, series), format!("Of validation sentences. {}", captions.join(". "))))
}

/// Every validation, or every so many of a long run with the best and the last.
fn validations(history: &History) -> String {
    let all = &history.validations;
    let best = history.best().map(|best| best.update);
    let every = all.len().div_ceil(LISTED).max(1);
    let with_chrf = all.iter().any(|validation| validation.chrf.is_some());
    let mut columns = vec![
        Column::Numbers("updates"),
        Column::Numbers("epochs"),
        Column::Numbers("training perplexity"),
        Column::Numbers("validation perplexity"),
        Column::Numbers("BLEU"),
    ];
    columns.extend(with_chrf.then_some(Column::Numbers("chrF")));
    let score = |score: &Option<BleuScore>| score.as_ref().map_or("–".to_owned(), |score| decimal(score.score, 2));
    let mut table = Table::new(&columns);
    for (place, validation) in all.iter().enumerate() {
        let is_best = Some(validation.update) == best;
        if !(place % every == 0 || is_best || place + 1 == all.len()) {
            continue;
        }
        let training = history.updates.iter().rev().find(|update| update.update <= validation.update);
        let mut cells = vec![
            whole(validation.update),
            decimal(validation.epoch, 2),
            training.map_or("–".to_owned(), |update| perplexity(update.perplexity)),
            perplexity(validation.perplexity),
            score(&validation.bleu),
        ];
        cells.extend(with_chrf.then(|| score(&validation.chrf)));
        table.row(cells, is_best);
    }
    let sampled = if every > 1 {
        format!("One validation in {every} is listed, the best, and the last. ")
    } else {
        String::new()
    };
    table.html()
        + &note(&format!(
            "{sampled}The row that stands out is the run's best validation: with its checkpoint all below was translated. Training perplexity is the mean over the updates logged last, by a model that learnt meanwhile."
        ))
}

/// Speed, time and memory.
pub(super) fn cost(report: &Report) -> String {
    let history = &report.history;
    let cost = history.cost();
    let mut table = Table::new(&[Column::Words("what"), Column::Numbers("how much")]);
    let mut row = |what: &str, much: String| table.row(vec![what.to_owned(), much], false);
    row("updates", whole(history.last().0));
    row("passes over the training pairs", decimal(history.last().1, 2));
    row("sentence pairs trained on", whole(cost.pairs));
    row("words trained on, both languages", whole(cost.words));
    row("time of training", duration(cost.training));
    row("time of validation", duration(cost.validation));
    row("words a second, both languages", whole(cost.words_per_second().round() as u64));
    if let Some(started) = history.started.last() {
        row("parameters", whole(started.parameters));
        row("memory of the parameters (f32)", bytes(4 * started.parameters));
        row("device", format!("{}, {}", started.device, counted(started.threads, "thread")));
        row("training pairs", whole(started.training_pairs));
        row("processes (1 + resumes)", whole(history.started.len() as u64));
    }
    row("most memory of tensors at once", history.peak_memory().map_or("not in the log".to_owned(), bytes));
    if let Some(size) = report.checkpoint_bytes {
        row("a checkpoint on disk", bytes(size));
    }
    let speed = Series {
        points: history.updates.iter().map(|update| (update.update as f64, update.words_per_second())).collect(),
        ..Series::default()
    };
    let mut left = String::new();
    if !speed.points.is_empty() {
        let chart = chart(history, "Speed of training", "words a second, both languages", vec![speed]);
        left += &figure(&chart.svg(), "Validations and checkpoints are left out, <EOS> and padding do not count.");
    }
    let memory: Vec<(f64, f64)> = history
        .updates
        .iter()
        .filter_map(|update| Some((update.update as f64, update.peak_memory? as f64 / 1e6)))
        .collect();
    if memory.len() > 1 {
        let series = Series { points: memory, ..Series::default() };
        let chart = chart(history, "Memory of tensors", "MB of tensors, at most so far", vec![series]);
        left += &figure(&chart.svg(), "Parameters, optimiser, activations: what the device held at once, at most.");
    }
    section("cost", "Speed and memory", &beside(&[left, table.html()]))
}
