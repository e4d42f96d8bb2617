//! The page as a whole.

use super::Report;
use super::figures_part::{by_length, by_rank, phrases};
use super::html::{paragraph, section};
use super::samples_part::{growth, samples};
use super::scores_part::scores;
use super::settings_part::settings;
use super::style::STYLE;
use super::training_part::{cost, curves};
use super::words::{decimal, duration, perplexity, whole};
use crate::config::Key;
use crate::svg::escaped;
use crate::wording::{counted, plural};

/// The page: HTML that is well-formed XML too, and needs nothing beside itself.
pub(super) fn page(report: &Report) -> String {
    let title = escaped(&report.name);
    let body = parts(report);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>{title}: report of a run</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<header>\n<p class=\"sub\">Report of a training run</p>\n<h1>{title}</h1>\n\
         <p class=\"sub\">{}</p>\n{}{}</header>\n<main>\n{}{body}</main>\n{}</body>\n</html>\n",
        escaped(&subtitle(report)),
        tiles(report),
        contents(&body),
        remarks(report),
        footer(report),
    )
}

fn parts(report: &Report) -> String {
    let mut body = curves(report);
    body += &phrases(report);
    match &report.measured {
        Ok(measured) => {
            body += &scores(measured);
            body += &by_length(measured);
            body += &by_rank(measured);
            body += &samples(measured);
        }
        Err(reason) => body += &section("length", "Translations of a test set", &paragraph(reason)),
    }
    body += &growth(report);
    body += &cost(report);
    body + &settings(&report.config)
}

fn subtitle(report: &Report) -> String {
    let config = &report.config;
    let layers = counted(config.layers, "layer");
    let order = if config.reverse_source { "source reversed" } else { "source forward" };
    format!(
        "{} to {}, {layers} of {} cells, {order}, {} at {}, batches of {}, seed {}",
        config.source_language,
        config.target_language,
        config.hidden_size,
        Key::find("optimiser").map_or(String::new(), |key| key.value(config).replace('"', "")),
        config.learning_rate,
        config.batch_size,
        config.seed
    )
}

fn tiles(report: &Report) -> String {
    let history = &report.history;
    let mut tiles: Vec<(String, String)> = Vec::new();
    if let Ok(measured) = &report.measured {
        let sentences = measured.sentences.len() as u64;
        let of = format!("of {} {}, beam {}", whole(sentences), plural(&sentences, "sentence"), measured.beam_size);
        tiles.push((decimal(measured.scores[0].score, 2), format!("BLEU {of}")));
        tiles.push((decimal(measured.chrf().score, 2), format!("chrF {of}")));
    }
    if let Some(best) = history.best() {
        tiles.push((
            perplexity(best.perplexity),
            format!("validation perplexity after {} {}", whole(best.update), plural(&best.update, "update")),
        ));
    } else if let Some(last) = history.updates.last() {
        tiles.push((perplexity(last.perplexity), "training perplexity at the end".to_owned()));
    }
    let (updates, epochs) = history.last();
    tiles.push((whole(updates), format!("{}, {} epochs", plural(&updates, "update"), decimal(epochs, 2))));
    if let Some(started) = history.started.last() {
        tiles.push(parameters(started.parameters));
    }
    let cost = history.cost();
    tiles.push((whole(cost.words_per_second().round() as u64), "words a second, both languages".to_owned()));
    tiles.push((duration(cost.training), "of training".to_owned()));
    let tiles: String = tiles
        .iter()
        .map(|(value, name)| {
            format!("<div class=\"tile\"><b>{}</b><span>{}</span></div>\n", escaped(value), escaped(name))
        })
        .collect();
    format!("<div class=\"tiles\">\n{tiles}</div>\n")
}

/// How many parameters, as short as fits a tile, and in what; the table of costs has the exact number.
fn parameters(count: u64) -> (String, String) {
    const MILLION: u64 = 1_000_000;
    if count < MILLION {
        (whole(count), "parameters".to_owned())
    } else {
        (decimal(count as f64 / MILLION as f64, 1), "million parameters".to_owned())
    }
}

/// Links to the sections, read off the page.
fn contents(body: &str) -> String {
    let links = body.split("<section id=\"").skip(1).filter_map(|part| {
        let (id, rest) = part.split_once('"')?;
        let title = rest.split_once("<h2>")?.1.split_once("</h2>")?.0;
        Some(format!("<li><a href=\"#{id}\">{title}</a></li>\n"))
    });
    format!("<nav aria-label=\"Contents\"><ul>\n{}</ul></nav>\n", links.collect::<String>())
}

/// How the run ended, and what a person should know.
fn remarks(report: &Report) -> String {
    let history = &report.history;
    let mut lines: Vec<String> = Vec::new();
    if let Some(failure) = &history.failure {
        lines.push(format!("The run ended by an error: {failure}"));
    } else if history.ended.is_none() {
        lines.push("The log does not say that the run has ended: it still goes on, or was killed.".to_owned());
    }
    if history.unreadable > 0 {
        lines.push(format!("Of the log, {} could not be read.", counted(history.unreadable, "line")));
    }
    lines.extend(history.warnings.iter().map(|warning| format!("Warning of the run: {warning}")));
    if lines.is_empty() {
        return String::new();
    }
    let lines: String = lines.iter().map(|line| paragraph(line)).collect();
    format!("<div class=\"warn\">{lines}</div>\n")
}

fn footer(report: &Report) -> String {
    let mut lines = Vec::new();
    if let Ok(measured) = &report.measured {
        lines.push(measured.described());
    }
    if let Some(ended) = report.history.ended {
        lines.push(format!("The run ended: {ended}."));
    }
    lines.push(format!("Written by unrolled {}.", env!("CARGO_PKG_VERSION")));
    let lines: String = lines.iter().map(|line| super::html::note(line)).collect();
    format!("<footer>\n{lines}</footer>\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_of_parameters_fits_a_tile() {
        let shown = |count| parameters(count).0;
        assert_eq!(shown(999_999), "999,999");
        assert_eq!(shown(10_817_248), "10.8");
        assert_eq!(shown(384_000_000), "384.0");
    }
}
