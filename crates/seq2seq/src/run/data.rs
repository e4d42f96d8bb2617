//! What a run reads before it trains: vocabularies and numbered pairs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Error;
use super::training_data::TrainingData;
use crate::config::{Config, ConfigError, Problem};
use crate::corpus::Corpus;
use crate::numbered::{Limits, NumberedCorpus};
use crate::prepare::PreparedCorpus;
use crate::tokenise::{Language, Tokeniser};
use crate::translator::sides;
use crate::vocabulary::{Vocabulary, VocabularyBuilder};

/// Everything read.
pub(super) struct Data {
    pub source: Vocabulary,
    pub target: Vocabulary,
    /// Shared with the thread that prepares batches.
    pub training: Arc<TrainingData>,
    pub validation: NumberedCorpus,
    /// Source and reference of the first validation pairs, for translations.
    pub validation_text: Vec<(String, String)>,
    /// What a person should know.
    pub warnings: Vec<String>,
}

impl Data {
    /// Batches of one pass over the training pairs.
    pub fn batches_per_epoch(&self, config: &Config) -> u64 {
        self.training.batches(config.size_of_batches()) as u64
    }
}

/// The corpus of parallel files and TSV files, in this order.
pub(super) fn corpus(source: &[PathBuf], target: &[PathBuf], tsv: &[PathBuf]) -> Corpus {
    let parallel = source.iter().zip(target).map(|(source, target)| Corpus::parallel(source, target));
    Corpus::concat(parallel.chain(tsv.iter().map(Corpus::tsv)))
}

/// Counts the words of both sides, in one reading.
fn count(corpus: &Corpus, config: &Config) -> Result<[VocabularyBuilder; 2], Error> {
    let mut builders = [VocabularyBuilder::new(), VocabularyBuilder::new()];
    let languages: [Language; 2] = [&config.source_language, &config.target_language].map(|code| code.as_str().into());
    for pair in corpus.pairs_again_and_again()? {
        let pair = pair?;
        for ((builder, language), text) in builders.iter_mut().zip(languages).zip([&pair.source, &pair.target]) {
            config.tokeniser.for_each_token(text, language, |token| builder.add_token(token));
            builder.end_sentence();
        }
    }
    Ok(builders)
}

/// The vocabularies: files where the configuration names some, else the most frequent words of the training text.
fn vocabularies(config: &Config, training: &Corpus, warnings: &mut Vec<String>) -> Result<[Vocabulary; 2], Error> {
    let files = [&config.source_vocabulary, &config.target_vocabulary];
    let sizes = [config.source_vocabulary_size, config.target_vocabulary_size];
    let counted = if files.iter().all(|file| file.is_some()) { None } else { Some(count(training, config)?) };
    let mut make = |side: usize, name: &str| -> Result<Vocabulary, Error> {
        if let Some(path) = files[side] {
            return Ok(Vocabulary::load(path)?);
        }
        let builder = &counted.as_ref().expect("counted where a file is missing")[side];
        if builder.distinct() == 0 {
            let (corpus, skipped) = (training.to_string(), format!("the {name} has no words"));
            return Err(Error::NoPairs { purpose: "training", corpus, skipped });
        }
        let (vocabulary, shortfall) = builder.build(sizes[side])?;
        warnings.extend(shortfall.map(|shortfall| format!("{name} vocabulary: {shortfall}")));
        Ok(vocabulary)
    };
    Ok([make(0, "source")?, make(1, "target")?])
}

/// Reads everything. `known` are the vocabularies of a run that is resumed.
pub(super) fn read(config: &Config, known: Option<[Vocabulary; 2]>) -> Result<Data, Error> {
    let training = corpus(&config.source, &config.target, &config.tsv);
    let validation = corpus(&config.valid_source, &config.valid_target, &config.valid_tsv);
    let mut warnings = Vec::new();
    // A validation file that cannot be opened is better found now than after counting for an hour.
    drop(validation.pairs_again_and_again()?);
    let prepared = config.prepared.as_ref().map(PreparedCorpus::open).transpose()?;
    let [source, target] = match (&prepared, known) {
        (Some(prepared), known) => {
            check_prepared(config, prepared, known.as_ref())?;
            [prepared.source_vocabulary().clone(), prepared.target_vocabulary().clone()]
        }
        (None, Some(known)) => known,
        (None, None) => vocabularies(config, &training, &mut warnings)?,
    };
    let limit = |n: usize| if n == 0 { usize::MAX } else { n };
    let limits = Limits { source: limit(config.max_source_length), target: limit(config.max_target_length) };
    let [source_side, target_side] = sides(config, &source, &target);
    let training_pairs = match prepared {
        Some(mut prepared) => {
            prepared.limit(limits);
            TrainingData::Prepared(Box::new(prepared))
        }
        None => TrainingData::Text(NumberedCorpus::read(&training, source_side, target_side, limits)?),
    };
    let validation_pairs = NumberedCorpus::read(&validation, source_side, target_side, Limits::NONE)?;
    let training_name =
        config.prepared.as_ref().map_or_else(|| training.to_string(), |path| path.display().to_string());
    let all = [
        ("training", training_name, training_pairs.len(), training_pairs.skipped()),
        ("validation", validation.to_string(), validation_pairs.len(), validation_pairs.skipped()),
    ];
    for (purpose, corpus, pairs, skipped) in all {
        if pairs == 0 && !corpus.is_empty() {
            return Err(Error::NoPairs { purpose, corpus, skipped: skipped.to_string() });
        }
        if skipped.total() > 0 {
            warnings.push(format!("{purpose}: {skipped}"));
        }
    }
    let wanted = config.valid_bleu_sentences.max(config.valid_samples);
    let validation_text = first_pairs(&validation, wanted)?;
    Ok(Data {
        training: Arc::new(training_pairs),
        validation: validation_pairs,
        source,
        target,
        validation_text,
        warnings,
    })
}

/// Refuses a corpus that was cut into words otherwise than the configuration says, or numbered otherwise than the run that is resumed.
fn check_prepared(
    config: &Config,
    prepared: &PreparedCorpus,
    known: Option<&[Vocabulary; 2]>,
) -> Result<(), ConfigError> {
    let settings = &prepared.manifest().settings;
    let folder = prepared.folder().display();
    let language = |code: &str| Language::from(code);
    let mut problems = Vec::new();
    let mut differs = |key: &str, prepared: String| {
        let text =
            format!("`{folder}` was prepared with `{key}` \"{prepared}\": give it here too, or prepare it again");
        problems.push(Problem::Conflict(text));
    };
    if settings.tokeniser != config.tokeniser {
        differs("tokeniser", settings.tokeniser.to_string());
    }
    if language(&settings.source_language) != language(&config.source_language) {
        differs("source-language", settings.source_language.clone());
    }
    if language(&settings.target_language) != language(&config.target_language) {
        differs("target-language", settings.target_language.clone());
    }
    if known.is_some_and(|[source, target]| {
        source != prepared.source_vocabulary() || target != prepared.target_vocabulary()
    }) {
        let text = format!(
            "`{folder}` has other vocabularies than the run that is resumed: give the corpus that it began with"
        );
        problems.push(Problem::Conflict(text));
    }
    if problems.is_empty() { Ok(()) } else { Err(ConfigError { problems }) }
}

fn first_pairs(corpus: &Corpus, n: usize) -> Result<Vec<(String, String)>, Error> {
    let mut pairs = Vec::new();
    for pair in corpus.pairs()?.take(n) {
        let pair = pair?;
        pairs.push((pair.source, pair.target));
    }
    Ok(pairs)
}

/// Both vocabularies of a run folder.
pub(super) fn load_vocabularies(run: &Path) -> Result<[Vocabulary; 2], Error> {
    Ok([Vocabulary::load(run.join(super::SOURCE_VOCABULARY))?, Vocabulary::load(run.join(super::TARGET_VOCABULARY))?])
}

/// A text cut into the model's words and joined by spaces: what multi-bleu compares.
pub(super) fn tokenised(tokeniser: Tokeniser, text: &str, language: &str) -> String {
    tokeniser.tokenise(text, language.into()).join(" ")
}
