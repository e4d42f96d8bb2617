//! The sizes that speed and memory are told for.

use clap::ValueEnum;
use unrolled_seq2seq::model::{InitialRange, Model, Sizes};
use unrolled_seq2seq::numbered::NumberedCorpus;
use unrolled_seq2seq::vocabulary::SPECIALS;
use unrolled_tensor::Device;
use unrolled_tensor::random::Key;

/// A size of model and batch. `s` and `m` are for quick answers, `l` (or `paper`) is the paper's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Size {
    /// 60 words, 2 layers of 16 cells, 8 sentences of 6 words: to see that everything runs.
    Tiny,
    /// 8,000 words, 2 layers of 256 cells, 64 sentences of 20 words.
    S,
    /// 30,000 words, 4 layers of 512 cells, 64 sentences of 25 words.
    M,
    /// 160,000 and 80,000 words, 4 layers of 1,000 cells, 128 sentences of 25 words: the paper's.
    #[value(alias = "paper")]
    L,
}

/// The numbers of a size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Work {
    pub source_words: usize,
    pub target_words: usize,
    pub layers: usize,
    /// Cells in a layer, and numbers in an embedding.
    pub hidden: usize,
    pub batch: usize,
    /// Words of each sentence, source and target, without `<EOS>`.
    pub length: usize,
    /// Steps that are timed, unless the command line says otherwise.
    pub steps: usize,
    /// Steps before them.
    pub warm_up: usize,
}

impl Size {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Tiny => "tiny",
            Self::S => "s",
            Self::M => "m",
            Self::L => "l",
        }
    }

    pub(super) fn work(self) -> Work {
        let work = |source_words, target_words, layers, hidden, batch, length, steps, warm_up| Work {
            source_words,
            target_words,
            layers,
            hidden,
            batch,
            length,
            steps,
            warm_up,
        };
        match self {
            Self::Tiny => work(60, 60, 2, 16, 8, 6, 3, 3),
            Self::S => work(8_000, 8_000, 2, 256, 64, 20, 15, 3),
            Self::M => work(30_000, 30_000, 4, 512, 64, 25, 5, 1),
            Self::L => work(160_000, 80_000, 4, 1000, 128, 25, 1, 1),
        }
    }
}

impl Work {
    /// A model of this size, its parameters uniform in [-0.08, 0.08) as the paper's.
    pub(super) fn model(&self, key: Key, device: &Device) -> Model {
        let sizes = Sizes {
            source_words: self.source_words,
            target_words: self.target_words,
            embedding: self.hidden,
            hidden: self.hidden,
            layers: self.layers,
            softmax_slices: 1,
        };
        Model::new(&sizes, 0.0, InitialRange::from(0.08), key.purpose("parameters"), device)
    }

    /// Pairs of full length, their words drawn evenly from all but the special symbols.
    pub(super) fn pairs(&self, count: usize, key: Key) -> NumberedCorpus {
        let mut corpus = NumberedCorpus::new();
        let special = SPECIALS.len() as u64;
        let side = |name, words: usize, pair: usize| -> Vec<u32> {
            let key = key.purpose(name);
            let first = (pair * self.length) as u64;
            (0..self.length as u64).map(|i| (special + key.below(first + i, words as u64 - special)) as u32).collect()
        };
        for pair in 0..count {
            corpus.push(&side("source", self.source_words, pair), &side("target", self.target_words, pair));
        }
        corpus
    }

    /// Words of one language in a batch, without `<EOS>`.
    pub(super) fn words(&self) -> usize {
        self.batch * self.length
    }

    /// Additions and multiplications of a step's products: three of every row with every weight, forward, and backward to the row and to the weight.
    pub(super) fn flop(&self) -> f64 {
        let rows = (self.batch * (self.length + 1)) as f64;
        let hidden = self.hidden as f64;
        let stacks = 2.0 * self.layers as f64 * 8.0 * hidden * hidden;
        3.0 * 2.0 * rows * (stacks + hidden * self.target_words as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_have_full_length_and_no_special_symbol() {
        let work = Work { source_words: 5, target_words: 7, ..Size::S.work() };
        let corpus = work.pairs(9, Key::new(1));
        assert_eq!((corpus.source_words(), corpus.target_words()), (9 * 20, 9 * 20));
        let mut seen: Vec<u32> = (0..9).flat_map(|pair| corpus.target(pair).to_vec()).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, [3, 4, 5, 6]);
        assert!(corpus.source(0) != corpus.source(1), "each pair is drawn anew");
    }
}
