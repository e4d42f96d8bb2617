//! The paper's table beside ours, as Markdown and as JSON.

use std::fmt::Write;

use serde::Serialize;

use super::rows::{CLAIMS, Part, ROWS, Says};

/// A row: the paper's number and ours, one for each seed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// A short name.
    pub id: &'static str,
    /// Where it belongs.
    pub part: Part,
    /// What was done.
    pub name: &'static str,
    /// The paper's number, on newstest2014; for some rows it has none.
    pub paper: Option<f64>,
    /// Ours, by seed.
    pub ours: Vec<f64>,
}

impl Row {
    /// The mean over the seeds.
    pub fn mean(&self) -> f64 {
        self.ours.iter().sum::<f64>() / self.ours.len() as f64
    }

    /// The standard deviation over the seeds, where there are several.
    pub fn deviation(&self) -> Option<f64> {
        let (n, mean) = (self.ours.len() as f64, self.mean());
        let squares: f64 = self.ours.iter().map(|value| (value - mean).powi(2)).sum();
        (self.ours.len() > 1).then(|| (squares / (n - 1.0)).sqrt())
    }
}

/// What the paper's numbers say, row against row, and whether ours say it too.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Claim {
    /// In words.
    pub text: &'static str,
    /// The rows, the higher first.
    pub rows: [&'static str; 2],
    /// The paper's difference, where it has both numbers.
    pub paper: Option<f64>,
    /// The difference of our means; by the paper it is positive.
    pub ours: f64,
    /// Of how many seeds that both rows have is it positive, and how many are there.
    pub seeds: Option<(usize, usize)>,
    /// Whether it is positive.
    pub met: bool,
}

/// The tables of the paper, reproduced.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Table {
    /// What was trained on what, a sentence each.
    pub remarks: Vec<String>,
    /// Which BLEU it is.
    pub signature: String,
    /// In the paper's order.
    pub rows: Vec<Row>,
    /// What they say.
    pub claims: Vec<Claim>,
    /// Seconds of training of each model, by its name.
    pub training_seconds: Vec<(String, f64)>,
}

impl Table {
    /// From the numbers of every row, by its id.
    pub(super) fn new(numbers: &[(&'static str, Vec<f64>)], remarks: Vec<String>, signature: String) -> Table {
        let of = |id: &str| numbers.iter().find(|(name, _)| *name == id).map(|(_, numbers)| numbers.clone());
        let rows: Vec<Row> = ROWS
            .iter()
            .filter_map(|row| {
                Some(Row { id: row.id, part: row.part, name: row.name, paper: row.paper, ours: of(row.id)? })
            })
            .collect();
        let claims = CLAIMS.iter().filter_map(|says| claim(says, &rows)).collect();
        Table { remarks, signature, rows, claims, training_seconds: Vec::new() }
    }

    /// The table for people.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        self.write(&mut text).expect("a string takes everything");
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        for remark in &self.remarks {
            writeln!(text, "- {remark}")?;
        }
        let parts = [
            (Part::Translation, "BLEU of the test set", "newstest2014"),
            (Part::Rescoring, "BLEU of rescored lists", "newstest2014, a phrase-based system's 1000-best"),
            (Part::Perplexity, "Perplexity of the test set", "newstest2014"),
        ];
        for (part, title, paper) in parts {
            writeln!(text, "\n| {title} | paper ({paper}) | ours |\n|---|---:|---:|")?;
            for row in self.rows.iter().filter(|row| row.part == part) {
                let paper = row.paper.map_or("–".to_owned(), |number| format!("{number:.2}"));
                writeln!(text, "| {} | {paper} | {} |", row.name, ours(row))?;
            }
        }
        writeln!(text, "\n| what the paper found | its difference | ours | seeds | met |\n|---|---:|---:|---:|---|")?;
        for claim in &self.claims {
            let paper = claim.paper.map_or("–".to_owned(), |difference| format!("{difference:+.2}"));
            let seeds = claim.seeds.map_or("–".to_owned(), |(yes, all)| format!("{yes} of {all}"));
            let met = if claim.met { "yes" } else { "**no**" };
            writeln!(text, "| {} | {paper} | {:+.2} | {seeds} | {met} |", claim.text, claim.ours)?;
        }
        writeln!(text, "\nBLEU: `{}`", self.signature)
    }
}

/// The mean, with the deviation and the number of seeds where there are several.
fn ours(row: &Row) -> String {
    match row.deviation() {
        Some(deviation) => format!("{:.2} ± {deviation:.2} (n = {})", row.mean(), row.ours.len()),
        None => format!("{:.2}", row.mean()),
    }
}

fn claim(says: &Says, rows: &[Row]) -> Option<Claim> {
    let row = |id: &str| rows.iter().find(|row| row.id == id);
    let (higher, lower) = (row(says.higher)?, row(says.lower)?);
    let ours = higher.mean() - lower.mean();
    let pairs = higher.ours.len() == lower.ours.len() && higher.ours.len() > 1;
    let wins = higher.ours.iter().zip(&lower.ours).filter(|(higher, lower)| higher > lower).count();
    Some(Claim {
        text: says.text,
        rows: [says.higher, says.lower],
        paper: higher.paper.zip(lower.paper).map(|(higher, lower)| higher - lower),
        ours,
        seeds: pairs.then_some((wins, higher.ours.len())),
        met: ours > 0.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_stands_beside_the_papers_with_signs() {
        let numbers = [
            ("forward-12", vec![10.0, 30.0, 20.0]),
            ("reversed-12", vec![20.0, 26.0, 30.0]),
            ("five-12", vec![25.0]),
            ("depth-1", vec![5.0]),
            ("depth-2", vec![6.0]),
        ];
        let table = Table::new(&numbers, vec!["small".into()], "multi-bleu|x".into());
        assert_eq!((table.rows.len(), table.claims.len()), (5, 3));
        let reversing = &table.claims[0];
        assert!((reversing.paper.unwrap() - 4.42).abs() < 1e-9 && (reversing.ours - 16.0 / 3.0).abs() < 1e-9);
        assert_eq!((reversing.seeds, reversing.met), (Some((2, 3)), true));
        assert_eq!((table.claims[1].seeds, table.claims[1].met), (None, false), "{:?}", table.claims[1]);
        let text = table.markdown();
        for line in [
            "- small",
            "| single forward LSTM, beam 12 | 26.17 | 20.00 ± 10.00 (n = 3) |",
            "| ensemble of 5 reversed LSTMs, beam 12 | 34.81 | 25.00 |",
            "| reversing the source raises BLEU | +4.42 | +5.33 | 2 of 3 | yes |",
            "| a second layer lowers perplexity | – | -1.00 | – | **no** |",
            "BLEU: `multi-bleu|x`",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        let json = serde_json::to_value(&table).unwrap();
        assert_eq!(json["claims"][0]["seeds"], serde_json::json!([2, 3]));
        assert_eq!(json["rows"][0]["part"], "translation");
    }
}
