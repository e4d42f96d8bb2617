//! BLEU against what sentences are like: their length, or how rare their words are.

use unrolled_tensor::random::Key;

use crate::bleu::{BleuStatistics, Convention};

/// Sentences that are alike, and their BLEU.
#[derive(Clone, Debug, PartialEq)]
pub struct Bucket {
    /// The least value.
    pub from: f64,
    /// The greatest.
    pub to: f64,
    /// The mean.
    pub mean: f64,
    /// How many sentences.
    pub sentences: usize,
    /// Their BLEU together.
    pub bleu: f64,
    /// Between these, BLEU lies in 95 of 100 samples drawn from the bucket with replacement.
    pub interval: (f64, f64),
    /// The hypotheses' length over the references'.
    pub ratio: f64,
}

/// Samples for an interval.
const SAMPLES: u64 = 500;

/// Sorts sentences by a value and cuts them into at most `most` buckets of about the same number; sentences of the same value stay together.
/// `values[i]` and `statistics[i]` are of sentence i.
///
/// # Panics
/// Where there are not as many values as statistics, or a value is not finite.
#[track_caller]
pub fn buckets(values: &[f64], statistics: &[BleuStatistics], convention: Convention, most: usize) -> Vec<Bucket> {
    assert!(values.len() == statistics.len(), "buckets: {} values of {} sentences", values.len(), statistics.len());
    assert!(values.iter().all(|value| value.is_finite()), "buckets: a value is not finite");
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    let parts = cut(&order, values, most);
    parts.into_iter().enumerate().map(|(place, part)| bucket(part, values, statistics, convention, place)).collect()
}

/// Parts of about `order.len() / most` sentences; the last, where it is less than half as long, belongs to the one before.
fn cut<'a>(order: &'a [usize], values: &[f64], most: usize) -> Vec<&'a [usize]> {
    let wanted = order.len().div_ceil(most.max(1)).max(1);
    let mut ends = Vec::new();
    let mut start = 0;
    for end in 1..=order.len() {
        let whole = end == order.len() || values[order[end]] > values[order[end - 1]];
        if whole && end - start >= wanted {
            ends.push(end);
            start = end;
        }
    }
    if start < order.len() {
        if 2 * (order.len() - start) < wanted {
            ends.pop();
        }
        ends.push(order.len());
    }
    let starts = [0].into_iter().chain(ends.iter().copied());
    starts.zip(&ends).map(|(start, &end)| &order[start..end]).collect()
}

fn bucket(
    part: &[usize],
    values: &[f64],
    statistics: &[BleuStatistics],
    convention: Convention,
    place: usize,
) -> Bucket {
    let all = convention.score(&part.iter().map(|&i| statistics[i]).sum());
    Bucket {
        from: values[part[0]],
        to: values[part[part.len() - 1]],
        mean: part.iter().map(|&i| values[i]).sum::<f64>() / part.len() as f64,
        sentences: part.len(),
        bleu: all.score,
        interval: interval(part, statistics, convention, place),
        ratio: all.ratio,
    }
}

/// The middle 95 of 100 scores of samples with replacement; the same on every machine.
fn interval(part: &[usize], statistics: &[BleuStatistics], convention: Convention, place: usize) -> (f64, f64) {
    let key = Key::new(place as u64).purpose("report: interval of a bucket");
    let n = part.len() as u64;
    let mut scores: Vec<f64> = (0..SAMPLES)
        .map(|sample| {
            let drawn = (0..n).map(|i| statistics[part[key.below(sample * n + i, n) as usize]]);
            convention.score(&drawn.sum()).score
        })
        .collect();
    scores.sort_by(f64::total_cmp);
    let at = |share: f64| scores[(share * (SAMPLES - 1) as f64).round() as usize];
    (at(0.025), at(0.975))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STYLE: Convention = Convention::MultiBleu;

    /// A hypothesis of 8 words, of which so many are the reference's, from the first on.
    fn segment(right: usize) -> BleuStatistics {
        let words = |wrong: &str| {
            (0..8)
                .map(|i| if i < right { format!("w{i}") } else { format!("{wrong}{i}") })
                .collect::<Vec<_>>()
                .join(" ")
        };
        STYLE.segment(&words("a"), &[words("b")])
    }

    #[test]
    fn buckets_are_sorted_equal_and_complete() {
        let values: Vec<f64> = (0..100).map(|i| ((i * 37) % 100) as f64).collect();
        let found = buckets(&values, &[segment(6); 100], STYLE, 10);
        assert_eq!(found.len(), 10);
        for (place, bucket) in found.iter().enumerate() {
            let from = 10.0 * place as f64;
            assert_eq!((bucket.from, bucket.to, bucket.mean, bucket.sentences), (from, from + 9.0, from + 4.5, 10));
        }
    }

    #[test]
    fn equal_values_stay_together_and_a_short_rest_joins_the_last() {
        let of = |values: &[f64], most| {
            let found = buckets(values, &vec![segment(8); values.len()], STYLE, most);
            found.iter().map(|bucket| (bucket.from, bucket.to, bucket.sentences)).collect::<Vec<_>>()
        };
        assert_eq!(of(&[1.0, 2.0, 2.0, 2.0, 2.0, 3.0], 3), [(1.0, 2.0, 5), (3.0, 3.0, 1)]);
        assert_eq!(of(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], 2), [(1.0, 4.0, 4), (5.0, 7.0, 3)]);
        assert_eq!(of(&[1.0, 1.0, 1.0, 1.0, 1.0, 2.0], 2), [(1.0, 2.0, 6)]);
        assert_eq!(of(&[4.0; 9], 5), [(4.0, 4.0, 9)]);
        assert_eq!(of(&[], 5), []);
        assert_eq!(of(&[3.0], 10), [(3.0, 3.0, 1)]);
    }

    #[test]
    fn a_bucket_has_the_bleu_of_its_own_sentences() {
        let right = [8, 8, 8, 5, 5, 5];
        let statistics = right.map(segment);
        let found = buckets(&[1.0, 2.0, 3.0, 10.0, 11.0, 12.0], &statistics, STYLE, 2);
        assert_eq!((found[0].bleu, found[0].interval), (100.0, (100.0, 100.0)));
        let alone = STYLE.score(&segment(5)).score;
        assert!((found[1].bleu - alone).abs() < 1e-9 && alone < 70.0, "{alone}");
    }

    #[test]
    fn the_interval_is_around_the_score_and_narrower_for_more_sentences() {
        let of = |n: usize| {
            let statistics: Vec<BleuStatistics> = (0..n).map(|i| segment(4 + i % 5)).collect();
            buckets(&vec![1.0; n], &statistics, STYLE, 1).remove(0)
        };
        let width = |bucket: &Bucket| bucket.interval.1 - bucket.interval.0;
        let (few, many) = (of(20), of(500));
        for bucket in [&few, &many] {
            assert!(bucket.interval.0 < bucket.bleu && bucket.bleu < bucket.interval.1, "{bucket:?}");
        }
        // By the square root of 25.
        assert!((3.0..8.0).contains(&(width(&few) / width(&many))), "{few:?} {many:?}");
    }
}
