//! `+ − · /` on tensors, references to them and numbers.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::Tensor;

macro_rules! operator {
    ($trait:ident, $method:ident, |$x:ident, $s:ident| $right:expr, $left:expr) => {
        impl $trait<&Tensor> for &Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: &Tensor) -> Tensor {
                Tensor::$method(self, other)
            }
        }
        impl $trait<Tensor> for &Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: Tensor) -> Tensor {
                Tensor::$method(self, &other)
            }
        }
        impl $trait<&Tensor> for Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: &Tensor) -> Tensor {
                Tensor::$method(&self, other)
            }
        }
        impl $trait<Tensor> for Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: Tensor) -> Tensor {
                Tensor::$method(&self, &other)
            }
        }
        impl $trait<f64> for &Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, $s: f64) -> Tensor {
                let $x = self;
                $right
            }
        }
        impl $trait<f64> for Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, $s: f64) -> Tensor {
                let $x = &self;
                $right
            }
        }
        impl $trait<&Tensor> for f64 {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, $x: &Tensor) -> Tensor {
                let $s = self;
                $left
            }
        }
        impl $trait<Tensor> for f64 {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: Tensor) -> Tensor {
                let ($x, $s) = (&other, self);
                $left
            }
        }
    };
}

operator!(Add, add, |x, s| x.affine(1.0, s), x.affine(1.0, s));
operator!(Sub, sub, |x, s| x.affine(1.0, -s), x.affine(-1.0, s));
operator!(Mul, mul, |x, s| x.affine(s, 0.0), x.affine(s, 0.0));
operator!(
    Div,
    div,
    |x, s| x.div(&Tensor::full([], s, x.dtype(), x.device())),
    Tensor::full([], s, x.dtype(), x.device()).div(x)
);

impl Neg for &Tensor {
    type Output = Tensor;
    #[track_caller]
    fn neg(self) -> Tensor {
        Tensor::neg(self)
    }
}

impl Neg for Tensor {
    type Output = Tensor;
    #[track_caller]
    fn neg(self) -> Tensor {
        Tensor::neg(&self)
    }
}
