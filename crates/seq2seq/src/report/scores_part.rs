//! The scores of the test set, each with what it is.

use super::html::{Column, Table, note, paragraph, section};
use super::measure::Measured;
use super::words::decimal;

/// A row for each metric.
pub(super) fn scores(measured: &Measured) -> String {
    let mut table = Table::new(&[
        Column::Words("metric"),
        Column::Numbers("score"),
        Column::Numbers("95% interval"),
        Column::Words("signature"),
    ]);
    for score in &measured.scores {
        let interval = format!("{} ± {}", decimal(score.confidence.mean, 2), decimal(score.confidence.half_width, 2));
        let cells = vec![score.metric.to_string(), decimal(score.score, 2), interval, score.signature.clone()];
        table.row(cells, false);
    }
    let body = paragraph(&measured.described())
        + &table.html()
        + &note(
            "BLEU counts the words that are right, chrF the characters; of each 100 is the best. The interval is where 95 of 100 texts resampled from these sentences have their score. Scores can be compared only where their signatures are equal.",
        );
    section("scores", "Scores of the test set", &body)
}
