//! `cvt`, over all 65,536 values of the 16-bit floats.

use crate::bench::{Input, edge_doubles, edge_floats, edge_integers, map};
use crate::small::{bf16, f16};

fn all() -> Vec<u64> {
    (0..=0xffff).collect()
}

#[test]
fn every_half_to_f32_and_back() {
    let a = all();
    let wide = map("cvt.f32.f16 %o, %a;", 4, &[Input(2, &a)]);
    for (i, got) in wide.iter().enumerate() {
        let want = f16::from_bits(i as u16);
        assert!(
            if want.is_nan() { f32::from_bits(*got as u32).is_nan() } else { *got as u32 == want.to_f32().to_bits() },
            "{i:#x}"
        );
    }
    let back = map("cvt.rn.f16.f32 %o, %a;", 2, &[Input(4, &wide)]);
    for (i, got) in back.into_iter().enumerate() {
        assert_eq!(got as u16, if f16::from_bits(i as u16).is_nan() { 0x7fff } else { i as u16 });
    }
    let a = all();
    let wide = map("cvt.f32.bf16 %o, %a;", 4, &[Input(2, &a)]);
    for (i, got) in wide.iter().enumerate() {
        assert!(*got as u32 == (i as u32) << 16 || bf16::from_bits(i as u16).is_nan());
    }
    let back = map("cvt.rn.bf16.f32 %o, %a;", 2, &[Input(4, &wide)]);
    for (i, got) in back.into_iter().enumerate() {
        assert_eq!(got as u16, if bf16::from_bits(i as u16).is_nan() { 0x7fff } else { i as u16 });
    }
}

/// Between each two neighbouring 16-bit floats: the middle, and just beside it.
#[test]
fn every_tie_of_f32_to_the_halves() {
    for (ty, top) in [("f16", 0x7bffu16), ("bf16", 0x7f7f)] {
        let value =
            |bits: u16| if ty == "f16" { f16::from_bits(bits).to_f64() } else { bf16::from_bits(bits).to_f64() };
        let mut inputs = Vec::new();
        for bits in 0..top {
            let middle = ((value(bits) + value(bits + 1)) / 2.0) as f32;
            inputs.extend([middle.next_down(), middle, middle.next_up()].map(|v| (bits, v)));
        }
        let a: Vec<u64> = inputs.iter().map(|i| u64::from(i.1.to_bits())).collect();
        let run = |round: &str| map(&format!("cvt.{round}.{ty}.f32 %o, %a;"), 2, &[Input(4, &a)]);
        let (rn, rz) = (run("rn"), run("rz"));
        for (i, (bits, x)) in inputs.iter().enumerate() {
            let middle = (value(*bits) + value(bits + 1)) / 2.0;
            let up = (*x as f64) > middle || *x as f64 == middle && bits & 1 == 1;
            assert_eq!(rn[i] as u16, bits + u16::from(up), "{ty} {x:?}");
            // The neighbour below, unless rounding of the middle to f32 (of subnormal bf16) reached the next value.
            assert_eq!(rz[i] as u16, bits + u16::from(*x as f64 >= value(bits + 1)), "{ty} {x:?}");
        }
    }
}

#[test]
fn packed_conversions_put_the_first_operand_high() {
    let a = edge_floats();
    let b: Vec<u64> = a.iter().rev().copied().collect();
    for ty in ["f16", "bf16"] {
        let both = map(&format!("cvt.rn.{ty}x2.f32 %o, %a, %b;"), 4, &[Input(4, &a), Input(4, &b)]);
        let high = map(&format!("cvt.rn.{ty}.f32 %o, %a;"), 2, &[Input(4, &a)]);
        let low = map(&format!("cvt.rn.{ty}.f32 %o, %a;"), 2, &[Input(4, &b)]);
        for i in 0..a.len() {
            assert_eq!(both[i], high[i] << 16 | low[i]);
        }
    }
}

#[test]
fn floats_to_integers_clamp() {
    let a = edge_floats();
    let f = |bits: u64| f32::from_bits(bits as u32);
    let check = |body: &str, bytes: usize, want: &dyn Fn(f32) -> u64| {
        for (i, got) in map(body, bytes, &[Input(4, &a)]).into_iter().enumerate() {
            assert_eq!(got, want(f(a[i])) & (u64::MAX >> (64 - 8 * bytes)), "{body} {:?}", f(a[i]));
        }
    };
    check("cvt.rzi.s32.f32 %o, %a;", 4, &|x| x as i32 as u64);
    check("cvt.rzi.u32.f32 %o, %a;", 4, &|x| x as u32 as u64);
    check("cvt.rni.s32.f32 %o, %a;", 4, &|x| x.round_ties_even() as i32 as u64);
    check("cvt.rmi.s64.f32 %o, %a;", 8, &|x| x.floor() as i64 as u64);
    check("cvt.rpi.u64.f32 %o, %a;", 8, &|x| x.ceil() as u64);
    check("cvt.rzi.s16.f32 %o, %a;", 2, &|x| x as i16 as u64);
    check("cvt.rmi.f32.f32 %o, %a;", 4, &|x| if x.is_nan() { 0x7fff_ffff } else { x.floor().to_bits().into() });
    check("cvt.rni.f32.f32 %o, %a;", 4, &|x| {
        if x.is_nan() { 0x7fff_ffff } else { x.round_ties_even().to_bits().into() }
    });
    check("cvt.sat.f32.f32 %o, %a;", 4, &|x| if x > 0.0 { x.min(1.0).to_bits().into() } else { 0 });
    let d = edge_doubles();
    for (i, got) in map("cvt.rzi.s32.f64 %o, %a;", 4, &[Input(8, &d)]).into_iter().enumerate() {
        assert_eq!(got as i32, f64::from_bits(d[i]) as i32);
    }
}

#[test]
fn integers_to_floats() {
    let a = edge_integers(64);
    for (i, got) in map("cvt.rn.f32.u64 %o, %a;", 4, &[Input(8, &a)]).into_iter().enumerate() {
        assert_eq!(got as u32, (a[i] as f32).to_bits());
    }
    for (i, got) in map("cvt.rn.f32.s64 %o, %a;", 4, &[Input(8, &a)]).into_iter().enumerate() {
        assert_eq!(got as u32, (a[i] as i64 as f32).to_bits());
    }
    for (i, got) in map("cvt.rn.f64.u64 %o, %a;", 8, &[Input(8, &a)]).into_iter().enumerate() {
        assert_eq!(got, (a[i] as f64).to_bits());
    }
    for (i, got) in map("cvt.rz.f32.u64 %o, %a;", 4, &[Input(8, &a)]).into_iter().enumerate() {
        let got = f32::from_bits(got as u32);
        assert!(got as u128 <= a[i].into() && f64::from(got.next_up()).ceil() as u128 > a[i].into());
    }
    let a = edge_integers(32);
    for (i, got) in map("cvt.rn.f32.s32 %o, %a;", 4, &[Input(4, &a)]).into_iter().enumerate() {
        assert_eq!(got as u32, (a[i] as i32 as f32).to_bits());
    }
    for (i, got) in map("cvt.rn.f16.s32 %o, %a;", 2, &[Input(4, &a)]).into_iter().enumerate() {
        assert_eq!(got as u16, f16::from_f64(f64::from(a[i] as i32)).to_bits());
    }
}

#[test]
fn f64_to_the_narrow_formats_rounds_once() {
    let mut a = edge_doubles();
    // Just above a tie of f16 by less than f32 can say: rounding twice would lose it.
    a.extend([1.0 + 2f64.powi(-11) + 2f64.powi(-40), 1.0 + 2f64.powi(-8) + 2f64.powi(-50)].map(f64::to_bits));
    for (i, got) in map("cvt.rn.f16.f64 %o, %a;", 2, &[Input(8, &a)]).into_iter().enumerate() {
        let x = f64::from_bits(a[i]);
        assert!(x.is_nan() || got as u16 == f16::from_f64(x).to_bits(), "{x:?}");
    }
    for (i, got) in map("cvt.rn.f32.f64 %o, %a;", 4, &[Input(8, &a)]).into_iter().enumerate() {
        let x = f64::from_bits(a[i]);
        assert!(x.is_nan() || got as u32 == (x as f32).to_bits(), "{x:?}");
    }
    for (round, up) in [("rm", false), ("rp", true)] {
        for (i, got) in map(&format!("cvt.{round}.f32.f64 %o, %a;"), 4, &[Input(8, &a)]).into_iter().enumerate() {
            let (x, got) = (f64::from_bits(a[i]), f32::from_bits(got as u32));
            if x.is_nan() {
                continue;
            }
            let (beyond, before) =
                if up { (got as f64 >= x, got.next_down()) } else { (got as f64 <= x, got.next_up()) };
            assert!(
                beyond && (got as f64 == x || if up { (before as f64) < x } else { before as f64 > x }),
                "{round} {x:?} {got:?}"
            );
        }
    }
}

#[test]
fn integers_to_integers() {
    let a = edge_integers(64);
    let check = |body: &str, bytes: usize, want: &dyn Fn(u64) -> u64| {
        for (i, got) in map(body, bytes, &[Input(8, &a)]).into_iter().enumerate() {
            assert_eq!(got, want(a[i]) & (u64::MAX >> (64 - 8 * bytes)), "{body} {:#x}", a[i]);
        }
    };
    check("cvt.u32.u64 %o, %a;", 4, &|v| v);
    check("cvt.u16.u64 %o, %a;", 2, &|v| v);
    check("cvt.s64.s32 %o, %a;", 8, &|v| v as i32 as u64);
    check("cvt.s64.s16 %o, %a;", 8, &|v| v as i16 as u64);
    check("cvt.s32.s8 %o, %a;", 4, &|v| v as i8 as u64);
    check("cvt.s8.s64 %o, %a;", 4, &|v| v as i8 as i32 as u64);
    check("cvt.u8.u64 %o, %a;", 4, &|v| v & 0xff);
    check("cvt.sat.s16.s64 %o, %a;", 2, &|v| (v as i64).clamp(-32768, 32767) as u64);
    check("cvt.sat.u8.s64 %o, %a;", 4, &|v| (v as i64).clamp(0, 255) as u64);
}

#[test]
fn tf32_keeps_ten_bits() {
    let a: Vec<u64> = [1.0f32, 1.0 + 2f32.powi(-11), 1.0 - 2f32.powi(-12), -3.0, 1.0 + 2f32.powi(-10)]
        .map(|v| v.to_bits().into())
        .to_vec();
    let got = map("cvt.rna.tf32.f32 %o, %a;", 4, &[Input(4, &a)]);
    let floats: Vec<f32> = got.iter().map(|v| f32::from_bits(*v as u32)).collect();
    assert_eq!(floats, [1.0, 1.0 + 2f32.powi(-10), 1.0, -3.0, 1.0 + 2f32.powi(-10)]);
}
