//! Integer arithmetic, logic, shifts and fields.

use crate::bench::{Input, edge_integers, map, pairs};

/// A two-operand instruction over the pairs of edge values.
fn binary(instruction: &str, bits: u32, out_bytes: usize, want: impl Fn(u64, u64) -> u64) {
    let values = edge_integers(bits);
    let (a, b) = pairs(&values, &values);
    let bytes = bits as usize / 8;
    let got = map(&format!("{instruction} %o, %a, %b;"), out_bytes, &[Input(bytes, &a), Input(bytes, &b)]);
    let mask = u64::MAX >> (64 - 8 * out_bytes);
    for i in 0..a.len() {
        assert_eq!(got[i], want(a[i], b[i]) & mask, "{instruction} of {:#x}, {:#x}", a[i], b[i]);
    }
}

#[test]
fn sums_and_products() {
    binary("add.s16", 16, 2, |a, b| a.wrapping_add(b));
    binary("add.u32", 32, 4, |a, b| a.wrapping_add(b));
    binary("sub.s64", 64, 8, |a, b| a.wrapping_sub(b));
    binary("mul.lo.s16", 16, 2, |a, b| a.wrapping_mul(b));
    binary("mul.lo.s32", 32, 4, |a, b| a.wrapping_mul(b));
    binary("mul.lo.u64", 64, 8, |a, b| a.wrapping_mul(b));
    binary("mul.hi.u32", 32, 4, |a, b| (a * b) >> 32);
    binary("mul.hi.s32", 32, 4, |a, b| ((a as i32 as i64 * b as i32 as i64) >> 32) as u64);
    binary("mul.hi.u64", 64, 8, |a, b| ((u128::from(a) * u128::from(b)) >> 64) as u64);
    binary("mul.hi.s64", 64, 8, |a, b| ((a as i64 as i128 * b as i64 as i128) >> 64) as u64);
    binary("mul.wide.u16", 16, 4, |a, b| a * b);
    binary("mul.wide.s16", 16, 4, |a, b| (a as i16 as i32 * b as i16 as i32) as u32 as u64);
    binary("mul.wide.u32", 32, 8, |a, b| a * b);
    binary("mul.wide.s32", 32, 8, |a, b| (a as i32 as i64 * b as i32 as i64) as u64);
    binary("add.sat.s32", 32, 4, |a, b| (a as i32).saturating_add(b as i32) as u32 as u64);
    binary("sub.sat.s32", 32, 4, |a, b| (a as i32).saturating_sub(b as i32) as u32 as u64);
}

#[test]
fn quotients_and_remainders() {
    binary("div.u32", 32, 4, |a, b| a.checked_div(b).unwrap_or(u64::MAX));
    binary("rem.u32", 32, 4, |a, b| if b == 0 { a } else { a % b });
    let sign = |v: u64| v as u32 as i32;
    binary("div.s32", 32, 4, |a, b| if b == 0 { u64::MAX } else { sign(a).wrapping_div(sign(b)) as u32 as u64 });
    binary("rem.s32", 32, 4, |a, b| if b == 0 { a } else { sign(a).wrapping_rem(sign(b)) as u32 as u64 });
    binary("div.u64", 64, 8, |a, b| a.checked_div(b).unwrap_or(u64::MAX));
    binary("rem.s64", 64, 8, |a, b| if b == 0 { a } else { (a as i64).wrapping_rem(b as i64) as u64 });
    binary("div.s16", 16, 2, |a, b| if b == 0 { u64::MAX } else { (a as i16).wrapping_div(b as i16) as u64 });
}

#[test]
fn extremes_and_signs() {
    binary("min.s32", 32, 4, |a, b| (a as i32).min(b as i32) as u32 as u64);
    binary("max.u32", 32, 4, |a, b| a.max(b));
    binary("min.s64", 64, 8, |a, b| (a as i64).min(b as i64) as u64);
    binary("max.s16", 16, 2, |a, b| (a as i16).max(b as i16) as u64);
    let a = edge_integers(32);
    let got = map("abs.s32 %o, %a;", 4, &[Input(4, &a)]);
    assert!(a.iter().zip(got).all(|(a, g)| g == u64::from((*a as i32).wrapping_abs() as u32)));
    let a = edge_integers(64);
    let got = map("neg.s64 %o, %a;", 8, &[Input(8, &a)]);
    assert!(a.iter().zip(got).all(|(a, g)| g == a.wrapping_neg()));
}

#[test]
fn three_operands() {
    let values = edge_integers(32);
    let (a, b) = pairs(&values, &values);
    let c: Vec<u64> = b.iter().rev().copied().collect();
    let inputs = [Input(4, &a), Input(4, &b), Input(4, &c)];
    let check = |body: &str, want: &dyn Fn(u32, u32, u32) -> u32| {
        for (i, got) in map(body, 4, &inputs).into_iter().enumerate() {
            assert_eq!(
                got,
                u64::from(want(a[i] as u32, b[i] as u32, c[i] as u32)),
                "{body} {:x} {:x} {:x}",
                a[i],
                b[i],
                c[i]
            );
        }
    };
    check("mad.lo.s32 %o, %a, %b, %c;", &|a, b, c| a.wrapping_mul(b).wrapping_add(c));
    check("mad.hi.u32 %o, %a, %b, %c;", &|a, b, c| {
        ((u64::from(a) * u64::from(b)) >> 32).wrapping_add(u64::from(c)) as u32
    });
    check("sad.u32 %o, %a, %b, %c;", &|a, b, c| a.abs_diff(b).wrapping_add(c));
    check("lop3.b32 %o, %a, %b, %c, 0x96;", &|a, b, c| a ^ b ^ c);
    check("lop3.b32 %o, %a, %b, %c, 0xCA;", &|a, b, c| (a & b) | (!a & c));
    check("shf.l.wrap.b32 %o, %a, %b, %c;", &|a, b, c| {
        let n = c & 31;
        if n == 0 { b } else { b << n | a >> (32 - n) }
    });
    check("shf.r.wrap.b32 %o, %a, %b, %c;", &|a, b, c| {
        let n = c & 31;
        if n == 0 { a } else { b << (32 - n) | a >> n }
    });
    check("shf.r.clamp.b32 %o, %a, %b, %c;", &|a, b, c| match c {
        0 => a,
        1..=31 => b << (32 - c) | a >> c,
        _ => b,
    });
    check("prmt.b32 %o, %a, %b, 0x5410;", &|a, b, _| b << 16 | a & 0xffff);
    check("prmt.b32 %o, %a, %b, 0x7632;", &|a, b, _| b & 0xffff_0000 | a >> 16);
    check("prmt.b32 %o, %a, %b, 0x8888;", &|a, _, _| if a & 0x80 == 0 { 0 } else { u32::MAX });
    let got = map("mad.wide.s32 %o, %a, %b, %c;", 8, &[Input(4, &a), Input(4, &b), Input(8, &c)]);
    for i in 0..a.len() {
        assert_eq!(got[i], ((a[i] as i32 as i64 * b[i] as i32 as i64) as u64).wrapping_add(c[i]));
    }
}

#[test]
fn logic_and_shifts() {
    binary("and.b32", 32, 4, |a, b| a & b);
    binary("or.b64", 64, 8, |a, b| a | b);
    binary("xor.b16", 16, 2, |a, b| a ^ b);
    let values = edge_integers(64);
    let amounts = edge_integers(32);
    let (a, n) = pairs(&values, &amounts);
    let check = |body: &str, bytes: usize, want: &dyn Fn(u64, u32) -> u64| {
        let mask = u64::MAX >> (64 - 8 * bytes);
        let a: Vec<u64> = a.iter().map(|v| v & mask).collect();
        for (i, got) in map(body, bytes, &[Input(bytes, &a), Input(4, &n)]).into_iter().enumerate() {
            assert_eq!(got, want(a[i], n[i] as u32) & mask, "{body} {:#x} by {}", a[i], n[i]);
        }
    };
    check("shl.b32 %o, %a, %b;", 4, &|a, n| if n > 31 { 0 } else { a << n });
    check("shl.b64 %o, %a, %b;", 8, &|a, n| a.checked_shl(n).unwrap_or(0));
    check("shl.b16 %o, %a, %b;", 2, &|a, n| if n > 15 { 0 } else { a << n });
    check("shr.u32 %o, %a, %b;", 4, &|a, n| if n > 31 { 0 } else { a >> n });
    check("shr.s32 %o, %a, %b;", 4, &|a, n| (a as i32 >> n.min(31)) as u32 as u64);
    check("shr.s64 %o, %a, %b;", 8, &|a, n| (a as i64 >> n.min(63)) as u64);
    check("shr.b64 %o, %a, %b;", 8, &|a, n| a.checked_shr(n).unwrap_or(0));
    check("shr.s16 %o, %a, %b;", 2, &|a, n| (a as i16 >> n.min(15)) as u64);
    let got = map("not.b32 %o, %a;", 4, &[Input(4, &amounts)]);
    assert!(amounts.iter().zip(got).all(|(a, g)| g == !a & 0xffff_ffff));
}

#[test]
fn counts_and_fields() {
    let a = edge_integers(32);
    let wide = edge_integers(64);
    let one = |body: &str, input: &[u64], bytes: usize, out: usize| map(body, out, &[Input(bytes, input)]);
    let equal = |got: Vec<u64>, want: Vec<u64>| assert_eq!(got, want);
    equal(one("popc.b32 %o, %a;", &a, 4, 4), a.iter().map(|v| v.count_ones().into()).collect());
    equal(one("popc.b64 %o, %a;", &wide, 8, 4), wide.iter().map(|v| v.count_ones().into()).collect());
    equal(one("clz.b32 %o, %a;", &a, 4, 4), a.iter().map(|v| (*v as u32).leading_zeros().into()).collect());
    equal(one("clz.b64 %o, %a;", &wide, 8, 4), wide.iter().map(|v| v.leading_zeros().into()).collect());
    equal(one("brev.b32 %o, %a;", &a, 4, 4), a.iter().map(|v| (*v as u32).reverse_bits().into()).collect());
    equal(one("bfe.u32 %o, %a, 5, 9;", &a, 4, 4), a.iter().map(|v| v >> 5 & 0x1ff).collect());
    let signed = |v: u64| ((v as i32) << 18 >> 23) as u32 as u64;
    equal(one("bfe.s32 %o, %a, 5, 9;", &a, 4, 4), a.iter().map(|v| signed(*v)).collect());
    equal(one("bfe.u64 %o, %a, 40, 30;", &wide, 8, 8), wide.iter().map(|v| v >> 40).collect());
    let zeros = vec![0x1234_5678u64; a.len()];
    let got = map("bfi.b32 %o, %a, %b, 8, 12;", 4, &[Input(4, &a), Input(4, &zeros)]);
    equal(got, a.iter().map(|v| 0x1234_5678 & !0xf_ff00 | (v & 0xfff) << 8).collect());
}

#[test]
fn sums_with_carry_make_wide_sums() {
    let values = edge_integers(64);
    let (a, b) = pairs(&values, &values);
    let body = "{ .reg .b32 %al, %ah, %bl, %bh, %l, %h; mov.b64 {%al, %ah}, %a; mov.b64 {%bl, %bh}, %b;
        add.cc.u32 %l, %al, %bl; addc.u32 %h, %ah, %bh; mov.b64 %o, {%l, %h}; }";
    for (i, got) in map(body, 8, &[Input(8, &a), Input(8, &b)]).into_iter().enumerate() {
        assert_eq!(got, a[i].wrapping_add(b[i]));
    }
    let body = body.replace("add.cc", "sub.cc").replace("addc", "subc");
    for (i, got) in map(&body, 8, &[Input(8, &a), Input(8, &b)]).into_iter().enumerate() {
        assert_eq!(got, a[i].wrapping_sub(b[i]));
    }
    // The 64-bit product of two 64-bit numbers from 32-bit pieces.
    let body = "{ .reg .b32 %al, %ah, %bl, %bh, %l, %h, %t; mov.b64 {%al, %ah}, %a; mov.b64 {%bl, %bh}, %b;
        mov.u32 %t, 0; mad.lo.cc.u32 %l, %al, %bl, %t; madc.hi.u32 %h, %al, %bl, %t;
        mad.lo.u32 %h, %al, %bh, %h; mad.lo.u32 %h, %ah, %bl, %h; mov.b64 %o, {%l, %h}; }";
    for (i, got) in map(body, 8, &[Input(8, &a), Input(8, &b)]).into_iter().enumerate() {
        assert_eq!(got, a[i].wrapping_mul(b[i]));
    }
}

#[test]
fn comparisons_and_selections() {
    binary("set.lt.u32.s32", 32, 4, |a, b| if (a as i32) < b as i32 { u64::MAX } else { 0 });
    let values = edge_integers(32);
    let (a, b) = pairs(&values, &values);
    let check = |body: &str, want: &dyn Fn(u64, u64) -> bool| {
        let body = format!("{body} selp.b32 %o, 1, 0, %p;");
        for (i, got) in map(&body, 4, &[Input(4, &a), Input(4, &b)]).into_iter().enumerate() {
            assert_eq!(got == 1, want(a[i], b[i]), "{body} {:#x} {:#x}", a[i], b[i]);
        }
    };
    check("setp.eq.s32 %p, %a, %b;", &|a, b| a == b);
    check("setp.ne.u32 %p, %a, %b;", &|a, b| a != b);
    check("setp.lt.s32 %p, %a, %b;", &|a, b| (a as i32) < b as i32);
    check("setp.lo.u32 %p, %a, %b;", &|a, b| a < b);
    check("setp.ge.u32 %p, %a, %b;", &|a, b| a >= b);
    check("setp.gt.s32 %q, %a, 5; setp.le.and.s32 %p, %a, %b, %q;", &|a, b| (a as i32) <= b as i32 && a as i32 > 5);
    check("setp.gt.s32 %q, %a, 5; setp.le.or.s32 %p, %a, %b, !%q;", &|a, b| (a as i32) <= b as i32 || a as i32 <= 5);
    check("setp.lt.u32 %q|%p, %a, %b;", &|a, b| a >= b);
    check("setp.lt.u32 %p, %a, %b; not.pred %p, %p;", &|a, b| a >= b);
    check("setp.lt.u32 %p, %a, %b; setp.eq.u32 %q, %a, 0; xor.pred %p, %p, %q;", &|a, b| (a < b) != (a == 0));
    check("setp.lt.u32 %p, %a, %b; mov.pred %q, %p; mov.pred %p, 0; @%q mov.pred %p, 1;", &|a, b| a < b);
}
