//! Arrays on the host, and the slow way over them.

use crate::{DType, Device, Element, Tensor, bf16, f16};

/// A row-major array of f64.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Host {
    pub shape: Vec<usize>,
    pub values: Vec<f64>,
}

impl Host {
    /// An array whose element at each index is `of(index)`.
    pub fn from_fn(shape: &[usize], mut of: impl FnMut(&[usize]) -> f64) -> Host {
        let mut index = vec![0; shape.len()];
        let count = shape.iter().product();
        let mut values = Vec::with_capacity(count);
        for _ in 0..count {
            values.push(of(&index));
            for axis in (0..shape.len()).rev() {
                index[axis] += 1;
                if index[axis] < shape[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
        Host { shape: shape.to_vec(), values }
    }

    pub fn map(&self, of: impl Fn(f64) -> f64) -> Host {
        Host { shape: self.shape.clone(), values: self.values.iter().map(|&x| of(x)).collect() }
    }

    /// The element at `index`; of fewer or more axes than this array has, by NumPy's rules of broadcasting.
    pub fn at(&self, index: &[usize]) -> f64 {
        self.values[flat(&self.shape, index)]
    }

    /// The index of element `flat`.
    pub fn index_of(&self, mut flat: usize) -> Vec<usize> {
        let mut index = vec![0; self.shape.len()];
        for axis in (0..self.shape.len()).rev() {
            index[axis] = flat % self.shape[axis];
            flat /= self.shape[axis];
        }
        index
    }

    /// With the axes in another order: axis `i` of the result is axis `order[i]` of this.
    pub fn permute(&self, order: &[usize]) -> Host {
        let shape: Vec<usize> = order.iter().map(|&axis| self.shape[axis]).collect();
        let mut source = vec![0; shape.len()];
        Host::from_fn(&shape, |index| {
            order.iter().zip(index).for_each(|(&axis, &i)| source[axis] = i);
            self.at(&source)
        })
    }

    /// The elements in a tensor on `device`.
    pub fn upload(&self, dtype: DType, device: &Device) -> Tensor {
        fn of<T: Element>(host: &Host, device: &Device) -> Tensor {
            let elements: Vec<T> = host.values.iter().map(|&x| T::of_f64(x)).collect();
            Tensor::from_slice(&elements, &host.shape, device)
        }
        match dtype {
            DType::F32 => of::<f32>(self, device),
            DType::F64 => of::<f64>(self, device),
            DType::F16 => of::<f16>(self, device),
            DType::BF16 => of::<bf16>(self, device),
            DType::U32 => of::<u32>(self, device),
            DType::I64 => of::<i64>(self, device),
            DType::Bool => of::<bool>(self, device),
        }
    }
}

/// The row-major position of `index`, aligned at the last axes; axes of length 1 repeat.
pub(super) fn flat(shape: &[usize], index: &[usize]) -> usize {
    let lead = index.len() - shape.len();
    shape.iter().zip(&index[lead..]).fold(0, |at, (&n, &i)| at * n + if n == 1 { 0 } else { i })
}

/// The shape that two broadcast to.
pub(super) fn broadcast(a: &[usize], b: &[usize]) -> Vec<usize> {
    let rank = a.len().max(b.len());
    let length = |shape: &[usize], axis: usize| {
        if axis + shape.len() < rank { 1 } else { shape[axis + shape.len() - rank] }
    };
    (0..rank)
        .map(|axis| match (length(a, axis), length(b, axis)) {
            (1, n) => n,
            (n, _) => n,
        })
        .collect()
}

/// `value` as an element of `dtype` holds it.
pub(super) fn rounded(dtype: DType, value: f64) -> f64 {
    match dtype {
        DType::F32 => f32::of_f64(value).as_f64(),
        DType::F64 => value,
        DType::F16 => f16::of_f64(value).as_f64(),
        DType::BF16 => bf16::of_f64(value).as_f64(),
        DType::U32 => u32::of_f64(value).as_f64(),
        DType::I64 => i64::of_f64(value).as_f64(),
        DType::Bool => bool::of_f64(value).as_f64(),
    }
}

/// A sum whose own rounding errors are carried along and added at the end (Neumaier 1974): as exact as its result can be.
pub(super) fn sum(terms: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut lost) = (0.0f64, 0.0);
    for term in terms {
        let next = sum + term;
        lost += if sum.abs() >= term.abs() { (sum - next) + term } else { (term - next) + sum };
        sum = next;
    }
    // Of infinities nothing is lost that could be computed.
    if sum.is_finite() { sum + lost } else { sum }
}

/// A tensor's elements, converted on the host.
pub(super) fn read(x: &Tensor) -> Vec<f64> {
    fn of<T: Element>(x: &Tensor) -> Vec<f64> {
        x.to_vec::<T>().into_iter().map(T::as_f64).collect()
    }
    match x.dtype() {
        DType::F32 => of::<f32>(x),
        DType::F64 => of::<f64>(x),
        DType::F16 => of::<f16>(x),
        DType::BF16 => of::<bf16>(x),
        DType::U32 => of::<u32>(x),
        DType::I64 => of::<i64>(x),
        DType::Bool => of::<bool>(x),
    }
}

/// A tensor on the host.
pub(super) fn host(x: &Tensor) -> Host {
    Host { shape: x.shape().to_vec(), values: read(x) }
}
