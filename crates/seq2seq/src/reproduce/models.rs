//! Which models the tables need.

use crate::config::Config;

/// A model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spec {
    /// Whether its source is reversed.
    pub reversed: bool,
    /// Layers in encoder and decoder each.
    pub layers: usize,
    /// The seed of its first parameters and of the order of its batches.
    pub seed: u64,
    /// Whether it is the weaker one that writes the lists to be rescored.
    pub weak: bool,
}

/// The weaker model learns for so small a part of the others' time.
const WEAK: usize = 3;

impl Spec {
    /// The name of its run folder.
    pub fn name(&self) -> String {
        let Spec { reversed, layers, seed, weak } = *self;
        let (kind, order) = (if weak { "weak-" } else { "" }, if reversed { "reversed" } else { "forward" });
        format!("{kind}{order}-layers{layers}-seed{seed}")
    }

    /// Its configuration, from that of the main rows.
    pub fn config(&self, base: &Config) -> Config {
        let mut config = Config { reverse_source: self.reversed, layers: self.layers, seed: self.seed, ..base.clone() };
        if self.weak {
            (config.updates, config.epochs) = (config.updates.div_ceil(WEAK), config.epochs / WEAK as f64);
        }
        config
    }
}

/// All models, in the order in which they are trained: what the first rows need comes first.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Models {
    /// One for each seed.
    pub forward: Vec<Spec>,
    /// The same seeds, and as many more as the ensembles need.
    pub reversed: Vec<Spec>,
    /// One for each depth from 1 to 4, of the first seed, reversed.
    pub depths: Vec<Spec>,
    /// The one whose lists are rescored.
    pub weak: Spec,
}

/// The paper's larger ensemble.
pub(super) const ENSEMBLE: usize = 5;
/// The paper's depth, up to which it counts.
const DEPTHS: usize = 4;

impl Models {
    pub fn new(layers: usize, seeds: usize) -> Models {
        let of = |reversed, seed| Spec { reversed, layers, seed, weak: false };
        Models {
            forward: (1..=seeds as u64).map(|seed| of(false, seed)).collect(),
            reversed: (1..=seeds.max(ENSEMBLE) as u64).map(|seed| of(true, seed)).collect(),
            depths: (1..=DEPTHS).map(|layers| Spec { layers, ..of(true, 1) }).collect(),
            weak: Spec { weak: true, ..of(false, seeds as u64 + 1) },
        }
    }

    /// Each model once.
    pub fn all(&self) -> Vec<Spec> {
        let mut all: Vec<Spec> = Vec::new();
        let groups = [&self.reversed[..], &self.forward, &self.depths, std::slice::from_ref(&self.weak)];
        for &spec in groups.into_iter().flatten() {
            if !all.contains(&spec) {
                all.push(spec);
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_is_trained_once_under_a_name_of_its_own() {
        let all = Models::new(1, 3).all();
        // Five reversed, three forward, depths 2 to 4 (1 is the first of the reversed), the weak one.
        assert_eq!(all.len(), 5 + 3 + 3 + 1);
        let names: std::collections::BTreeSet<String> = all.iter().map(Spec::name).collect();
        assert_eq!(names.len(), all.len());
        assert!(names.contains("reversed-layers1-seed5") && names.contains("weak-forward-layers1-seed4"));
        assert_eq!(Models::new(4, 8).all().len(), 8 + 8 + 3 + 1);
    }

    #[test]
    fn the_weak_model_learns_for_a_shorter_time() {
        let base = Config { updates: 900, epochs: 6.0, ..Config::default() };
        let models = Models::new(1, 1);
        let weak = models.weak.config(&base);
        assert_eq!((weak.updates, weak.epochs, weak.reverse_source), (300, 2.0, false));
        assert_eq!(models.depths[3].config(&base).layers, 4);
    }
}
