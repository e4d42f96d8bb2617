//! Masks, sorting, cutting, padding and norms against index formulas and plain loops.

use proptest::prelude::*;
use unrolled_tensor::{DType, Device, Tensor};

fn tensor(values: &[f64], shape: &[usize]) -> Tensor {
    Tensor::from_slice(values, shape, &Device::cpu())
}

/// 0, 1, 2, … as a strided view: the transpose of the transpose's copy.
fn counted(shape: [usize; 2]) -> Tensor {
    let [m, n] = shape;
    Tensor::arange(m * n, DType::I64, &Device::cpu()).reshape([m, n]).t().contiguous().t()
}

/// The matrix with `of(i, j)` at row i and column j.
fn matrix(rows: usize, columns: usize, of: impl Fn(i64, i64) -> i64) -> Tensor {
    let values: Vec<i64> =
        (0..rows * columns).map(|k| of((k / columns.max(1)) as i64, (k % columns.max(1)) as i64)).collect();
    Tensor::from_slice(&values, [rows, columns], &Device::cpu())
}

#[track_caller]
fn same(x: &Tensor, y: &Tensor) {
    assert_eq!((x.shape(), x.dtype(), x.to_vec::<i64>()), (y.shape(), y.dtype(), y.to_vec::<i64>()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arrangements_follow_their_formulas(m in 0usize..5, n in 0usize..5, k in -6i64..6, before in 0usize..3, after in 0usize..3) {
        let x = counted([m, n]);
        let at = |i: i64, j: i64| i * n as i64 + j;
        same(&x.tril(k), &matrix(m, n, |i, j| if j - i <= k { at(i, j) } else { 0 }));
        same(&x.triu(k), &matrix(m, n, |i, j| if j - i >= k { at(i, j) } else { 0 }));
        same(&x.roll(k as isize, 1), &matrix(m, n, |i, j| at(i, (j - k).rem_euclid(n as i64))));
        same(&x.roll(k as isize, 0), &matrix(m, n, |i, j| at((i - k).rem_euclid(m as i64), j)));
        let (b, rows, columns) = (before as i64, m + before + after, n + after);
        let inside = |i: i64, j: i64| (b..b + m as i64).contains(&i) && (0..n as i64).contains(&j);
        let padded = matrix(rows, columns, |i, j| if inside(i, j) { at(i - b, j) } else { -7 });
        same(&x.pad(&[(before, after), (0, after)], -7.0), &padded);
        same(&x.repeat(&[before, after]), &matrix(m * before, n * after, |i, j| at(i % m as i64, j % n as i64)));
        same(&x.repeat_interleave(after, 1), &matrix(m, n * after, |i, j| at(i, j / after as i64)));
        let diagonal: Vec<i64> = (0..m as i64).filter(|i| (0..n as i64).contains(&(i + k))).map(|i| at(i, i + k)).collect();
        prop_assert_eq!(x.diagonal(k as isize, 0, 1).to_vec::<i64>(), diagonal);
    }

    #[test]
    fn parts_joined_are_the_whole(m in 0usize..5, n in 0usize..6, length in 1usize..4, cut in 0usize..6) {
        let x = counted([m, n]);
        let join = |parts: Vec<Tensor>, axis| Tensor::concat(&parts.iter().collect::<Vec<_>>(), axis);
        same(&join(x.split_every(length, 1), 1), &x);
        prop_assert_eq!(x.split_every(length, 1).len(), n.div_ceil(length).max(1));
        let cut = cut.min(n);
        same(&join(x.split(&[cut, 0, n - cut], -1), 1), &x);
        if m > 0 {
            same(&Tensor::stack(&x.unbind(0).iter().collect::<Vec<_>>(), 0), &x);
        }
    }

    #[test]
    fn sorts_are_stable(values in prop::collection::vec(prop::sample::select(vec![0.0, 1.0, -1.0, 2.5, f64::INFINITY, f64::NAN]), 0..100)) {
        let x = tensor(&values, &[values.len()]);
        // NaN is the largest, −0 and 0 are equal: as the order of these keys.
        let key = |v: f64| if v.is_nan() { (1, 0.0) } else { (0, v) };
        for descending in [false, true] {
            let mut places: Vec<u32> = (0..values.len() as u32).collect();
            places.sort_by(|&a, &b| {
                let (a, b) = (key(values[a as usize]), key(values[b as usize]));
                let order = a.partial_cmp(&b).unwrap();
                if descending { order.reverse() } else { order }
            });
            let (sorted, found) = x.sort(0, descending);
            prop_assert_eq!(found.to_vec::<u32>(), places.clone());
            let expected: Vec<u64> = places.iter().map(|&p| values[p as usize].to_bits()).collect();
            prop_assert_eq!(sorted.to_vec::<f64>().iter().map(|v| v.to_bits()).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn norms_and_deviations_follow_their_formulas(values in prop::collection::vec(-3.0f64..3.0, 2..40)) {
        let x = tensor(&values, &[values.len()]);
        for p in [1.0, 2.0, 3.0, 0.5, f64::INFINITY, f64::NEG_INFINITY] {
            let sizes = values.iter().map(|v| v.abs());
            let expected = match p {
                f64::INFINITY => sizes.fold(0.0, f64::max),
                f64::NEG_INFINITY => sizes.fold(f64::INFINITY, f64::min),
                p => sizes.map(|v| v.powf(p)).sum::<f64>().powf(1.0 / p),
            };
            let got = x.norm(p, 0, false).item::<f64>();
            prop_assert!((got - expected).abs() <= 1e-12 * expected.max(1.0), "p = {}: {} not {}", p, got, expected);
        }
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        prop_assert!((x.var(0, 1, false).item::<f64>() - squares / (n - 1.0)).abs() < 1e-12);
        prop_assert!((x.std(0, 0, false).item::<f64>() - (squares / n).sqrt()).abs() < 1e-12);
    }
}

#[test]
fn numbers_stand_beside_every_dtype() {
    for dtype in DType::ALL.into_iter().filter(|&dtype| dtype != DType::Bool) {
        let x = Tensor::arange(3, dtype, &Device::cpu());
        assert_eq!(x.ge(1.0).to_vec::<bool>(), [false, true, true], "{dtype}");
        assert_eq!(x.lt(1).to_vec::<bool>(), [true, false, false], "{dtype}");
        assert_eq!(x.ne(&x.flip(0)).to_vec::<bool>(), [true, false, true], "{dtype}");
    }
    // Not through f64, where this is 2⁵³.
    let x = Tensor::from_slice(&[(1i64 << 53) + 1], [1], &Device::cpu());
    assert_eq!(x.eq((1 << 53) + 1).to_vec::<bool>(), [true]);
}

#[test]
fn truth_over_axes() {
    let x = tensor(&[0.0, 0.0, 1.0, f64::NAN], &[2, 2]);
    assert_eq!(
        (x.any(1, false).to_vec::<bool>(), x.all(1, false).to_vec::<bool>()),
        (vec![false, true], vec![false, true])
    );
    assert_eq!(x.all(0, true).shape(), [1, 2]);
    let nothing = tensor(&[], &[0]);
    assert_eq!((nothing.any(.., false).item::<bool>(), nothing.all(.., false).item::<bool>()), (false, true));
    assert_eq!(x.argmax(.., false).item::<u32>(), 3);
    assert_eq!(tensor(&[1.0, 3.0, 3.0, -2.0], &[2, 2]).argmax(.., false).item::<u32>(), 1);
}

#[test]
fn class_numbers_become_rows() {
    let ids = Tensor::from_slice(&[1u32, 0, 1, 2], [2, 2], &Device::cpu());
    for dtype in DType::ALL {
        let rows = ids.one_hot(3, dtype);
        assert_eq!((rows.shape(), rows.dtype()), (&[2, 2, 3][..], dtype));
        assert_eq!(rows.cast(DType::U32).to_vec::<u32>(), [0, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1]);
    }
    assert_eq!(ids.narrow(0, 0, 0).one_hot(0, DType::F32).shape(), [0, 2, 0]);
}
