//! The model's translations of a test set, sentence by sentence.

use super::buckets::{Bucket, buckets};
use super::words::whole;
use crate::beam_search::DecodeOptions;
use crate::bleu::{BleuStatistics, Convention, Scorer, Smoothing};
use crate::chrf::ChrF;
use crate::config::BleuStyle;
use crate::corpus::{Corpus, CorpusError};
use crate::evaluation::{Confidence, Counts, Metric, bleu_statistics, confidence};
use crate::translator::{Translator, sides};
use crate::vocabulary::UNK;
use crate::wording::plural;

/// At most so many buckets.
const BUCKETS: usize = 10;
/// Fewer sentences than these in a bucket say little.
const LEAST_IN_A_BUCKET: usize = 10;

/// How a single sentence is judged: with one match more for each order above the first (BLEU+1), since most have no 4-gram right.
pub(super) const SENTENCE_BLEU: Convention =
    Convention::SacreBleu { tokeniser: crate::bleu::BleuTokeniser::ThirteenA, smoothing: Smoothing::AddK(1.0) };

const CHRF: Metric = Metric::ChrF(ChrF::CHRF);

/// A sentence of the test set.
#[derive(Clone, Debug, PartialEq)]
pub struct Sentence {
    /// What was translated.
    pub source: String,
    /// The translation in the data.
    pub reference: String,
    /// The model's.
    pub hypothesis: String,
    /// Words of the source, as the model reads them.
    pub words: usize,
    /// The mean rank of these words by frequency: 1 is the most frequent, a word that the model does not know ranks after all that it knows.
    pub rank: f64,
    /// BLEU+1 of this sentence alone.
    pub bleu: f64,
    /// chrF2 of this sentence alone.
    pub chrf: f64,
}

/// A score of the whole test set.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// By which metric.
    pub metric: Metric,
    /// From 0 to 100.
    pub score: f64,
    /// Where 95 of 100 texts resampled from the test set have theirs.
    pub confidence: Confidence,
    /// The metric in sacreBLEU's way of saying it.
    pub signature: String,
}

/// A test set, translated.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// Where it is from.
    pub name: String,
    /// In its order; those with an empty source or reference are left out.
    pub sentences: Vec<Sentence>,
    /// Of all: BLEU by the convention that the run validates by, BLEU by the other one, chrF2, chrF2++.
    pub scores: Vec<Score>,
    /// The signature of [`Sentence::bleu`].
    pub sentence_signature: String,
    /// By the number of the source's words.
    pub by_length: Vec<Bucket>,
    /// By the mean rank of the source's words.
    pub by_rank: Vec<Bucket>,
    /// The beam that translated.
    pub beam_size: usize,
}

/// Translates the first `most` pairs of a corpus; `None` where it has none.
pub(super) fn measure(
    translator: &Translator,
    corpus: &Corpus,
    most: usize,
    options: &DecodeOptions,
) -> Result<Option<Measured>, CorpusError> {
    let mut pairs = Vec::new();
    for pair in corpus.pairs()? {
        let pair = pair?;
        if !pair.source.trim().is_empty() && !pair.target.trim().is_empty() {
            pairs.push((pair.source, pair.target));
        }
        if pairs.len() == most {
            break;
        }
    }
    if pairs.is_empty() {
        return Ok(None);
    }
    let sources: Vec<String> = pairs.iter().map(|(source, _)| source.clone()).collect();
    let best: Vec<(String, String)> = translator
        .translate_lines(&sources, options)
        .into_iter()
        .map(|mut found| found.swap_remove(0))
        .map(|best| (best.tokens.join(" "), best.text))
        .collect();
    Ok(Some(judged(translator, corpus.to_string(), pairs, best, options.beam_size)))
}

/// Resampled texts for an interval, and their seed: as sacreBLEU has them.
const TRIALS: usize = 1000;
const SEED: u64 = 12_345;

impl Score {
    fn of(metric: Metric, sentences: &[Counts]) -> Score {
        Score {
            metric,
            score: metric.text_score(sentences),
            confidence: confidence(metric, sentences, TRIALS, SEED),
            signature: metric.signature(1),
        }
    }
}

/// What a metric counts in each sentence: multi-bleu in the model's words, the others in plain text.
fn counts(
    metric: Metric,
    translator: &Translator,
    pairs: &[(String, String)],
    best: &[(String, String)],
) -> Vec<Counts> {
    let [_, target] = sides(&translator.config, &translator.source_vocabulary, &translator.target_vocabulary);
    let each = pairs.iter().zip(best).map(|((_, reference), (tokens, text))| match metric {
        Metric::Bleu(Convention::MultiBleu) => {
            metric.counts(tokens, &[target.tokeniser.tokenise(reference, target.language).join(" ")])
        }
        _ => metric.counts(text, &[reference]),
    });
    each.collect()
}

fn judged(
    translator: &Translator,
    name: String,
    pairs: Vec<(String, String)>,
    best: Vec<(String, String)>,
    beam_size: usize,
) -> Measured {
    let (convention, other) = match translator.config.valid_bleu_style {
        BleuStyle::MultiBleu => (Convention::MultiBleu, Convention::SACREBLEU),
        BleuStyle::Sacrebleu => (Convention::SACREBLEU, Convention::MultiBleu),
    };
    let metrics = [Metric::Bleu(convention), Metric::Bleu(other), CHRF, Metric::ChrF(ChrF::PLUS_PLUS)];
    let counted = metrics.map(|metric| counts(metric, translator, &pairs, &best));
    let scores = metrics.iter().zip(&counted).map(|(&metric, counts)| Score::of(metric, counts)).collect();
    let statistics: Vec<BleuStatistics> = counted[0].iter().map(|counts| bleu_statistics(counts)).collect();
    let chrf: Vec<f64> = counted[2].iter().map(|counts| CHRF.sentence_score(counts)).collect();
    let [side, _] = sides(&translator.config, &translator.source_vocabulary, &translator.target_vocabulary);
    let mut alone = Scorer::new(SENTENCE_BLEU);
    let mut ids = Vec::new();
    let sentences: Vec<Sentence> = pairs
        .into_iter()
        .zip(best)
        .zip(chrf)
        .map(|(((source, reference), (_, hypothesis)), chrf)| {
            side.number(&source, &mut ids);
            let bleu = SENTENCE_BLEU.score(&alone.add(&hypothesis, &[&reference])).score;
            let rank = mean_rank(&ids, side.vocabulary.len());
            Sentence { source, reference, hypothesis, words: ids.len(), rank, bleu, chrf }
        })
        .collect();
    let most = (sentences.len() / LEAST_IN_A_BUCKET).clamp(1, BUCKETS);
    let lengths: Vec<f64> = sentences.iter().map(|sentence| sentence.words as f64).collect();
    let ranks: Vec<f64> = sentences.iter().map(|sentence| sentence.rank).collect();
    Measured {
        name,
        by_length: buckets(&lengths, &statistics, convention, most),
        by_rank: buckets(&ranks, &statistics, convention, most),
        sentences,
        scores,
        sentence_signature: alone.bleu().signature(),
        beam_size,
    }
}

/// Ids follow the frequency, the specials before them; 0 of no words.
fn mean_rank(ids: &[u32], vocabulary: usize) -> f64 {
    let rank = |&id: &u32| if id == UNK { vocabulary as f64 - 2.0 } else { f64::from(id) - 2.0 };
    if ids.is_empty() { 0.0 } else { ids.iter().map(rank).sum::<f64>() / ids.len() as f64 }
}

impl Measured {
    /// chrF2 of the whole.
    pub fn chrf(&self) -> &Score {
        self.scores.iter().find(|score| score.metric == CHRF).expect("chrF2 is always measured")
    }

    /// Which test set it is, and how it was translated.
    pub(super) fn described(&self) -> String {
        let count = self.sentences.len() as u64;
        let sentences = plural(&count, "sentence");
        format!("Test set: {}, {} {sentences}, beam {}.", self.name, whole(count), self.beam_size)
    }

    /// The best translations and the worst, so many of each, by [`Sentence::bleu`]: of equal ones the longer first, no source twice, none in both.
    pub fn best_and_worst(&self, count: usize) -> [Vec<&Sentence>; 2] {
        let mut order: Vec<&Sentence> = self.sentences.iter().collect();
        order.sort_by(|a, b| a.source.cmp(&b.source).then(b.bleu.total_cmp(&a.bleu)));
        order.dedup_by(|a, b| a.source == b.source);
        let count = count.min(order.len() / 2);
        order.sort_by(|a, b| b.bleu.total_cmp(&a.bleu).then(b.words.cmp(&a.words)).then(a.source.cmp(&b.source)));
        let best = order[..count].to_vec();
        let mut rest = order[count..].to_vec();
        rest.sort_by(|a, b| a.bleu.total_cmp(&b.bleu).then(b.words.cmp(&a.words)).then(a.source.cmp(&b.source)));
        rest.truncate(count);
        [best, rest]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_count_from_the_most_frequent_word() {
        // Ids 0 to 2 are special: of 10 there are 7 words, and an unknown one is the eighth.
        assert_eq!(mean_rank(&[3], 10), 1.0);
        assert_eq!(mean_rank(&[9], 10), 7.0);
        assert_eq!(mean_rank(&[3, UNK], 10), 4.5);
        assert_eq!(mean_rank(&[], 10), 0.0);
    }

    #[test]
    fn best_and_worst_share_no_sentence() {
        let sentence = |source: &str, words, bleu| Sentence {
            source: source.into(),
            reference: String::new(),
            hypothesis: String::new(),
            words,
            rank: 1.0,
            bleu,
            chrf: 0.0,
        };
        let measured = Measured {
            name: String::new(),
            sentences: vec![
                sentence("a", 3, 100.0),
                sentence("b", 9, 100.0),
                sentence("b", 9, 100.0),
                sentence("c", 4, 50.0),
                sentence("d", 2, 1.0),
                sentence("e", 8, 1.0),
            ],
            scores: vec![],
            sentence_signature: String::new(),
            by_length: vec![],
            by_rank: vec![],
            beam_size: 1,
        };
        let names =
            |count| measured.best_and_worst(count).map(|part| part.iter().map(|s| &s.source[..]).collect::<String>());
        assert_eq!(names(1), ["b", "e"]);
        assert_eq!(names(9), ["ba", "ed"]);
    }
}
