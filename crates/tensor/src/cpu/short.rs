//! f16 and bf16 to f32 and back, without branches, so that loops over them become vector code. To nearest, ties to even, on every processor.

use half::{bf16, f16};

/// Exact.
#[inline(always)]
pub(crate) fn bf16_to_f32(x: bf16) -> f32 {
    f32::from_bits((x.to_bits() as u32) << 16)
}

/// Rounded to nearest even.
#[inline(always)]
pub(crate) fn f32_to_bf16(x: f32) -> bf16 {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16;
    let quiet = bits >> 16 | 0x40;
    bf16::from_bits(if x.is_nan() { quiet } else { rounded } as u16)
}

/// Exact: the exponent moved by a product, which makes normal numbers of subnormal ones too.
#[inline(always)]
pub(crate) fn f16_to_f32(x: f16) -> f32 {
    const SCALE: f32 = f32::from_bits((127 + 112) << 23); // 2¹¹²
    let (sign, rest) = ((x.to_bits() as u32 & 0x8000) << 16, (x.to_bits() as u32 & 0x7fff) << 13);
    let finite = (f32::from_bits(rest) * SCALE).to_bits();
    let special = rest | 0x7f80_0000;
    f32::from_bits(sign | if rest >= 0x0f80_0000 { special } else { finite })
}

/// Rounded to nearest even.
#[inline(always)]
pub(crate) fn f32_to_f16(x: f32) -> f16 {
    let bits = x.to_bits();
    let (sign, size) = (bits >> 16 & 0x8000, bits & 0x7fff_ffff);
    // Beyond the range, from 2¹⁶ on: infinity, or what is not a number.
    let special = if size > 0x7f80_0000 { 0x7e00 | (size >> 13 & 0x3ff) } else { 0x7c00 };
    // Below 2⁻¹⁴: the sum with ½ rounds at the last place of a subnormal result.
    let subnormal = (f32::from_bits(size) + 0.5).to_bits().wrapping_sub(0.5f32.to_bits());
    let normal = size.wrapping_sub(112 << 23).wrapping_add(0xfff + (size >> 13 & 1)) >> 13;
    let finite = if size < 0x3880_0000 { subnormal } else { normal };
    f16::from_bits((sign | if size >= 0x4780_0000 { special } else { finite }) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Key;

    #[test]
    fn every_short_float_widens_as_the_library_does_and_comes_back() {
        for bits in 0..=u16::MAX {
            let (x, y) = (f16::from_bits(bits), bf16::from_bits(bits));
            assert!(f16_to_f32(x) == x.to_f32() || x.is_nan() && f16_to_f32(x).is_nan(), "f16 {bits:04x}");
            assert!(bf16_to_f32(y) == y.to_f32() || y.is_nan() && bf16_to_f32(y).is_nan(), "bf16 {bits:04x}");
            assert!(f32_to_f16(x.to_f32()).to_bits() == bits || x.is_nan() && f32_to_f16(x.to_f32()).is_nan());
            assert!(f32_to_bf16(y.to_f32()).to_bits() == bits || y.is_nan() && f32_to_bf16(y.to_f32()).is_nan());
        }
    }

    #[test]
    fn narrowing_rounds_as_the_library_does() {
        // Around every f16 and every bf16: the ties, and their neighbours on both sides.
        let around = (0..=u16::MAX).flat_map(|bits| {
            let (x, y) = (f16::from_bits(bits).to_f32().to_bits(), (bits as u32) << 16);
            [x, x ^ 0x1000, x ^ 0x0fff, x ^ 0x1001, y, y ^ 0x8000, y ^ 0x7fff, y ^ 0x8001].map(f32::from_bits)
        });
        let anywhere = (0..200_000).map(|i| f32::from_bits(Key::new(4).word(i)));
        for x in around.chain(anywhere) {
            let (f, b) = (f32_to_f16(x), f32_to_bf16(x));
            if x.is_nan() {
                assert!(f.is_nan() && b.is_nan());
            } else {
                assert_eq!(f.to_bits(), f16::from_f32(x).to_bits(), "{x:e} to f16");
                assert_eq!(b.to_bits(), bf16::from_f32(x).to_bits(), "{x:e} to bf16");
            }
        }
    }
}
