//! The training step on a device that records work and replays it ([`Device::captured`](unrolled_tensor::Device::captured)): from the words' numbers to the
//! changed parameters, thousands of launches on a GPU.
//!
//! What differs from step to step is in tensors: the batch, the learning rate, what the gradient is divided by. So is what the host otherwise decides: the norm
//! is computed on the device, and with it how the step is clipped; a step that must not be taken is called off there. The host learns of both afterwards. How
//! many different words a batch has is not in any shape: the rows of a table's gradient are padded.
//!
//! A batch in parts has a recording for each part's gradient; their sum and the optimiser's step are as on any other device.

use unrolled_autograd::{Backward, Gradient, Gradients, Rows, Var};
use unrolled_nn::{LossScaler, Module, Parameter};
use unrolled_tensor::random::Key;
use unrolled_tensor::{Captured, DType, Reading, Tensor, Work};

use super::{Recipe, Trainer};
use crate::batch::Batch;
use crate::model::{DeviceBatch, Model};

/// The places of a step's numbers: the learning rate, the optimiser's two bias corrections, what the gradient still is to be divided by, the largest norm, and
/// what a loss is multiplied by before its backward pass, one after the other.
const RATE: usize = 0;
const CORRECTIONS: usize = 1;
const LEFT: usize = 3;
const LIMIT: usize = 4;
const FACTORS: [usize; 2] = [5, 6];
const NUMBERS: usize = 7;

/// The summed loss in nats, and the global norm of the gradient divided by `divisor`. The parameters have changed if both are finite (in f16, if the norm is);
/// the optimiser has not counted the step. To the bit what the step is on other devices.
pub(super) fn step(trainer: &mut Trainer, batch: &Batch, divisor: f64, dropout: Option<Key>, rate: f64) -> [f64; 2] {
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
    let uploaded = DeviceBatch::uploaded(batch, &device);
    let inputs: Vec<&Tensor> = uploaded.iter().chain([&numbers]).collect();
    let Trainer { model, recipe, optimiser, .. } = &*trainer;
    let clipped = recipe.clip_norm > 0.0;
    let name = format!("{} by {:?}, clipped: {clipped}", name(model, recipe, dropout), optimiser.rule());
    let what = Captured { name: &name, inputs: &inputs, step: dropout.map_or(0, Key::step) };
    let answers = device.captured(&what, Step { trainer, dropout });
    let [answer] = &answers[..] else { unreachable!("a step has one answer") };
    let numbers = answer.to_f64_vec();
    [numbers[0], numbers[1]]
}

/// The summed loss in nats and its gradients: to the bit those of `model.loss(..).backward()`. Where they are `kept` while other such work is done they are
/// copied, for a replay would overwrite them.
pub(super) fn gradients(
    model: &Model,
    recipe: &Recipe,
    batch: &Batch,
    dropout: Option<Key>,
    kept: bool,
) -> (f64, Gradients) {
    let device = model.device();
    let uploaded = DeviceBatch::uploaded(batch, device);
    let parameters = model.parameters();
    let trained = || parameters.iter().map(|(_, parameter)| *parameter).filter(|parameter| parameter.is_trainable());
    let tensors: Vec<&Tensor> = parameters.iter().map(|(_, parameter)| parameter.tensor()).collect();
    let inputs: Vec<&Tensor> = uploaded.iter().collect();
    let name = format!("gradients of {}", name(model, recipe, dropout));
    let what = Captured { name: &name, inputs: &inputs, step: dropout.map_or(0, Key::step) };
    let run = |inputs: &[Tensor]| {
        let (loss, mut gradients) = backward(model, recipe, inputs, dropout, Clone::clone);
        let mut answers = vec![loss];
        for parameter in trained() {
            match of(&mut gradients, parameter) {
                Gradient::Dense(gradient) => answers.push(gradient.into_tensor()),
                Gradient::Rows(rows) => answers.extend([rows.values, rows.index]),
            }
        }
        answers
    };
    let mut answers = device.captured(&what, Reading { parameters: &tensors, run }).into_iter().peekable();
    let loss = answers.next().expect("the loss comes first").to_f64_vec()[0];
    let mut gradients = Gradients::default();
    for parameter in trained() {
        let values = answers.next().expect("a gradient for each");
        let gradient = match answers.next_if(|next| next.dtype() == DType::U32) {
            Some(index) => {
                let shape = [0, 1].map(|axis| parameter.tensor().dim(axis));
                Gradient::Rows(Rows { index, values, shape }.into()).coalesced()
            }
            None => Gradient::Dense(Var::constant(if kept { values.copy() } else { values })),
        };
        gradients.insert(parameter.var(), gradient);
    }
    (loss, gradients)
}

/// What a recording depends on beside shapes and numbers.
fn name(model: &Model, recipe: &Recipe, dropout: Option<Key>) -> String {
    let parameters = model.parameters();
    let frozen = parameters.iter().filter(|(_, parameter)| !parameter.is_trainable()).map(|(path, _)| path.as_str());
    format!(
        "the loss in {:?}, dropout {} of {:?}, without {:?}",
        recipe.precision,
        model.dropout_probability(),
        dropout.map(|key| key.at(0)),
        frozen.collect::<Vec<_>>()
    )
}

/// The summed loss of an [uploaded](DeviceBatch::uploaded) batch, and the gradients of what `objective` makes of it.
fn backward(
    model: &Model,
    recipe: &Recipe,
    batch: &[Tensor],
    dropout: Option<Key>,
    objective: impl FnOnce(&Var) -> Var,
) -> (Tensor, Gradients) {
    let batch: [Tensor; 5] = batch.to_vec().try_into().expect("a batch of five tensors");
    let loss = recipe.loss(model, &DeviceBatch::of(batch), dropout);
    let gradients = objective(&loss).backward_with(Backward { raw_rows: true, ..Backward::default() });
    (loss.into_tensor(), gradients)
}

fn of(gradients: &mut Gradients, parameter: &Parameter) -> Gradient {
    gradients.take(parameter.var()).expect("every parameter of the model is used")
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
        let Trainer { model, optimiser, scaler, recipe, .. } = &mut *self.trainer;
        let (numbers, batch) = inputs.split_last().expect("a step has numbers");
        let number = |place: usize| numbers.index(0, place);
        let scaled = |loss: &Var| match scaler {
            None => loss.clone(),
            Some(_) => FACTORS.iter().fold(loss.clone(), |loss, &factor| {
                let factor = Var::constant(number(factor).cast(loss.dtype()));
                loss * factor
            }),
        };
        let (loss, mut gradients) = backward(model, recipe, batch, self.dropout, scaled);
        for (_, parameter) in model.parameters().into_iter().filter(|(_, parameter)| parameter.is_trainable()) {
            let gradient = match of(&mut gradients, parameter) {
                Gradient::Rows(rows) => {
                    let (index, values) = rows.values.coalesce_padded(&rows.index);
                    Gradient::Rows(Rows { index, values, ..*rows }.into())
                }
                dense => dense,
            };
            gradients.insert(parameter.var(), gradient);
        }
        let squares = model.gradient_squares(&gradients).into_iter().map(|square| square.cast(DType::F64));
        let norm = squares.reduce(|sum, square| sum + square).expect("something is learnt").sqrt() / number(LEFT);
        let one = norm.ones_like();
        let factor = match recipe.clip_norm > 0.0 {
            true => norm.gt(&number(LIMIT)).select(&(number(LIMIT) / &norm), &one),
            false => one,
        };
        let loss = loss.cast(DType::F64);
        // 0, or NaN where a number is not finite. A scaled loss may be infinite where its gradients are not.
        let off = if scaler.is_some() { &norm - &norm } else { (&norm - &norm) + (&loss - &loss) };
        let scale = (factor / number(LEFT) + off).reshape([1]);
        let hyper = [&numbers.narrow(0, RATE, 1), &scale, &numbers.narrow(0, CORRECTIONS, 2)];
        optimiser.step_by(model, &mut gradients, &Tensor::concat(&hyper, 0));
        vec![Tensor::stack(&[&loss, &norm], 0)]
    }
}
