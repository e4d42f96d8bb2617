//! The table of keys: the one place where a key, its meaning, its default and its range are written down.

use std::path::PathBuf;

use super::choices::{BestMetric, BleuStyle, MatmulPrecision, Normalise, Optimiser, Precision, Schedule};
use super::setting::Setting;
use super::table::Rule::{Above, Any, AtLeast, FromTo};
use super::table::{Key, Section, kebab, table};
use crate::tokenise::Tokeniser;

// A row: documentation (its first line is the summary in --help), field: type = default, allowed range, and whether a resumed run
// must keep the value (`fixed`) or may change it (`free`). Field `hidden_size` is key `hidden-size` and flag `--hidden-size`.
table! {
    Data {
        /// Training text of the source language: one file, or several read one after the other.
        /// One sentence a line, UTF-8; `.gz` and `.sgm` are understood.
        source: Vec<PathBuf> = Vec::new(), Any, free;
        /// Training text of the target language, line for line the translation of `source`.
        target: Vec<PathBuf> = Vec::new(), Any, free;
        /// Training pairs in one file, source and target separated by a tab; instead of `source` and `target`.
        tsv: Vec<PathBuf> = Vec::new(), Any, free;
        /// A folder made by `unrolled prepare`, with vocabularies and numbered pairs; instead of training text.
        prepared: Option<PathBuf> = None, Any, free;
        /// Validation text of the source language.
        valid_source: Vec<PathBuf> = Vec::new(), Any, free;
        /// Validation text of the target language.
        valid_target: Vec<PathBuf> = Vec::new(), Any, free;
        /// Validation pairs in one file, separated by a tab; instead of `valid-source` and `valid-target`.
        valid_tsv: Vec<PathBuf> = Vec::new(), Any, free;
        /// How a line becomes words.
        /// "moses" splits off punctuation and clitics, "whitespace" takes text that is tokenised already, "words" is the plainest: runs
        /// of letters and digits, and every other character alone.
        tokeniser: Tokeniser = Tokeniser::Moses, Any, fixed;
        /// The source's language code; the Moses tokeniser's rules depend on it.
        source_language: String = "en".into(), Any, fixed;
        /// The target's language code.
        target_language: String = "fr".into(), Any, fixed;
        /// A source vocabulary made by `unrolled vocab`; when not given, words of the training text are counted.
        source_vocabulary: Option<PathBuf> = None, Any, fixed;
        /// A target vocabulary made by `unrolled vocab`; when not given, words of the training text are counted.
        target_vocabulary: Option<PathBuf> = None, Any, fixed;
        /// Source words known to the model, the special symbols among them: the most frequent stay, the rest become UNK.
        source_vocabulary_size: usize = 160_000, AtLeast(4.0), fixed;
        /// Target words known to the model, the special symbols among them.
        target_vocabulary_size: usize = 80_000, AtLeast(4.0), fixed;
        /// Training pairs with a longer source are left out; counted in words, `<EOS>` aside. 0: no limit.
        max_source_length: usize = 100, Any, free;
        /// Training pairs with a longer target are left out; counted in words, `<EOS>` aside. 0: no limit.
        max_target_length: usize = 100, Any, free;
        /// Feed the source sentence backwards, the paper's trick (C B A for A B C).
        reverse_source: bool = true, Any, fixed;
    }
    Model {
        /// LSTM layers in the encoder, and as many in the decoder.
        layers: usize = 4, AtLeast(1.0), fixed;
        /// Cells in each LSTM layer.
        hidden_size: usize = 1000, AtLeast(1.0), fixed;
        /// Numbers in each word's embedding.
        embedding_size: usize = 1000, AtLeast(1.0), fixed;
        /// Probability of zeroing an activation between layers while training; the paper used none.
        dropout: f64 = 0.0, FromTo(0.0, 1.0), free;
        /// Every parameter starts uniform in [-x, x].
        initial_range: f64 = 0.08, Above(0.0), free;
        /// Every embedding starts uniform in [-x, x]. 0: like all other parameters.
        /// Adam learns sooner from embeddings of order 1, whose words differ from the first update on.
        initial_embedding_range: f64 = 0.0, AtLeast(0.0), free;
        /// Slices in which the output vocabulary is computed; as many devices can share it.
        softmax_slices: usize = 1, AtLeast(1.0), fixed;
        /// Number format that training computes in; parameters, their updates and the loss are f32 all the same.
        /// "f16" scales the loss, skips a step whose gradient overflows, and lowers or raises the scale accordingly. Validation and translation
        /// compute in f32.
        precision: Precision = Precision::F32, Any, free;
        /// What products of f32 matrices run in while training, validating and translating for BLEU included.
        /// "bf16" rounds their operands to bf16 and adds in f32, which processors with fast products of bf16 (AMX, or AMD from Zen 4 on) do several times
        /// faster; on others it gives the same numbers and saves no time. "tf32" is of CUDA devices' tensor cores, and refused by others. All else
        /// stays f32.
        matmul_precision: MatmulPrecision = MatmulPrecision::F32, Any, free;
    }
    Training {
        /// How a gradient becomes a step.
        optimiser: Optimiser = Optimiser::Sgd, Any, fixed;
        /// The learning rate, before the schedule.
        learning_rate: f64 = 0.7, Above(0.0), free;
        /// Momentum of optimiser "momentum".
        momentum: f64 = 0.9, FromTo(0.0, 1.0), free;
        /// Decay of the mean gradient, for "adam" and "adamw".
        adam_beta1: f64 = 0.9, FromTo(0.0, 1.0), free;
        /// Decay of the mean squared gradient, for "adam" and "adamw".
        adam_beta2: f64 = 0.999, FromTo(0.0, 1.0), free;
        /// Added to the denominator, for "adam" and "adamw".
        adam_epsilon: f64 = 1e-8, Above(0.0), free;
        /// Decoupled weight decay of "adamw".
        weight_decay: f64 = 0.0, AtLeast(0.0), free;
        /// Sentence pairs in a batch.
        batch_size: usize = 128, AtLeast(1.0), free;
        /// Instead: the most target words in a batch, `<EOS>` and padding included, whatever the number of pairs. 0: `batch-size` counts.
        /// Batches then take about the same memory, and short sentences come in larger ones; "words" for `normalise` goes well with it.
        batch_words: usize = 0, Any, free;
        /// In how many parts a batch's gradient is computed, one after another, and added up: as much less memory for activations.
        /// Results differ from those of the whole by rounding alone, unless there is dropout.
        accumulate: usize = 1, AtLeast(1.0), free;
        /// Source and target of a batch are padded to a multiple of so many steps, where one CUDA device trains.
        /// It replays a training step of a shape that it has seen: 8 makes few shapes of many, for some steps of padding. 1 pads no more
        /// than is needed.
        pad_steps: usize = 8, AtLeast(1.0), free;
        /// What the summed gradient of a batch is divided by; the paper took sentences.
        normalise: Normalise = Normalise::Sentences, Any, free;
        /// Largest global norm of the gradient; a larger one is scaled down to it. 0: no clipping.
        clip_norm: f64 = 5.0, AtLeast(0.0), free;
        /// How the learning rate moves.
        schedule: Schedule = Schedule::Paper, Any, free;
        /// Schedule "paper": the epoch, counted from 0, at which the learning rate is first halved.
        halve_after_epochs: f64 = 5.0, AtLeast(0.0), free;
        /// Schedule "paper": epochs from one halving to the next.
        halve_every_epochs: f64 = 0.5, Above(0.0), free;
        /// Updates over which the learning rate first rises from 0, linearly; "inverse-sqrt" needs some.
        warmup_updates: usize = 0, Any, free;
        /// Schedule "cosine": the learning rate of the last update.
        minimum_learning_rate: f64 = 0.0, AtLeast(0.0), free;
        /// Stop after so many passes over the training pairs. 0: no limit.
        epochs: f64 = 7.5, AtLeast(0.0), free;
        /// Stop after so many updates. 0: no limit.
        updates: usize = 0, Any, free;
        /// Save and stop after so many minutes of this process. 0: no limit.
        minutes: f64 = 0.0, AtLeast(0.0), free;
        /// Stop after so many validations in a row that are not better by `best-metric`. 0: never.
        patience: usize = 0, Any, free;
        /// A run or checkpoint whose parameters the new run starts from, with its vocabularies; sizes must be equal. Optimiser and progress start anew.
        start_from: Option<PathBuf> = None, Any, free;
    }
    Validation {
        /// Updates from one validation to the next. 0: at the end of each epoch.
        validate_every: usize = 0, Any, free;
        /// Validation sentences to translate for BLEU, from the first on. 0: no BLEU.
        valid_bleu_sentences: usize = 500, Any, free;
        /// Which BLEU: "multi-bleu" on the model's words, "sacrebleu" on plain text.
        valid_bleu_style: BleuStyle = BleuStyle::MultiBleu, Any, free;
        /// Also measure chrF of these translations (chrF2, as sacreBLEU).
        valid_chrf: bool = false, Any, free;
        /// By which measure a validation is the best, for the checkpoint `best` and for `patience`; it is then measured.
        best_metric: BestMetric = BestMetric::Perplexity, Any, free;
        /// Translations to show at each validation.
        valid_samples: usize = 3, Any, free;
        /// Beam of the validation's translations; 1 is greedy, and quick.
        beam_size: usize = 1, AtLeast(1.0), free;
        /// Longest translation, in words. 0: twice the source's words and ten.
        max_output_length: usize = 0, Any, free;
        /// Power of the length that a finished translation's log-probability is divided by. 0: none, as in the paper.
        length_normalisation: f64 = 0.0, AtLeast(0.0), free;
    }
    Run {
        /// The run folder: configuration, vocabularies, checkpoints, log and validation translations.
        output: Option<PathBuf> = None, Any, free;
        /// Updates from one checkpoint to the next; each validation writes one too. 0: only validations.
        checkpoint_every: usize = 1000, Any, free;
        /// Checkpoints to keep besides the best one; two or more survive a corrupt latest.
        keep_checkpoints: usize = 2, AtLeast(1.0), free;
        /// So many of the checkpoints that validated best stay, the best among them.
        keep_best: usize = 1, AtLeast(1.0), free;
        /// Also write the run's curves for TensorBoard, into the folder `tensorboard` of the run folder.
        tensorboard: bool = false, Any, free;
        /// Updates from one line of the log to the next.
        log_every: usize = 100, AtLeast(1.0), free;
        /// Seed of everything random: parameters, batch order, dropout.
        seed: u64 = 1, Any, free;
        /// What to compute on: "cpu", "8xcpu" (eight CPU devices), "cuda:0", "cuda:0-7", or several of these, as in "cuda:0-3+2xcpu".
        device: String = "cpu".into(), Any, free;
        /// Several devices to compute on by `plan`, as in `device`. Not given: `device`.
        devices: String = String::new(), Any, free;
        /// Which device has what: "single", "paper", "deferred", "data-parallel-softmax", "search", or a TOML file as `unrolled schedule --dump-plan` writes it.
        /// Results do not depend on it, "data-parallel-softmax" aside, but on the number of softmax slices, which a plan for several devices raises where nothing else says how
        /// many. Not given: everything on one device.
        plan: String = String::new(), Any, free;
        /// Threads of the CPU. 0: all cores. Results do not depend on it.
        threads: usize = 0, Any, free;
    }
}
