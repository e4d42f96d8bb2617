//! Rows that are the same, whose products are computed once: a beam's hypotheses that grew out of one have its state, and the same words recur in a batch.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use bytemuck::Pod;

/// Elements that a row is looked up by; the others are compared then.
const KEY: usize = 4;

/// Rows in classes of equal ones.
#[derive(Debug, PartialEq)]
pub(super) struct Distinct {
    /// One row of each class, ascending: which of those that were given.
    pub first: Vec<usize>,
    /// The class of each row, which is its place in `first`.
    pub class: Vec<usize>,
}

impl Distinct {
    /// Of rows of `width` elements that begin at `rows` of `x`. Equal are those with the same bits. Rows that are told apart may be equal all the same,
    /// where an unlike one before them has the same key.
    pub fn of<T: Pod>(x: &[T], rows: &[usize], width: usize) -> Distinct {
        let row = |i: usize| &x[rows[i]..][..width];
        let mut known: HashMap<[[u8; 8]; KEY], usize> = HashMap::with_capacity(rows.len());
        let (mut first, mut class): (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::with_capacity(rows.len()));
        for i in 0..rows.len() {
            let found = match known.entry(key(row(i))) {
                Entry::Occupied(other) => {
                    let other = *other.get();
                    let same =
                        bytemuck::cast_slice::<T, u8>(row(first[other])) == bytemuck::cast_slice::<T, u8>(row(i));
                    same.then_some(other)
                }
                Entry::Vacant(place) => {
                    place.insert(first.len());
                    None
                }
            };
            class.push(found.unwrap_or(first.len()));
            if found.is_none() {
                first.push(i);
            }
        }
        Distinct { first, class }
    }
}

/// The bits of a few elements from all over a row.
fn key<T: Pod>(row: &[T]) -> [[u8; 8]; KEY] {
    let mut key = [[0; 8]; KEY];
    for (i, key) in key.iter_mut().enumerate() {
        if let Some(x) = row.get(i * row.len() / KEY) {
            key[..size_of::<T>()].copy_from_slice(bytemuck::bytes_of(x));
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Key;

    #[test]
    fn equal_rows_share_a_class_and_others_do_not() {
        for width in [0, 1, 3, 4, 9] {
            // Of few numbers, so that many rows are equal in some elements, and some in all; in any order, some twice.
            let x: Vec<f32> = (0..60 * width as u64).map(|i| Key::new(5).below(i, 2) as f32).collect();
            let rows: Vec<usize> = (0..80).map(|i| i * 7 % 60 * width).collect();
            let Distinct { first, class } = Distinct::of(&x, &rows, width);
            assert!(class.len() == 80 && first.is_sorted());
            assert!(first.iter().enumerate().all(|(place, &i)| class[i] == place));
            let row = |i: usize| &x[rows[i]..][..width];
            assert!((0..80).all(|i| row(i) == row(first[class[i]])), "{width}");
            let together = (0..80).flat_map(|i| (0..i).map(move |j| (i, j))).filter(|&(i, j)| rows[i] == rows[j]);
            assert!(width > 1 || first.len() <= 2);
            assert!(width > 4 || together.clone().all(|(i, j)| class[i] == class[j]), "{width}");
        }
    }

    #[test]
    fn equal_means_the_same_bits() {
        let x = [0.0, -0.0, f32::NAN, f32::NAN, 0.0];
        assert_eq!(
            Distinct::of(&x, &[0, 1, 2, 3, 4], 1),
            Distinct { first: vec![0, 1, 2], class: vec![0, 1, 2, 2, 0] }
        );
    }
}
