//! The one number that is fitted.

use super::{Device, Machine};
use crate::model::Sizes;
use crate::schedule::{Graph, Lengths, Plan, PlanError};

/// What the paper reports of one GPU.
pub const PAPER_WORDS_PER_S: f64 = 1700.0;

/// The paper's model, with the four slices of its softmax.
pub fn paper_sizes() -> Sizes {
    Sizes { source_words: 160_000, target_words: 80_000, embedding: 1000, hidden: 1000, layers: 4, softmax_slices: 4 }
}

/// The fraction of a K40's peak with which the paper's model runs at 1,700 words/s on one, with sentences of 25 and 29 words, 128 a batch.
/// The paper does not name its GPUs; a K40 is what one would have bought.
pub fn paper_fraction() -> f64 {
    let k40 = Device::find("K40").expect("it is in the table");
    fraction_for(k40, &paper_sizes(), &Lengths::even(128, 25, 29), PAPER_WORDS_PER_S)
        .expect("the paper's plan fits its model")
}

/// The fraction of its peak at which one device does so many words/s with everything on it; 1 where it could not do so many.
///
/// # Errors
/// Where a batch has no sentences.
pub fn fraction_for(device: &Device, sizes: &Sizes, lengths: &Lengths, words_per_s: f64) -> Result<f64, PlanError> {
    let graph = Graph::of(sizes, lengths, &Plan::single(sizes))?;
    let machine = Machine { devices: vec![device.clone()], link: device.link.clone() };
    let wanted = lengths.words() as f64 / words_per_s;
    // One device never waits, so its time is that of all tasks together; it falls as the fraction rises.
    let seconds = |fraction: f64| {
        let machine = Machine { devices: vec![Device { fraction, ..machine.devices[0].clone() }], ..machine.clone() };
        graph.tasks.iter().map(|task| machine.seconds(task)).sum::<f64>()
    };
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..50 {
        let middle = f64::midpoint(low, high);
        *(if seconds(middle) > wanted { &mut low } else { &mut high }) = middle;
    }
    Ok(high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_papers_products_reached_a_fifth_of_the_peak() {
        // 1,700 words/s are 0.79 TFLOP/s with `<EOS>` counted as a step, 18% of 4.29; launches and elementwise traffic take a little.
        let fraction = paper_fraction();
        assert!((0.18..0.20).contains(&fraction), "{fraction}");
    }

    #[test]
    fn what_cannot_be_reached_takes_the_whole_peak() {
        let k40 = Device::find("K40").unwrap();
        assert!(fraction_for(k40, &paper_sizes(), &Lengths::even(128, 25, 29), 1e6).unwrap() > 0.999);
    }
}
