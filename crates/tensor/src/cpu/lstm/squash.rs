//! σ and tanh of the gates, as quotients whose divisions are made together.
//!
//! With `e = e^(−|x|)` both have a denominator in [1, 2], σ = 1/(1 + e) or e/(1 + e) and tanh = (1 − e²)/(1 + e²). A vector division takes as
//! long as a whole exponential, so the four gates of a cell share one: of the product of the four denominators, in [1, 16].
//! Polynomial: e^r − 1 = r + r²·q(r) for |r| ≤ ½ ln 2, q of degree 4 fitted to the relative error, which is below 2⁻²⁵.
//!
//! Over all f32: σ is within 6 units in the last place, and 0 where it is less than e^−87.3 (about the smallest normal number); tanh is within 6
//! units in the last place, with the sign of its argument. NaN gives NaN. A test goes through every exponent.

use crate::cpu::lanes::{Lanes, ROUND};

/// Below it e^x would be subnormal.
const LOW: f32 = -87.3;

/// A value not yet divided.
#[derive(Clone, Copy)]
pub(super) struct Quotient<L> {
    numerator: L,
    /// In [1, 2].
    denominator: L,
}

impl<L: Lanes> Quotient<L> {
    #[inline(always)]
    pub fn value(self) -> L {
        self.numerator.div(self.denominator)
    }

    /// Four values by one division.
    #[inline(always)]
    pub fn all([a, b, c, d]: [Quotient<L>; 4]) -> [L; 4] {
        let (ab, cd) = (a.denominator.mul(b.denominator), c.denominator.mul(d.denominator));
        let inverse = L::splat(1.0).div(ab.mul(cd));
        let (of_ab, of_cd) = (inverse.mul(cd), inverse.mul(ab));
        [
            a.numerator.mul(of_ab.mul(b.denominator)),
            b.numerator.mul(of_ab.mul(a.denominator)),
            c.numerator.mul(of_cd.mul(d.denominator)),
            d.numerator.mul(of_cd.mul(c.denominator)),
        ]
    }
}

/// For LOW ≤ x ≤ 0: 2ⁿ and e^r − 1 with e^x = 2ⁿ e^r.
#[inline(always)]
fn exponential<L: Lanes>(x: L) -> (L, L) {
    let shifted = x.mul_add(L::splat(std::f32::consts::LOG2_E), L::splat(ROUND));
    let n = shifted.sub(L::splat(ROUND));
    // ln 2 in two parts; of the first the product with n is exact.
    let r = n.neg_mul_add(L::splat(0.693_359_4), x);
    let r = n.neg_mul_add(L::splat(-2.121_944_4e-4), r);
    // Horner's rule.
    let q = L::splat(1.388_239_6e-3).mul_add(r, L::splat(8.367_181e-3));
    let q = q.mul_add(r, L::splat(4.166_722_3e-2));
    let q = q.mul_add(r, L::splat(1.666_653_9e-1));
    let q = q.mul_add(r, L::splat(0.499_999_97));
    (shifted.power_of_two(), r.mul(r).mul_add(q, r))
}

/// e^x for x ≤ 0; 0 below [`LOW`].
#[inline(always)]
fn exp_of_negative<L: Lanes>(x: L) -> L {
    x.where_below(LOW, L::splat(0.0), exp_of_negative_normal(x))
}

/// e^x for x ≤ 0; e^[`LOW`] below.
#[inline(always)]
pub(in crate::cpu) fn exp_of_negative_normal<L: Lanes>(x: L) -> L {
    let (power, less_one) = exponential(x.at_least(LOW));
    power.mul_add(less_one, power)
}

#[inline(always)]
pub(super) fn sigmoid<L: Lanes>(x: L) -> Quotient<L> {
    let one = L::splat(1.0);
    let e = exp_of_negative(x.negative());
    Quotient { numerator: x.where_below(0.0, e, one), denominator: one.add(e) }
}

#[inline(always)]
pub(super) fn tanh<L: Lanes>(x: L) -> Quotient<L> {
    // From |x| = 10 on it is 1.
    let (power, less_one) = exponential(x.add(x).negative().at_least(-20.0));
    // e^(−2|x|) − 1, exact to the last places near 0 too.
    let e = power.mul_add(less_one, power.sub(L::splat(1.0)));
    Quotient { numerator: e.with_sign_of(x), denominator: e.add(L::splat(2.0)) }
}
