//! Short floats: a kernel that reads and writes f16 or bf16 computes in f32, so its answer is, to the bit, that of the f32 kernel, rounded.

use unrolled_tensor::fused::{CrossEntropyArgs, LinearTopKArgs, LstmArgs, LstmOutput, LstmOutputGradients};
use unrolled_tensor::ops::{Binary, Reduce, Unary};
use unrolled_tensor::random::Key;
use unrolled_tensor::{DType, Device, Tensor};

use crate::support::{EAGER, LAZY, NO_CUBLAS, SHUFFLED, on_gpus};

/// The numbers behind a tensor's bytes, in f64; NaN as one.
fn bits(x: &Tensor) -> Vec<u64> {
    x.to_f64_vec().into_iter().map(|x| if x.is_nan() { u64::MAX } else { x.to_bits() }).collect()
}

/// Holds `of` to what it promises, for tensors of `operands` (f32 on the CPU, whose elements short floats have).
#[track_caller]
fn rounds(what: &str, operands: &[Tensor], dtypes: &[DType], of: impl Fn(&[Tensor]) -> Vec<Tensor>) {
    let gpu = unrolled_cuda::device(0).unwrap();
    for &dtype in dtypes {
        let on = |dtype: DType| -> Vec<Tensor> { operands.iter().map(|x| x.cast(dtype).to_device(&gpu)).collect() };
        let [found, expected] = [of(&on(dtype)), of(&on(DType::F32))];
        for (which, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert_eq!(found.dtype(), dtype, "{what}");
            let expected = expected.to_device(&Device::cpu()).cast(dtype);
            let (found, expected) = (bits(found), bits(&expected));
            let wrong = found.iter().zip(&expected).position(|(a, b)| a != b);
            if let Some(at) = wrong {
                let [a, b] = [found[at], expected[at]].map(f64::from_bits);
                panic!("{what} of {dtype}, answer {which}, element {at}: {a} instead of {b}");
            }
        }
    }
}

const SHORT: [DType; 2] = [DType::F16, DType::BF16];

/// Every number that a short float has, NaN and infinities among them.
fn all(dtype: DType) -> Tensor {
    let bytes: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
    Tensor::from_bytes(&bytes, dtype, [1 << 16], &Device::cpu()).cast(DType::F32)
}

/// Eighths from −4 to 4: sums of products of some of them are exact in f32, whatever their order.
fn eighths(name: &str, shape: &[usize]) -> Tensor {
    let key = Key::new(6).purpose(name);
    let draw = |i: u64| (key.below(i, 65) as f32 - 32.0) / 8.0;
    let values: Vec<f32> = (0..shape.iter().product::<usize>() as u64).map(draw).collect();
    Tensor::from_slice(&values, shape, &Device::cpu())
}

/// Normal numbers of very different sizes, and with `specials` NaN, infinities and both zeros among them; each fits either short float.
fn numbers(name: &str, shape: &[usize], specials: bool) -> Tensor {
    let key = Key::new(7).purpose(name);
    let special = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0];
    let draw = |i: u64| match key.below(3 * i, 60) as usize {
        choice if specials && choice < special.len() => special[choice] as f32,
        _ => (key.normal(3 * i + 1) * 2f64.powi(key.below(3 * i + 2, 12) as i32 - 6)) as f32,
    };
    let values: Vec<f32> = (0..shape.iter().product::<usize>() as u64).map(draw).collect();
    // A bf16 with so few bits of exponent is an f16 too.
    Tensor::from_slice(&values, shape, &Device::cpu()).cast(DType::BF16).cast(DType::F16).cast(DType::F32)
}

#[test]
fn functions_of_every_number() {
    on_gpus("short::functions_of_every_number", &[EAGER], || {
        for dtype in SHORT {
            let x = all(dtype);
            for op in Unary::ALL.into_iter().filter(|op| op.takes(dtype)) {
                rounds(op.name(), std::slice::from_ref(&x), &[dtype], |x| vec![x[0].unary(op)]);
            }
        }
    });
}

/// Casts round once, ties to even: all numbers of 17 bits, and longer ones beside what is half way between two floats; in a row and transposed.
#[test]
fn casts_of_whole_numbers() {
    on_gpus("short::casts_of_whole_numbers", &[LAZY], || {
        let beside =
            |bits: u32| (0..bits).flat_map(move |low| (0..4).map(move |off| (1i64 << bits) + (1 << low) + off - 2));
        let numbers: Vec<i64> = (0..1 << 17).chain((17..63).flat_map(beside)).collect();
        let signed = Tensor::from_slice(&numbers, [numbers.len()], &Device::cpu());
        let words: Vec<u32> = numbers.iter().filter_map(|&x| u32::try_from(x).ok()).collect();
        let unsigned = Tensor::from_slice(&words, [words.len()], &Device::cpu());
        let gpu = unrolled_cuda::device(0).unwrap();
        for x in [signed.affine(-1.0, 0.0), signed, unsigned] {
            for to in DType::FLOATS {
                let pairs = |x: &Tensor| x.narrow(0, 0, x.dim(0) / 2 * 2).reshape([x.dim(0) / 2, 2]);
                let [found, expected] =
                    [x.to_device(&gpu), x.clone()].map(|x| [x.cast(to).to_bytes(), pairs(&x).t().cast(to).to_bytes()]);
                assert!(found == expected, "{} to {to}", x.dtype());
            }
        }
    });
}

#[test]
fn functions_of_two_numbers() {
    on_gpus("short::functions_of_two_numbers", &[LAZY], || {
        let x = [numbers("a", &[300, 1], true), numbers("b", &[300], true)];
        for op in Binary::ALL.into_iter().filter(|op| op.takes(DType::F16)) {
            rounds(op.name(), &x, &SHORT, |x| vec![x[0].binary(op, &x[1])]);
        }
    });
}

#[test]
fn sums_and_rows() {
    on_gpus("short::sums_and_rows", &[SHUFFLED], || {
        let reductions = [Reduce::Sum, Reduce::SumSquares, Reduce::Prod, Reduce::Max, Reduce::Min];
        for (rows, n) in [(300, 5), (300, 40), (70, 1), (40, 2500)] {
            for specials in [false, true] {
                let x = [numbers(&format!("{n}"), &[rows, n], specials)];
                for op in reductions {
                    // Along memory, and across it.
                    rounds(&format!("{op:?} of {n}"), &x, &SHORT, |x| {
                        vec![x[0].reduce(op, [1], false), x[0].t().contiguous().reduce(op, [0], false)]
                    });
                }
                rounds(&format!("running sums of {n}"), &x, &SHORT, |x| vec![x[0].cumsum(1)]);
                rounds(&format!("softmax of {n}"), &x, &SHORT, |x| vec![x[0].softmax(1), x[0].log_softmax(1)]);
            }
        }
    });
}

#[test]
fn products_of_our_own() {
    on_gpus("short::products_of_our_own", &[NO_CUBLAS], || {
        if unrolled_cuda::has_cublas() {
            return;
        }
        let x = [numbers("a", &[70, 300], false), numbers("b", &[300, 67], false), numbers("onto", &[70, 67], false)];
        rounds("a product", &x, &SHORT, |x| {
            let dtype = x[0].dtype();
            vec![x[0].matmul(&x[1]), x[0].matmul_with(&x[1], Some(x[2].clone()), dtype)]
        });
        let wide = |x: &[Tensor]| x[0].matmul_with(&x[1], None, DType::F32).to_bytes();
        let gpu = unrolled_cuda::device(0).unwrap();
        let [f32, f16, bf16] = [DType::F32, DType::F16, DType::BF16]
            .map(|dtype| wide(&[0, 1].map(|i: usize| x[i].cast(dtype).to_device(&gpu))));
        assert!(f32 == f16 && f32 == bf16, "products with an answer in f32");
    });
}

/// Words that are likely and such that are not, in a few blocks of them.
#[test]
fn the_softmax_of_a_vocabulary() {
    on_gpus("short::the_softmax_of_a_vocabulary", &[SHUFFLED], || {
        let (n, h, v) = (12, 4, 700);
        let x = [eighths("hidden", &[n, h]), eighths("weight", &[v, h]), eighths("bias", &[v])];
        rounds("the most probable words", &x, &SHORT, |x| {
            let args = LinearTopKArgs { hidden: &x[0], weight: &x[1], bias: &x[2], k: 9, watched: 350 };
            let (words, slice) = (Tensor::linear_top_k(&args), Tensor::linear_top_k_partials(&args));
            vec![words.values, words.watched, slice.logits, slice.watched, slice.max, slice.sum]
        });
        // A row at a time: sums over rows are of rounded gradients.
        for row in 0..n {
            rounds("cross-entropy", &x, &SHORT, |x| {
                let device = x[0].device();
                let targets = Tensor::from_slice(&[(row * 59) as u32], [1], device);
                let weight = Tensor::full([1], [1.0, 0.5, 0.0][row % 3], x[0].dtype(), device);
                let hidden = x[0].narrow(0, row, 1);
                let args = CrossEntropyArgs {
                    hidden: &hidden,
                    weight: &x[1],
                    bias: &x[2],
                    targets: &targets,
                    row_weights: &weight,
                    offset: 0,
                };
                let found = Tensor::linear_cross_entropy(&args, true);
                let partials = Tensor::linear_cross_entropy_partials(&args);
                vec![found.losses, found.gradients.unwrap().bias, partials.max, partials.sum, partials.target]
            });
        }
    });
}

/// A step of an LSTM layer, forward, and backward from the same answer.
#[test]
fn steps_of_a_layer() {
    on_gpus("short::steps_of_a_layer", &[SHUFFLED], || {
        let (batch, inputs, h) = (33, 3, 40);
        let mut x: Vec<Tensor> = [
            ("input", &[1, batch, inputs][..]),
            ("weight_ih", &[4 * h, inputs]),
            ("weight_hh", &[4 * h, h]),
            ("bias", &[4 * h]),
            ("hidden", &[batch, h]),
            ("cell", &[batch, h]),
            ("arriving", &[1, batch, h]),
            ("arriving hidden", &[batch, h]),
            ("arriving cell", &[batch, h]),
        ]
        .map(|(name, shape)| eighths(name, shape))
        .into();
        // So that gates are open, shut and between.
        (1..4).for_each(|i| x[i] = x[i].affine(0.125, 0.0));
        let lengths: Vec<u32> = (0..batch as u32).map(|row| u32::from(row % 5 != 0)).collect();
        let forward = |x: &[Tensor]| -> LstmOutput { with_args(x, &lengths, |args| Tensor::lstm_sequence(args)) };
        rounds("a step", &x, &SHORT, |x| {
            let LstmOutput { sequence, hidden, cell, cells, gates } = forward(x);
            // Gates of rows that have ended may be anything.
            vec![sequence, hidden, cell, cells, gates.narrow(1, 1, 4)]
        });
        for dtype in SHORT {
            let gpu = unrolled_cuda::device(0).unwrap();
            let short: Vec<Tensor> = x.iter().map(|x| x.cast(dtype).to_device(&gpu)).collect();
            let LstmOutput { sequence, cells, gates, .. } = forward(&short);
            let made = [sequence, cells, gates].map(|x| x.to_device(&Device::cpu()).cast(DType::F32));
            let all: Vec<Tensor> = x.iter().chain(&made).map(Tensor::clone).collect();
            rounds("a step back", &all, &[dtype], |x| {
                let [sequence, cells, gates] = [9, 10, 11].map(|i: usize| x[i].clone());
                let [hidden, cell] = [4, 5].map(|i: usize| x[i].clone());
                let output = LstmOutput { sequence, hidden, cell, cells, gates };
                let arriving = LstmOutputGradients { sequence: Some(&x[6]), hidden: Some(&x[7]), cell: Some(&x[8]) };
                let made = with_args(x, &lengths, |args| Tensor::lstm_sequence_backward_data(args, output, &arriving));
                vec![made.sums, made.cell]
            });
        }
    });
}

/// Calls `with` for a layer's arguments.
fn with_args<T>(x: &[Tensor], lengths: &[u32], with: impl FnOnce(&LstmArgs<'_>) -> T) -> T {
    let lengths = Tensor::from_slice(lengths, [lengths.len()], x[0].device());
    let [input, weight_ih, weight_hh, bias, hidden, cell] = [0, 1, 2, 3, 4, 5].map(|i: usize| &x[i]);
    with(&LstmArgs { input, weight_ih, weight_hh, bias, hidden, cell, lengths: Some(&lengths), start: 0 })
}
