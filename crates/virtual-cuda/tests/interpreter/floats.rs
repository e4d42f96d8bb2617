//! f32 and f64 arithmetic, in every rounding, with `.ftz` and `.sat`.

use crate::bench::{Input, edge_doubles, edge_floats, map, map_perturbed, pairs, same_f32};

fn f(bits: u64) -> f32 {
    f32::from_bits(bits as u32)
}

fn flush(x: f32) -> f32 {
    if x.is_subnormal() { 0f32.copysign(x) } else { x }
}

/// The correctly rounded f32 of a value known to lie strictly between `low` and its successor, or on it: by walking f32 numbers.
fn directed(exact_cmp: impl Fn(f32) -> std::cmp::Ordering, near: f32, round: &str, negative: bool) -> f32 {
    use std::cmp::Ordering::*;
    // The largest f32 that is not above the exact value.
    let mut below = near;
    while exact_cmp(below) == Greater {
        below = below.next_down();
    }
    while below.next_up().is_finite() && exact_cmp(below.next_up()) != Greater {
        below = below.next_up();
    }
    if exact_cmp(below) == Equal {
        return below;
    }
    match round {
        "rm" => below,
        "rp" => below.next_up(),
        _ if negative => below.next_up(),
        _ => below,
    }
}

#[test]
fn nearest_sums_products_quotients() {
    let values = edge_floats();
    let (a, b) = pairs(&values, &values);
    let cases: [(&str, fn(f32, f32) -> f32); 8] = [
        ("add.f32", |a, b| a + b),
        ("add.rn.f32", |a, b| a + b),
        ("sub.f32", |a, b| a - b),
        ("mul.f32", |a, b| a * b),
        ("div.rn.f32", |a, b| a / b),
        ("add.ftz.f32", |a, b| flush(flush(a) + flush(b))),
        ("mul.ftz.f32", |a, b| flush(flush(a) * flush(b))),
        ("add.sat.f32", |a, b| if a + b > 0.0 { (a + b).min(1.0) } else { 0.0 }),
    ];
    for (name, want) in cases {
        for (i, got) in map(&format!("{name} %o, %a, %b;"), 4, &[Input(4, &a), Input(4, &b)]).into_iter().enumerate() {
            let want = want(f(a[i]), f(b[i]));
            assert!(same_f32(got, want), "{name} {:?} {:?}: {:?}, not {want:?}", f(a[i]), f(b[i]), f(got));
        }
    }
}

#[test]
fn directed_products_and_quotients() {
    // Finite and not extreme: the exact product of two f32 fits an f64, a quotient is compared by multiplying back.
    let values: Vec<u64> = edge_floats().into_iter().filter(|v| (1e-15..1e15).contains(&f(*v).abs())).collect();
    let (a, b) = pairs(&values, &values);
    for round in ["rz", "rm", "rp"] {
        let inputs = [Input(4, &a), Input(4, &b)];
        for (i, got) in map(&format!("mul.{round}.f32 %o, %a, %b;"), 4, &inputs).into_iter().enumerate() {
            let exact = f(a[i]) as f64 * f(b[i]) as f64;
            let want = directed(|x| (x as f64).total_cmp(&exact), exact as f32, round, exact < 0.0);
            assert_eq!(f(got), want, "mul.{round} {:?} {:?}", f(a[i]), f(b[i]));
        }
        for (i, got) in map(&format!("div.{round}.f32 %o, %a, %b;"), 4, &inputs).into_iter().enumerate() {
            let (x, y) = (f(a[i]) as f64, f(b[i]) as f64);
            // candidate ⋚ x/y, for y of either sign.
            let compare = |c: f32| (c as f64 * y * y.signum()).total_cmp(&(x * y.signum()));
            let want = directed(compare, (x / y) as f32, round, x / y < 0.0);
            assert_eq!(f(got), want, "div.{round} {x:?} {y:?}");
        }
    }
}

#[test]
fn directed_sums_against_integers() {
    // Numbers k · 2^e with small k: sums are exact in i128.
    let scaled: Vec<(i128, u64)> = [1i128, 3, 16_777_215, 16_777_213, 9_999_999]
        .iter()
        .flat_map(|k| [0, 1, 5, 23, 24, 30].map(|e| (*k << e, u64::from(((*k << e) as f32).to_bits()))))
        .flat_map(|(k, bits)| [(k, bits), (-k, bits | 0x8000_0000)])
        .collect();
    let (ia, ib): (Vec<i128>, Vec<i128>) = scaled.iter().flat_map(|a| scaled.iter().map(|b| (a.0, b.0))).unzip();
    let (a, b): (Vec<u64>, Vec<u64>) = scaled.iter().flat_map(|a| scaled.iter().map(|b| (a.1, b.1))).unzip();
    let c: Vec<u64> = a.iter().rev().copied().collect();
    let ic: Vec<i128> = ia.iter().rev().copied().collect();
    for round in ["rz", "rm", "rp"] {
        let sums = map(&format!("add.{round}.f32 %o, %a, %b;"), 4, &[Input(4, &a), Input(4, &b)]);
        let fmas = map(&format!("fma.{round}.f32 %o, %a, %b, %c;"), 4, &[Input(4, &a), Input(4, &b), Input(4, &c)]);
        for i in 0..a.len() {
            for (got, exact) in [(sums[i], ia[i] + ib[i]), (fmas[i], ia[i] * ib[i] + ic[i])] {
                let want = if exact == 0 {
                    if round == "rm" { -0.0 } else { 0.0 }
                } else {
                    // A candidate with a fraction is small, and so is the sum: both fit an f64.
                    let compare = |x: f32| {
                        if x.fract() == 0.0 { (x as i128).cmp(&exact) } else { (x as f64).total_cmp(&(exact as f64)) }
                    };
                    directed(compare, exact as f32, round, exact < 0)
                };
                assert_eq!(f(got).to_bits(), want.to_bits(), "{round} of {exact}: {:?}, not {want:?}", f(got));
            }
        }
    }
}

#[test]
fn fused_products() {
    let values = edge_floats();
    let (a, b) = pairs(&values, &values);
    let c: Vec<u64> = b.iter().rev().copied().collect();
    for (i, got) in
        map("fma.rn.f32 %o, %a, %b, %c;", 4, &[Input(4, &a), Input(4, &b), Input(4, &c)]).into_iter().enumerate()
    {
        assert!(same_f32(got, f(a[i]).mul_add(f(b[i]), f(c[i]))));
    }
    let values = edge_doubles();
    let (a, b) = pairs(&values, &values);
    let c: Vec<u64> = b.iter().rev().copied().collect();
    for (i, got) in
        map("fma.rn.f64 %o, %a, %b, %c;", 8, &[Input(8, &a), Input(8, &b), Input(8, &c)]).into_iter().enumerate()
    {
        let want = f64::from_bits(a[i]).mul_add(f64::from_bits(b[i]), f64::from_bits(c[i]));
        assert!(got == want.to_bits() || want.is_nan() && f64::from_bits(got).is_nan());
    }
}

#[test]
fn doubles() {
    let values = edge_doubles();
    let (a, b) = pairs(&values, &values);
    let cases: [(&str, fn(f64, f64) -> f64); 4] =
        [("add.f64", |a, b| a + b), ("sub.f64", |a, b| a - b), ("mul.f64", |a, b| a * b), ("div.rn.f64", |a, b| a / b)];
    for (name, want) in cases {
        for (i, got) in map(&format!("{name} %o, %a, %b;"), 8, &[Input(8, &a), Input(8, &b)]).into_iter().enumerate() {
            let want = want(f64::from_bits(a[i]), f64::from_bits(b[i]));
            assert!(got == want.to_bits() || want.is_nan() && f64::from_bits(got).is_nan(), "{name}");
        }
    }
    // Directed: never on the wrong side, never more than one number from the nearest.
    for (round, up) in [("rm", false), ("rp", true)] {
        for (i, got) in
            map(&format!("mul.{round}.f64 %o, %a, %b;"), 8, &[Input(8, &a), Input(8, &b)]).into_iter().enumerate()
        {
            let (x, y, got) = (f64::from_bits(a[i]), f64::from_bits(b[i]), f64::from_bits(got));
            if !(1e-100..1e100).contains(&(x * y).abs()) {
                continue;
            }
            let rest = x.mul_add(y, -got);
            assert!(if up { rest <= 0.0 } else { rest >= 0.0 }, "{round} {x:?} {y:?}");
            assert!(got == x * y || got.next_up() == x * y || got.next_down() == x * y);
        }
    }
}

#[test]
fn extremes_lose_nan_and_order_zeros() {
    let values = edge_floats();
    let (a, b) = pairs(&values, &values);
    let inputs = [Input(4, &a), Input(4, &b)];
    let (low, high) = (map("min.f32 %o, %a, %b;", 4, &inputs), map("max.f32 %o, %a, %b;", 4, &inputs));
    let strict = map("max.NaN.f32 %o, %a, %b;", 4, &inputs);
    for i in 0..a.len() {
        let (x, y) = (f(a[i]), f(b[i]));
        let (want_low, want_high) = match (x.is_nan(), y.is_nan()) {
            (true, true) => (f32::NAN, f32::NAN),
            (true, false) => (y, y),
            (false, true) => (x, x),
            _ if x.total_cmp(&y).is_le() => (x, y),
            _ => (y, x),
        };
        assert!(same_f32(low[i], want_low) && same_f32(high[i], want_high), "{x:?} {y:?}");
        assert!(same_f32(strict[i], if x.is_nan() || y.is_nan() { f32::NAN } else { want_high }));
    }
}

#[test]
fn one_operand() {
    let a = edge_floats();
    let check = |body: &str, want: &dyn Fn(f32) -> f32| {
        for (i, got) in map(body, 4, &[Input(4, &a)]).into_iter().enumerate() {
            assert!(same_f32(got, want(f(a[i]))), "{body} {:?}: {:?}", f(a[i]), f(got));
        }
    };
    check("abs.f32 %o, %a;", &f32::abs);
    check("neg.f32 %o, %a;", &|a| -a);
    check("neg.ftz.f32 %o, %a;", &|a| flush(-a));
    check("sqrt.rn.f32 %o, %a;", &f32::sqrt);
    check("rcp.rn.f32 %o, %a;", &|a| 1.0 / a);
    check("mov.f32 %o, %a; add.f32 %o, %o, 0f3F800000;", &|a| a + 1.0);
    for round in ["rz", "rm", "rp"] {
        for (i, got) in map(&format!("sqrt.{round}.f32 %o, %a;"), 4, &[Input(4, &a)]).into_iter().enumerate() {
            let x = f(a[i]);
            if x > 0.0 && x.is_finite() {
                let want = directed(|c| (c as f64 * c as f64).total_cmp(&(x as f64)), x.sqrt(), round, false);
                assert_eq!(f(got), want, "sqrt.{round} {x:?}");
            }
        }
    }
    let copied =
        map("copysign.f32 %o, %a, %b;", 4, &[Input(4, &a), Input(4, &a.iter().rev().copied().collect::<Vec<_>>())]);
    for (i, got) in copied.into_iter().enumerate() {
        assert_eq!(got, a[a.len() - 1 - i] & 0x7fff_ffff | a[i] & 0x8000_0000);
    }
}

#[test]
fn float_comparisons_know_unordered() {
    let values = edge_floats();
    let (a, b) = pairs(&values, &values);
    type Test = fn(f32, f32) -> bool;
    let cases: [(&str, Test); 10] = [
        ("eq", |a, b| a == b),
        ("ne", |a, b| a != b && !a.is_nan() && !b.is_nan()),
        ("lt", |a, b| a < b),
        ("ge", |a, b| a >= b),
        ("equ", |a, b| a == b || a.is_nan() || b.is_nan()),
        ("neu", |a, b| a != b),
        ("ltu", |a, b| a < b || a.is_nan() || b.is_nan()),
        ("geu", |a, b| a >= b || a.is_nan() || b.is_nan()),
        ("num", |a, b| !a.is_nan() && !b.is_nan()),
        ("nan", |a, b| a.is_nan() || b.is_nan()),
    ];
    for (name, want) in cases {
        let body = format!("setp.{name}.f32 %p, %a, %b; selp.b32 %o, 1, 0, %p;");
        for (i, got) in map(&body, 4, &[Input(4, &a), Input(4, &b)]).into_iter().enumerate() {
            assert_eq!(got == 1, want(f(a[i]), f(b[i])), "{name} {:?} {:?}", f(a[i]), f(b[i]));
        }
    }
    let body = "testp.infinite.f32 %p, %a; selp.b32 %o, 1, 0, %p;";
    for (i, got) in map(body, 4, &[Input(4, &a)]).into_iter().enumerate() {
        assert_eq!(got == 1, f(a[i]).is_infinite());
    }
}

/// Approximate instructions are right, or off by what they may be off.
#[test]
fn approximations_keep_their_bounds() {
    let a: Vec<u64> = (0..400).map(|i| u64::from((0.01f32 * 1.035f32.powi(i)).to_bits())).collect();
    let cases: [(&str, fn(f64) -> f64, f64, f64); 8] = [
        ("ex2.approx.f32", f64::exp2, 2f64.powi(-22), 0.0),
        ("lg2.approx.f32", f64::log2, 2f64.powi(-22), 2f64.powi(-22)),
        ("rcp.approx.f32", |x| 1.0 / x, 2f64.powi(-22), 0.0),
        ("sqrt.approx.f32", f64::sqrt, 2f64.powi(-22), 0.0),
        ("rsqrt.approx.f32", |x| 1.0 / x.sqrt(), 2f64.powi(-22), 0.0),
        ("sin.approx.f32", f64::sin, 0.0, 2f64.powi(-20)),
        ("cos.approx.f32", f64::cos, 0.0, 2f64.powi(-20)),
        ("tanh.approx.f32", f64::tanh, 2f64.powi(-10), 0.0),
    ];
    for (name, exact, relative, absolute) in cases {
        let body = format!("{name} %o, %a;");
        let right = map(&body, 4, &[Input(4, &a)]);
        let off = map_perturbed(&body, 4, &[Input(4, &a)], 7);
        assert_eq!(off, map_perturbed(&body, 4, &[Input(4, &a)], 7), "{name} repeats");
        let mut changed = 0;
        for i in 0..a.len() {
            let want = exact(f(a[i]) as f64);
            if want.is_finite() && (want as f32).is_normal() {
                assert_eq!(f(right[i]), want as f32, "{name} {:?}", f(a[i]));
                let error = (f(off[i]) as f64 - want).abs();
                assert!(error <= want.abs() * relative + absolute, "{name} {:?}: off by {error:e}", f(a[i]));
                changed += usize::from(off[i] != right[i]);
            }
        }
        assert!(changed > a.len() / 10, "{name} is perturbed: {changed}");
    }
}

/// Powers of two are exact even so: library functions make scales with them.
#[test]
fn powers_of_two_are_never_off() {
    let whole: Vec<u64> = (-126..=127).map(|n: i32| u64::from((n as f32).to_bits())).collect();
    let powers = map_perturbed("ex2.approx.ftz.f32 %o, %a;", 4, &[Input(4, &whole)], 7);
    assert!(powers.into_iter().zip(-126..=127).all(|(power, n)| f(power) == 2f32.powi(n)));
}
