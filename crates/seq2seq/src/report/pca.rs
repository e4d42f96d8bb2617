//! Principal components of a few points in many dimensions.

/// Points in the coordinates in which they differ most.
#[derive(Clone, Debug, PartialEq)]
pub struct Pca {
    /// Of each point, its coordinates along the components, the first component first. Their mean is 0.
    pub coordinates: Vec<Vec<f64>>,
    /// The share of all variance along each component, from 0 to 1; 0 where the points do not differ at all.
    pub shares: Vec<f64>,
}

/// Rotations over all pairs; a symmetric matrix is diagonal to the last bit long before.
const SWEEPS: usize = 60;

/// The first `components` principal components of `n` points of any dimension `d`, where `n` may be far below `d`: of the `n × n` matrix of
/// their products, not of the `d × d` covariance. Where there are fewer components than asked for, the rest are 0.
///
/// A component has no direction of its own: it is taken such that the point farthest out along it (the first of several) lies on the positive
/// side. So the same points give the same picture on every machine.
///
/// ```
/// use unrolled_seq2seq::report::pca;
///
/// let found = pca(&[vec![1.0, 1.0, 5.0], vec![4.0, 5.0, 5.0]], 2); // 5 apart
/// assert!((found.coordinates[0][0] - 2.5).abs() < 1e-12 && (found.coordinates[1][0] + 2.5).abs() < 1e-12);
/// assert_eq!(found.shares, [1.0, 0.0]);
/// ```
///
/// # Panics
/// Where the points have different dimensions.
#[track_caller]
pub fn pca(points: &[Vec<f64>], components: usize) -> Pca {
    let n = points.len();
    let d = points.first().map_or(0, Vec::len);
    for (place, point) in points.iter().enumerate() {
        assert!(point.len() == d, "pca: point {place} has {} dimensions, point 0 has {d}", point.len());
    }
    let centred = centred(points, d);
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let mut gram: Vec<Vec<f64>> = centred.iter().map(|a| centred.iter().map(|b| product(a, b)).collect()).collect();
    let vectors = diagonalise(&mut gram);
    let total: f64 = (0..n).map(|i| gram[i][i].max(0.0)).sum();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| gram[j][j].total_cmp(&gram[i][i]));
    let mut found = Pca { coordinates: vec![Vec::new(); n], shares: Vec::new() };
    for component in 0..components {
        let column = order.get(component).map(|&i| (i, gram[i][i]));
        // What is left of a difference of equal numbers is no component.
        let (column, value) = column.filter(|&(_, value)| value > 1e-12 * total).unwrap_or((0, 0.0));
        found.shares.push(if total > 0.0 { value / total } else { 0.0 });
        let along: Vec<f64> = vectors.iter().map(|row| row[column] * value.sqrt()).collect();
        let sign = sign(&along);
        found.coordinates.iter_mut().zip(along).for_each(|(point, x)| point.push(sign * x + 0.0));
    }
    found
}

fn centred(points: &[Vec<f64>], d: usize) -> Vec<Vec<f64>> {
    let mean: Vec<f64> =
        (0..d).map(|k| points.iter().map(|point| point[k]).sum::<f64>() / points.len() as f64).collect();
    points.iter().map(|point| point.iter().zip(&mean).map(|(x, mean)| x - mean).collect()).collect()
}

/// −1 where the farthest out is negative. Points that are equally far but for rounding are taken in their order.
fn sign(along: &[f64]) -> f64 {
    let farthest = along.iter().fold(0.0f64, |most, x| most.max(x.abs()));
    let first = along.iter().find(|x| x.abs() >= farthest * (1.0 - 1e-9)).copied().unwrap_or(0.0);
    if first < 0.0 { -1.0 } else { 1.0 }
}

/// Makes a symmetric matrix diagonal by Jacobi's rotations; its diagonal is then the eigenvalues, and the columns of what is returned their vectors.
fn diagonalise(matrix: &mut [Vec<f64>]) -> Vec<Vec<f64>> {
    let n = matrix.len();
    let mut vectors: Vec<Vec<f64>> = (0..n).map(|i| (0..n).map(|j| f64::from(i == j)).collect()).collect();
    for _ in 0..SWEEPS {
        let mut rotated = false;
        for p in 0..n {
            for q in p + 1..n {
                rotated |= rotate(matrix, &mut vectors, p, q);
            }
        }
        if !rotated {
            break;
        }
    }
    vectors
}

/// Turns the plane of `p` and `q` so that their product becomes 0; false where it is 0 already, next to the two on the diagonal.
fn rotate(matrix: &mut [Vec<f64>], vectors: &mut [Vec<f64>], p: usize, q: usize) -> bool {
    let apq = matrix[p][q];
    if apq.abs() <= 1e-15 * (matrix[p][p] * matrix[q][q]).abs().sqrt() {
        return false;
    }
    let theta = (matrix[q][q] - matrix[p][p]) / (2.0 * apq);
    let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let c = 1.0 / (t * t + 1.0).sqrt();
    let s = t * c;
    for k in 0..matrix.len() {
        let (akp, akq) = (matrix[k][p], matrix[k][q]);
        (matrix[k][p], matrix[k][q]) = (c * akp - s * akq, s * akp + c * akq);
    }
    for k in 0..matrix.len() {
        let (apk, aqk) = (matrix[p][k], matrix[q][k]);
        (matrix[p][k], matrix[q][k]) = (c * apk - s * aqk, s * apk + c * aqk);
    }
    for row in vectors {
        let (vp, vq) = (row[p], row[q]);
        (row[p], row[q]) = (c * vp - s * vq, s * vp + c * vq);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use unrolled_tensor::random::Key;

    fn random(n: usize, d: usize) -> Vec<Vec<f64>> {
        let key = Key::new(5);
        (0..n).map(|i| (0..d).map(|k| key.normal((i * d + k) as u64) / (k + 1) as f64).collect()).collect()
    }

    fn near(a: &[Vec<f64>], b: &[Vec<f64>]) -> bool {
        a.len() == b.len() && a.iter().flatten().zip(b.iter().flatten()).all(|(x, y)| (x - y).abs() < 1e-9)
    }

    /// The same points in other coordinates: turned in every plane of two neighbouring axes, then moved.
    fn turned(points: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let turn = |point: &Vec<f64>| {
            let mut point = point.clone();
            for k in 1..point.len() {
                let (sin, cos) = (0.3 + k as f64).sin_cos();
                (point[k - 1], point[k]) = (cos * point[k - 1] - sin * point[k], sin * point[k - 1] + cos * point[k]);
            }
            point.iter().map(|x| x + 7.0).collect()
        };
        points.iter().map(turn).collect()
    }

    #[test]
    fn a_cross_has_its_arms_for_components() {
        let cross = [[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]].map(|[x, y]| vec![x, y, 0.0, 0.0, 0.0]);
        let found = pca(&cross, 2);
        // Variances 18 and 2; the first point is the farthest along the first, the third along the second.
        assert!(near(&[found.shares], &[vec![0.9, 0.1]]));
        let plane: Vec<Vec<f64>> = cross.iter().map(|point| point[..2].to_vec()).collect();
        assert!(near(&found.coordinates, &plane), "{:?}", found.coordinates);
        assert!(near(&pca(&turned(&cross), 2).coordinates, &plane), "a turn changes nothing");
    }

    #[test]
    fn turning_and_moving_the_points_changes_nothing() {
        let points = random(12, 40);
        let (one, other) = (pca(&points, 3), pca(&turned(&points), 3));
        assert!(near(&one.coordinates, &other.coordinates));
        assert!(near(&[one.shares], &[other.shares]));
    }

    #[test]
    fn all_components_together_keep_every_distance() {
        let points = random(7, 30);
        let found = pca(&points, 6);
        let distance = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt();
        for (i, j) in (0..7).flat_map(|i| (0..i).map(move |j| (i, j))) {
            let (was, is) = (distance(&points[i], &points[j]), distance(&found.coordinates[i], &found.coordinates[j]));
            assert!((was - is).abs() < 1e-9, "{i} and {j}: {was} became {is}");
        }
        assert!((found.shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(found.shares.is_sorted_by(|a, b| a >= b));
    }

    #[test]
    fn points_that_do_not_differ_lie_at_the_origin() {
        let found = pca(&vec![vec![2.0, 3.0]; 4], 2);
        assert_eq!((found.coordinates, found.shares), (vec![vec![0.0, 0.0]; 4], vec![0.0, 0.0]));
        assert_eq!(pca(&[], 2).coordinates.len(), 0);
    }
}
