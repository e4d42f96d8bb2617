//! The closed lists that some keys choose from.

use unrolled_tensor::DType;

use super::Kind;
use super::setting::{Setting, choices, only};
use crate::tokenise::Tokeniser;

/// The tokenisers are the text side's own list; here they only get their words.
impl Setting for Tokeniser {
    const KIND: Kind = Kind::Choice(&["moses", "whitespace", "words"]);

    fn from_toml(value: &toml::Value) -> Option<Self> {
        value.as_str()?.parse().ok()
    }
    fn from_words(words: &[String]) -> Option<Self> {
        only(words)?.parse().ok()
    }
    fn to_toml(&self) -> String {
        format!("\"{self}\"")
    }
}

choices! {
    /// How a gradient becomes a step.
    pub enum Optimiser {
        /// Plain stochastic gradient descent, as in the paper.
        Sgd = "sgd",
        /// SGD with momentum.
        Momentum = "momentum",
        /// Adam.
        Adam = "adam",
        /// Adam with decoupled weight decay.
        AdamW = "adamw",
    }

    /// How the learning rate moves.
    pub enum Schedule {
        /// Constant, then halved again and again, as in the paper.
        Paper = "paper",
        /// Always the same.
        Constant = "constant",
        /// Down to `minimum-learning-rate` along half a cosine, over the whole run.
        Cosine = "cosine",
        /// Falls with the square root of the update's number once warmed up.
        InverseSqrt = "inverse-sqrt",
    }

    /// What the summed gradient of a batch is divided by.
    pub enum Normalise {
        /// The number of sentence pairs, as in the paper.
        Sentences = "sentences",
        /// The number of target words, `<EOS>` included.
        Words = "words",
    }

    /// The number format that training computes in.
    pub enum Precision {
        /// 32-bit floats.
        F32 = "f32",
        /// 16-bit floats of IEEE 754, with loss scaling.
        F16 = "f16",
        /// 16-bit floats with the range of f32.
        Bf16 = "bf16",
    }

    /// What products of f32 matrices run in.
    pub enum MatmulPrecision {
        /// In f32's accuracy, by the fastest way to it.
        F32 = "f32",
        /// f32 multiply–adds throughout.
        F32Fma = "f32-fma",
        /// Operands rounded to TF32 by the tensor cores of a CUDA device, sums in f32.
        Tf32 = "tf32",
        /// Operands rounded to bf16, sums in f32.
        Bf16 = "bf16",
    }

    /// What makes one validation better than another.
    pub enum BestMetric {
        /// A lower perplexity.
        Perplexity = "perplexity",
        /// A higher BLEU.
        Bleu = "bleu",
        /// A higher chrF.
        Chrf = "chrf",
    }

    /// Which BLEU is meant.
    pub enum BleuStyle {
        /// multi-bleu.perl: on words as the model knows them, as in the paper.
        MultiBleu = "multi-bleu",
        /// sacreBLEU with its 13a tokenisation: on plain text.
        Sacrebleu = "sacrebleu",
    }
}

impl Precision {
    /// The dtype of activations and of the weights that meet them.
    pub fn dtype(self) -> DType {
        match self {
            Precision::F32 => DType::F32,
            Precision::F16 => DType::F16,
            Precision::Bf16 => DType::BF16,
        }
    }
}

impl From<MatmulPrecision> for unrolled_tensor::MatmulPrecision {
    fn from(precision: MatmulPrecision) -> Self {
        match precision {
            MatmulPrecision::F32 => Self::F32,
            MatmulPrecision::F32Fma => Self::F32Fma,
            MatmulPrecision::Tf32 => Self::Tf32,
            MatmulPrecision::Bf16 => Self::Bf16,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tokeniser_is_a_choice() {
        let Kind::Choice(words) = <Tokeniser as Setting>::KIND else { panic!("a closed list") };
        let mut names = Tokeniser::ALL.map(|tokeniser| tokeniser.to_string());
        names.sort();
        assert_eq!(names, words);
    }
}
