//! Indexing against a loop over elements; it never copies.

use std::ops::Bound;

use proptest::prelude::*;
use unrolled_tensor::{AxisIndex, DType, Device, Ellipsis, IntoIndex, NewAxis, Tensor};

fn counted(shape: &[usize]) -> Tensor {
    Tensor::arange(shape.iter().product(), DType::I64, &Device::cpu()).reshape(shape)
}

/// Some index of an axis of length `n`, and the indices that it keeps, said plainly; `None` for a single one, whose axis goes away.
fn axis_index(n: usize, [kind, a, b, step]: [usize; 4]) -> (AxisIndex, Vec<usize>, bool) {
    let all: Vec<usize> = (0..n).collect();
    if kind == 0 && n > 0 {
        let i = a % n;
        return (
            AxisIndex::Single(if b.is_multiple_of(2) { i as isize } else { i as isize - n as isize }),
            vec![i],
            false,
        );
    }
    let first = a % (n + 1);
    let past = first + b % (n + 1 - first);
    // The same bound from the end; −0 cannot be said.
    let from_end =
        |at: usize, way: usize| if way.is_multiple_of(2) && at < n { at as isize - n as isize } else { at as isize };
    let start = (first > 0 || a.is_multiple_of(2)).then(|| from_end(first, b));
    let end = match past {
        _ if past == n && step.is_multiple_of(2) => Bound::Unbounded,
        0 => Bound::Excluded(0),
        _ if a.is_multiple_of(3) && past > first => Bound::Included(from_end(past - 1, a)),
        _ => Bound::Excluded(from_end(past, a)),
    };
    let kept = all[first..past].iter().copied().step_by(step).collect();
    (AxisIndex::Range { start, end, step }, kept, true)
}

/// Every combination of the kept indices, the last axis fastest.
fn elements(x: &[i64], shape: &[usize], kept: &[Vec<usize>]) -> Vec<i64> {
    let mut places = vec![0];
    for (indices, n) in kept.iter().zip(shape) {
        places = places.iter().flat_map(|place| indices.iter().map(move |i| place * n + i)).collect();
    }
    places.into_iter().map(|place| x[place]).collect()
}

proptest! {
    #[test]
    fn indexing_keeps_what_a_loop_keeps(
        shape in prop::collection::vec(0usize..5, 0..5),
        named in 0usize..5,
        numbers in prop::collection::vec([0usize..3, 0usize..60, 0usize..60, 1usize..4], 5),
        (new_axis, ellipsis) in (0usize..12, 0usize..12),
    ) {
        let named = named.min(shape.len());
        let front = ellipsis.min(named);
        let mut indices = Vec::new();
        let (mut kept, mut expected): (Vec<Vec<usize>>, Vec<usize>) = (Vec::new(), Vec::new());
        for (axis, &n) in shape.iter().enumerate() {
            // Named axes are the first, and with an ellipsis some of them the last.
            let in_middle = axis >= front && axis < front + shape.len() - named;
            if axis == front && named < shape.len() && ellipsis <= named {
                indices.push(Ellipsis.into_index());
            }
            if in_middle || (ellipsis > named && axis >= named) {
                kept.push((0..n).collect());
                expected.push(n);
                continue;
            }
            if new_axis == axis {
                indices.push(NewAxis.into_index());
                expected.push(1);
            }
            let (index, indices_kept, stays) = axis_index(n, numbers[axis]);
            if stays {
                expected.push(indices_kept.len());
            }
            indices.push(index);
            kept.push(indices_kept);
        }
        let x = counted(&shape);
        let part = x.at(&indices[..]);
        prop_assert_eq!(part.shape(), &expected[..], "{:?} of {:?}", &indices, &shape);
        prop_assert_eq!(part.to_vec::<i64>(), elements(&x.to_vec::<i64>(), &shape, &kept), "{:?} of {:?}", &indices, &shape);
        prop_assert!(part.shares_storage(&x));
    }
}

#[test]
fn all_kinds_of_ranges_and_integers() {
    let x = counted(&[6]);
    let is = |part: Tensor, expected: &[i64]| assert_eq!(part.to_vec::<i64>(), expected);
    is(x.at(1..3), &[1, 2]);
    is(x.at(1..=3), &[1, 2, 3]);
    is(x.at(4..), &[4, 5]);
    is(x.at(..2), &[0, 1]);
    is(x.at(..=2), &[0, 1, 2]);
    is(x.at(..), &[0, 1, 2, 3, 4, 5]);
    is(x.at(-2..), &[4, 5]);
    is(x.at(..-4), &[0, 1]);
    is(x.at(-3..=-2), &[3, 4]);
    is(x.at(3..3), &[]);
    is(x.at((..).every(4)), &[0, 4]);
    is(x.at((1..).every(2).every(2)), &[1, 5]);
    let (of_usize, of_isize, of_u32, of_i64) = (2usize, -1isize, 3u32, -6i64);
    is(x.at(of_usize), &[2]);
    is(x.at(of_isize), &[5]);
    is(x.at(of_u32), &[3]);
    is(x.at(of_i64), &[0]);
    is(x.at(of_usize..4), &[2, 3]);
}

#[test]
fn tuples_of_up_to_six() {
    let x = counted(&[2, 2, 2, 2, 2, 2]);
    assert_eq!(x.at((1,)).shape(), [2; 5]);
    assert_eq!(x.at((1, 0, 1)).to_vec::<i64>(), [40, 41, 42, 43, 44, 45, 46, 47]);
    assert_eq!(x.at((1, 0, 1, .., 0)).to_vec::<i64>(), [40, 41, 44, 45]);
    assert_eq!(x.at((1, 0, 1, -1, 0, 1)).item::<i64>(), 45);
    assert_eq!(x.at((0, Ellipsis, NewAxis)).shape(), [2, 2, 2, 2, 2, 1]);
    assert_eq!(counted(&[]).at((Ellipsis, NewAxis)).shape(), [1]);
}
