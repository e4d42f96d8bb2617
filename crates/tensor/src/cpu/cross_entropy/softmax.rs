//! The softmax over tiles of words, logits the other way round: `[words, R]`, so that each loop runs across rows.

use crate::cpu::Buffer;
use crate::cpu::math::vectorised;
use crate::cpu::matmul::{Gemm, K_BLOCK};

/// What one tile of words knows of each row.
pub(super) struct TileSums<'a, T> {
    /// The largest logit.
    pub max: &'a mut [T],
    /// Σ e^(z − max)
    pub sum: &'a mut [T],
    /// The target's logit where the target is in the tile, else 0.
    pub target: &'a mut [T],
}

impl<'a, T: Gemm> TileSums<'a, T> {
    /// Three numbers for each of `rows` rows.
    pub fn of(numbers: &'a mut [T], rows: usize) -> TileSums<'a, T> {
        let (max, rest) = numbers.split_at_mut(rows);
        let (sum, target) = rest.split_at_mut(rows);
        TileSums { max, sum, target }
    }

    /// Adds the bias to the products `z`, `[words, R]`, and turns each logit into e^(z − max), max being that of its row in this tile.
    pub fn exponentiate(&mut self, z: &mut [T], bias: &[T]) {
        let rows = self.max.len();
        // Finite, so that of a tile of nothing but −∞ (words that are masked) comes 0 and not NaN.
        self.max.fill(T::LOWEST);
        for (z, &bias) in z.chunks_exact(rows).zip(bias) {
            let max = &mut *self.max;
            // The logits themselves are not written down: adding again costs less.
            vectorised(|| z.iter().zip(max).for_each(|(&z, max)| *max = (z + bias).maximum(*max)));
        }
        self.sum.fill(T::ZERO);
        for (z, &bias) in z.chunks_exact_mut(rows).zip(bias) {
            let (max, sum) = (&*self.max, &mut *self.sum);
            vectorised(|| {
                for ((z, &max), sum) in z.iter_mut().zip(max).zip(sum) {
                    *z = (*z + bias - max).exp();
                    *sum += *z;
                }
            });
        }
    }
}

/// Adds the bias to the products `z` of one word, `[R]`, and turns each logit into `weight · e^(z − log_sum)` of its row.
pub(super) fn probabilities<T: Gemm>(z: &mut [T], bias: T, log_sums: &[T], weights: &[T]) {
    vectorised(|| {
        for ((z, &log_sum), &weight) in z.iter_mut().zip(log_sums).zip(weights) {
            *z = (*z + bias - log_sum).exp() * weight;
        }
    });
}

/// Multiplies each row of one word, `[R]`, by its scale.
pub(super) fn scale<T: Gemm>(z: &mut [T], scales: &[T]) {
    vectorised(|| z.iter_mut().zip(scales).for_each(|(z, &scale)| *z = *z * scale));
}

/// `sum` plus the gradients of one word, `[R]`: in blocks of rows as the products do, each in 16 lanes.
pub(super) fn plus_rows<T: Gemm>(sum: T, z: &[T]) -> T {
    z.chunks(K_BLOCK).fold(sum, |sum, block| {
        let lanes = vectorised(|| {
            let mut lanes = [T::ZERO; 16];
            let mut chunks = block.chunks_exact(16);
            for chunk in &mut chunks {
                for l in 0..16 {
                    lanes[l] += chunk[l];
                }
            }
            for (lane, &z) in lanes.iter_mut().zip(chunks.remainder()) {
                *lane += z;
            }
            lanes
        });
        sum + lanes.into_iter().fold(T::ZERO, |a, b| a + b)
    })
}

/// What all tiles together know of each row.
pub(super) struct Sums<T> {
    /// The largest logit.
    pub max: Vec<T>,
    /// Σ e^(z − max)
    pub sum: Vec<T>,
    /// The target's logit where the target is in the slice, else 0.
    pub target: Vec<T>,
    /// What each tile said, its numbers together ([`TileSums`]); later what its exponentials are to be multiplied by, in place of its maxima.
    tiles: Buffer,
}

impl<T: Gemm> Sums<T> {
    /// Tile by tile in their order.
    pub fn merge(tiles: Buffer, rows: usize) -> Sums<T> {
        let all = tiles.elements::<T>();
        let (mut max, mut sum, mut target) = (vec![T::LOWEST; rows], vec![T::ZERO; rows], vec![T::ZERO; rows]);
        for tile in all.chunks_exact(3 * rows) {
            let maxima = &tile[..rows];
            vectorised(|| max.iter_mut().zip(maxima).for_each(|(max, &tile)| *max = tile.maximum(*max)));
        }
        for tile in all.chunks_exact(3 * rows) {
            let (maxima, sums, targets) = (&tile[..rows], &tile[rows..2 * rows], &tile[2 * rows..]);
            let (max, sum, target) = (&max[..], &mut sum[..], &mut target[..]);
            vectorised(|| {
                for (i, sum) in sum.iter_mut().enumerate() {
                    *sum += sums[i] * (maxima[i] - max[i]).exp();
                }
            });
            target.iter_mut().zip(targets).for_each(|(target, &of_tile)| *target += of_tile);
        }
        Sums { max, sum, target, tiles }
    }

    /// Replaces each tile's maxima by what makes its exponentials `weight · p`: `e^(its max − max) · weight / sum`.
    pub fn become_scales(&mut self, weights: &[T]) {
        let rows = weights.len();
        let whole: Vec<T> = weights.iter().zip(&self.sum).map(|(&weight, &sum)| weight / sum).collect();
        for tile in self.tiles.elements_mut::<T>().chunks_exact_mut(3 * rows) {
            let (maxima, max, whole) = (&mut tile[..rows], &self.max[..], &whole[..]);
            vectorised(|| {
                for (i, scale) in maxima.iter_mut().enumerate() {
                    *scale = (*scale - max[i]).exp() * whole[i];
                }
            });
        }
    }

    /// The scales of tile `tile`, one for each row.
    pub fn scales(&self, tile: usize) -> &[T] {
        let rows = self.max.len();
        &self.tiles.elements()[tile * 3 * rows..][..rows]
    }
}

#[cfg(test)]
mod tests {
    use crate::fused::CrossEntropyArgs;
    use crate::{DType, Device, Tensor};

    #[test]
    fn words_that_are_masked_cost_nothing_even_where_they_fill_a_tile() {
        let device = Device::cpu();
        let ones = |shape: &[usize]| Tensor::ones(shape, DType::F32, &device);
        // Half of 100 words, in tiles of 32.
        let bias: Vec<f32> = (0..100).map(|word| if word < 50 { f32::NEG_INFINITY } else { 0.0 }).collect();
        let args = CrossEntropyArgs {
            hidden: &ones(&[3, 4]),
            weight: &ones(&[100, 4]),
            bias: &Tensor::from_slice(&bias, [100], &device),
            targets: &Tensor::from_slice(&[50u32, 70, 99], [3], &device),
            row_weights: &ones(&[3]),
            offset: 0,
        };
        let all = Tensor::linear_cross_entropy(&args, true);
        assert!(all.losses.to_vec::<f32>().iter().all(|loss| (loss - 50f32.ln()).abs() < 1e-5), "{}", all.losses);
        let gradient = all.gradients.unwrap().bias.to_vec::<f32>();
        assert!(gradient[..50].iter().all(|&g| g == 0.0), "{gradient:?}");
        assert!((gradient[51] - 3.0 / 50.0).abs() < 1e-6 && (gradient[50] - 3.0 / 50.0 + 1.0).abs() < 1e-6);
    }
}
