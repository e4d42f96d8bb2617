//! f16 and bf16 arithmetic against their definition.

use crate::bench::{Input, map, pairs};
use crate::small::{bf16, f16};

/// 16-bit floats of every kind.
fn values() -> Vec<u64> {
    let mut out: Vec<u64> =
        vec![0, 1, 2, 0x3ff, 0x400, 0x3c00, 0x3c01, 0x7bff, 0x7c00, 0x7e00, 0x3f80, 0x7f7f, 0x7f80, 0x0080];
    out.extend((0..50u64).map(|i| i * 655 + 17));
    out.iter().flat_map(|v| [*v, *v | 0x8000]).collect()
}

/// A float rounded to nearest, ties to even, among candidates that `next` walks: the definition, in f64 where it is exact.
fn same(got: u64, want: f64, is_nan: bool, from: impl Fn(f64) -> u16) -> bool {
    if is_nan { got == 0x7fff } else { got as u16 == from(want) }
}

#[test]
fn sums_and_products_of_halves() {
    let v = values();
    let (a, b) = pairs(&v, &v);
    // Sums and products of two f16 are exact in f64.
    let cases: [(&str, fn(f64, f64) -> f64); 3] =
        [("add.f16", |a, b| a + b), ("sub.f16", |a, b| a - b), ("mul.f16", |a, b| a * b)];
    for (name, want) in cases {
        for (i, got) in map(&format!("{name} %o, %a, %b;"), 2, &[Input(2, &a), Input(2, &b)]).into_iter().enumerate() {
            let want = want(f16::from_bits(a[i] as u16).to_f64(), f16::from_bits(b[i] as u16).to_f64());
            assert!(same(got, want, want.is_nan(), |w| f16::from_f64(w).to_bits()), "{name} {:#x} {:#x}", a[i], b[i]);
        }
    }
    // Products of two bf16 are exact in f32, so that one rounding remains.
    for (i, got) in map("mul.bf16 %o, %a, %b;", 2, &[Input(2, &a), Input(2, &b)]).into_iter().enumerate() {
        let want = bf16::from_bits(a[i] as u16).to_f64() * bf16::from_bits(b[i] as u16).to_f64();
        assert!(same(got, want, want.is_nan(), |w| bf16::from_f64(w).to_bits()), "mul.bf16 {:#x} {:#x}", a[i], b[i]);
    }
}

#[test]
fn fused_products_round_once() {
    // 1.0009765625² − 1.001953125 = 2⁻²⁰: a product rounded before the sum would give 0.
    let one = |bits: u64| vec![bits; 1];
    let got =
        map("fma.rn.f16 %o, %a, %b, %c;", 2, &[Input(2, &one(0x3c01)), Input(2, &one(0x3c01)), Input(2, &one(0xbc02))]);
    assert_eq!(f16::from_bits(got[0] as u16).to_f32(), 2f32.powi(-20));
    // Exact integers: every f16 fma against integer arithmetic.
    let v: Vec<u64> =
        [1i32, 3, 7, 1023, 2047, -5, -2047].iter().map(|i| u64::from(f16::from_f32(*i as f32).to_bits())).collect();
    let (a, b) = pairs(&v, &v);
    let c: Vec<u64> = b.iter().rev().copied().collect();
    for (i, got) in
        map("fma.rn.f16 %o, %a, %b, %c;", 2, &[Input(2, &a), Input(2, &b), Input(2, &c)]).into_iter().enumerate()
    {
        let int = |x: u64| f16::from_bits(x as u16).to_f64();
        assert_eq!(got as u16, f16::from_f64(int(a[i]) * int(b[i]) + int(c[i])).to_bits());
    }
    // bf16: 1.5 × (1 + 2⁻⁷) lies in the middle of two values, and an addend that an f64 sum cannot hold decides between them.
    let bits = |x: f64| one(bf16::from_f64(x).to_bits().into());
    for (c, want) in [(-2f64.powi(-100), 193.0), (2f64.powi(-100), 194.0), (0.0, 194.0)] {
        let (a, b, c) = (bits(1.5), bits(1.0 + 2f64.powi(-7)), bits(c));
        let got = map("fma.rn.bf16 %o, %a, %b, %c;", 2, &[Input(2, &a), Input(2, &b), Input(2, &c)]);
        assert_eq!(bf16::from_bits(got[0] as u16).to_f64() * 128.0, want);
    }
}

#[test]
fn pairs_are_two_values() {
    let v = values();
    let (a, b) = pairs(&v, &v);
    let twice = |x: &[u64]| x.iter().map(|v| v | (v ^ 0x8000) << 16).collect::<Vec<_>>();
    let (aa, bb) = (twice(&a), twice(&b));
    for ty in ["f16", "bf16"] {
        for op in ["add", "mul", "min", "max"] {
            let one = map(&format!("{op}.{ty} %o, %a, %b;"), 2, &[Input(2, &a), Input(2, &b)]);
            let (na, nb): (Vec<u64>, Vec<u64>) =
                (a.iter().map(|v| v ^ 0x8000).collect(), b.iter().map(|v| v ^ 0x8000).collect());
            let other = map(&format!("{op}.{ty} %o, %a, %b;"), 2, &[Input(2, &na), Input(2, &nb)]);
            let two = map(&format!("{op}.{ty}x2 %o, %a, %b;"), 4, &[Input(4, &aa), Input(4, &bb)]);
            for i in 0..a.len() {
                assert_eq!(two[i], one[i] | other[i] << 16, "{op}.{ty}x2");
            }
        }
    }
}

#[test]
fn extremes_and_signs_of_halves() {
    let v = values();
    let (a, b) = pairs(&v, &v);
    for (i, got) in map("max.f16 %o, %a, %b;", 2, &[Input(2, &a), Input(2, &b)]).into_iter().enumerate() {
        let (x, y) = (f16::from_bits(a[i] as u16), f16::from_bits(b[i] as u16));
        let want = match (x.is_nan(), y.is_nan()) {
            (true, true) => 0x7fff,
            (true, false) => y.to_bits(),
            (false, true) => x.to_bits(),
            _ if x.total_cmp(&y).is_ge() => x.to_bits(),
            _ => y.to_bits(),
        };
        assert_eq!(got as u16, want);
    }
    let got = map("neg.bf16 %o, %a;", 2, &[Input(2, &v)]);
    for (v, got) in v.iter().zip(got) {
        assert_eq!(got, if bf16::from_bits(*v as u16).is_nan() { 0x7fff } else { v ^ 0x8000 });
    }
}
