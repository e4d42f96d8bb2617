//! The paper's numbers, and what it says of them.

/// A part of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// BLEU of translations.
    Translation,
    /// BLEU of rescored lists.
    Rescoring,
    /// Perplexity of the test set.
    Perplexity,
}

/// What a row is called, and the paper's number for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Known {
    pub id: &'static str,
    pub part: Part,
    pub name: &'static str,
    pub paper: Option<f64>,
}

const fn known(id: &'static str, part: Part, name: &'static str, paper: Option<f64>) -> Known {
    Known { id, part, name, paper }
}

use Part::{Perplexity, Rescoring, Translation};

/// Every row, in the order of the table. The paper's are of newstest2014.
pub(super) const ROWS: &[Known] = &[
    known("forward-12", Translation, "single forward LSTM, beam 12", Some(26.17)),
    known("reversed-1", Translation, "single reversed LSTM, beam 1", None),
    known("reversed-2", Translation, "single reversed LSTM, beam 2", None),
    known("reversed-12", Translation, "single reversed LSTM, beam 12", Some(30.59)),
    known("five-1", Translation, "ensemble of 5 reversed LSTMs, beam 1", Some(33.00)),
    known("two-12", Translation, "ensemble of 2 reversed LSTMs, beam 12", Some(33.27)),
    known("five-2", Translation, "ensemble of 5 reversed LSTMs, beam 2", Some(34.50)),
    known("five-12", Translation, "ensemble of 5 reversed LSTMs, beam 12", Some(34.81)),
    known("baseline", Rescoring, "baseline: the lists as they are", Some(33.30)),
    known("rescored-forward", Rescoring, "rescored with a single forward LSTM", Some(35.61)),
    known("rescored-reversed", Rescoring, "rescored with a single reversed LSTM", Some(35.85)),
    known("rescored-five", Rescoring, "rescored with an ensemble of 5 reversed LSTMs", Some(36.5)),
    known("oracle", Rescoring, "oracle: the best of each list", Some(45.0)),
    known("perplexity-forward", Perplexity, "single forward LSTM", Some(5.8)),
    known("perplexity-reversed", Perplexity, "single reversed LSTM", Some(4.7)),
    known("depth-1", Perplexity, "reversed, 1 layer", None),
    known("depth-2", Perplexity, "reversed, 2 layers", None),
    known("depth-3", Perplexity, "reversed, 3 layers", None),
    known("depth-4", Perplexity, "reversed, 4 layers", None),
];

/// That one row is higher than another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Says {
    pub text: &'static str,
    pub higher: &'static str,
    pub lower: &'static str,
}

const fn says(text: &'static str, higher: &'static str, lower: &'static str) -> Says {
    Says { text, higher, lower }
}

/// What the paper's numbers say, row against row.
pub(super) const CLAIMS: &[Says] = &[
    says("reversing the source raises BLEU", "reversed-12", "forward-12"),
    says("reversing the source lowers perplexity", "perplexity-forward", "perplexity-reversed"),
    says("two models are better than one", "two-12", "reversed-12"),
    says("five models are better than one", "five-12", "reversed-12"),
    says("five models are better than two", "five-12", "two-12"),
    says("a beam of 2 is better than none (five models)", "five-2", "five-1"),
    says("a beam of 12 is better than one of 2 (five models)", "five-12", "five-2"),
    says("a beam of 12 is better than none (one model)", "reversed-12", "reversed-1"),
    says("rescoring with a forward model helps", "rescored-forward", "baseline"),
    says("rescoring with a reversed model helps", "rescored-reversed", "baseline"),
    says("a reversed model rescores better than a forward one", "rescored-reversed", "rescored-forward"),
    says("five models rescore better than one", "rescored-five", "rescored-reversed"),
    says("no rescoring reaches the oracle", "oracle", "rescored-five"),
    says("a second layer lowers perplexity", "depth-1", "depth-2"),
    says("a third layer lowers perplexity", "depth-2", "depth-3"),
    says("a fourth layer lowers perplexity", "depth-3", "depth-4"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_agrees_with_the_papers_own_numbers() {
        let row = |id: &str| ROWS.iter().find(|row| row.id == id).unwrap_or_else(|| panic!("no row {id}"));
        for claim in CLAIMS {
            let (higher, lower) = (row(claim.higher), row(claim.lower));
            assert!((higher.part == Perplexity) == (lower.part == Perplexity), "{}", claim.text);
            if let (Some(higher), Some(lower)) = (higher.paper, lower.paper) {
                assert!(higher > lower, "{}", claim.text);
            }
        }
        let ids: std::collections::BTreeSet<&str> = ROWS.iter().map(|row| row.id).collect();
        assert_eq!(ids.len(), ROWS.len());
    }
}
