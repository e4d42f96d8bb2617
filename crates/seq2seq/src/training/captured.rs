//! The training step on a device that records work and replays it ([`Device::captured`](unrolled_tensor::Device::captured)): from the words' numbers to the
//! changed parameters, thousands of launches on a GPU.
//!
//! What differs from step to step is in tensors: the batch, the learning rate, what the gradient is divided by. So is what the host otherwise decides: the norm
//! is computed on the device, and with it how the step is clipped; a step that must not be taken is called off there. The host learns of both afterwards. How
//! many different words a batch has is not in any shape: the rows of a table's gradient are padded.

use std::borrow::Cow;

use unrolled_autograd::{Backward, Gradient, Gradients, Rows, Var};
use unrolled_nn::{LossScaler, Module, Parameter};
use unrolled_tensor::random::Key;
use unrolled_tensor::{Captured, DType, Tensor, Work};

use super::{Trainer, part_key};
use crate::batch::Batch;
use crate::model::DeviceBatch;

/// The places of a step's numbers: the learning rate, the optimiser's two bias corrections, what the gradient still is to be divided by, the largest norm, and
/// what a loss is multiplied by before its backward pass, one after the other.
const RATE: usize = 0;
const CORRECTIONS: usize = 1;
const LEFT: usize = 3;
const LIMIT: usize = 4;
const FACTORS: [usize; 2] = [5, 6];
const NUMBERS: usize = 7;

/// The summed loss in nats of a batch in parts, and the global norm of the gradient divided by `divisor`. The parameters have changed if both are finite (in f16,
/// if the norm is); the optimiser has not counted the step. To the bit what a step is where the host decides.
pub(super) fn step(
    trainer: &mut Trainer,
    parts: &[Cow<'_, Batch>],
    divisor: f64,
    dropout: Option<Key>,
    rate: f64,
) -> [f64; 2] {
    let device = trainer.model.device().clone();
    trainer.optimiser.prepare(&trainer.model);
    let scale = trainer.scaler.as_ref().map(LossScaler::factor);
    let mut numbers = [0.0; NUMBERS];
    numbers[RATE] = rate;
    numbers[CORRECTIONS..][..2].copy_from_slice(&trainer.optimiser.corrections());
    numbers[LEFT] = scale.unwrap_or(divisor);
    numbers[LIMIT] = trainer.recipe.clip_norm;
    [numbers[FACTORS[0]], numbers[FACTORS[1]]] = [1.0 / divisor, scale.unwrap_or(1.0)];
    let numbers = Tensor::from_slice(&numbers, [NUMBERS], &device);
    let uploaded: Vec<_> = parts.iter().map(|part| DeviceBatch::uploaded(part, &device)).collect();
    let inputs: Vec<&Tensor> = uploaded.iter().flatten().chain([&numbers]).collect();
    let name = name(trainer, dropout);
    let what = Captured { name: &name, inputs: &inputs, step: dropout.map_or(0, Key::step) };
    let answers = device.captured(&what, Step { trainer, dropout });
    let [answer] = &answers[..] else { unreachable!("a step has one answer") };
    let numbers = answer.to_f64_vec();
    [numbers[0], numbers[1]]
}

/// What a recording depends on beside shapes and numbers.
fn name(Trainer { model, optimiser, scaler, recipe, parts, .. }: &Trainer, dropout: Option<Key>) -> String {
    let parameters = model.parameters();
    let frozen = parameters.iter().filter(|(_, parameter)| !parameter.is_trainable()).map(|(path, _)| path.as_str());
    let groups: Vec<_> = parameters.iter().map(|(path, _)| optimiser.options_of(path)).collect();
    format!(
        "a step in {:?}, scaled: {}, by {:?} {groups:?}, clipped: {}, dropout {} of {:?}, in parts: {}, without {:?}",
        recipe.precision,
        scaler.is_some(),
        optimiser.rule(),
        recipe.clip_norm > 0.0,
        model.dropout_probability(),
        dropout.map(|key| key.at(0)),
        *parts > 1,
        frozen.collect::<Vec<_>>()
    )
}

/// A gradient whose shapes do not depend on how many rows are distinct.
fn padded(gradient: Gradient) -> Gradient {
    match gradient {
        Gradient::Rows(rows) => {
            let (index, values) = rows.values.coalesce_padded(&rows.index);
            Gradient::Rows(Rows { index, values, ..*rows }.into())
        }
        dense => dense,
    }
}

/// The sum of two [padded](padded) gradients, padded.
fn sum(a: Gradient, b: Gradient) -> Gradient {
    match (a, b) {
        (Gradient::Rows(a), Gradient::Rows(b)) => {
            let joined = |a: &Tensor, b: &Tensor| Tensor::concat(&[a, b], 0);
            let (index, values) = (joined(&a.index, &b.index), joined(&a.values, &b.values));
            padded(Gradient::Rows(Rows { index, values, ..*a }.into()))
        }
        (a, b) => a.sum(b),
    }
}

/// A whole step.
struct Step<'a> {
    trainer: &'a mut Trainer,
    dropout: Option<Key>,
}

impl Work for Step<'_> {
    fn parameters(&self) -> Vec<&Tensor> {
        let Trainer { model, optimiser, .. } = &*self.trainer;
        let parameters = model.parameters().into_iter().map(|(_, parameter)| parameter.tensor());
        parameters.chain(optimiser.states()).collect()
    }

    fn changed(&mut self) -> Vec<&mut Tensor> {
        let Trainer { model, optimiser, .. } = &mut *self.trainer;
        let parameters = model.parameters_mut().into_iter().map(|(_, parameter)| parameter);
        let trained = parameters.filter(|parameter| parameter.is_trainable()).map(Parameter::tensor_mut);
        trained.chain(optimiser.states_mut()).collect()
    }

    fn run(&mut self, inputs: &[Tensor]) -> Vec<Tensor> {
        let Trainer { model, optimiser, scaler, recipe, parts, .. } = &mut *self.trainer;
        let (numbers, batches) = inputs.split_last().expect("a step has numbers");
        let number = |place: usize| numbers.index(0, place);
        let objective = |loss: &Var| match scaler {
            None => loss.clone(),
            Some(_) => FACTORS.iter().fold(loss.clone(), |loss, &factor| {
                let factor = Var::constant(number(factor).cast(loss.dtype()));
                loss * factor
            }),
        };
        let (mut total, mut gradients): (Option<Tensor>, Gradients) = Default::default();
        for (place, batch) in batches.chunks(5).enumerate() {
            let batch: [Tensor; 5] = batch.to_vec().try_into().expect("a batch of five tensors");
            let dropout = self.dropout.map(|key| if *parts > 1 { part_key(key, place) } else { key });
            let loss = recipe.loss(model, &DeviceBatch::of(batch), dropout);
            let raw = Backward { raw_rows: true, ..Backward::default() };
            let mut of_part = objective(&loss).backward_with(raw);
            let loss = loss.into_tensor().cast(DType::F64);
            total = Some(total.map_or(loss.clone(), |total| total + loss));
            for (_, parameter) in model.parameters() {
                let Some(gradient) = of_part.take(parameter.var()).map(padded) else { continue };
                let gradient = match gradients.take(parameter.var()) {
                    Some(before) => sum(before, gradient),
                    None => gradient,
                };
                gradients.insert(parameter.var(), gradient);
            }
        }
        let loss = total.expect("a step has a batch");
        let squares = model.gradient_squares(&gradients).into_iter().map(|square| square.cast(DType::F64));
        let norm = squares.reduce(|sum, square| sum + square).expect("something is learnt").sqrt() / number(LEFT);
        let one = norm.ones_like();
        let factor = match recipe.clip_norm > 0.0 {
            true => norm.gt(&number(LIMIT)).select(&(number(LIMIT) / &norm), &one),
            false => one,
        };
        // 0, or NaN where a number is not finite. A scaled loss may be infinite where its gradients are not.
        let off = |x: &Tensor| x.affine(0.0, 0.0);
        let off = if scaler.is_some() { off(&norm) } else { off(&norm) + off(&loss) };
        let scale = (factor / number(LEFT) + off).reshape([1]);
        let hyper = [&numbers.narrow(0, RATE, 1), &scale, &numbers.narrow(0, CORRECTIONS, 2)];
        optimiser.step_by(model, &mut gradients, &Tensor::concat(&hyper, 0));
        vec![Tensor::stack(&[&loss, &norm], 0)]
    }
}
