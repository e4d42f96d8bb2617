//! The closed lists that some keys choose from.

use super::setting::choices;

choices! {
    /// How a line becomes words.
    pub enum Tokeniser {
        /// Split punctuation and clitics as Moses does, and join them again on output.
        Moses = "moses",
        /// The text is tokenised already: split on white space only.
        Whitespace = "whitespace",
    }

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

    /// The number format of parameters and activations.
    pub enum Precision {
        /// 32-bit floats.
        F32 = "f32",
    }

    /// Which BLEU is meant.
    pub enum BleuStyle {
        /// multi-bleu.perl: on words as the model knows them, as in the paper.
        MultiBleu = "multi-bleu",
        /// sacreBLEU with its 13a tokenisation: on plain text.
        Sacrebleu = "sacrebleu",
    }
}
