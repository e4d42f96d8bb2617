//! What a run will take, before it begins: parameters, words, memory and time, from a sample of its corpus and a few steps of its own size.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustc_hash::FxHashSet;
use unrolled_nn::Module;
use unrolled_tensor::Device;
use unrolled_tensor::random::Key;

use crate::batch::{Batch, BatchPlan, Lengths};
use crate::config::Config;
use crate::corpus::{Corpus, Pair};
use crate::model::{Model, Sizes};
use crate::numbered::{Limits, NumberedCorpus};
use crate::prepare::PreparedCorpus;
use crate::run::{Error, initial_range_of, room};
use crate::training::{Recipe, Trainer, optimiser_of};
use crate::vocabulary::{SPECIALS, Vocabulary};
use crate::wording::counted;

/// A corpus's size, from one reading that cuts only a sample into words.
#[derive(Clone, Debug, PartialEq)]
pub struct CorpusSize {
    /// All pairs.
    pub pairs: u64,
    /// Pairs that training keeps: without an empty side, and not too long.
    pub kept: u64,
    /// Source words of those kept.
    pub source_words: u64,
    /// Target words of those kept.
    pub target_words: u64,
    /// Words of each side of the pairs looked at.
    lengths: Vec<(usize, usize)>,
    /// Distinct words of the sample, source and target.
    distinct: [usize; 2],
    /// Whether every pair was looked at.
    whole: bool,
    /// The vocabularies' sizes where they are known: of a prepared corpus, or from their files.
    vocabularies: [Option<usize>; 2],
    /// Whether words are read when they are wanted.
    prepared: bool,
}

/// Pairs that are cut into words, at most twice as many.
const SAMPLE: usize = 10_000;

impl CorpusSize {
    /// Reads the training corpus of a configuration. Every n-th pair is looked at, n so that there are 10,000 to 20,000 of them.
    ///
    /// # Errors
    /// Whatever is wrong with its files, or those of its vocabularies; and where it has no pair that training would keep; and, before anything is read, where
    /// no text would leave the model room in the machine's memory.
    pub fn read(config: &Config) -> Result<CorpusSize, Error> {
        if config.device.starts_with("cpu") {
            room::check_unread(config)?;
        }
        if let Some(folder) = &config.prepared {
            return Self::of_prepared(config, folder);
        }
        let size = |path: &Option<PathBuf>| path.as_ref().map(Vocabulary::load).transpose();
        let vocabularies = [size(&config.source_vocabulary)?, size(&config.target_vocabulary)?];
        let corpus = crate::run::training_corpus(config);
        let (pairs, sample) = sample(&corpus)?;
        let cut = |text: &str, language: &str| -> Vec<String> {
            config.tokeniser.tokenise(text, language.into()).into_iter().map(str::to_owned).collect()
        };
        let within = |words: usize, limit: usize| words > 0 && (limit == 0 || words <= limit);
        let mut words: [FxHashSet<String>; 2] = Default::default();
        let mut lengths = Vec::new();
        for pair in &sample {
            let source = cut(&pair.source, &config.source_language);
            let target = cut(&pair.target, &config.target_language);
            if within(source.len(), config.max_source_length) && within(target.len(), config.max_target_length) {
                lengths.push((source.len(), target.len()));
                words[0].extend(source);
                words[1].extend(target);
            }
        }
        if lengths.is_empty() {
            let skipped = format!("none of {} looked at would be kept", counted(sample.len(), "pair"));
            return Err(Error::NoPairs { purpose: "training", corpus: corpus.to_string(), skipped });
        }
        let share = |count: usize| (count as u128 * pairs as u128 / sample.len() as u128) as u64;
        Ok(CorpusSize {
            pairs,
            kept: share(lengths.len()),
            source_words: share(lengths.iter().map(|lengths| lengths.0).sum()),
            target_words: share(lengths.iter().map(|lengths| lengths.1).sum()),
            lengths,
            distinct: [words[0].len(), words[1].len()],
            whole: sample.len() as u64 == pairs,
            vocabularies: vocabularies.map(|vocabulary| vocabulary.map(|words| words.len())),
            prepared: false,
        })
    }

    /// A prepared corpus knows its lengths and vocabularies.
    fn of_prepared(config: &Config, folder: &Path) -> Result<CorpusSize, Error> {
        let mut corpus = PreparedCorpus::open(folder)?;
        let pairs = corpus.len() as u64;
        let limit = |n: usize| if n == 0 { usize::MAX } else { n };
        let limits = Limits { source: limit(config.max_source_length), target: limit(config.max_target_length) };
        let skipped = corpus.limit(limits);
        let sample: Vec<(usize, usize)> =
            (0..corpus.len()).step_by((corpus.len() / SAMPLE).max(1)).map(|pair| corpus.lengths(pair)).collect();
        if sample.is_empty() {
            let corpus = folder.display().to_string();
            return Err(Error::NoPairs { purpose: "training", corpus, skipped: skipped.to_string() });
        }
        let share = |words: usize| (words as u128 * corpus.len() as u128 / sample.len() as u128) as u64;
        let vocabularies = [corpus.source_vocabulary().len(), corpus.target_vocabulary().len()];
        Ok(CorpusSize {
            pairs,
            kept: corpus.len() as u64,
            source_words: share(sample.iter().map(|lengths| lengths.0).sum()),
            target_words: share(sample.iter().map(|lengths| lengths.1).sum()),
            distinct: vocabularies.map(|words| words - SPECIALS.len()),
            whole: sample.len() == corpus.len(),
            lengths: sample,
            vocabularies: vocabularies.map(Some),
            prepared: true,
        })
    }

    /// The vocabularies' sizes: those of their files or of a prepared corpus, else what the configuration asks for, or what there is where all of a small
    /// corpus was seen.
    pub fn vocabularies(&self, config: &Config) -> [usize; 2] {
        let asked = [config.source_vocabulary_size, config.target_vocabulary_size];
        [0, 1].map(|side| match self.vocabularies[side] {
            Some(known) => known,
            None if self.whole => asked[side].min(self.distinct[side] + SPECIALS.len()),
            None => asked[side],
        })
    }

    /// Bytes that training keeps the corpus in.
    pub fn bytes(&self) -> u64 {
        // Of a prepared corpus words are read when they are wanted.
        if self.prepared { 12 * self.kept } else { 4 * (self.source_words + self.target_words) + 16 * self.kept }
    }

    /// Pairs like those looked at, of random words: words of which two batches share about as many as of any do not change what a step takes.
    fn pairs(&self, sizes: &Sizes, key: Key) -> NumberedCorpus {
        let side = |words: usize, length: usize, key: Key| -> Vec<u32> {
            let special = SPECIALS.len() as u64;
            let most = (words as u64 - special).max(1);
            (0..length as u64).map(|i| (special + key.below(i, most)) as u32).collect()
        };
        let mut corpus = NumberedCorpus::new();
        for (place, &(source, target)) in self.lengths.iter().enumerate() {
            let key = key.at(place as u64);
            let source = side(sizes.source_words, source, key.purpose("source"));
            corpus.push(&source, &side(sizes.target_words, target, key.purpose("target")));
        }
        corpus
    }
}

/// How many pairs there are, and every n-th of them.
fn sample(corpus: &Corpus) -> Result<(u64, Vec<Pair>), Error> {
    let (mut count, mut every, mut sample) = (0u64, 1u64, Vec::new());
    let (mut pairs, mut pair) = (corpus.pairs()?, Pair::default());
    while pairs.read(&mut pair)? {
        if count.is_multiple_of(every) {
            sample.push(pair.clone());
        }
        count += 1;
        if sample.len() >= 2 * SAMPLE {
            let mut place = 0;
            sample.retain(|_| {
                place += 1;
                place % 2 == 1
            });
            every *= 2;
        }
    }
    Ok((count, sample))
}

/// What steps of a model took.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// Steps that were timed.
    pub steps: usize,
    /// Words of both languages in a second, without `<EOS>` and padding.
    pub words_per_second: f64,
    /// Bytes of parameters and optimiser, as a checkpoint has them.
    pub checkpoint_bytes: u64,
    /// Numbers that are learnt.
    pub parameters: usize,
    /// Updates of one pass over the corpus.
    pub updates_per_epoch: u64,
}

/// Trains a model of the configuration's size on pairs like the corpus's, after a first step that does not count: at least one step, and more until
/// `time` is over.
///
/// # Errors
/// [`Error::NoRoom`] where the model cannot be trained in the machine's memory.
///
/// # Panics
/// With a [`DeviceError`](unrolled_tensor::DeviceError) where the device fails, for instance for want of memory.
pub fn measure(config: &Config, size: &CorpusSize, device: &Device, time: Duration) -> Result<Measured, Error> {
    let [source_words, target_words] = size.vocabularies(config);
    let sizes = Sizes {
        source_words,
        target_words,
        embedding: config.embedding_size,
        hidden: config.hidden_size,
        layers: config.layers,
        softmax_slices: config.softmax_slices.min(target_words),
    };
    let key = Key::new(config.seed);
    let corpus = size.pairs(&sizes, key.purpose("words"));
    let plan = BatchPlan::shuffled(&corpus, config.size_of_batches(), key.purpose("batches"), 0);
    if device.name().starts_with("cpu") {
        let words = room::Words { all: corpus.source_words() + corpus.target_words(), batches: plan.len() };
        room::check(&sizes, config, words)?;
    }
    let model = Model::new(&sizes, config.dropout, initial_range_of(config), key.purpose("parameters"), device);
    let mut trainer = Trainer::new(model, optimiser_of(config), Recipe::of(config));
    (trainer.parts, trainer.pad_steps) = (config.accumulate, config.pad_steps);
    let (mut words, mut seconds, mut steps) = (0, 0.0, 0);
    // A small rate: what is measured shall not diverge.
    let rate = config.learning_rate * 1e-3;
    for update in 0.. {
        let began = Instant::now();
        let batch = Batch::of(&corpus, plan.batch(update % plan.len()), config.reverse_source);
        device.run(|| trainer.step(&batch, update as u64, rate));
        if update > 0 {
            seconds += began.elapsed().as_secs_f64();
            words += batch.words();
            steps += 1;
            if seconds >= time.as_secs_f64() {
                break;
            }
        }
    }
    let bytes = |tensors: &std::collections::BTreeMap<String, unrolled_tensor::Tensor>| -> u64 {
        tensors.values().map(|tensor| (tensor.elements() * tensor.dtype().size()) as u64).sum()
    };
    let batches = plan.len() as f64 * size.kept as f64 / size.lengths.len() as f64;
    Ok(Measured {
        steps,
        words_per_second: words as f64 / seconds,
        checkpoint_bytes: bytes(&trainer.model.state()) + bytes(&trainer.optimiser.state()),
        parameters: trainer.parameter_count(),
        updates_per_epoch: batches.ceil() as u64,
    })
}
