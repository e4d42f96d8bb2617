//! Products of matrices in device memory.

use crate::driver::{Code, Driver};
use crate::lanes::half::{Bf16, F16, Small};
use crate::lanes::round::TF32;
use crate::memory::Allocation;
use crate::ptx::Round;
use rayon::prelude::*;

/// The type of a matrix's elements.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Element {
    F32,
    F64,
    F16,
    Bf16,
}

impl Element {
    /// `cudaDataType_t`.
    pub fn from_number(number: u32) -> Option<Element> {
        match number {
            0 => Some(Element::F32),
            1 => Some(Element::F64),
            2 => Some(Element::F16),
            14 => Some(Element::Bf16),
            _ => None,
        }
    }

    /// Bytes of one.
    pub fn bytes(self) -> usize {
        match self {
            Element::F64 => 8,
            Element::F32 => 4,
            Element::F16 | Element::Bf16 => 2,
        }
    }

    fn read(self, bits: u64) -> f64 {
        match self {
            Element::F32 => f64::from(f32::from_bits(bits as u32)),
            Element::F64 => f64::from_bits(bits),
            Element::F16 => f64::from(F16(bits as u16).value()),
            Element::Bf16 => f64::from(Bf16(bits as u16).value()),
        }
    }

    fn write(self, value: f64) -> u64 {
        match self {
            Element::F32 => u64::from((value as f32).to_bits()),
            Element::F64 => value.to_bits(),
            Element::F16 => u64::from(F16::nearest(value, 0.0, Round::Nearest).0),
            Element::Bf16 => u64::from(Bf16::nearest(value, 0.0, Round::Nearest).0),
        }
    }
}

/// A matrix, or a batch of them, in device memory: column-major, `ld` elements from column to column.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "cuBLAS's own words")]
pub struct Matrix {
    pub address: u64,
    pub element: Element,
    pub ld: usize,
    pub stride: i64,
    pub transposed: bool,
}

/// `C = α op(A) op(B) + β C`, `[m, k]` by `[k, n]`, for each of a batch.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "cuBLAS's own words")]
pub struct Product {
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub a: Matrix,
    pub b: Matrix,
    pub c: Matrix,
    pub alpha: f64,
    pub beta: f64,
    pub batch: usize,
    /// Sums in f64; otherwise in f32.
    pub double: bool,
    /// f32 operands lose all but ten bits of their fraction.
    pub tf32: bool,
}

type Outcome<T> = Result<T, (Code, String)>;

impl Matrix {
    /// One matrix of the batch, in memory: where it starts, checked to hold `rows × columns`.
    fn at<'a>(
        &self,
        driver: &'a Driver,
        device: usize,
        name: &str,
        batch: usize,
        rows: usize,
        columns: usize,
    ) -> Outcome<(&'a Allocation, usize)> {
        let bytes = self.element.bytes();
        let address = self.address.wrapping_add_signed(batch as i64 * self.stride * bytes as i64);
        let fail =
            |why: String| Err((Code::ILLEGAL_ADDRESS, format!("cuBLAS product, matrix {name} at {address:#x}: {why}")));
        if !address.is_multiple_of(bytes as u64) {
            return Err((Code::MISALIGNED_ADDRESS, format!("cuBLAS product, matrix {name} at {address:#x}")));
        }
        let allocation = match driver.heap.reach(device, address) {
            Ok(a) => a,
            Err(why) => return fail(why),
        };
        let offset = (address - allocation.base) as usize;
        let len = (self.ld * (columns - 1) + rows) * bytes;
        if offset + len > allocation.len {
            let past = offset + len - allocation.len;
            return fail(format!("{rows} × {columns}, ld {}: {past} bytes past the end of its allocation", self.ld));
        }
        Ok((allocation, offset))
    }

    /// The elements as they lie, `columns` times `rows`.
    fn load(
        &self,
        driver: &Driver,
        device: usize,
        name: &str,
        batch: usize,
        rows: usize,
        columns: usize,
    ) -> Outcome<Vec<f64>> {
        let (allocation, offset) = self.at(driver, device, name, batch, rows, columns)?;
        let bytes = self.element.bytes();
        let mut out = Vec::with_capacity(rows * columns);
        for column in 0..columns {
            let start = offset + column * self.ld * bytes;
            if driver.config.strictness.uninitialised
                && let Some(at) = allocation.first_unwritten(start, rows * bytes)
            {
                let row = (at - start) / bytes;
                let message = format!("cuBLAS product, matrix {name}: row {row}, column {column} was never written");
                return Err((Code::LAUNCH_FAILED, message));
            }
            out.extend((0..rows).map(|row| self.element.read(allocation.load(start + row * bytes, bytes))));
        }
        Ok(out)
    }
}

impl Product {
    /// Does each leading dimension hold its column?
    pub fn is_valid(&self) -> bool {
        let fits = |matrix: &Matrix, rows: usize, columns: usize| {
            matrix.ld >= 1.max(if matrix.transposed { columns } else { rows })
        };
        fits(&self.a, self.m, self.k) && fits(&self.b, self.k, self.n) && self.c.ld >= 1.max(self.m)
    }

    /// Compute it on a device.
    ///
    /// # Errors
    /// Where a matrix is not in the device's memory or holds what nobody has written.
    pub fn run(&self, driver: &Driver, device: usize) -> Outcome<()> {
        let &Product { m, n, k, .. } = self;
        if m == 0 || n == 0 {
            return Ok(());
        }
        for batch in 0..self.batch {
            let skip = k == 0 || self.alpha == 0.0;
            let mut sums = vec![0.0; m * n];
            if !skip {
                let a = self.operand(driver, device, "A", &self.a, batch, m, k)?;
                let b = self.operand(driver, device, "B", &self.b, batch, k, n)?;
                sums = if self.double { multiply::<f64>(&a, &b, m, k) } else { multiply::<f32>(&a, &b, m, k) };
            }
            let old = if self.beta == 0.0 { None } else { Some(self.c.load(driver, device, "C", batch, m, n)?) };
            let (allocation, offset) = self.c.at(driver, device, "C", batch, m, n)?;
            let bytes = self.c.element.bytes();
            for (i, sum) in sums.into_iter().enumerate() {
                let mut value = if skip { 0.0 } else { self.alpha * sum };
                if let Some(old) = &old {
                    value += self.beta * old[i];
                }
                // Scaled by α and β in the compute type.
                let value = if self.double { value } else { f64::from(value as f32) };
                let at = offset + (i / m * self.c.ld + i % m) * bytes;
                allocation.store(at, bytes, self.c.element.write(value));
            }
        }
        Ok(())
    }

    /// `op(X)` of `rows × columns`, column after column.
    fn operand(
        &self,
        driver: &Driver,
        device: usize,
        name: &str,
        x: &Matrix,
        batch: usize,
        rows: usize,
        columns: usize,
    ) -> Outcome<Vec<f64>> {
        let (r, c) = if x.transposed { (columns, rows) } else { (rows, columns) };
        let mut raw = x.load(driver, device, name, batch, r, c)?;
        if self.tf32 && x.element == Element::F32 {
            for value in &mut raw {
                let bits = (TF32.round(*value, 0.0, Round::NearestAway, 0x3_ffff) as u32) << 13;
                *value = f64::from(f32::from_bits(bits));
            }
        }
        // A transposed matrix lies row after row.
        if !x.transposed {
            return Ok(raw);
        }
        Ok((0..columns)
            .flat_map(|col| (0..rows).map(move |row| (row, col)))
            .map(|(row, col)| raw[row * columns + col])
            .collect())
    }
}

/// A number that sums are made in.
trait Real: Copy + Send + Sync {
    fn of(x: f64) -> Self;
    fn wide(self) -> f64;
    fn add_product(self, a: Self, b: Self) -> Self;
}
impl Real for f32 {
    fn of(x: f64) -> f32 {
        x as f32
    }
    fn wide(self) -> f64 {
        f64::from(self)
    }
    fn add_product(self, a: f32, b: f32) -> f32 {
        self + a * b
    }
}
impl Real for f64 {
    fn of(x: f64) -> f64 {
        x
    }
    fn wide(self) -> f64 {
        self
    }
    fn add_product(self, a: f64, b: f64) -> f64 {
        self + a * b
    }
}

/// Columns of the product: `a` has a column of m for each k, `b` one of k for each n.
fn multiply<T: Real>(a: &[f64], b: &[f64], m: usize, k: usize) -> Vec<f64> {
    let a: Vec<T> = a.iter().map(|x| T::of(*x)).collect();
    b.par_chunks(k)
        .flat_map_iter(|column| {
            let mut sums = vec![T::of(0.0); m];
            for (a, b) in a.chunks_exact(m).zip(column) {
                let b = T::of(*b);
                for (sum, a) in sums.iter_mut().zip(a) {
                    *sum = sum.add_product(*a, b);
                }
            }
            sums.into_iter().map(T::wide)
        })
        .collect()
}
