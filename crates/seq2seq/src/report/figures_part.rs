//! The paper's figures.

use super::Report;
use super::buckets::Bucket;
use super::chart::{Chart, Series};
use super::html::{Column, Table, beside, figure, note, paragraph, section};
use super::measure::Measured;
use super::phrases::Group;
use super::scatter::scatter;
use super::words::{decimal, whole};
use crate::wording::counted;

/// What the encoder makes of phrases.
pub(super) fn phrases(report: &Report) -> String {
    let groups = match &report.groups {
        Ok(groups) => groups,
        Err(reason) => return section("phrases", "The encoder's states", &paragraph(reason)),
    };
    let mut body = paragraph(
        "Each phrase is read by the encoder; its last h and c of every layer are one point in many dimensions, shown here in the two in which the group differs most (its principal components). The paper's figure has the same phrases: what is near has nearly the same vector.",
    );
    for (place, group) in groups.iter().enumerate() {
        body += &one_group(place, group);
    }
    section("phrases", "The encoder's states", &body)
}

fn one_group(place: usize, group: &Group) -> String {
    let share = |component: usize| {
        format!("component {} ({:.0}% of the variance)", component + 1, 100.0 * group.pca.shares[component])
    };
    let points: Vec<(f64, f64)> = group.pca.coordinates.iter().map(|point| (point[0], point[1])).collect();
    let svg = scatter(&format!("Group {} of phrases", place + 1), [&share(0), &share(1)], &points, &group.phrases);
    let unknown: usize = group.unknown.iter().sum();
    let mut table =
        Table::new(&[Column::Numbers("no."), Column::Words("phrase"), Column::Numbers("1st"), Column::Numbers("2nd")]);
    for (number, (phrase, point)) in group.phrases.iter().zip(&group.pca.coordinates).enumerate() {
        let mark = if group.unknown[number] > 0 { " *" } else { "" };
        let cells =
            vec![(number + 1).to_string(), format!("{phrase}{mark}"), decimal(point[0], 2), decimal(point[1], 2)];
        table.row(cells, false);
    }
    let mut words = table.html();
    if unknown > 0 {
        words += &note(&format!(
            "* has words that this model does not know and reads as UNK ({unknown} in this group): its place means less."
        ));
    }
    let caption = format!(
        "{}, {} numbers each, on axes of the same scale.",
        counted(group.phrases.len(), "phrase"),
        whole(group.dimensions as u64)
    );
    beside(&[figure(&svg, &caption), words])
}

/// BLEU against length.
pub(super) fn by_length(measured: &Measured) -> String {
    let body = paragraph(
        "The test sentences sorted by the length of their source, in buckets of about the same number. The paper found no loss below 35 words.",
    ) + &against(&measured.by_length, "Length", "words of the source", "words", 0, measured);
    section("length", "BLEU against sentence length", &body)
}

/// BLEU against the rarity of the words.
pub(super) fn by_rank(measured: &Measured) -> String {
    let body = paragraph(
        "The test sentences sorted by the mean rank of their source's words, where rank 1 is the most frequent word of the training text and a word outside the vocabulary ranks last.",
    ) + &against(&measured.by_rank, "Rarity", "mean rank of the source's words", "mean rank", 1, measured);
    section("rarity", "BLEU against word rarity", &body)
}

fn against(
    buckets: &[Bucket],
    title: &str,
    x: &'static str,
    column: &'static str,
    places: usize,
    measured: &Measured,
) -> String {
    let series = Series {
        name: "",
        points: buckets.iter().map(|bucket| (bucket.mean, bucket.bleu)).collect(),
        bars: buckets.iter().map(|bucket| bucket.interval).collect(),
        marked: true,
    };
    let chart = Chart {
        title: format!("BLEU against {}", title.to_lowercase()),
        x,
        y: "BLEU",
        from_zero: true,
        series: vec![series],
        ..Chart::default()
    };
    let mut table = Table::new(&[
        Column::Numbers(column),
        Column::Numbers("sentences"),
        Column::Numbers("BLEU"),
        Column::Numbers("95% interval"),
        Column::Numbers("length ratio"),
    ]);
    for bucket in buckets {
        let (from, to) = (decimal(bucket.from, places), decimal(bucket.to, places));
        let cells = vec![
            if from == to { from } else { format!("{from}–{to}") },
            whole(bucket.sentences as u64),
            decimal(bucket.bleu, 2),
            format!("{}–{}", decimal(bucket.interval.0, 1), decimal(bucket.interval.1, 1)),
            decimal(bucket.ratio, 3),
        ];
        table.row(cells, false);
    }
    let caption = format!(
        "BLEU of each bucket, with the interval in which it lies in 95 of 100 samples of the bucket. Beam {}. {}",
        measured.beam_size, measured.scores[0].signature
    );
    beside(&[figure(&chart.svg(), &caption), table.html()])
}
