//! The plans that have a name. To add one: a function, a row in [`NAMES`] and in [`Plan::named`].

use super::plan::{Chunks, Order, Plan, PlanError, Slice, Sums, Vocabulary, When};
use crate::model::Sizes;

/// What [`Plan::named`] knows.
pub(super) const NAMES: [&str; 4] = ["single", "paper", "deferred", "data-parallel-softmax"];

impl Plan {
    /// The names of the plans that need no search.
    pub const NAMES: [&'static str; 4] = NAMES;

    /// The plan of that name for so many devices.
    ///
    /// # Errors
    /// Where there is no such plan, or it needs more devices.
    pub fn named(name: &str, sizes: &Sizes, devices: usize) -> Result<Plan, PlanError> {
        match name {
            "single" => Ok(Plan::single(sizes)),
            "paper" => Plan::paper(sizes, devices),
            "deferred" => Plan::deferred(sizes, devices),
            "data-parallel-softmax" => Plan::data_parallel_softmax(sizes, devices),
            _ => Err(PlanError::Unknown(name.to_owned())),
        }
    }

    /// The plan of that name for training a model: as [`named`](Plan::named), but its slices are the model's, so that where there are fewer of them than devices left for
    /// the softmax some devices have nothing to do.
    ///
    /// # Errors
    /// As [`named`](Plan::named).
    pub fn for_model(name: &str, sizes: &Sizes, devices: usize) -> Result<Plan, PlanError> {
        let plan = Plan::named(name, sizes, devices)?;
        if plan.arithmetic().slices.len() <= sizes.softmax_slices {
            return Ok(plan);
        }
        let for_layers = sizes.layers.min(devices / 2);
        let Plan { encoder, decoder, vocabulary, .. } = Plan::layered(sizes, for_layers, sizes.softmax_slices);
        Ok(Plan { encoder, decoder, vocabulary, ..plan })
    }

    /// How many softmax slices a model needs for all devices to take part in a plan.
    pub fn slices_wanted(name: &str, layers: usize, devices: usize) -> usize {
        match name {
            "paper" | "deferred" => (devices - layers.min(devices / 2)).max(1),
            // Some for each, so that the load can be levelled.
            "search" => 2 * devices,
            _ => 1,
        }
    }

    /// Everything on device 0, the softmax in the model's slices and step by step, so that one step's logits are held at a time.
    pub fn single(sizes: &Sizes) -> Plan {
        let slices = even(sizes.target_words, &vec![0; sizes.softmax_slices.clamp(1, sizes.target_words)]);
        Plan {
            name: "single".to_owned(),
            encoder: vec![0; sizes.layers],
            decoder: vec![0; sizes.layers],
            source_embedding: 0,
            target_embedding: 0,
            lstm_weights: When::AtOnce,
            softmax_weights: When::AtOnce,
            order: Order::Program,
            micro_batches: 1,
            chunks: Chunks::default(),
            steps_summed_together: 1,
            sums: Sums::BySteps,
            vocabulary: Vocabulary::Slices(slices),
        }
    }

    /// That of the paper: a layer of encoder and decoder on each device, the vocabulary in slices on the others, everything passed on as soon as
    /// it is computed, every gradient done at its step. A model of more slices than devices left gives each several.
    ///
    /// With more layers than half the devices, half the devices take the layers (6 layers on 8: 2, 1, 2, 1).
    ///
    /// # Errors
    /// Where there are fewer than two devices.
    pub fn paper(sizes: &Sizes, devices: usize) -> Result<Plan, PlanError> {
        if devices < 2 {
            return Err(PlanError::Devices { plan: "paper".to_owned(), needed: 2, given: devices });
        }
        let for_layers = sizes.layers.min(devices / 2);
        Ok(Plan { name: "paper".to_owned(), ..Plan::layered(sizes, for_layers, devices - for_layers) })
    }

    /// Layers spread over the first `for_layers` devices, the vocabulary over the `for_softmax` after them; all gradients at once.
    ///
    /// # Panics
    /// Where either is 0.
    pub fn layered(sizes: &Sizes, for_layers: usize, for_softmax: usize) -> Plan {
        assert!(for_layers > 0 && for_softmax > 0, "layered: {for_layers} and {for_softmax} devices: both need one");
        // The first devices take one more where it does not come out even.
        let layers: Vec<usize> = (0..sizes.layers).map(|layer| layer * for_layers / sizes.layers).collect();
        let count = sizes.softmax_slices.max(for_softmax).min(sizes.target_words);
        let devices: Vec<usize> = (0..count).map(|slice| for_layers + slice * for_softmax / count).collect();
        Plan {
            name: format!("{for_layers} + {for_softmax}"),
            source_embedding: layers[0],
            target_embedding: layers[0],
            encoder: layers.clone(),
            decoder: layers,
            vocabulary: Vocabulary::Slices(even(sizes.target_words, &devices)),
            ..Plan::single(sizes)
        }
    }

    /// The paper's placement with the weight gradients put off: the softmax's under the LSTM's backward pass, the LSTM's after it, four steps at a
    /// time.
    ///
    /// # Errors
    /// As [`Plan::paper`].
    pub fn deferred(sizes: &Sizes, devices: usize) -> Result<Plan, PlanError> {
        let paper = Plan::paper(sizes, devices)?;
        Ok(Plan {
            name: "deferred".to_owned(),
            lstm_weights: When::Deferred,
            softmax_weights: When::Deferred,
            chunks: Chunks { weights: 4, ..paper.chunks },
            ..paper
        })
    }

    /// The LSTM's layers on devices of their own, the whole softmax on every device for its share of the time steps, three times as many
    /// where no layer is; its weight's gradients are added up over all devices (after Ono, Utiyama and Sumita, 2019).
    ///
    /// # Errors
    /// Where there are fewer than two devices.
    pub fn data_parallel_softmax(sizes: &Sizes, devices: usize) -> Result<Plan, PlanError> {
        let name = "data-parallel-softmax".to_owned();
        if devices < 2 {
            return Err(PlanError::Devices { plan: name, needed: 2, given: devices });
        }
        let layered = Plan::layered(sizes, sizes.layers.min(devices), 1);
        let (busy, free): (Vec<usize>, Vec<usize>) = (0..devices).partition(|device| layered.encoder.contains(device));
        Ok(Plan {
            name,
            lstm_weights: When::Deferred,
            softmax_weights: When::Deferred,
            order: Order::CriticalPath,
            // The devices without layers come first: their steps can begin while the others still unroll the decoder.
            vocabulary: Vocabulary::Rows([&free[..], &free, &free, &busy].concat()),
            ..layered
        })
    }
}

/// The words of slices of equal size, the first ones a word longer where it does not come out even.
pub(crate) fn even_slices(words: usize, count: usize) -> Vec<usize> {
    (0..count).map(|slice| words / count + usize::from(slice < words % count)).collect()
}

fn even(words: usize, devices: &[usize]) -> Vec<Slice> {
    let sizes = even_slices(words, devices.len());
    sizes.into_iter().zip(devices).map(|(words, &device)| Slice { words, device }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(layers: usize, softmax_slices: usize) -> Sizes {
        Sizes { source_words: 200, target_words: 103, embedding: 8, hidden: 8, layers, softmax_slices }
    }

    fn words_on(plan: &Plan) -> Vec<(usize, usize)> {
        let Vocabulary::Slices(slices) = &plan.vocabulary else { panic!("{plan:?}") };
        slices.iter().map(|slice| (slice.device, slice.words)).collect()
    }

    #[test]
    fn the_paper_has_four_layers_and_four_slices() {
        let plan = Plan::paper(&sizes(4, 1), 8).unwrap();
        assert_eq!((&plan.encoder[..], &plan.decoder[..]), (&[0, 1, 2, 3][..], &[0, 1, 2, 3][..]));
        assert_eq!(words_on(&plan), [(4, 26), (5, 26), (6, 26), (7, 25)]);
        assert_eq!((plan.devices(), plan.lstm_weights), (8, When::AtOnce));
    }

    #[test]
    fn other_numbers_of_layers_and_devices_are_spread() {
        assert_eq!(Plan::paper(&sizes(6, 1), 8).unwrap().encoder, [0, 0, 1, 2, 2, 3]);
        assert_eq!(Plan::layered(&sizes(6, 1), 6, 2).encoder, [0, 1, 2, 3, 4, 5]);
        let plan = Plan::paper(&sizes(1, 8), 5).unwrap();
        assert_eq!(words_on(&plan).iter().map(|slice| slice.0).collect::<Vec<_>>(), [1, 1, 2, 2, 3, 3, 4, 4]);
        assert_eq!(Plan::paper(&sizes(4, 1), 2).unwrap().devices(), 2);
        let refused = Plan::paper(&sizes(4, 1), 1).unwrap_err();
        assert_eq!(refused.to_string(), "plan `paper` needs 2 devices or more, not 1");
    }

    #[test]
    fn the_same_slices_are_the_same_arithmetic() {
        let sizes = sizes(4, 4);
        let named = |name| Plan::named(name, &sizes, 8).unwrap().arithmetic();
        assert_eq!(named("single"), named("paper"));
        assert_eq!(named("single"), named("deferred"));
        assert_ne!(named("single"), named("data-parallel-softmax"));
        assert!(NAMES.iter().all(|name| Plan::named(name, &sizes, 8).unwrap().name == *name));
    }
}
