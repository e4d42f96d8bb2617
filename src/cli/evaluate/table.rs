//! Scores as text: a table of systems and metrics, or a line for each sentence.

use std::io::{self, Write};

use unrolled_seq2seq::evaluation::Metric;

use super::{Answer, System};

/// A row for each system, a column for each metric; `notes` below.
pub(super) fn scores(out: &mut impl Write, answers: &[Answer], metrics: usize, notes: &[String]) -> io::Result<()> {
    let rows: Vec<&[Answer]> = answers.chunks(metrics).collect();
    let width = rows.iter().map(|row| row[0].system.chars().count()).max().unwrap_or(0).max("system".len());
    let cells: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(cell).collect()).collect();
    let widths: Vec<usize> = (0..metrics)
        .map(|place| {
            let longest = cells.iter().map(|row| row[place].chars().count()).max().unwrap_or(0);
            longest.max(answers[place].metric.chars().count())
        })
        .collect();
    let mut line = |name: &str, cells: &[String]| {
        let cells: Vec<String> = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$}")).collect();
        writeln!(out, "{name:<width$}  {}", cells.join("  "))
    };
    let names: Vec<String> = answers[..metrics].iter().map(|answer| answer.metric.clone()).collect();
    line("system", &names)?;
    for (row, cells) in rows.iter().zip(&cells) {
        line(&row[0].system, cells)?;
    }
    notes.iter().try_for_each(|note| writeln!(out, "{note}"))
}

/// `27.31 (27.29 ± 0.84) p 0.0120`
fn cell(answer: &Answer) -> String {
    let interval = answer.mean.zip(answer.half_width);
    let interval = interval.map_or(String::new(), |(mean, half_width)| format!(" ({mean:.2} ± {half_width:.2})"));
    let p_value = answer.p_value.map_or(String::new(), |p_value| format!(" p {p_value:.4}"));
    format!("{:.2}{interval}{p_value}", answer.score)
}

/// A line for each sentence: system by system, metric by metric.
pub(super) fn sentences(out: &mut impl Write, metrics: &[Metric], systems: &[System]) -> io::Result<()> {
    for line in 0..systems[0].counts[0].len() {
        let scores = systems.iter().flat_map(|system| {
            let each = metrics.iter().zip(&system.counts);
            each.map(move |(metric, counts)| format!("{:.4}", metric.sentence_score(&counts[line])))
        });
        writeln!(out, "{}", scores.collect::<Vec<_>>().join("\t"))?;
    }
    Ok(())
}
