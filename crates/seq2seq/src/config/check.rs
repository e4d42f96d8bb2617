//! Ranges, and rules that span several keys.

use crate::batch::BatchSize;
use crate::wording::counted;

use super::{BestMetric, Config, ConfigError, KEYS, Optimiser, Problem, Resolved, Schedule};

impl Resolved {
    /// The numbers that are out of their range.
    pub(super) fn out_of_range(&self) -> Vec<Problem> {
        let outside = |(key, _): &(&'static super::Key, _)| {
            (key.number)(&self.config).is_some_and(|number| !key.rule.allows(number))
        };
        let problem = |(key, place): (&'static super::Key, &super::Origin)| Problem::OutOfRange {
            place: place.clone(),
            key: key.name,
            rule: key.rule.to_string(),
            value: key.value(&self.config),
        };
        self.origins().filter(outside).map(problem).collect()
    }
}

impl Config {
    /// How large batches are.
    pub fn size_of_batches(&self) -> BatchSize {
        if self.batch_words > 0 { BatchSize::Words(self.batch_words) } else { BatchSize::Sentences(self.batch_size) }
    }

    /// Checks ranges and rules between keys; what [`super::Layers::resolve`] does for values that were read, for those set in a program.
    ///
    /// # Errors
    /// All problems at once.
    pub fn check(&self) -> Result<(), ConfigError> {
        let ranges = KEYS.iter().filter_map(|key| {
            let number = (key.number)(self)?;
            (!key.rule.allows(number))
                .then(|| format!("`{}` must be {}, found {}", key.name, key.rule, key.value(self)))
        });
        ConfigError::check(ranges.chain(self.contradictions()).map(Problem::Conflict).collect())
    }

    /// Checks that what training cannot do without is there: training data and a run folder.
    ///
    /// # Errors
    /// All that is missing, and everything that [`check`](Self::check) finds.
    pub fn check_for_training(&self) -> Result<(), ConfigError> {
        let mut missing = Vec::new();
        if self.tsv.is_empty() && self.source.is_empty() && self.prepared.is_none() {
            missing
                .push("no training data: give `source` and `target` (parallel files), `tsv`, or `prepared`".to_owned());
        }
        if self.output.is_none() {
            missing.push("no run folder: give `output`, a folder to be made".to_owned());
        }
        if self.patience > 0 && self.valid_tsv.is_empty() && self.valid_source.is_empty() {
            missing.push(
                "`patience` counts validations: give `valid-source` and `valid-target`, or `valid-tsv`".to_owned(),
            );
        }
        let mut problems: Vec<Problem> = missing.into_iter().map(Problem::Conflict).collect();
        problems.extend(self.check().err().map(|error| error.problems).unwrap_or_default());
        ConfigError::check(problems)
    }

    /// Settings that cannot be meant together.
    pub(super) fn contradictions(&self) -> Vec<String> {
        let mut found = Vec::new();
        let pairs = [
            (["source", "target", "tsv"], &self.source, &self.target, &self.tsv),
            (["valid-source", "valid-target", "valid-tsv"], &self.valid_source, &self.valid_target, &self.valid_tsv),
        ];
        for ([source, target, tsv], sources, targets, tsvs) in pairs {
            if sources.len() != targets.len() {
                let (left, right) = (files(sources.len()), files(targets.len()));
                found.push(format!(
                    "`{source}` names {left} and `{target}` {right}: each source file needs its target file"
                ));
            }
            let parallel = !sources.is_empty() || !targets.is_empty();
            if parallel && !tsvs.is_empty() {
                found.push(format!("`{tsv}` stands instead of `{source}` and `{target}`: give one or the other"));
            }
        }
        found.extend(self.prepared_contradictions());
        found.extend(self.schedule_contradictions());
        if self.weight_decay > 0.0 && self.optimiser != Optimiser::AdamW {
            found.push(format!(
                "`weight-decay` has no effect with `optimiser` \"{}\": use \"adamw\", or 0",
                self.optimiser
            ));
        }
        if self.start_from.is_some() && (self.source_vocabulary.is_some() || self.target_vocabulary.is_some()) {
            found.push(
                "`start-from` brings its vocabularies: leave out `source-vocabulary` and `target-vocabulary`"
                    .to_owned(),
            );
        }
        if self.best_metric != BestMetric::Perplexity && self.valid_bleu_sentences == 0 {
            let metric = self.best_metric;
            found.push(format!("`best-metric` \"{metric}\" needs translations: give `valid-bleu-sentences`"));
        }
        if self.valid_chrf && self.valid_bleu_sentences == 0 {
            found.push("`valid-chrf` needs translations: give `valid-bleu-sentences`".to_owned());
        }
        if i64::try_from(self.seed).is_err() {
            found.push(format!("`seed` must be at most {}, the largest whole number that TOML can hold", i64::MAX));
        }
        if self.softmax_slices > self.target_vocabulary_size {
            let (slices, words) = (self.softmax_slices, self.target_vocabulary_size);
            found
                .push(format!("`softmax-slices` is {slices}, more than the {words} words of `target-vocabulary-size`"));
        }
        found
    }

    fn prepared_contradictions(&self) -> Vec<String> {
        let others = [
            ("source", !self.source.is_empty()),
            ("target", !self.target.is_empty()),
            ("tsv", !self.tsv.is_empty()),
            ("source-vocabulary", self.source_vocabulary.is_some()),
            ("target-vocabulary", self.target_vocabulary.is_some()),
        ];
        let given = others.into_iter().filter(|&(_, given)| given && self.prepared.is_some());
        given.map(|(name, _)| format!("`prepared` stands instead of `{name}`: give one or the other")).collect()
    }

    fn schedule_contradictions(&self) -> Vec<String> {
        let mut found = Vec::new();
        if self.epochs == 0.0 && self.updates == 0 && self.minutes == 0.0 && self.patience == 0 {
            found.push(
                "training would never end: give a limit by `epochs`, `updates`, `minutes` or `patience`".to_owned(),
            );
        }
        if self.schedule == Schedule::Cosine && self.epochs == 0.0 && self.updates == 0 {
            found.push("`schedule` \"cosine\" needs the run's length: give `epochs` or `updates`".to_owned());
        }
        if self.schedule == Schedule::InverseSqrt && self.warmup_updates == 0 {
            found.push(
                "`schedule` \"inverse-sqrt\" falls from the end of the warm-up: give `warmup-updates`".to_owned(),
            );
        }
        if self.minimum_learning_rate > self.learning_rate {
            let (least, rate) = (self.minimum_learning_rate, self.learning_rate);
            found.push(format!("`minimum-learning-rate` {least} is above `learning-rate` {rate}"));
        }
        found
    }
}

fn files(count: usize) -> String {
    match count {
        0 => "no file".to_owned(),
        _ => counted(count, "file"),
    }
}
