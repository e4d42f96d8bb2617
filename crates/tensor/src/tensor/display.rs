//! How a tensor is printed.

use std::fmt;

use super::Tensor;
use crate::DType;

/// More elements than this along an axis, and only the first and last three of it are printed.
const WHOLE: usize = 8;
const EDGE: usize = 3;

impl Tensor {
    fn element_text(&self, precision: Option<usize>) -> String {
        let value = self.to_f64_vec()[0];
        match self.dtype {
            DType::Bool => (value != 0.0).to_string(),
            DType::I64 => self.item::<i64>().to_string(),
            DType::U32 => self.item::<u32>().to_string(),
            _ => match precision {
                Some(digits) => format!("{value:.digits$}"),
                None if value != 0.0 && !(1e-4..1e6).contains(&value.abs()) => format!("{value:.4e}"),
                None => format!("{value:.4}"),
            },
        }
    }

    fn write_nested(&self, f: &mut fmt::Formatter<'_>, indent: usize) -> fmt::Result {
        if self.rank() == 0 {
            return f.write_str(&self.element_text(f.precision()));
        }
        let n = self.shape()[0];
        let separator =
            if self.rank() == 1 { ", ".to_owned() } else { format!(",\n{:indent$}", "", indent = indent + 1) };
        f.write_str("[")?;
        for i in 0..n {
            if n > WHOLE && (EDGE..n - EDGE).contains(&i) {
                if i == EDGE {
                    write!(f, "{separator}…")?;
                }
                continue;
            }
            if i > 0 {
                f.write_str(&separator)?;
            }
            self.index(0, i).write_nested(f, indent + 1)?;
        }
        f.write_str("]")
    }
}

/// The elements as nested lists, long axes shortened; four decimals unless a precision is given.
///
/// ```
/// use unrolled_tensor::{Device, Tensor};
/// let x = Tensor::from_slice(&[1f32, 2.5, -3.0, 4.0], [2, 2], &Device::cpu());
/// assert_eq!(format!("{x:.1}"), "[[1.0, 2.5],\n [-3.0, 4.0]]");
/// ```
impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_nested(f, 0)
    }
}

/// dtype, shape, device and the elements: `f32[2, 2] on cpu [[1.0000, …`.
impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?} on {} ", self.dtype, self.shape(), self.device)?;
        self.write_nested(f, 0)
    }
}
