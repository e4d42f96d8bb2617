//! What the weights of a model that translates are rounded to, as a flag.

use clap::{Args, ValueEnum};
use unrolled_seq2seq::model::Model;
use unrolled_tensor::Rounding;

/// What a weight becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// As they were learnt.
    F32,
    /// Rounded to bf16: half the memory to read at each word.
    Bf16,
    /// Whole numbers of 8 bits with a scale for each row, and what they are multiplied by likewise: fastest, and the least exact.
    Int8,
}

/// The flag.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Weights {
    /// What the weights of encoder, decoder and projection are rounded to before they are used.
    #[arg(long = "weights", value_enum, default_value_t = Form::F32)]
    form: Form,
}

impl Weights {
    /// Rounds the model's.
    ///
    /// # Errors
    /// Where its device has no products with such weights.
    pub(super) fn round(self, model: &Model) -> anyhow::Result<()> {
        let to = match self.form {
            Form::F32 => return Ok(()),
            Form::Bf16 => Rounding::Bf16,
            Form::Int8 => Rounding::Int8,
        };
        anyhow::ensure!(
            model.keep_rounded(to),
            "{} has no products with weights in {}: leave out --weights",
            model.device(),
            self.name()
        );
        Ok(())
    }

    pub(super) fn name(self) -> &'static str {
        match self.form {
            Form::F32 => "f32",
            Form::Bf16 => "bf16",
            Form::Int8 => "int8",
        }
    }
}
