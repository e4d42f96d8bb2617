//! The configuration of the run.

use super::html::{beside, note, section};
use crate::config::{Config, KEYS, Section};
use crate::svg::escaped;

/// Every key with its value; those that differ from the defaults stand out.
pub(super) fn settings(config: &Config) -> String {
    let sections = [Section::Data, Section::Model, Section::Training, Section::Validation, Section::Run];
    let tables: Vec<String> = sections.into_iter().map(|section| one_section(section, config)).collect();
    let body = note(
        "Set in bold: what differs from the defaults, which are the paper's recipe. The same as TOML is config.toml in the run folder.",
    ) + &beside(&tables);
    section("config", "Configuration", &body)
}

fn one_section(section: Section, config: &Config) -> String {
    let defaults = Config::default();
    let mut html = format!("<h3>{}</h3>\n<div class=\"scroll\"><table class=\"keys\"><tbody>\n", section.title());
    for key in KEYS.iter().filter(|key| key.section == section) {
        let (value, default) = (key.value(config), key.value(&defaults));
        let class = if value == default { "" } else { " class=\"strong\"" };
        let summary = key.doc.first().map_or("", |line| line.trim());
        let (name, value) = (escaped(key.name), escaped(&value));
        html += &format!("<tr{class}><td title=\"{}\">{name}</td><td>{value}</td></tr>\n", escaped(summary));
    }
    html + "</tbody></table></div>\n"
}
