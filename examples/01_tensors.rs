//! Tensors: made, computed with, read back.
//!
//! ```text
//! cargo run --example 01_tensors
//! ```

use unrolled::prelude::*;

fn main() {
    // Where elements live is chosen at run time; so is their type.
    let device = Device::cpu();
    let a = Tensor::from_slice(&[1f32, 2.0, 3.0, 4.0, 5.0, 6.0], [2, 3], &device);
    println!("a is {} {:?}:\n{a:.1}", a.dtype(), a.shape());

    // Tensors are values: an operation makes a new one, and the old stays as it was.
    let doubled = &a * 2.0;
    println!("2a:\n{doubled:.1}");

    // Axes of length 1, and missing leading ones, repeat (NumPy's rules).
    let row = Tensor::from_slice(&[10f32, 20.0, 30.0], [3], &device);
    let column = Tensor::from_slice(&[100f32, 200.0], [2, 1], &device);
    println!("a + row + column:\n{:.1}", &a + &row + &column);

    // A reduction takes one axis, several, or `..` for all. Negative axes count from the end; `true` keeps them at length 1.
    println!("sums of the rows: {:.1}", a.sum(-1, false));
    println!("the mean of all:  {:.1}", a.mean(.., false));
    println!("shape of a sum that keeps its axis: {:?}", a.sum(0, true).shape());

    println!("a aᵀ:\n{:.1}", a.matmul(&a.t()));

    // There is no silent promotion: mixing dtypes panics, and a cast says what is meant.
    let counts = Tensor::arange(3, DType::I64, &device);
    println!("row · {counts} = {:.1}", &row * &counts.cast(DType::F32));

    // Comparisons give bool; `select` chooses by it.
    let large = a.gt(&Tensor::full([], 3.5, DType::F32, &device));
    println!("a > 3.5:\n{large}");
    println!("a where it is so, else 0:\n{:.1}", large.select(&a, &a.zeros_like()));

    // Random numbers are named, not drawn: the same key gives the same elements, on any device and any number of threads.
    let key = Key::new(1).purpose("an example");
    let uniform = Distribution::Uniform { low: 0.0, high: 1.0 };
    let [x, y] = [0, 0].map(|step| Tensor::random(uniform, key.at(step), [4], DType::F32, &device));
    println!("a random row: {x:.3}, and again: {y:.3}");

    // Back to the host.
    let elements: Vec<f32> = a.to_vec();
    println!("as a Vec: {elements:?}");
}
