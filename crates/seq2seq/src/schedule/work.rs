//! How much work each job is: floating-point operations and bytes of memory traffic, in f32.

use std::ops::Add;

use super::Lengths;
use crate::model::Sizes;

/// Bytes of a number.
pub(crate) const F32: u64 = 4;

/// What a task asks of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Floating-point operations of the matrix products: 2 for each multiplication and addition.
    pub flops: u64,
    /// Rows of the batch that one product works on, 0 where there is none: a device with wide tiles wastes some where they are few.
    pub rows: u64,
    /// Bytes that the matrix products read.
    pub read: u64,
    /// Bytes that the matrix products write.
    pub written: u64,
    /// Bytes that elementwise kernels and reductions read and write, before or after the products and not under them.
    pub elementwise: u64,
    /// Kernels launched.
    pub launches: u64,
    /// Numbers of the weight that the products work with, however many steps they are of: what is packed once, say.
    pub weights: u64,
}

impl Add for Work {
    type Output = Work;

    /// Both, one after the other.
    fn add(self, other: Work) -> Work {
        Work {
            flops: self.flops + other.flops,
            rows: self.rows.max(other.rows),
            read: self.read + other.read,
            written: self.written + other.written,
            elementwise: self.elementwise + other.elementwise,
            launches: self.launches + other.launches,
            weights: self.weights.max(other.weights),
        }
    }
}

/// Floating-point operations of one training step: three products of the same size for each weight, at each step and for each sentence.
pub fn flops(sizes: &Sizes, lengths: &Lengths) -> u64 {
    let steps = (lengths.source_steps() + lengths.target_steps()) as u64;
    let lstm: u64 = (0..sizes.layers).map(|layer| lstm_weights(sizes, layer)).sum();
    let softmax = (sizes.hidden * sizes.target_words) as u64;
    3 * 2 * lengths.sentences() as u64 * (steps * lstm + lengths.target_steps() as u64 * softmax)
}

/// Numbers in what a layer reads at each step.
pub(crate) fn inputs(sizes: &Sizes, layer: usize) -> u64 {
    if layer == 0 { sizes.embedding as u64 } else { sizes.hidden as u64 }
}

/// Numbers in a layer's two weights, its bias aside.
pub(crate) fn lstm_weights(sizes: &Sizes, layer: usize) -> u64 {
    4 * sizes.hidden as u64 * (inputs(sizes, layer) + sizes.hidden as u64)
}

/// `rows` words looked up.
pub(super) fn embed(sizes: &Sizes, rows: u64) -> Work {
    Work { elementwise: 2 * rows * sizes.embedding as u64 * F32, launches: 1, ..Work::default() }
}

/// A layer over `steps` steps of `rows` sentences: two products and one pass over the gates at each step.
pub(super) fn lstm_forward(sizes: &Sizes, layer: usize, steps: u64, rows: u64) -> Work {
    let (hidden, weights) = (sizes.hidden as u64, lstm_weights(sizes, layer));
    Work {
        flops: 2 * steps * rows * weights,
        rows,
        read: steps * (weights + rows * (inputs(sizes, layer) + hidden)) * F32,
        written: steps * rows * 4 * hidden * F32,
        // Four gates and c read; four gates, c and h written.
        elementwise: steps * rows * 11 * hidden * F32,
        launches: 3 * steps,
        weights,
    }
}

/// The same, backward: the gates' gradients in one pass, then two products. `incoming` gradients of h are added up first.
pub(super) fn lstm_backward(sizes: &Sizes, layer: usize, steps: u64, rows: u64, incoming: u64) -> Work {
    let (hidden, weights) = (sizes.hidden as u64, lstm_weights(sizes, layer));
    Work {
        flops: 2 * steps * rows * weights,
        rows,
        read: steps * (weights + rows * 4 * hidden) * F32,
        written: steps * rows * (inputs(sizes, layer) + hidden) * F32,
        // Four gates, c, the cell's gradient and each incoming one read; four gates' gradients and the cell's written.
        elementwise: steps * rows * (11 + incoming) * hidden * F32,
        launches: 3 * steps,
        weights,
    }
}

/// A layer's weight gradients over `steps` steps of `rows` sentences, each product over `together` steps added to what is there.
pub(super) fn lstm_weight_gradient(sizes: &Sizes, layer: usize, steps: u64, rows: u64, together: u64) -> Work {
    let (hidden, weights) = (sizes.hidden as u64, lstm_weights(sizes, layer));
    let products = steps.div_ceil(together);
    Work {
        flops: 2 * steps * rows * weights,
        rows: rows * together,
        read: (products * weights + steps * rows * (inputs(sizes, layer) + 5 * hidden)) * F32,
        written: products * weights * F32,
        elementwise: 0,
        launches: 2 * products,
        weights,
    }
}

/// Logits of `words` words for `rows` rows, in one product, and a pass over them.
pub(super) fn softmax_forward(sizes: &Sizes, words: u64, rows: u64) -> Work {
    let hidden = sizes.hidden as u64;
    Work {
        flops: 2 * rows * hidden * words,
        rows,
        read: (hidden * words + rows * hidden) * F32,
        written: rows * words * F32,
        elementwise: rows * words * F32,
        launches: 3,
        weights: hidden * words,
    }
}

/// Gradients of the logits in place, and of h: one sum for each of `slices` slices.
pub(super) fn softmax_backward(sizes: &Sizes, words: u64, rows: u64, slices: u64) -> Work {
    let hidden = sizes.hidden as u64;
    Work {
        flops: 2 * rows * hidden * words,
        rows,
        read: (hidden * words + rows * words) * F32,
        written: rows * hidden * slices * F32,
        elementwise: 2 * rows * words * F32,
        launches: 1 + slices,
        weights: hidden * words,
    }
}

/// The gradient of `words` words' weights over `steps` steps of `rows` sentences, each product over `together` steps added to what is there.
pub(super) fn softmax_weight_gradient(sizes: &Sizes, words: u64, steps: u64, rows: u64, together: u64) -> Work {
    let hidden = sizes.hidden as u64;
    let products = steps.div_ceil(together);
    Work {
        flops: 2 * steps * rows * hidden * words,
        rows: rows * together,
        read: (products * hidden * words + steps * rows * (words + hidden)) * F32,
        written: products * hidden * words * F32,
        elementwise: 0,
        launches: products,
        weights: hidden * words,
    }
}

/// A kernel that reads and writes `numbers` numbers.
pub(super) fn elementwise(numbers: u64) -> Work {
    Work { elementwise: numbers * F32, launches: 1, ..Work::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paper() -> Sizes {
        Sizes {
            source_words: 160_000,
            target_words: 80_000,
            embedding: 1000,
            hidden: 1000,
            layers: 4,
            softmax_slices: 4,
        }
    }

    #[test]
    fn the_papers_figures_come_out() {
        let sizes = paper();
        assert_eq!(lstm_forward(&sizes, 0, 1, 128).flops, 2_048_000_000);
        assert_eq!(softmax_forward(&sizes, 20_000, 128).flops, 5_120_000_000);
        // Without `<EOS>`, as the 450 MFLOP a word were counted: 25 and 29 steps.
        let lengths = Lengths::even(128, 24, 28);
        let a_word = flops(&sizes, &lengths) as f64 / (128.0 * 54.0);
        assert!((a_word / 450e6 - 1.0).abs() < 0.002, "{a_word}");
    }

    #[test]
    fn work_adds_up() {
        let one = lstm_forward(&paper(), 1, 1, 128);
        let three = lstm_forward(&paper(), 1, 3, 128);
        assert_eq!(one + one + one, three);
    }
}
