//! The paper's model: an LSTM reads the source, its last state starts another that writes the target.

use unrolled_autograd::{Gradient, Gradients, Var, no_grad};
use unrolled_nn::loss::row_weights;
use unrolled_nn::{Dropout, Embedding, Linear, Lstm, LstmState, Module, module};
use unrolled_tensor::fused::{CrossEntropyArgs, LinearTopK, LinearTopKArgs};
use unrolled_tensor::random::Key;
use unrolled_tensor::{DType, Device, Rounding, Tensor};

use crate::batch::{Batch, Sources};
use crate::schedule::even_slices;
use crate::split_projection::SplitProjection;
use crate::vocabulary::{EOS, PAD};

/// What the paths of the projection's parameters begin with.
pub(crate) const PROJECTION: &str = "projection.";

/// The sizes of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Sizes {
    /// Source words known, special symbols included.
    pub source_words: usize,
    /// Target words known, special symbols included.
    pub target_words: usize,
    /// Numbers in each word's embedding.
    pub embedding: usize,
    /// Cells in each LSTM layer.
    pub hidden: usize,
    /// LSTM layers in the encoder, and as many in the decoder.
    pub layers: usize,
    /// Slices in which the output vocabulary is computed.
    pub softmax_slices: usize,
}

/// The encoder: only its last state is used, `2 · layers · H` numbers for a sentence.
#[derive(Clone, Debug)]
pub struct Encoder {
    /// The layers.
    pub lstm: Lstm,
}
module!(Encoder { lstm });

/// The decoder.
#[derive(Clone, Debug)]
pub struct Decoder {
    /// The layers.
    pub lstm: Lstm,
}
module!(Decoder { lstm });

/// The encoder–decoder. `Ts`, `Tt` steps of source and target, `B` sentences, `E` embedding, `H` hidden, `V` target words.
///
/// ```
/// use unrolled_nn::Module;
/// use unrolled_seq2seq::model::{Model, Sizes};
/// use unrolled_tensor::{random::Key, Device};
///
/// let sizes = Sizes { source_words: 20, target_words: 30, embedding: 4, hidden: 5, layers: 2, softmax_slices: 1 };
/// let model = Model::new(&sizes, 0.0, 0.08.into(), Key::new(1), &Device::cpu());
/// assert_eq!(model.parameter_count(), sizes.parameters());
/// assert_eq!(model.parameters()[1].0, "encoder.lstm.0.weight_ih");
/// ```
#[derive(Clone, Debug)]
pub struct Model {
    /// `[source words, E]`
    pub source_embedding: Embedding,
    /// Reads the source.
    pub encoder: Encoder,
    /// `[V, E]`
    pub target_embedding: Embedding,
    /// Writes the target.
    pub decoder: Decoder,
    /// From the decoder's h to the logits of all words.
    pub projection: Linear,
    dropout: Dropout,
    softmax_slices: usize,
    /// Copies of the projection's slices on several devices, where the vocabulary is shared for translating.
    shared: Option<SplitProjection>,
}
module!(Model { source_embedding, encoder, target_embedding, decoder, projection; skip dropout, softmax_slices, shared });

/// Where the parameters start: uniform in [−x, x).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InitialRange {
    /// x for all parameters but the embeddings.
    pub parameters: f64,
    /// x for the embeddings.
    pub embeddings: f64,
}

impl From<f64> for InitialRange {
    /// One range for all.
    fn from(x: f64) -> InitialRange {
        InitialRange { parameters: x, embeddings: x }
    }
}

impl Sizes {
    /// [`parameters`](Sizes::parameters) of sizes that may be beyond all bounds.
    pub(crate) fn parameters_as_f64(&self) -> f64 {
        let Sizes { source_words, target_words, embedding, hidden, layers, .. } = *self;
        let [source, target, embedding, hidden] = [source_words, target_words, embedding, hidden].map(|n| n as f64);
        let stack = 4.0 * hidden * (embedding + hidden + 1.0 + (layers as f64 - 1.0) * (2.0 * hidden + 1.0));
        (source + target) * embedding + 2.0 * stack + target * (hidden + 1.0)
    }

    /// How many numbers such a model learns: one bias vector for each LSTM layer, one for the softmax.
    pub fn parameters(&self) -> usize {
        let layer = |inputs: usize| 4 * self.hidden * (inputs + self.hidden + 1);
        let stack = layer(self.embedding) + (self.layers - 1) * layer(self.hidden);
        (self.source_words + self.target_words) * self.embedding + 2 * stack + self.target_words * (self.hidden + 1)
    }
}

/// A batch on a device.
#[derive(Clone, Debug)]
pub struct DeviceBatch {
    /// u32 `[Ts, B]`
    pub source: Tensor,
    /// u32 `[B]`, with `<EOS>`
    pub source_lengths: Tensor,
    /// u32 `[Tt, B]`
    pub target_input: Tensor,
    /// u32 `[B]`, with `<EOS>`
    pub target_lengths: Tensor,
    /// u32 `[Tt · B]`
    pub target_output: Tensor,
    /// f32 `[Tt · B]`, 0 at padding; the loss casts it to the dtype of its parameters
    pub row_weights: Tensor,
}

impl DeviceBatch {
    /// Moves a batch to a device.
    pub fn new(batch: &Batch, device: &Device) -> DeviceBatch {
        DeviceBatch::of(DeviceBatch::uploaded(batch, device))
    }

    /// What of a batch is the host's: all fields but the last, in their order.
    pub(crate) fn uploaded(batch: &Batch, device: &Device) -> [Tensor; 5] {
        let (b, steps) = (batch.sentences(), batch.target_steps);
        let (source, source_lengths) = source_tensors(&batch.source, device);
        let target_input = Tensor::from_slice(&batch.target_input, [steps, b], device);
        let target_lengths = Tensor::from_slice(&batch.target_lengths, [b], device);
        let target_output = Tensor::from_slice(&batch.target_output, [steps * b], device);
        [source, source_lengths, target_input, target_lengths, target_output]
    }

    /// The batch that was [uploaded](DeviceBatch::uploaded).
    pub(crate) fn of(uploaded: [Tensor; 5]) -> DeviceBatch {
        let [source, source_lengths, target_input, target_lengths, target_output] = uploaded;
        let row_weights = row_weights(&target_output, Some(PAD), DType::F32);
        DeviceBatch { source, source_lengths, target_input, target_lengths, target_output, row_weights }
    }
}

fn source_tensors(sources: &Sources, device: &Device) -> (Tensor, Tensor) {
    let b = sources.sentences();
    (Tensor::from_slice(&sources.ids, [sources.steps, b], device), Tensor::from_slice(&sources.lengths, [b], device))
}

impl Model {
    /// A model whose parameters start uniform in the given ranges, each from a stream of its own.
    pub fn new(sizes: &Sizes, dropout: f64, start: InitialRange, key: Key, device: &Device) -> Model {
        let Sizes { source_words, target_words, embedding, hidden, layers, softmax_slices } = *sizes;
        let stack = |name| Lstm::new(embedding, hidden, layers, dropout, start.parameters, key.purpose(name), device);
        let words = |words, name| Embedding::new(words, embedding, start.embeddings, key.purpose(name), device);
        Model {
            source_embedding: words(source_words, "source_embedding"),
            encoder: Encoder { lstm: stack("encoder") },
            target_embedding: words(target_words, "target_embedding"),
            decoder: Decoder { lstm: stack("decoder") },
            projection: Linear::new(hidden, target_words, start.parameters, key.purpose("projection"), device),
            dropout: Dropout::new(dropout),
            softmax_slices,
            shared: None,
        }
    }

    /// Shares the output vocabulary over devices for beam search: their slices are those of the model, dealt out evenly, or one for each device where
    /// there are fewer. The devices take copies, so it is to be asked for anew when the parameters have changed.
    ///
    /// ```
    /// use unrolled_seq2seq::model::{Model, Sizes};
    /// use unrolled_tensor::{random::Key, Device, DType, Tensor};
    ///
    /// let sizes = Sizes { source_words: 9, target_words: 11, embedding: 4, hidden: 5, layers: 1, softmax_slices: 2 };
    /// let mut model = Model::new(&sizes, 0.0, 0.5.into(), Key::new(1), &Device::cpu());
    /// let hidden = Tensor::ones([2, 5], DType::F32, &Device::cpu());
    /// let words = model.best_words(&hidden, 3).words.to_vec::<u32>();
    /// model.share_vocabulary(&Device::cpus(3));
    /// assert_eq!(model.best_words(&hidden, 3).words.to_vec::<u32>(), words);
    /// ```
    ///
    /// # Panics
    /// Where there is no device; and with a [`DeviceError`](unrolled_tensor::DeviceError) where one has no room.
    #[track_caller]
    pub fn share_vocabulary(&mut self, devices: &[Device]) {
        let words = self.projection.weight.tensor().dim(0);
        let slices = self.softmax_slices.max(devices.len()).min(words);
        let cut = even_slices(words, slices).into_iter().enumerate();
        let slices: Vec<_> = cut.map(|(i, words)| (words, devices[i * devices.len() / slices].clone())).collect();
        self.split_vocabulary(&slices);
    }

    /// [`share_vocabulary`](Model::share_vocabulary) in slices of so many words, each on its device.
    ///
    /// # Panics
    /// As [`SplitProjection::new`].
    #[track_caller]
    pub fn split_vocabulary(&mut self, slices: &[(usize, Device)]) {
        self.shared = Some(SplitProjection::new(&self.projection, slices));
    }

    /// The probability with which activations are dropped while learning.
    pub fn dropout_probability(&self) -> f64 {
        self.dropout.probability()
    }

    /// Slices in which the output vocabulary is computed.
    pub(crate) fn softmax_slices(&self) -> usize {
        self.softmax_slices
    }

    /// Where the parameters are.
    pub fn device(&self) -> &Device {
        self.projection.weight.tensor().device()
    }

    /// Prepares the weights of encoder, decoder and projection for many translations; see [`Tensor::keep_packed`]. Until they change they take
    /// twice their memory; the embeddings do not.
    ///
    /// # Panics
    /// With a [`DeviceError`](unrolled_tensor::DeviceError) where the device has no room.
    pub fn keep_packed(&self) {
        for (weight, blocks) in self.lstm_weights() {
            weight.keep_packed(blocks);
        }
        match &self.shared {
            Some(shared) => shared.keep_packed(),
            None => self.projection.weight.tensor().keep_packed(1),
        }
    }

    /// From now on translates with the weights of encoder, decoder and projection rounded; see [`Tensor::keep_rounded`]. The embeddings, and learning,
    /// stay as they are. Says false, and rounds nothing more, where the device cannot.
    ///
    /// ```
    /// use unrolled_seq2seq::model::{Model, Sizes};
    /// use unrolled_tensor::{Device, Rounding, random::Key};
    ///
    /// let sizes = Sizes { source_words: 9, target_words: 9, embedding: 4, hidden: 5, layers: 1, softmax_slices: 1 };
    /// let model = Model::new(&sizes, 0.0, 0.5.into(), Key::new(1), &Device::cpu());
    /// assert!(model.keep_rounded(Rounding::Int8));
    /// ```
    ///
    /// # Panics
    /// With a [`DeviceError`](unrolled_tensor::DeviceError) where the device has no room.
    pub fn keep_rounded(&self, to: Rounding) -> bool {
        let shared = self.shared.as_ref().is_none_or(|shared| shared.keep_rounded(to));
        let projection = [(self.projection.weight.tensor(), 1)];
        shared && self.lstm_weights().chain(projection).all(|(weight, blocks)| weight.keep_rounded(blocks, to))
    }

    /// The weights of encoder and decoder, and in how many blocks of rows they are used.
    fn lstm_weights(&self) -> impl Iterator<Item = (&Tensor, usize)> {
        let layers = self.encoder.lstm.layers.iter().chain(&self.decoder.lstm.layers);
        layers.flat_map(|layer| [(layer.weight_ih.tensor(), 1), (layer.weight_hh.tensor(), 4)])
    }

    fn initial_state(&self, sentences: usize) -> LstmState {
        let weight = self.encoder.lstm.layers[0].weight_hh.tensor();
        LstmState::zeros(self.encoder.lstm.layers.len(), sentences, weight.dim(1), weight.dtype(), weight.device())
    }

    /// The state after each sentence's own last step: `source` u32 `[Ts, B]`, `lengths` u32 `[B]`.
    pub fn encode(&self, source: &Tensor, lengths: &Tensor, dropout: Option<Key>) -> LstmState {
        let words = self.source_embedding.forward(source);
        let words = self.dropout.forward(&words, dropout.map(|key| key.purpose("source")));
        let start = self.initial_state(words.dim(1));
        self.encoder.lstm.forward(&words, &start, Some(lengths), dropout.map(|key| key.purpose("encoder"))).1
    }

    /// [`encode`](Model::encode) for sentences to be translated: nothing is recorded.
    pub fn encode_sources(&self, sources: &Sources) -> LstmState {
        let (ids, lengths) = source_tensors(sources, self.device());
        no_grad(|| self.encode(&ids, &lengths, None))
    }

    /// h of the decoder's last layer after each word of `input` (u32 `[Tt, B]`), `[Tt, B, H]`, and its state after the last. From `lengths` (u32
    /// `[B]`) on a row keeps its state, which costs nothing.
    pub fn decode(
        &self,
        input: &Tensor,
        lengths: Option<&Tensor>,
        state: &LstmState,
        dropout: Option<Key>,
    ) -> (Var, LstmState) {
        let words = self.target_embedding.forward(input);
        let words = self.dropout.forward(&words, dropout.map(|key| key.purpose("target")));
        let (hidden, state) =
            self.decoder.lstm.forward(&words, state, lengths, dropout.map(|key| key.purpose("decoder")));
        (self.dropout.forward(&hidden, dropout.map(|key| key.purpose("projection"))), state)
    }

    /// One step of translating, without the softmax: h of the decoder's last layer after the words `last` (u32 `[n]`), `[n, H]`, and the state.
    pub fn step(&self, last: &Tensor, state: &LstmState) -> (Tensor, LstmState) {
        no_grad(|| {
            let (hidden, state) = self.decode(&last.unsqueeze(0), None, state, None);
            (hidden.tensor().squeeze(0), state)
        })
    }

    /// The log-probabilities of all words `[n, V]` where the decoder's last layer has h = `hidden` `[n, H]`.
    pub fn all_words(&self, hidden: &Tensor) -> Tensor {
        no_grad(|| self.projection.forward(&Var::constant(hidden.clone())).tensor().log_softmax(-1))
    }

    /// Of [`all_words`](Model::all_words) the `k` most probable, or all where there are fewer, and `<EOS>` as the watched word.
    pub fn best_words(&self, hidden: &Tensor, k: usize) -> LinearTopK {
        if let Some(shared) = &self.shared {
            return shared.best_words(hidden, k, EOS as usize);
        }
        let (weight, bias) = (self.projection.weight.tensor(), self.projection.bias.tensor());
        let k = k.min(weight.dim(0));
        Tensor::linear_top_k(&LinearTopKArgs { hidden, weight, bias, k, watched: EOS as usize })
    }

    /// One step of translating: the log-probabilities of the next word `[n, V]` after the words `last` (u32 `[n]`), and the state.
    pub fn next_word(&self, last: &Tensor, state: &LstmState) -> (Tensor, LstmState) {
        let (hidden, state) = self.step(last, state);
        (self.all_words(&hidden), state)
    }

    /// As [`next_word`](Model::next_word), but only the `k` most probable next words, or all where there are fewer, and the log-probability of
    /// `<EOS>` as the watched word.
    pub fn best_next_words(&self, last: &Tensor, state: &LstmState, k: usize) -> (LinearTopK, LstmState) {
        let (hidden, state) = self.step(last, state);
        (self.best_words(&hidden, k), state)
    }

    /// ‖g‖₂ over the gradients of all parameters, as [`global_norm`](unrolled_nn::global_norm); but each softmax slice has a sum of squares of its own,
    /// as on devices that have a slice each.
    pub fn gradient_norm(&self, gradients: &Gradients) -> f64 {
        // All are asked for before the first is read: a device is waited for once.
        let squares = self.gradient_squares(gradients);
        squares.iter().map(|square| square.to_f64_vec()[0]).fold(0.0, |sum, square| sum + square).sqrt()
    }

    /// What the squared norm is the sum of, in this order; of no axis each.
    pub(crate) fn gradient_squares(&self, gradients: &Gradients) -> Vec<Tensor> {
        let mut squares: Vec<Tensor> = Vec::new();
        for (path, parameter) in self.parameters() {
            match gradients.gradient(parameter.var()) {
                None => {}
                Some(Gradient::Rows(rows)) => squares.push(rows.values.sum_squares(.., false)),
                Some(Gradient::Dense(gradient)) if path.starts_with(PROJECTION) => {
                    let words = even_slices(gradient.dim(0), self.softmax_slices);
                    let ends = words.iter().scan(0, |end, words| {
                        *end += words;
                        Some(*end)
                    });
                    let slices = ends.zip(&words).map(|(end, &words)| gradient.tensor().narrow(0, end - words, words));
                    squares.extend(slices.map(|slice| slice.sum_squares(.., false)));
                }
                Some(Gradient::Dense(gradient)) => squares.push(gradient.tensor().sum_squares(.., false)),
            }
        }
        squares
    }

    fn hidden_rows(&self, batch: &DeviceBatch, dropout: Option<Key>) -> Var {
        let state = self.encode(&batch.source, &batch.source_lengths, dropout);
        let (hidden, _) = self.decode(&batch.target_input, Some(&batch.target_lengths), &state, dropout);
        let width = hidden.dim(2);
        hidden.reshape([batch.target_output.elements(), width])
    }

    /// The summed negative log-probability of all target words and their `<EOS>`, in nats; padding does not count.
    pub fn loss(&self, batch: &DeviceBatch, dropout: Option<Key>) -> Var {
        let hidden = self.hidden_rows(batch, dropout);
        hidden.linear_cross_entropy_split(
            self.projection.weight.var(),
            self.projection.bias.var(),
            &batch.target_output,
            &batch.row_weights.cast(hidden.dtype()),
            self.softmax_slices,
        )
    }

    /// The log-probability of each sentence's target, `<EOS>` included, whatever the other sentences of the batch are.
    pub fn log_probabilities(&self, batch: &DeviceBatch) -> Vec<f64> {
        let b = batch.target_input.dim(1);
        let mut sums = vec![0.0; b];
        for (i, word) in self.word_log_probabilities(batch).into_iter().enumerate() {
            sums[i % b] += word;
        }
        sums
    }

    /// The log-probability of each target word and `<EOS>` after those before it, `[Tt · B]`; 0 at padding.
    pub fn word_log_probabilities(&self, batch: &DeviceBatch) -> Vec<f64> {
        let hidden = no_grad(|| self.hidden_rows(batch, None));
        self.given_words(hidden.tensor(), &batch.target_output, &batch.row_weights)
    }

    /// The log-probabilities of the words `targets` (u32 `[R]`), one in each row of `hidden` `[R, H]`; 0 where the row's weight (`[R]`) is.
    pub fn given_words(&self, hidden: &Tensor, targets: &Tensor, row_weights: &Tensor) -> Vec<f64> {
        let args = CrossEntropyArgs {
            hidden,
            weight: self.projection.weight.tensor(),
            bias: self.projection.bias.tensor(),
            targets,
            row_weights: &row_weights.cast(hidden.dtype()),
            offset: 0,
        };
        let losses = Tensor::linear_cross_entropy(&args, false).losses;
        losses.to_f64_vec().into_iter().map(|loss| 0.0 - loss).collect()
    }
}
