//! Which device has which parameter.

use std::ops::Range;

use crate::model::Sizes;
use crate::schedule::{Group, Plan, Side, Vocabulary, even_slices};

/// Words of the output vocabulary that one device updates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SliceAt {
    pub device: usize,
    /// Among the devices that compute the softmax.
    pub holder: usize,
    pub words: Range<usize>,
}

/// Where everything lives.
#[derive(Clone, Debug)]
pub(super) struct Places {
    pub encoder: Vec<usize>,
    pub decoder: Vec<usize>,
    pub embeddings: [usize; 2],
    /// In the vocabulary's order. Where every holder has the whole vocabulary: the share that it updates.
    pub slices: Vec<SliceAt>,
    /// Whether every holder computes with the whole vocabulary.
    pub whole: bool,
    /// The device of each holder.
    pub holders: Vec<usize>,
}

impl Places {
    pub fn of(plan: &Plan, sizes: &Sizes) -> Places {
        let holders = plan.softmax_devices();
        let (counts, devices): (Vec<usize>, Vec<usize>) = match &plan.vocabulary {
            Vocabulary::Slices(slices) => slices.iter().map(|slice| (slice.words, slice.device)).unzip(),
            Vocabulary::Rows(_) => (even_slices(sizes.target_words, holders.len()), holders.clone()),
        };
        let mut first = 0;
        let slice = |(words, device): (usize, usize)| {
            let holder = holders.iter().position(|&at| at == device).expect("a slice's device computes the softmax");
            first += words;
            SliceAt { device, holder, words: first - words..first }
        };
        Places {
            encoder: plan.encoder.clone(),
            decoder: plan.decoder.clone(),
            embeddings: [plan.source_embedding, plan.target_embedding],
            slices: counts.into_iter().zip(devices).map(slice).collect(),
            whole: matches!(plan.vocabulary, Vocabulary::Rows(_)),
            holders,
        }
    }

    /// The slices of a holder, by their numbers in the vocabulary's order.
    pub fn slices_of(&self, holder: usize) -> Vec<usize> {
        (0..self.slices.len()).filter(|&slice| self.slices[slice].holder == holder).collect()
    }

    /// The device of the parameter of that path of a model in one piece; none for the projection's, which are cut.
    pub fn device_of(&self, path: &str) -> Option<usize> {
        let layer = |stack: &[usize], rest: &str| {
            let (layer, _) = rest.split_once('.').expect("a layer's parameter has a name");
            stack[layer.parse::<usize>().expect("layers are numbered")]
        };
        match path.split_once('.').expect("a parameter is inside a module") {
            ("source_embedding", _) => Some(self.embeddings[0]),
            ("target_embedding", _) => Some(self.embeddings[1]),
            ("encoder", rest) => Some(layer(&self.encoder, &rest["lstm.".len()..])),
            ("decoder", rest) => Some(layer(&self.decoder, &rest["lstm.".len()..])),
            _ => None,
        }
    }

    /// The paths of a group's parameters on its device, weights before biases, as a model has them in its order.
    pub fn paths(&self, group: Group) -> Vec<String> {
        let side = |side| match side {
            Side::Encoder => ("source", "encoder"),
            Side::Decoder => ("target", "decoder"),
        };
        match group {
            Group::Embedding(at) => vec![format!("{}_embedding.weight", side(at).0)],
            Group::Lstm(at, layer) => {
                let path = |name| format!("{}.lstm.{layer}.{name}", side(at).1);
                ["weight_ih", "weight_hh", "bias"].map(path).to_vec()
            }
            Group::Projection(holder) => {
                let slices = self.slices_of(holder);
                let named = |name: &'static str| slices.iter().map(move |slice| sliced(*slice, name));
                named("weight").chain(named("bias")).collect()
            }
        }
    }

    /// All paths in the order in which a model's norm adds them up.
    pub fn all_paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        for side in Side::ALL {
            paths.extend(self.paths(Group::Embedding(side)));
            let layers = (0..self.encoder.len()).map(|layer| Group::Lstm(side, layer));
            paths.extend(layers.flat_map(|group| self.paths(group)));
        }
        for name in ["weight", "bias"] {
            paths.extend((0..self.slices.len()).map(|slice| sliced(slice, name)));
        }
        paths
    }
}

/// The path of a slice of the projection's `weight` or `bias`.
pub(super) fn sliced(slice: usize, name: &str) -> String {
    format!("projection.{slice}.{name}")
}
