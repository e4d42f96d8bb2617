//! The operands of cases: shapes, views and values, all of them data.

use std::fmt;

use super::host::{Host, flat, rounded};
use crate::random::{Key, unit_f64};
use crate::{DType, Device, Tensor};

/// How an operand lies in its storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// Row-major and whole.
    Plain,
    /// Row-major, in the middle of a larger storage.
    Offset,
    /// The last two axes exchanged.
    Transposed,
    /// A part of every axis.
    Narrowed,
    /// Every axis backwards.
    Flipped,
    /// Every second index of every axis.
    Stepped,
    /// The first axis repeated with step 0.
    RepeatedFirst,
    /// The last axis repeated with step 0.
    RepeatedLast,
    /// Axes rotated, the first backwards, a part of the last.
    Mixed,
}

impl View {
    pub const ALL: [View; 9] = [
        View::Plain,
        View::Offset,
        View::Transposed,
        View::Narrowed,
        View::Flipped,
        View::Stepped,
        View::RepeatedFirst,
        View::RepeatedLast,
        View::Mixed,
    ];

    /// True where the view says something of a shape.
    pub fn fits(self, shape: &[usize]) -> bool {
        match self {
            View::Plain | View::Offset => true,
            View::Transposed | View::Mixed => shape.len() >= 2,
            _ => !shape.is_empty(),
        }
    }

    /// The shape of the storage under a view of `shape`.
    fn storage(self, shape: &[usize]) -> Vec<usize> {
        let mut storage = shape.to_vec();
        let rank = shape.len();
        match self {
            View::Plain | View::Flipped => {}
            View::Offset => storage.insert(0, 3),
            View::Transposed => storage.swap(rank - 2, rank - 1),
            View::Narrowed => storage.iter_mut().for_each(|n| *n += 3),
            View::Stepped => storage.iter_mut().for_each(|n| *n *= 2),
            View::RepeatedFirst => storage[0] = 1,
            View::RepeatedLast => storage[rank - 1] = 1,
            View::Mixed => {
                storage[rank - 1] += 2;
                storage.rotate_right(1);
            }
        }
        storage
    }

    /// The view of a storage of that shape.
    fn of(self, storage: &Tensor, shape: &[usize]) -> Tensor {
        let each = |of: &dyn Fn(&Tensor, isize) -> Tensor| {
            (0..shape.len() as isize).fold(storage.clone(), |x, axis| of(&x, axis))
        };
        match self {
            View::Plain => storage.clone(),
            View::Offset => storage.index(0, 1),
            View::Transposed => storage.t(),
            View::Narrowed => each(&|x, axis| x.narrow(axis, 2, shape[axis as usize])),
            View::Flipped => each(&|x, axis| x.flip(axis)),
            View::Stepped => each(&|x, axis| x.step_by(axis, 2)),
            View::RepeatedFirst | View::RepeatedLast => storage.broadcast_to(shape),
            View::Mixed => {
                let order: Vec<isize> = (1..shape.len() as isize).chain([0]).collect();
                storage.permute(order).narrow(-1, 1, shape[shape.len() - 1]).flip(0)
            }
        }
    }

    /// Where in the storage the element at `index` of the view lies: the same said slowly. `at` is room to work in.
    fn place(self, index: &[usize], shape: &[usize], storage: &[usize], at: &mut Vec<usize>) -> usize {
        at.clear();
        at.extend_from_slice(index);
        let rank = index.len();
        match self {
            View::Plain | View::RepeatedFirst | View::RepeatedLast => {}
            View::Offset => at.insert(0, 1),
            View::Transposed => at.swap(rank - 2, rank - 1),
            View::Narrowed => at.iter_mut().for_each(|i| *i += 2),
            View::Flipped => at.iter_mut().zip(shape).for_each(|(i, n)| *i = n - 1 - *i),
            View::Stepped => at.iter_mut().for_each(|i| *i *= 2),
            View::Mixed => {
                at[0] = shape[0] - 1 - at[0];
                at[rank - 1] += 1;
                at.rotate_right(1);
            }
        }
        flat(storage, at)
    }
}

/// What values an operand has. Of integers and truth values all are whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Values {
    /// Between −4 and 4.
    Real,
    /// Between 0.05 and 8.
    Positive,
    /// Whole numbers from −8 to 8, of u32 from 0 to 16: sums of them are exact in f32.
    Whole,
    /// Within 3% of 1, for long products.
    NearOne,
    /// Between 996 and 1004.
    Far,
}

impl Values {
    /// A value from 64 random bits.
    fn draw(self, word: u64, dtype: DType) -> f64 {
        let whole = (word % 17) as f64;
        let between = |low: f64, high: f64| rounded(dtype, low + (high - low) * unit_f64(word));
        match (dtype, self) {
            (DType::Bool, _) => (word % 2) as f64,
            (DType::U32, _) => whole,
            (DType::I64, _) | (_, Values::Whole) => whole - 8.0,
            (_, Values::Real) => between(-4.0, 4.0),
            (_, Values::Positive) => between(0.05, 8.0),
            (_, Values::NearOne) => between(0.97, 1.03),
            (_, Values::Far) => between(996.0, 1004.0),
        }
    }
}

/// Random bits, 64 at a time, always the same under one name.
fn words(name: &str) -> impl FnMut() -> u64 {
    let key = Key::new(2014).purpose(name);
    let mut words = (0..).flat_map(move |block| {
        let [a, b, c, d] = key.block(block).map(u64::from);
        [a | b << 32, c | d << 32]
    });
    move || words.next().expect("the stream does not end")
}

/// An operand on the device, and what it is on the host.
#[derive(Clone, Debug)]
pub(super) struct Operand {
    pub tensor: Tensor,
    pub host: Host,
    pub view: View,
}

impl Operand {
    /// A view of fresh random values; `name` tells one operand of a case from another.
    pub fn new(name: &str, values: Values, view: View, shape: &[usize], dtype: DType, device: &Device) -> Operand {
        let mut words = words(name);
        let storage = Host::from_fn(&view.storage(shape), |_| values.draw(words(), dtype));
        Operand::view(&storage, view, shape, dtype, device)
    }

    /// A view of given values: those that the view leaves out stay in the storage unseen.
    fn view(storage: &Host, view: View, shape: &[usize], dtype: DType, device: &Device) -> Operand {
        let mut at = Vec::new();
        let host = Host::from_fn(shape, |index| storage.values[view.place(index, shape, &storage.shape, &mut at)]);
        let tensor = view.of(&storage.upload(dtype, device), shape);
        Operand { tensor, host, view }
    }

    /// Indices below `bound`.
    pub fn indices(name: &str, bound: usize, view: View, shape: &[usize], device: &Device) -> Operand {
        let mut words = words(name);
        let storage = Host::from_fn(&view.storage(shape), |_| (words() % bound as u64) as f64);
        Operand::view(&storage, view, shape, DType::U32, device)
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let view = format!("{:?}", self.view).to_lowercase();
        write!(f, "{view} {:?}", self.host.shape)
    }
}

/// Several operands, or one and what else a case has.
pub(super) struct List<'a>(pub &'a [&'a dyn fmt::Display]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, part) in self.0.iter().enumerate() {
            write!(f, "{}{part}", if i > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

/// Shapes small enough to try in every view.
pub(super) const SMALL: [&[usize]; 12] =
    [&[], &[1], &[0], &[7], &[2, 3], &[3, 0], &[0, 4], &[1, 5], &[4, 1], &[2, 3, 4], &[2, 1, 3, 2], &[17, 33]];

/// Shapes large enough to be cut up for threads or blocks.
pub(super) const LARGE: [&[usize]; 4] = [&[20011], &[3, 6007], &[6007, 3], &[130, 140]];

/// Each small shape in every view, each large one in one.
pub(super) fn layouts() -> Vec<(View, &'static [usize])> {
    let small = SMALL.iter().flat_map(|&shape| View::ALL.iter().map(move |&view| (view, shape)));
    let large = [View::Plain, View::Flipped, View::Mixed, View::Transposed].into_iter().zip(LARGE);
    small.chain(large).filter(|(view, shape)| view.fits(shape)).collect()
}

/// Each view with two partners, the rest of the pairs left to other shapes.
pub(super) fn pairs(turn: usize) -> impl Iterator<Item = (View, View)> {
    let n = View::ALL.len();
    (0..2 * n).map(move |i| (View::ALL[i % n], View::ALL[(i * 5 + i / n + turn) % n]))
}
