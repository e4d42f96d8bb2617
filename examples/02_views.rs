//! Views: other shapes of the same memory. None of them copies.
//!
//! ```text
//! cargo run --example 02_views
//! ```

use unrolled::prelude::*;

fn main() {
    let device = Device::cpu();
    let x = Tensor::arange(24, DType::I64, &device).reshape([2, 3, 4]);
    println!("x, {:?}:\n{x}", x.shape());

    // `at` takes an index for each axis, from the first: integers, ranges, and what NumPy calls `...` and `None`.
    println!("x[1]        → {:?}\n{}", x.at(1).shape(), x.at(1));
    println!("x[1, -1, 0] → {}", x.at((1, -1, 0)));
    println!("x[:, 1:3, 0]\n{}", x.at((.., 1..3, 0)));
    println!("x[..., -2:] → {:?}", x.at((Ellipsis, -2..)).shape());
    println!("x[0, 0, ::2] → {}", x.at((0, 0, (..).every(2))));
    println!("x[0, None]  → {:?}", x.at((0, NewAxis)).shape());

    // A view is a shape, a step for each axis, and an offset; a step of 0 repeats, a negative one walks backwards.
    let row = x.at((0, 0));
    for (name, view) in [
        ("row", row.clone()),
        ("x.t()", x.t()),
        ("row.broadcast_to([3, 4])", row.broadcast_to([3, 4])),
        ("row.flip(0)", row.flip(0)),
        ("x.at((.., .., (1..).every(2)))", x.at((.., .., (1..).every(2)))),
    ] {
        let layout = view.layout();
        let shared = view.shares_storage(&x);
        println!("{name}: {:?}, steps {:?} from {}, shared: {shared}", view.shape(), layout.strides(), layout.offset());
    }

    // `reshape` copies only where no steps can say it; `INFER` is the length that makes the number of elements come out right.
    let flat = x.reshape([INFER]);
    println!("x.reshape([INFER]) is a view: {}", flat.shares_storage(&x));
    let turned = x.t().reshape([INFER]);
    println!("x.t().reshape([INFER]) is a view: {}; it begins {}", turned.shares_storage(&x), turned.at(..4));
}
