//! The gradients of a step on a device that records work and replays it ([`Device::captured`](unrolled_tensor::Device::captured)).
//!
//! Captured is what lies between the embeddings and the optimiser: both LSTM stacks, the softmax, and their backward, thousands of launches on a GPU. Before it
//! words are embedded, after it the gradients of equal words are summed: how many different ones there are is in the batch, not in its shape. The norm of the
//! gradient, by which the step is clipped, is the host's, so the optimiser's step is not captured either.

use unrolled_autograd::{Backward, Gradient, Gradients, Var};
use unrolled_nn::{Module, Parameter};
use unrolled_tensor::random::Key;
use unrolled_tensor::{Captured, DType, Tensor};

use super::Recipe;
use crate::batch::Batch;
use crate::model::{DeviceBatch, Labels, Model};

/// The summed loss in nats and its gradients: to the bit those of `model.loss(..).backward()`. Where they are `kept` while other such work is done they are
/// copied, for a replay would overwrite them.
pub(super) fn gradients(
    model: &Model,
    recipe: &Recipe,
    batch: &Batch,
    dropout: Option<Key>,
    kept: bool,
) -> (f64, Gradients) {
    let (device, dtype) = (model.device(), recipe.precision.dtype());
    let batch = DeviceBatch::new(batch, device);
    let in_dtype = || if dtype == DType::F32 { model.clone() } else { model.in_dtype(dtype) };
    let tables = in_dtype();
    let words = [tables.source_embedding.forward(&batch.source), tables.target_embedding.forward(&batch.target_input)];
    drop(tables);
    let others = others(model);
    let trained = || others.iter().map(|(_, parameter)| *parameter).filter(|parameter| parameter.is_trainable());
    let inputs = [
        words[0].tensor(),
        words[1].tensor(),
        &batch.source_lengths,
        &batch.target_lengths,
        &batch.target_output,
        &batch.row_weights,
    ];
    let parameters: Vec<&Tensor> = others.iter().map(|(_, parameter)| parameter.tensor()).collect();
    // Whatever else the work depends on.
    let frozen = || others.iter().filter(|(_, parameter)| !parameter.is_trainable()).map(|(path, _)| path.as_str());
    let name = format!(
        "gradients in {dtype}, {} softmax slices, dropout {} of {:?}, without {:?}",
        model.softmax_slices(),
        model.dropout_probability(),
        dropout.map(|key| key.at(0)),
        frozen().collect::<Vec<_>>()
    );
    let step = dropout.map_or(0, Key::step);
    let what = Captured { name: &name, inputs: &inputs, parameters: &parameters, step };
    let work = |inputs: &[Tensor]| {
        let [source, target, source_lengths, target_lengths, target_output, row_weights] = inputs else {
            unreachable!("as many as were handed over")
        };
        let [source, target] = [source, target].map(|words| Var::leaf(words.clone()));
        let labels = Labels { source_lengths, target_lengths, target_output, row_weights };
        let loss = in_dtype().loss_of_words([&source, &target], &labels, dropout);
        let mut gradients = loss.backward();
        let mut of = |var: &Var| gradients.take(var).expect("every parameter of the model is used").to_dense();
        let mut answers = vec![loss.into_tensor(), of(&source), of(&target)];
        answers.extend(trained().map(|parameter| of(parameter.var())));
        answers
    };
    let mut answers = device.captured(&what, work).into_iter();
    let mut answer = || {
        let answer = answers.next().expect("the loss, and a gradient for each");
        if kept { answer.copy() } else { answer }
    };
    let loss = answer();
    let mut gradients = Gradients::default();
    for words in &words {
        let gradient = Var::constant(answer());
        if words.is_tracked() {
            gradients.accumulate(words.backward_from(&gradient, Backward::default()));
        }
    }
    for parameter in trained() {
        gradients.insert(parameter.var(), Gradient::Dense(Var::constant(answer())));
    }
    (loss.to_f64_vec()[0], gradients)
}

/// All parameters but the embeddings.
fn others(model: &Model) -> Vec<(String, &Parameter)> {
    let mut found = Vec::new();
    model.encoder.collect("encoder", &mut found);
    model.decoder.collect("decoder", &mut found);
    model.projection.collect("projection", &mut found);
    found
}
