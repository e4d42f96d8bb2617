//! Compositions of views against an index function on the host; none of them copies.

use proptest::prelude::*;
use unrolled_tensor::{DType, Device, INFER, Tensor, broadcast_dims};

/// One step of a composition; its numbers are taken modulo what the shape allows.
#[derive(Clone, Debug)]
enum Step {
    Permute(usize),
    Transpose(usize, usize),
    Narrow(usize, usize, usize),
    Index(usize, usize),
    Flip(usize),
    Stride(usize, usize),
    Windows(usize, usize, usize),
    Unsqueeze(usize),
    Repeat(usize, usize),
    Split(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let n = 0usize..1000;
    prop_oneof![
        n.clone().prop_map(Step::Permute),
        (n.clone(), n.clone()).prop_map(|(a, b)| Step::Transpose(a, b)),
        (n.clone(), n.clone(), n.clone()).prop_map(|(a, b, c)| Step::Narrow(a, b, c)),
        (n.clone(), n.clone()).prop_map(|(a, b)| Step::Index(a, b)),
        n.clone().prop_map(Step::Flip),
        (n.clone(), 1usize..4).prop_map(|(a, b)| Step::Stride(a, b)),
        (n.clone(), 1usize..4, 1usize..4).prop_map(|(a, b, c)| Step::Windows(a, b, c)),
        n.clone().prop_map(Step::Unsqueeze),
        (n.clone(), 0usize..4).prop_map(|(a, b)| Step::Repeat(a, b)),
        n.prop_map(Step::Split),
    ]
}

/// The same view said slowly: which element of the storage stands at an index.
struct Slow {
    shape: Vec<usize>,
    of: Box<dyn Fn(&[usize]) -> usize>,
}

impl Slow {
    fn whole(shape: &[usize]) -> Slow {
        let dims = shape.to_vec();
        Slow { shape: dims.clone(), of: Box::new(move |i| i.iter().zip(&dims).fold(0, |at, (i, n)| at * n + i)) }
    }

    fn then(self, shape: Vec<usize>, back: impl Fn(&[usize]) -> Vec<usize> + 'static) -> Slow {
        Slow { shape, of: Box::new(move |index| (self.of)(&back(index))) }
    }

    fn positions(&self) -> Vec<u32> {
        let count: usize = self.shape.iter().product();
        (0..count)
            .map(|flat| {
                let (mut rest, mut index) = (flat, vec![0; self.shape.len()]);
                for axis in (0..self.shape.len()).rev() {
                    index[axis] = rest % self.shape[axis];
                    rest /= self.shape[axis];
                }
                (self.of)(&index) as u32
            })
            .collect()
    }
}

/// Both ways of taking a step; `None` where the shape does not allow it.
fn take(x: &Tensor, slow: Slow, step: &Step) -> Result<(Tensor, Slow), Slow> {
    let shape = slow.shape.clone();
    let rank = shape.len();
    if rank == 0 && !matches!(step, Step::Unsqueeze(_)) {
        return Err(slow);
    }
    Ok(match *step {
        Step::Permute(turn) => {
            let order: Vec<usize> = (0..rank).map(|axis| (axis + turn) % rank).collect();
            let signed: Vec<isize> = order.iter().map(|&axis| axis as isize - rank as isize).collect();
            let permuted = order.iter().map(|&axis| shape[axis]).collect();
            (
                x.permute(signed),
                slow.then(permuted, move |index| {
                    let mut at = vec![0; index.len()];
                    order.iter().zip(index).for_each(|(&axis, &i)| at[axis] = i);
                    at
                }),
            )
        }
        Step::Transpose(a, b) => {
            let (a, b) = (a % rank, b % rank);
            let mut swapped = shape;
            swapped.swap(a, b);
            (
                x.transpose(a as isize, b as isize),
                slow.then(swapped, move |index| {
                    let mut at = index.to_vec();
                    at.swap(a, b);
                    at
                }),
            )
        }
        Step::Narrow(axis, start, len) => {
            let axis = axis % rank;
            let start = start % (shape[axis] + 1);
            let len = len % (shape[axis] - start + 1);
            let mut narrowed = shape;
            narrowed[axis] = len;
            (
                x.narrow(axis as isize, start, len),
                slow.then(narrowed, move |index| {
                    let mut at = index.to_vec();
                    at[axis] += start;
                    at
                }),
            )
        }
        Step::Index(axis, i) => {
            let axis = axis % rank;
            if shape[axis] == 0 {
                return Err(slow);
            }
            let i = i % shape[axis];
            let mut rest = shape;
            rest.remove(axis);
            (
                x.index(axis as isize, i),
                slow.then(rest, move |index| {
                    let mut at = index.to_vec();
                    at.insert(axis, i);
                    at
                }),
            )
        }
        Step::Flip(axis) => {
            let axis = axis % rank;
            let n = shape[axis];
            (
                x.flip(axis as isize - rank as isize),
                slow.then(shape, move |index| {
                    let mut at = index.to_vec();
                    at[axis] = n - 1 - at[axis];
                    at
                }),
            )
        }
        Step::Stride(axis, by) => {
            let axis = axis % rank;
            let mut stepped = shape;
            stepped[axis] = stepped[axis].div_ceil(by);
            (
                x.step_by(axis as isize, by),
                slow.then(stepped, move |index| {
                    let mut at = index.to_vec();
                    at[axis] *= by;
                    at
                }),
            )
        }
        Step::Windows(axis, size, by) => {
            let axis = axis % rank;
            if shape[axis] < size {
                return Err(slow);
            }
            let mut windows = shape;
            windows[axis] = (windows[axis] - size) / by + 1;
            windows.push(size);
            (
                x.unfold(axis as isize, size, by),
                slow.then(windows, move |index| {
                    let mut at = index.to_vec();
                    let within = at.pop().expect("the axis through a window");
                    at[axis] = at[axis] * by + within;
                    at
                }),
            )
        }
        Step::Unsqueeze(axis) => {
            let axis = axis % (rank + 1);
            let mut longer = shape;
            longer.insert(axis, 1);
            (
                x.unsqueeze(axis as isize),
                slow.then(longer, move |index| {
                    let mut at = index.to_vec();
                    at.remove(axis);
                    at
                }),
            )
        }
        Step::Repeat(axis, times) => {
            let axis = axis % rank;
            if shape[axis] != 1 {
                return Err(slow);
            }
            let mut repeated = shape;
            repeated[axis] = times;
            (
                x.broadcast_to(&repeated),
                slow.then(repeated, move |index| {
                    let mut at = index.to_vec();
                    at[axis] = 0;
                    at
                }),
            )
        }
        Step::Split(axis) => {
            // One axis as two is a view whatever its stride.
            let axis = axis % rank;
            let n = shape[axis];
            let Some(inner) = (2..=n).find(|d| n.is_multiple_of(*d)) else { return Err(slow) };
            let mut split = shape;
            split[axis] = n / inner;
            split.insert(axis + 1, inner);
            (
                x.reshape(&split),
                slow.then(split, move |index| {
                    let mut at = index.to_vec();
                    let low = at.remove(axis + 1);
                    at[axis] = at[axis] * inner + low;
                    at
                }),
            )
        }
    })
}

fn counted(shape: &[usize]) -> Tensor {
    Tensor::arange(shape.iter().product(), DType::U32, &Device::cpu()).reshape(shape)
}

proptest! {
    #[test]
    fn a_composition_of_views_shows_the_right_elements_and_copies_nothing(
        shape in prop::collection::vec(0usize..5, 0..5),
        steps in prop::collection::vec(step(), 0..8),
    ) {
        let whole = counted(&shape);
        let (mut x, mut slow) = (whole.clone(), Slow::whole(&shape));
        for step in &steps {
            match take(&x, slow, step) {
                Ok(next) => (x, slow) = next,
                Err(same) => slow = same,
            }
            prop_assert!(x.shares_storage(&whole), "{step:?} copied");
            prop_assert_eq!(x.shape(), &slow.shape[..]);
        }
        let positions = slow.positions();
        prop_assert_eq!(x.to_vec::<u32>(), &positions[..]);
        prop_assert_eq!(x.flatten().to_vec::<u32>(), &positions[..]);
        prop_assert_eq!(x.copy().to_vec::<u32>(), &positions[..]);
        prop_assert_eq!(x.contiguous().shares_storage(&whole), x.is_contiguous());
    }

    #[test]
    fn a_reshape_keeps_the_order_and_copies_only_what_no_strides_can_say(
        shape in prop::collection::vec(1usize..5, 1..5),
        steps in prop::collection::vec(step(), 0..5),
        cut in 1usize..7,
    ) {
        let whole = counted(&shape);
        let mut x = whole.clone();
        for step in &steps {
            if let Ok((next, _)) = take(&x, Slow::whole(x.shape()), step) {
                x = next;
            }
        }
        let elements = x.to_vec::<u32>();
        prop_assert!(x.reshape(x.shape()).shares_storage(&whole), "to its own shape");
        if x.elements() > 0 && x.elements().is_multiple_of(cut) {
            let reshaped = x.reshape([INFER, cut]);
            prop_assert_eq!(reshaped.shape(), [x.elements() / cut, cut]);
            prop_assert_eq!(reshaped.to_vec::<u32>(), &elements[..]);
            prop_assert!(reshaped.shares_storage(&whole) || !x.is_contiguous());
            // A view could have said it if and only if some step in each axis gives all elements.
            if !reshaped.shares_storage(&whole) {
                let rows = x.elements() / cut;
                let at = |r: usize, c: usize| elements[r * cut + c] as i64;
                let (down, right) = (if rows > 1 { at(1, 0) - at(0, 0) } else { 0 }, if cut > 1 { at(0, 1) - at(0, 0) } else { 0 });
                let even = (0..rows).all(|r| (0..cut).all(|c| at(r, c) == at(0, 0) + r as i64 * down + c as i64 * right));
                prop_assert!(!even, "{:?} of {:?} needed no copy", reshaped.shape(), x.layout());
            }
        }
    }

    #[test]
    fn operands_broadcast_by_numpys_rules(
        full in prop::collection::vec(0usize..4, 0..5),
        hidden in prop::collection::vec((any::<bool>(), any::<bool>()), 5),
        (drop_a, drop_b) in (0usize..5, 0usize..5),
    ) {
        // Both shapes are made from one, with some axes at length 1 and some leading ones left out.
        let part = |drop: usize, one: &dyn Fn(usize) -> bool| -> Vec<usize> {
            let shape = full.iter().enumerate().map(|(axis, &n)| if one(axis) { 1 } else { n });
            shape.skip(drop.min(full.len())).collect()
        };
        let (a, b) = (part(drop_a, &|axis| hidden[axis].0), part(drop_b, &|axis| hidden[axis].1));
        let (x, y) = (counted(&a), counted(&b));
        let Some(both) = broadcast_dims(&a, &b) else { return Err(TestCaseError::fail("these shapes broadcast")) };
        let sum = x.affine(1000.0, 0.0).add(&y);
        prop_assert_eq!(sum.shape(), &both[..]);
        let at = |shape: &[usize], index: &[usize]| {
            let lead = index.len() - shape.len();
            shape.iter().zip(&index[lead..]).fold(0, |at, (&n, &i)| at * n + i.min(n - 1))
        };
        let of: Box<dyn Fn(&[usize]) -> usize> = Box::new(move |index| at(&a, index) * 1000 + at(&b, index));
        let expected = Slow { shape: both.to_vec(), of }.positions();
        prop_assert_eq!(sum.to_vec::<u32>(), expected);
    }
}

#[test]
fn views_of_nothing_and_of_one_element() {
    let nothing = counted(&[0, 3]);
    for x in [nothing.t(), nothing.flip(0), nothing.narrow(1, 1, 2), nothing.step_by(0, 2), nothing.reshape([3, 0, 5])]
    {
        assert_eq!((x.elements(), x.to_vec::<u32>().len()), (0, 0));
        assert!(x.is_contiguous() && x.shares_storage(&nothing));
    }
    assert_eq!(nothing.reshape([INFER, 7]).shape(), [0, 7]);
    assert_eq!(counted(&[3, 0]).rows().shape(), [3, 0]);
    let one = counted(&[]);
    assert_eq!(one.broadcast_to([2, 2]).to_vec::<u32>(), [0; 4]);
    assert_eq!(one.reshape([1, 1, 1]).shape(), [1, 1, 1]);
    assert_eq!(one.flatten().shape(), [1]);
    assert_eq!(counted(&[5]).step_by(0, usize::MAX).to_vec::<u32>(), [0]);
}
