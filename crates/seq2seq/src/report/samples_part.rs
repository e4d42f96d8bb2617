//! Sentences: translated well, badly, and better and better.

use super::Report;
use super::html::{Column, Table, beside, note, section};
use super::measure::{Measured, Sentence};
use super::words::{decimal, whole};
use crate::svg::escaped;

/// Shown of each kind.
const SHOWN: usize = 6;
/// Lines of a sentence's history.
const STEPS: usize = 10;

/// The best translations beside the worst.
pub(super) fn samples(measured: &Measured) -> String {
    let [best, worst] = measured.best_and_worst(SHOWN);
    let column = |title: &str, sentences: &[&Sentence]| {
        let all: String = sentences.iter().map(|sentence| sample(sentence)).collect();
        format!("<h3>{}</h3>\n{all}", escaped(title))
    };
    let body = beside(&[column("Best", &best), column("Worst", &worst)])
        + &note(&format!(
            "By the BLEU of each sentence alone, which says little of a single one: {}. Of equal ones the longer are shown.",
            measured.sentence_signature
        ));
    section("samples", "Translations, best and worst", &body)
}

fn sample(sentence: &Sentence) -> String {
    let line = |name: &str, text: &str| format!("<dt>{name}</dt><dd>{}</dd>\n", escaped(text));
    format!(
        "<div class=\"sample\"><dl>\n{}{}{}</dl>\n<p class=\"score\">BLEU+1 {}, chrF {}</p></div>\n",
        line("source", &sentence.source),
        line("model", &sentence.hypothesis),
        line("reference", &sentence.reference),
        decimal(sentence.bleu, 1),
        decimal(sentence.chrf, 1)
    )
}

/// One validation sentence as training went on; nothing where the log has none.
pub(super) fn growth(report: &Report) -> String {
    let all = &report.history.validations;
    let with_sample: Vec<_> =
        all.iter().filter_map(|validation| Some((validation.update, validation.samples.first()?))).collect();
    let Some((_, first)) = with_sample.first() else { return String::new() };
    let mut table = Table::new(&[Column::Numbers("updates"), Column::Words("translation")]);
    let every = with_sample.len().div_ceil(STEPS).max(1);
    for (place, (update, sample)) in with_sample.iter().enumerate() {
        if place % every == 0 || place + 1 == with_sample.len() {
            table.row(vec![whole(*update), sample.hypothesis.clone()], false);
        }
    }
    let head = format!("<p><b>{}</b><br/>reference: {}</p>\n", escaped(&first.source), escaped(&first.reference));
    section("growth", "One sentence as training went on", &(head + &table.html()))
}
