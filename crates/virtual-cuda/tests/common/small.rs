//! The 16-bit floats by their definition: a table of all values, and the nearest of them.
#![allow(dead_code, non_camel_case_types, reason = "not every test needs all of it; named as the types are")]

/// Fraction bits and exponent bias of a format.
trait Format {
    const FRACTION: i32;
    const BIAS: i32;
}

fn value<F: Format>(bits: u16) -> f64 {
    let fraction = f64::from(bits & ((1 << F::FRACTION) - 1));
    let (exponent, top) = (i32::from(bits & 0x7fff) >> F::FRACTION, (1 << (15 - F::FRACTION)) - 1);
    let one = f64::from(1 << F::FRACTION);
    let size = match exponent {
        0 => fraction / one * 2f64.powi(1 - F::BIAS),
        e if e == top && fraction == 0.0 => f64::INFINITY,
        e if e == top => f64::NAN,
        e => (1.0 + fraction / one) * 2f64.powi(e - F::BIAS),
    };
    if bits >> 15 == 1 { -size } else { size }
}

fn nearest<F: Format>(x: f64) -> u16 {
    if x.is_nan() {
        return 0x7fff;
    }
    let sign = if x.is_sign_negative() { 0x8000 } else { 0 };
    let infinity = (((1u32 << (15 - F::FRACTION)) - 1) << F::FRACTION) as u16;
    // The last value that is not above |x|; sizes grow with their bits.
    let (mut low, mut high) = (0, infinity);
    while low + 1 < high {
        let middle = (low + high) / 2;
        if value::<F>(middle) <= x.abs() { low = middle } else { high = middle }
    }
    // The step after the largest value counts as long as the one before it.
    let above = if high == infinity { 2.0 * value::<F>(low) - value::<F>(low - 1) } else { value::<F>(high) };
    let (down, up) = (x.abs() - value::<F>(low), above - x.abs());
    sign | if down < up || down == up && low & 1 == 0 { low } else { high }
}

macro_rules! small {
    ($name:ident, $fraction:literal, $bias:literal) => {
        #[derive(Clone, Copy, PartialEq, Debug)]
        pub struct $name(u16);
        impl Format for $name {
            const FRACTION: i32 = $fraction;
            const BIAS: i32 = $bias;
        }
        impl $name {
            pub fn from_bits(bits: u16) -> $name {
                $name(bits)
            }
            pub fn to_bits(self) -> u16 {
                self.0
            }
            pub fn to_f64(self) -> f64 {
                value::<$name>(self.0)
            }
            pub fn to_f32(self) -> f32 {
                self.to_f64() as f32
            }
            pub fn from_f64(x: f64) -> $name {
                $name(nearest::<$name>(x))
            }
            pub fn from_f32(x: f32) -> $name {
                $name::from_f64(x.into())
            }
            pub fn is_nan(self) -> bool {
                self.to_f64().is_nan()
            }
            pub fn total_cmp(&self, other: &$name) -> std::cmp::Ordering {
                self.to_f64().total_cmp(&other.to_f64())
            }
            pub fn to_le_bytes(self) -> [u8; 2] {
                self.0.to_le_bytes()
            }
            pub fn from_le_bytes(bytes: [u8; 2]) -> $name {
                $name(u16::from_le_bytes(bytes))
            }
        }
    };
}
small!(f16, 10, 15);
small!(bf16, 7, 127);
