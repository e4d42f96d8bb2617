//! The published speeds beside their predictions: nothing here is tuned, so the errors are the model's.

use std::fmt;

use serde::Serialize;

use super::{Machine, Report, paper_fraction, paper_sizes};
use crate::model::Sizes;
use crate::schedule::{Lengths, Plan, PlanError, grouped};

/// A published speed and what the cost model makes of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Prediction {
    /// Whose speed.
    pub source: &'static str,
    /// The layout that was assumed.
    pub layout: String,
    /// Published words/s.
    pub published: f64,
    /// Predicted words/s.
    pub predicted: f64,
    /// (predicted − published) / published.
    pub error: f64,
}

/// The paper's eight GPUs, and those of Luong et al. (2015), whose six layers are on six or on four of eight devices: they do not say. Sentences have 25
/// and 29 words, 128 a batch, on K40s at the fraction that the paper's one GPU gives.
pub fn published() -> Vec<Prediction> {
    let four = paper_sizes();
    let six = Sizes { layers: 6, source_words: 200_000, ..paper_sizes() };
    let layered = [
        ("Sutskever et al. 2014, 8 GPUs", &four, 4, 4, 6300.0),
        ("Luong et al. 2015, 6 layers, 8 GPUs", &six, 4, 4, 5400.0),
        ("Luong et al. 2015, 6 layers, 8 GPUs", &six, 6, 2, 5400.0),
    ];
    let predict = |(source, sizes, layers, softmax, published)| {
        let predicted = predict(sizes, &Plan::layered(sizes, layers, softmax)).expect("the plan is made for the model");
        let layout = format!("layers on {layers} devices, softmax on {softmax}");
        Prediction { source, layout, published, predicted, error: predicted / published - 1.0 }
    };
    layered.into_iter().map(predict).collect()
}

fn predict(sizes: &Sizes, plan: &Plan) -> Result<f64, PlanError> {
    let machine = "8xK40".parse::<Machine>().expect("K40 is in the table").calibrated(paper_fraction());
    Ok(Report::of(sizes, &Lengths::even(128, 25, 29), plan, &machine)?.0.words_per_s)
}

impl fmt::Display for Prediction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{:<36} {:<38} {:>6} {:>6} {:>+6.1}%",
            self.source,
            self.layout,
            grouped(self.published.round() as usize),
            grouped(self.predicted.round() as usize),
            100.0 * self.error
        )
    }
}
