//! `+ − · /` on variables, references to them, and numbers.

use std::ops::{Add, Div, Mul, Neg, Sub};

use unrolled_tensor::Tensor;

use crate::Var;

macro_rules! operator {
    ($trait:ident, $method:ident, |$x:ident, $s:ident| $right:expr, $left:expr) => {
        operator!(@pair $trait, $method, &Var, &Var);
        operator!(@pair $trait, $method, Var, &Var);
        operator!(@pair $trait, $method, &Var, Var);
        operator!(@pair $trait, $method, Var, Var);
        operator!(@number $trait, $method, &Var, |$x, $s| $right, $left);
        operator!(@number $trait, $method, Var, |$x, $s| $right, $left);
    };
    (@pair $trait:ident, $method:ident, $a:ty, $b:ty) => {
        impl $trait<$b> for $a {
            type Output = Var;
            #[track_caller]
            fn $method(self, other: $b) -> Var {
                Var::$method(std::borrow::Borrow::borrow(&self), std::borrow::Borrow::borrow(&other))
            }
        }
    };
    (@number $trait:ident, $method:ident, $a:ty, |$x:ident, $s:ident| $right:expr, $left:expr) => {
        impl $trait<f64> for $a {
            type Output = Var;
            #[track_caller]
            fn $method(self, $s: f64) -> Var {
                let $x: &Var = std::borrow::Borrow::borrow(&self);
                $right
            }
        }
        impl $trait<$a> for f64 {
            type Output = Var;
            #[track_caller]
            fn $method(self, other: $a) -> Var {
                let ($x, $s): (&Var, f64) = (std::borrow::Borrow::borrow(&other), self);
                $left
            }
        }
    };
}

fn number(value: f64, like: &Var) -> Var {
    Var::constant(Tensor::full([], value, like.dtype(), like.device()))
}

operator!(Add, add, |x, s| x.affine(1.0, s), x.affine(1.0, s));
operator!(Sub, sub, |x, s| x.affine(1.0, -s), x.affine(-1.0, s));
operator!(Mul, mul, |x, s| x.affine(s, 0.0), x.affine(s, 0.0));
operator!(Div, div, |x, s| x.div(&number(s, x)), number(s, x).div(x));

impl Neg for &Var {
    type Output = Var;
    #[track_caller]
    fn neg(self) -> Var {
        Var::neg(self)
    }
}

impl Neg for Var {
    type Output = Var;
    #[track_caller]
    fn neg(self) -> Var {
        Var::neg(&self)
    }
}
