//! `x.at((.., 1..3, -1))`: one index for each axis, from the front, as views.

use std::fmt;
use std::ops::{Bound, Range, RangeBounds, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};

use smallvec::SmallVec;

use super::Tensor;

/// Stands for as many whole axes as the other indices leave over: Python's `...`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ellipsis;

/// A new axis of length 1 at this place: Python's `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewAxis;

/// What [`Tensor::at`] takes for one axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AxisIndex {
    /// One index; the axis goes away. A negative one counts from the end.
    Single(isize),
    /// Every `step`-th index of a range, from its first. Negative bounds count from the end.
    Range {
        /// Where it starts; `None`: at 0.
        start: Option<isize>,
        /// Where it ends.
        end: Bound<isize>,
        /// 1 for every index.
        step: usize,
    },
    /// [`NewAxis`]
    NewAxis,
    /// [`Ellipsis`]
    Ellipsis,
}

/// What says which indices of one axis: an integer, any of Rust's six ranges, [`NewAxis`], [`Ellipsis`].
///
/// `..` is one whole axis, as `:` is in Python.
pub trait IntoIndex: Sized {
    /// As data.
    fn into_index(self) -> AxisIndex;

    /// Every `step`-th index of a range, from its first: Python's `start:end:step`.
    ///
    /// # Panics
    /// Where `step` is 0, or this is no range.
    ///
    /// ```
    /// use unrolled_tensor::{DType, Device, IntoIndex, Tensor};
    /// let x = Tensor::arange(10, DType::I64, &Device::cpu());
    /// assert_eq!(x.at((1..8).every(3)).to_vec::<i64>(), [1, 4, 7]);
    /// ```
    #[track_caller]
    fn every(self, step: usize) -> AxisIndex {
        match self.into_index() {
            _ if step == 0 => panic!("every: a step of 0 goes nowhere"),
            AxisIndex::Range { start, end, step: before } => {
                AxisIndex::Range { start, end, step: before.saturating_mul(step) }
            }
            other => panic!("every: {other} is not a range"),
        }
    }
}

/// The indices of one axis, or of several as a tuple of up to six; as a list of [`AxisIndex`] where their number is known at run time.
pub trait Indices {
    /// As data, from the first axis.
    fn indices(self) -> SmallVec<[AxisIndex; 6]>;
}

/// One of the views that an [`Indices`] is made of. Axes count in the shape that the step before left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewStep {
    /// [`Tensor::narrow`]
    Narrow {
        /// Of which axis.
        axis: usize,
        /// The first index that stays.
        start: usize,
        /// How many stay.
        len: usize,
    },
    /// [`Tensor::step_by`]
    StepBy {
        /// Along which axis.
        axis: usize,
        /// Every how many-th index stays.
        step: usize,
    },
    /// [`Tensor::index`]
    Index {
        /// The axis that goes away.
        axis: usize,
        /// The index that stays.
        index: usize,
    },
    /// [`Tensor::unsqueeze`]
    Unsqueeze(usize),
}

/// The views, one after another, that `index` stands for on a tensor of this shape. What leaves an axis whole takes none.
///
/// # Panics
/// As [`Tensor::at`].
///
/// ```
/// use unrolled_tensor::{view_steps, ViewStep};
/// let steps = view_steps((.., 1..3, -1), &[2, 5, 7]);
/// assert_eq!(steps, [ViewStep::Narrow { axis: 1, start: 1, len: 2 }, ViewStep::Index { axis: 2, index: 6 }]);
/// ```
#[track_caller]
pub fn view_steps(index: impl Indices, shape: &[usize]) -> Vec<ViewStep> {
    let indices = index.indices();
    let named = indices.iter().filter(|i| matches!(i, AxisIndex::Single(_) | AxisIndex::Range { .. })).count();
    let ellipses = indices.iter().filter(|&&i| i == AxisIndex::Ellipsis).count();
    if named > shape.len() {
        panic!("at: {named} indices for the {} axes of shape {shape:?}", shape.len());
    }
    if ellipses > 1 {
        panic!("at: {ellipses} ellipses for shape {shape:?}; where the first ends is not said");
    }
    // The axis of the result, and that of the shape as it came.
    let (mut axis, mut from) = (0, 0);
    let mut steps = Vec::new();
    for &index in &indices {
        match index {
            AxisIndex::Single(i) => {
                steps.push(ViewStep::Index { axis, index: single(i, from, shape) });
                from += 1;
            }
            AxisIndex::Range { start, end, step } => {
                let (start, len) = range(index, start, end, from, shape);
                if len < shape[from] {
                    steps.push(ViewStep::Narrow { axis, start, len });
                }
                if step > 1 {
                    steps.push(ViewStep::StepBy { axis, step });
                }
                (axis, from) = (axis + 1, from + 1);
            }
            AxisIndex::NewAxis => {
                steps.push(ViewStep::Unsqueeze(axis));
                axis += 1;
            }
            AxisIndex::Ellipsis => (axis, from) = (axis + shape.len() - named, from + shape.len() - named),
        }
    }
    steps
}

#[track_caller]
fn single(index: isize, axis: usize, shape: &[usize]) -> usize {
    let n = shape[axis] as isize;
    if index < -n || index >= n {
        panic!("at: index {index} is outside axis {axis} of shape {shape:?}");
    }
    index.rem_euclid(n) as usize
}

/// First index and length of a range, before its step.
#[track_caller]
fn range(whole: AxisIndex, start: Option<isize>, end: Bound<isize>, axis: usize, shape: &[usize]) -> (usize, usize) {
    let n = shape[axis] as isize;
    let from_front = |bound: isize| if bound < 0 { bound.saturating_add(n) } else { bound };
    let start = start.map_or(0, from_front);
    let end = match end {
        Bound::Unbounded => n,
        Bound::Excluded(end) => from_front(end),
        Bound::Included(end) => from_front(end).saturating_add(1),
    };
    if start < 0 || end > n || start > n {
        panic!("at: range {whole} reaches past axis {axis} of shape {shape:?}");
    }
    if end < start {
        panic!("at: range {whole} ends before it starts on axis {axis} of shape {shape:?}");
    }
    (start as usize, (end - start) as usize)
}

impl Tensor {
    /// The part that `index` names, as a view: nothing is copied. One index for each axis, from the first; axes that are not named stay whole.
    ///
    /// | here | in Python | what it does |
    /// |---|---|---|
    /// | `0`, `-1` | `0`, `-1` | one index; the axis goes away |
    /// | `1..3`, `1..=2`, `2..`, `..3`, `..=2`, `-3..` | `1:3`, … | a range; negative bounds count from the end |
    /// | `..` | `:` | the whole axis |
    /// | `(1..9).every(2)` | `1:9:2` | every second index of a range |
    /// | `NewAxis` | `None` | a new axis of length 1 |
    /// | `Ellipsis` | `...` | as many whole axes as the others leave over |
    ///
    /// # Panics
    /// Where an index or a range reaches past its axis (ranges are not cut off as Python's are), a range ends before it starts, there are more indices
    /// than axes, or two ellipses.
    ///
    /// ```
    /// use unrolled_tensor::{DType, Device, Ellipsis, NewAxis, Tensor};
    /// let x = Tensor::arange(24, DType::I64, &Device::cpu()).reshape([2, 3, 4]);
    /// assert_eq!(x.at((1, -1, 0)).item::<i64>(), 20);
    /// assert_eq!(x.at((.., 1..3, 0)).to_vec::<i64>(), [4, 8, 16, 20]);
    /// assert_eq!(x.at((Ellipsis, -2..)).shape(), [2, 3, 2]);
    /// assert_eq!(x.at((0, NewAxis)).shape(), [1, 3, 4]);
    /// assert!(x.at(0).shares_storage(&x));
    /// ```
    #[track_caller]
    pub fn at(&self, index: impl Indices) -> Tensor {
        let mut view = self.clone();
        for step in view_steps(index, self.shape()) {
            view = match step {
                ViewStep::Narrow { axis, start, len } => view.narrow(axis as isize, start, len),
                ViewStep::StepBy { axis, step } => view.step_by(axis as isize, step),
                ViewStep::Index { axis, index } => view.index(axis as isize, index),
                ViewStep::Unsqueeze(axis) => view.unsqueeze(axis as isize),
            };
        }
        view
    }
}

impl IntoIndex for AxisIndex {
    fn into_index(self) -> AxisIndex {
        self
    }
}

impl IntoIndex for NewAxis {
    fn into_index(self) -> AxisIndex {
        AxisIndex::NewAxis
    }
}

impl IntoIndex for Ellipsis {
    fn into_index(self) -> AxisIndex {
        AxisIndex::Ellipsis
    }
}

impl IntoIndex for RangeFull {
    fn into_index(self) -> AxisIndex {
        AxisIndex::Range { start: None, end: Bound::Unbounded, step: 1 }
    }
}

macro_rules! integers {
    ($($integer:ty),*) => {$(
        impl IntoIndex for $integer {
            fn into_index(self) -> AxisIndex {
                AxisIndex::Single(signed(self))
            }
        }
        integers!(@range $integer: Range<$integer>, RangeFrom<$integer>, RangeTo<$integer>, RangeInclusive<$integer>, RangeToInclusive<$integer>);
    )*};
    (@range $integer:ty: $($range:ty),*) => {$(
        impl IntoIndex for $range {
            fn into_index(self) -> AxisIndex {
                let start = match self.start_bound() {
                    Bound::Included(&start) | Bound::Excluded(&start) => Some(signed(start)),
                    Bound::Unbounded => None,
                };
                AxisIndex::Range { start, end: self.end_bound().map(|&end| signed(end)), step: 1 }
            }
        }
    )*};
}

integers!(usize, isize, i32, u32, i64);

/// What does not fit is far outside every axis, and stays so.
fn signed<I: TryInto<isize>>(integer: I) -> isize {
    integer.try_into().unwrap_or(isize::MAX)
}

impl<I: IntoIndex> Indices for I {
    fn indices(self) -> SmallVec<[AxisIndex; 6]> {
        SmallVec::from_slice(&[self.into_index()])
    }
}

impl Indices for &[AxisIndex] {
    fn indices(self) -> SmallVec<[AxisIndex; 6]> {
        SmallVec::from_slice(self)
    }
}

macro_rules! tuples {
    ($(($($name:ident),*);)*) => {$(
        impl<$($name: IntoIndex),*> Indices for ($($name,)*) {
            fn indices(self) -> SmallVec<[AxisIndex; 6]> {
                #[allow(non_snake_case)]
                let ($($name,)*) = self;
                SmallVec::from_slice(&[$($name.into_index()),*])
            }
        }
    )*};
}

tuples! {
    (A);
    (A, B);
    (A, B, C);
    (A, B, C, D);
    (A, B, C, D, E);
    (A, B, C, D, E, F);
}

/// As it is written in Rust: `-1`, `1..=3`, `(..).every(2)`.
impl fmt::Display for AxisIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            AxisIndex::Single(index) => write!(f, "{index}"),
            AxisIndex::NewAxis => f.write_str("NewAxis"),
            AxisIndex::Ellipsis => f.write_str("Ellipsis"),
            AxisIndex::Range { start, end, step } => {
                let start = start.map_or(String::new(), |start| start.to_string());
                let end = match end {
                    Bound::Unbounded => "..".to_owned(),
                    Bound::Excluded(end) => format!("..{end}"),
                    Bound::Included(end) => format!("..={end}"),
                };
                if step == 1 { write!(f, "{start}{end}") } else { write!(f, "({start}{end}).every({step})") }
            }
        }
    }
}
