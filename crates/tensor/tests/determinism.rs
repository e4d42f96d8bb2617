//! The same bits on any number of threads, in any layout, in any company.

use unrolled_tensor::fused::{CrossEntropyArgs, LstmArgs, LstmOutputGradients};
use unrolled_tensor::ops::{Distribution, Reduce, Update};
use unrolled_tensor::random::Key;
use unrolled_tensor::{DType, Device, Tensor};

const THREADS: [usize; 4] = [1, 2, 3, 8];

fn normal(name: &str, shape: &[usize], dtype: DType, device: &Device) -> Tensor {
    let normal = Distribution::Normal { mean: 0.0, deviation: 1.0 };
    Tensor::random(normal, Key::new(5).purpose(name), shape, dtype, device)
}

/// Runs `work` on devices of different numbers of threads; all answers must have the same bits.
fn same_on_any_threads(what: &str, work: impl Fn(&Device) -> Vec<Tensor>) {
    let bits = |threads| {
        let device = Device::cpu_with(threads, threads, usize::MAX);
        work(&device).iter().map(Tensor::to_bytes).collect::<Vec<_>>()
    };
    let one = bits(THREADS[0]);
    for threads in &THREADS[1..] {
        assert!(one == bits(*threads), "{what} differs between 1 and {threads} threads");
    }
}

#[test]
fn reductions_do_not_depend_on_threads() {
    for dtype in [DType::F32, DType::F64, DType::BF16] {
        for shape in [&[300_000][..], &[3, 100_000], &[100_000, 3], &[5000, 40], &[200, 30, 50]] {
            same_on_any_threads("a reduction", |device| {
                let x = normal("x", shape, dtype, device);
                let mut answers: Vec<Tensor> = (0..shape.len() as isize).map(|axis| x.sum(axis, false)).collect();
                answers.extend([x.sum(.., false), x.sum_squares(.., false), x.mean(.., false), x.flip(0).sum(0, true)]);
                answers.extend([x.max(0, false), x.argmax(-1, false), x.cumsum(-1)]);
                answers
            });
        }
    }
}

#[test]
fn a_sum_depends_on_its_length_alone_and_not_on_the_layout() {
    let device = Device::cpu();
    for (rows, n) in [(7, 33), (40, 5000), (3, 9001), (1000, 17), (2, 70_000)] {
        let x = normal("x", &[rows, n], DType::F32, &device);
        let across = x.t().contiguous().t();
        let stepped = Tensor::stack(&[&x, &x.zeros_like()], -1).flatten().reshape([rows, 2 * n]).step_by(1, 2);
        let twice_flipped = x.flip(1).contiguous().flip(1);
        for op in [Reduce::Sum, Reduce::SumSquares, Reduce::Prod, Reduce::Max] {
            let along = x.reduce(op, 1, false).to_bytes();
            for (layout, view) in [("across", &across), ("stepped", &stepped), ("flipped", &twice_flipped)] {
                assert!(along == view.reduce(op, 1, false).to_bytes(), "{} of {rows}×{n} {layout}", op.name());
            }
            let alone = x.index(0, rows - 1).reduce(op, 0, false);
            let in_company = x.reduce(op, 1, false).index(0, rows - 1);
            assert_eq!(alone.to_bytes(), in_company.to_bytes(), "{} of one row of {rows}×{n}", op.name());
        }
    }
}

#[test]
fn softmax_and_products_do_not_depend_on_threads() {
    for dtype in DType::FLOATS {
        same_on_any_threads("softmax", |device| {
            let x = normal("x", &[37, 2000], dtype, device);
            vec![x.softmax(1), x.log_softmax(0), x.t().softmax(0)]
        });
        same_on_any_threads("matmul", |device| {
            let (a, b) = (normal("a", &[130, 300], dtype, device), normal("b", &[300, 170], dtype, device));
            let batch = normal("batch", &[20, 40, 30], dtype, device);
            vec![a.matmul(&b), b.t().matmul(&a.t()), a.index(0, 3).matmul(&b), batch.matmul(&batch.t())]
        });
    }
}

#[test]
fn indexing_and_random_numbers_do_not_depend_on_threads() {
    same_on_any_threads("indexing", |device| {
        let values = normal("values", &[5000, 30], DType::F32, device);
        let words: Vec<u32> = (0..5000).map(|i| Key::new(1).below(i, 100) as u32).collect();
        let index = Tensor::from_slice(&words, [5000], device);
        let (rows, sums) = values.coalesce(&index);
        let table = Tensor::zeros([100, 30], DType::F32, device).index_add(0, &index, &values);
        vec![rows, sums, table, values.top_k(3, 0).0, values]
    });
}

/// An LSTM layer's tensors, of which a test takes what it needs.
struct Layer {
    input: Tensor,
    hidden: Tensor,
    cell: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias: Tensor,
    lengths: Tensor,
}

impl Layer {
    fn new([t, b, i, h]: [usize; 4], dtype: DType, device: &Device) -> Layer {
        let x = |name, shape: &[usize]| normal(name, shape, dtype, device);
        let lengths: Vec<u32> = (0..b as u64).map(|row| Key::new(4).below(row, t as u64 + 2) as u32).collect();
        Layer {
            input: x("input", &[t, b, i]),
            hidden: x("hidden", &[b, h]),
            cell: x("cell", &[b, h]),
            weight_ih: x("ih", &[4 * h, i]).affine(0.1, 0.0),
            weight_hh: x("hh", &[4 * h, h]).affine(0.1, 0.0),
            bias: x("bias", &[4 * h]),
            lengths: Tensor::from_slice(&lengths, [b], device),
        }
    }

    /// The same with few different rows: of the input three, of the state three and zeros, in which lie all of a beam's.
    fn recurring([t, b, i, h]: [usize; 4], dtype: DType, device: &Device) -> Layer {
        let layer = Layer::new([t, b, i, h], dtype, device);
        let rows = |n: usize, of: u64| {
            Tensor::from_slice(
                &(0..n as u64).map(|row| Key::new(6).below(row, of) as u32).collect::<Vec<_>>(),
                [n],
                device,
            )
        };
        let few = |name, width: usize| normal(name, &[3, width], dtype, device);
        let state = |name| Tensor::concat(&[&few(name, h), &Tensor::zeros([1, h], dtype, device)], 0);
        let input = few("input", i).index_select(0, &rows(t * b, 3)).reshape([t, b, i]);
        let [hidden, cell] = ["hidden", "cell"].map(|name| state(name).index_select(0, &rows(b, 4)));
        Layer { input, hidden, cell, ..layer }
    }

    fn args(&self) -> LstmArgs<'_> {
        let Layer { input, hidden, cell, weight_ih, weight_hh, bias, lengths } = self;
        LstmArgs { input, weight_ih, weight_hh, bias, hidden, cell, lengths: Some(lengths), start: 0 }
    }
}

/// Rows for one thread and for many, cells that are shared out where rows are too few, several tiles of cells.
const LSTM_SIZES: [[usize; 4]; 5] =
    [[4, 37, 50, 90], [3, 70, 20, 130], [2, 5, 30, 600], [1, 3, 200, 300], [3, 150, 7, 33]];

#[test]
fn lstm_does_not_depend_on_threads() {
    let layers = [Layer::new, Layer::recurring].map(|layer| [(layer, DType::F32), (layer, DType::F64)]).concat();
    for (sizes, (layer, dtype)) in LSTM_SIZES.iter().flat_map(|sizes| layers.iter().map(move |layer| (sizes, layer))) {
        same_on_any_threads("lstm", |device| {
            let layer = layer(*sizes, *dtype, device);
            let output = Tensor::lstm_sequence(&layer.args());
            let arriving = normal("arriving", output.sequence.shape(), *dtype, device);
            let (hidden, cell) = (Some(&layer.hidden), Some(&layer.cell));
            let gradients = LstmOutputGradients { sequence: Some(&arriving), hidden, cell };
            let g = Tensor::lstm_sequence_backward(&layer.args(), &output, &gradients);
            vec![output.sequence, output.cells, g.input, g.weight_ih, g.weight_hh, g.bias, g.hidden, g.cell]
        });
    }
}

#[test]
fn lstm_of_a_row_alone_or_of_steps_in_pieces_has_the_same_bits() {
    let device = Device::cpu();
    let layers = |sizes| [Layer::new, Layer::recurring].map(|layer| layer(sizes, DType::F32, &device));
    for (sizes, layer) in LSTM_SIZES.into_iter().flat_map(|sizes| layers(sizes).map(|layer| (sizes, layer))) {
        let whole = Tensor::lstm_sequence(&layer.args());
        let [t, b, ..] = sizes;
        for row in [0, b / 2, b - 1] {
            let one = |x: &Tensor, axis| x.narrow(axis, row, 1);
            let (input, lengths) = (one(&layer.input, 1), one(&layer.lengths, 0));
            let (hidden, cell) = (one(&layer.hidden, 0), one(&layer.cell, 0));
            let lengths = Some(&lengths);
            let args = LstmArgs { input: &input, hidden: &hidden, cell: &cell, lengths, ..layer.args() };
            let alone = Tensor::lstm_sequence(&args);
            assert!(alone.sequence.to_bytes() == one(&whole.sequence, 1).to_bytes(), "row {row} of {sizes:?}");
            assert!(alone.cells.to_bytes() == one(&whole.cells, 1).to_bytes(), "cells of row {row} of {sizes:?}");
        }
        let (mut hidden, mut cell) = (layer.hidden.clone(), layer.cell.clone());
        for start in 0..t {
            let input = layer.input.narrow(0, start, 1);
            let args = LstmArgs { input: &input, hidden: &hidden, cell: &cell, start, ..layer.args() };
            let piece = Tensor::lstm_sequence(&args);
            (hidden, cell) = (piece.hidden, piece.cell);
            assert!(hidden.to_bytes() == whole.sequence.index(0, start).to_bytes(), "step {start} of {sizes:?}");
        }
        assert!(cell.to_bytes() == whole.cell.to_bytes(), "{sizes:?}");
    }
}

/// Losses and the gradients of hidden, weight and bias for `n` rows.
fn cross_entropy(n: usize, h: usize, v: usize, rows: std::ops::Range<usize>, device: &Device) -> [Tensor; 4] {
    let hidden = normal("hidden", &[n, h], DType::F32, device);
    let weight = normal("weight", &[v, h], DType::F32, device).affine(0.1, 0.0);
    let bias = normal("bias", &[v], DType::F32, device);
    let targets: Vec<u32> = (0..n as u64).map(|row| Key::new(9).below(row, v as u64) as u32).collect();
    let targets = Tensor::from_slice(&targets, [n], device);
    let row_weights = Tensor::ones([n], DType::F32, device);
    let part = |x: &Tensor| x.narrow(0, rows.start, rows.len());
    let args = CrossEntropyArgs {
        hidden: &part(&hidden),
        weight: &weight,
        bias: &bias,
        targets: &part(&targets),
        row_weights: &part(&row_weights),
        offset: 0,
    };
    let all = Tensor::linear_cross_entropy(&args, true);
    let gradients = all.gradients.expect("gradients were asked for");
    [all.losses, gradients.hidden, gradients.weight, gradients.bias]
}

#[test]
fn cross_entropy_does_not_depend_on_threads() {
    same_on_any_threads("linear_cross_entropy", |device| cross_entropy(300, 20, 500, 0..300, device).to_vec());
}

/// Of 70000 words a chunk holds 256 rows, of 500 it holds thousands. The weights' gradient sums over rows in blocks of 256 either way: it is
/// that of the first 256 rows plus that of the rest, to the bit, wherever the chunks end.
#[test]
fn gradients_of_weights_do_not_depend_on_the_rows_of_a_chunk() {
    let device = Device::cpu();
    for v in [500, 70_000] {
        let (n, h) = (600, 3);
        let [_, _, weight, bias] = cross_entropy(n, h, v, 0..n, &device);
        let blocks = [0..256, 256..512, 512..600].map(|rows| cross_entropy(n, h, v, rows, &device));
        let joined = |which: usize| &(&blocks[0][which] + &blocks[1][which]) + &blocks[2][which];
        assert!(weight.to_bytes() == joined(2).to_bytes(), "weight's gradient, {v} words");
        assert!(bias.to_bytes() == joined(3).to_bytes(), "bias' gradient, {v} words");
        let [losses, hidden, ..] = cross_entropy(n, h, v, 0..n, &device);
        for (rows, block) in [0..256, 256..512, 512..600].into_iter().zip(&blocks) {
            let part = |x: &Tensor| x.narrow(0, rows.start, rows.len()).to_bytes();
            assert!(part(&losses) == block[0].to_bytes() && part(&hidden) == block[1].to_bytes(), "{rows:?}");
        }
    }
}

/// Rows of weight 0 among the others: what counts has the bits that it has alone, and so have sums over rows.
#[test]
fn padding_does_not_change_a_bit_of_the_cross_entropy() {
    let device = Device::cpu();
    let (n, h, v) = (600, 20, 300);
    let x = |name, shape: &[usize]| normal(name, shape, DType::F32, &device);
    let (hidden, weight, bias) = (x("hidden", &[n, h]), x("weight", &[v, h]), x("bias", &[v]));
    let targets = Tensor::from_slice(&(0..n as u32).map(|row| row * 7 % v as u32).collect::<Vec<_>>(), [n], &device);
    let counts: Vec<f32> = (0..n).map(|row| if row % 3 == 1 { 0.0 } else { 1.0 }).collect();
    let live: Vec<u32> = (0..n as u32).filter(|row| row % 3 != 1).collect();
    let places = Tensor::from_slice(&live, [live.len()], &device);
    let of = |hidden: &Tensor, targets: &Tensor, row_weights: &Tensor| {
        let args = CrossEntropyArgs { hidden, weight: &weight, bias: &bias, targets, row_weights, offset: 0 };
        let all = Tensor::linear_cross_entropy(&args, true);
        let log_sum = all.losses.affine(0.5, 3.0);
        let slice = Tensor::linear_cross_entropy_gradients(&args, &log_sum);
        let partials = Tensor::linear_cross_entropy_partials(&args);
        let gradients = all.gradients.expect("gradients were asked for");
        let of_rows = [all.losses, gradients.hidden, partials.max, partials.sum, partials.target, slice.hidden];
        (of_rows, [gradients.weight, gradients.bias, slice.weight, slice.bias])
    };
    let padded = of(&hidden, &targets, &Tensor::from_slice(&counts, [n], &device));
    let ones = Tensor::ones([live.len()], DType::F32, &device);
    let alone = of(&hidden.index_select(0, &places), &targets.index_select(0, &places), &ones);
    for (i, (padded, alone)) in padded.0.iter().zip(&alone.0).enumerate() {
        assert!(padded.index_select(0, &places).to_bytes() == alone.to_bytes(), "number {i} of the rows");
    }
    for (i, (padded, alone)) in padded.1.iter().zip(&alone.1).enumerate() {
        assert!(padded.to_bytes() == alone.to_bytes(), "sum {i} over rows");
    }
}

#[test]
fn slices_of_a_vocabulary_do_not_depend_on_threads() {
    same_on_any_threads("a slice", |device| {
        let (n, h, v) = (300, 20, 900);
        let x = |name, shape: &[usize]| normal(name, shape, DType::F32, device);
        let targets = Tensor::from_slice(&(0..n as u32).map(|row| row * 5).collect::<Vec<_>>(), [n], device);
        let args = CrossEntropyArgs {
            hidden: &x("hidden", &[n, h]),
            weight: &x("weight", &[v, h]),
            bias: &x("bias", &[v]),
            targets: &targets,
            row_weights: &x("row weights", &[n]),
            offset: 400,
        };
        let partials = Tensor::linear_cross_entropy_partials(&args);
        let gradients = Tensor::linear_cross_entropy_gradients(&args, &x("log sums", &[n]).affine(1.0, 9.0));
        vec![partials.max, partials.sum, partials.target, gradients.hidden, gradients.weight, gradients.bias]
    });
}

#[test]
fn updates_of_rows_do_not_depend_on_threads() {
    same_on_any_threads("an update of rows", |device| {
        let x = |name, shape: &[usize]| normal(name, shape, DType::F32, device);
        let (mut table, mut state) =
            (x("table", &[5000, 30]), vec![x("first", &[5000, 30]), x("second", &[5000, 30]).square()]);
        let rows = Tensor::from_slice(&(0..1600u32).map(|i| 3 * i - i % 3).collect::<Vec<_>>(), [1600], device);
        let rule = Update::Adam { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weight_decay: 0.1, decoupled: true };
        let hyper = Tensor::from_slice(&[0.1, 0.5, 0.9, 0.8], [4], device);
        table.update(&rule, &x("gradient", &[1600, 30]), Some(&rows), &mut state, &hyper);
        let expected = x("table", &[5000, 30]);
        assert_eq!(table.index(0, 3).to_bytes(), expected.index(0, 3).to_bytes(), "a row that is not named stays");
        vec![table, state.remove(0), state.remove(0)]
    });
}
