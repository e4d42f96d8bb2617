//! `+ − · /` on variables, references to them, and numbers, and `+= −= ·= /=`.
//!
//! A number is an f64 whatever the variable's dtype: with several number types the compiler could not tell which one a bare `2.0` is.

use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

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

macro_rules! assign {
    ($($trait:ident, $method:ident, $operator:tt, $result:literal;)*) => {$(
        assign!(@for $trait, $method, $operator, $result, &Var);
        assign!(@for $trait, $method, $operator, $result, Var);
        assign!(@for $trait, $method, $operator, $result, f64);
    )*};
    (@for $trait:ident, $method:ident, $operator:tt, $result:literal, $b:ty) => {
        /// Binds the name to the result; the variable that it was bound to, and whatever was computed from it, stays as it is. Nothing changes in
        /// place: a name that must still mean a leaf when its gradient is asked for is not the one to use here.
        ///
        /// ```
        /// use unrolled_autograd::Var;
        /// use unrolled_tensor::{Device, Tensor};
        /// let x = Var::leaf(Tensor::scalar(3f64, &Device::cpu()));
        /// let mut y = x.square();
        #[doc = concat!("y ", stringify!($operator), " 2.0;")]
        #[doc = concat!("y ", stringify!($operator), " &x;")]
        #[doc = concat!("assert_eq!((y.tensor().item::<f64>(), x.tensor().item::<f64>()), (", $result, ", 3.0));")]
        /// ```
        impl $trait<$b> for Var {
            #[track_caller]
            fn $method(&mut self, other: $b) {
                assign!(@rebind self, other, $operator);
            }
        }
    };
    (@rebind $x:ident, $other:ident, +=) => { *$x = &*$x + $other };
    (@rebind $x:ident, $other:ident, -=) => { *$x = &*$x - $other };
    (@rebind $x:ident, $other:ident, *=) => { *$x = &*$x * $other };
    (@rebind $x:ident, $other:ident, /=) => { *$x = &*$x / $other };
}

assign! {
    AddAssign, add_assign, +=, "14.0";
    SubAssign, sub_assign, -=, "4.0";
    MulAssign, mul_assign, *=, "54.0";
    DivAssign, div_assign, /=, "1.5";
}
