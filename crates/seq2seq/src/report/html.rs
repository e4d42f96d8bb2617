//! The few shapes that the page is made of. All text is escaped here, and the result is well-formed XML too.

use crate::svg::escaped;

/// A column of a table: its heading, and whether it holds numbers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Column {
    Words(&'static str),
    Numbers(&'static str),
}

/// A table of text. A row that is `strong` stands out.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    columns: Vec<Column>,
    rows: Vec<(Vec<String>, bool)>,
}

impl Table {
    pub fn new(columns: &[Column]) -> Table {
        Table { columns: columns.to_vec(), rows: Vec::new() }
    }

    pub fn row(&mut self, cells: Vec<String>, strong: bool) {
        debug_assert_eq!(cells.len(), self.columns.len(), "table: a row has a cell for each column");
        self.rows.push((cells, strong));
    }

    pub fn html(&self) -> String {
        let mut html = "<div class=\"scroll\"><table>\n<thead><tr>".to_owned();
        for column in &self.columns {
            html += &match column {
                Column::Words(name) => format!("<th scope=\"col\">{}</th>", escaped(name)),
                Column::Numbers(name) => format!("<th scope=\"col\" class=\"n\">{}</th>", escaped(name)),
            };
        }
        html += "</tr></thead>\n<tbody>\n";
        for (cells, strong) in &self.rows {
            html += if *strong { "<tr class=\"strong\">" } else { "<tr>" };
            for (column, cell) in self.columns.iter().zip(cells) {
                let class = if matches!(column, Column::Numbers(_)) { " class=\"n\"" } else { "" };
                html += &format!("<td{class}>{}</td>", small(cell));
            }
            html += "</tr>\n";
        }
        html + "</tbody></table></div>\n"
    }
}

/// Small print: text that may be broken behind the bars of a signature, which has no spaces.
fn small(text: &str) -> String {
    escaped(text).replace('|', "|<wbr/>")
}

/// A paragraph.
pub(super) fn paragraph(text: &str) -> String {
    format!("<p>{}</p>\n", escaped(text))
}

/// A remark in small print.
pub(super) fn note(text: &str) -> String {
    format!("<p class=\"note\">{}</p>\n", small(text))
}

/// A picture with its words below.
pub(super) fn figure(svg: &str, caption: &str) -> String {
    format!("<figure>{svg}\n<figcaption>{}</figcaption></figure>\n", small(caption))
}

/// Things beside each other where there is room, below each other where there is not.
pub(super) fn beside(parts: &[String]) -> String {
    let parts: String = parts.iter().map(|part| format!("<div>{part}</div>\n")).collect();
    format!("<div class=\"beside\">\n{parts}</div>\n")
}

/// A part of the page, with a name to link to.
pub(super) fn section(id: &str, title: &str, body: &str) -> String {
    format!("<section id=\"{id}\">\n<h2>{}</h2>\n{body}</section>\n", escaped(title))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_its_rows_and_escapes_them() {
        let mut table = Table::new(&[Column::Words("word"), Column::Numbers("times")]);
        table.row(vec!["<b>".into(), "3".into()], true);
        let html = table.html();
        assert!(html.contains("<tr class=\"strong\"><td>&lt;b&gt;</td><td class=\"n\">3</td></tr>"), "{html}");
    }
}
