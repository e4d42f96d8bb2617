//! Orthonormal vectors from normal deviates, by modified Gram–Schmidt in f64 on the host.

use unrolled_tensor::random::Key;
use unrolled_tensor::{DType, Device, Tensor};

/// `gain` times an orthogonal matrix. Work: about 4 n² m operations for the smaller side n and the larger m.
#[track_caller]
pub(super) fn tensor(gain: f64, shape: &[usize], dtype: DType, device: &Device, key: Key) -> Tensor {
    if shape.len() < 2 || !dtype.is_float() {
        panic!("initialise: an orthogonal {dtype} of shape {shape:?}; it needs a float dtype and at least two axes");
    }
    let (rows, columns) = (shape[0], shape[1..].iter().product::<usize>());
    let vectors = orthonormal(rows.min(columns), rows.max(columns), key);
    let wide = rows <= columns;
    let elements: Vec<f64> = (0..rows * columns)
        .map(|i| (i / columns, i % columns))
        .map(|(row, column)| gain * if wide { vectors[row][column] } else { vectors[column][row] })
        .collect();
    Tensor::from_slice(&elements, shape, device).cast(dtype)
}

/// `count` orthonormal vectors of `length` ≥ `count` elements, uniformly distributed: Gram–Schmidt on normal deviates is the QR
/// decomposition whose R has a positive diagonal, which makes Q uniform (Mezzadri, "How to generate random matrices from the classical
/// compact groups", Notices of the AMS 54(5), 2007).
fn orthonormal(count: usize, length: usize, key: Key) -> Vec<Vec<f64>> {
    let mut vectors: Vec<Vec<f64>> = Vec::with_capacity(count);
    for i in 0..count {
        let mut vector: Vec<f64> = (0..length).map(|j| key.normal((i * length + j) as u64)).collect();
        // Twice is enough (Giraud, Langou, Rozložník, 2005): the second pass takes out what the first one's rounding left.
        for _ in 0..2 {
            for other in &vectors {
                let along = dot(other, &vector);
                vector.iter_mut().zip(other).for_each(|(x, o)| *x -= along * o);
            }
        }
        let norm = dot(&vector, &vector).sqrt();
        vector.iter_mut().for_each(|x| *x /= norm);
        vectors.push(vector);
    }
    vectors
}

/// The product in eight running sums, which the compiler turns into vector instructions.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = a.remainder().iter().zip(b.remainder()).map(|(x, y)| x * y).sum();
    let mut sums = [0.0; 8];
    for (a, b) in a.zip(b) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// |Q Qᵀ − gain² I| for the smaller side.
    fn defect(shape: [usize; 2], gain: f64) -> f64 {
        let q = tensor(gain, &shape, DType::F64, &Device::cpu(), Key::new(3));
        let q = if shape[0] <= shape[1] { q } else { q.t() };
        let n = shape[0].min(shape[1]);
        let gram: Vec<f64> = q.matmul(&q.t()).to_vec();
        let wanted = |i| if i / n == i % n { gain * gain } else { 0.0 };
        gram.iter().enumerate().map(|(i, g)| (g - wanted(i)).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn rows_or_columns_are_orthonormal() {
        for shape in [[1, 1], [5, 5], [64, 17], [17, 64], [120, 120], [1, 9]] {
            assert!(defect(shape, 1.0) < 1e-13, "{shape:?}: {}", defect(shape, 1.0));
        }
        assert!(defect([20, 30], 2.0) < 1e-13);
    }

    #[test]
    fn further_axes_count_as_columns() {
        let key = Key::new(3);
        let kernel = tensor(1.0, &[4, 3, 5], DType::F64, &Device::cpu(), key);
        assert_eq!(kernel.shape(), [4, 3, 5]);
        let flat = tensor(1.0, &[4, 15], DType::F64, &Device::cpu(), key);
        assert_eq!(kernel.to_vec::<f64>(), flat.to_vec::<f64>());
    }

    #[test]
    fn both_determinants_come_up() {
        // Of a uniformly random 2 × 2 orthogonal matrix, half are rotations and half reflections.
        let rotations = (0..200)
            .map(|seed| tensor(1.0, &[2, 2], DType::F64, &Device::cpu(), Key::new(seed)).to_vec::<f64>())
            .filter(|q| q[0] * q[3] - q[1] * q[2] > 0.0)
            .count();
        assert!((70..=130).contains(&rotations), "{rotations}");
    }

    #[test]
    fn dot_takes_the_rest_too() {
        let x: Vec<f64> = (0..19).map(f64::from).collect();
        assert_eq!(dot(&x, &x), 2109.0); // 18 · 19 · 37 / 6
    }

    #[test]
    #[should_panic(expected = "at least two axes")]
    fn a_vector_is_refused() {
        tensor(1.0, &[5], DType::F32, &Device::cpu(), Key::new(0));
    }
}
