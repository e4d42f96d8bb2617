//! A mistake of the caller is told by the operation's name, what was given, and the rule.

use std::panic::{AssertUnwindSafe, catch_unwind};

use unrolled_tensor::fused::{CrossEntropyArgs, LinearTopKArgs, LstmArgs, LstmOutputGradients};
use unrolled_tensor::ops::{Distribution, Reduce, Unary, Update};
use unrolled_tensor::random::Key;
use unrolled_tensor::{DType, Device, Ellipsis, INFER, IntoIndex, NewAxis, Tensor};

/// The message of the panic that `work` ends in, and the file that it points at.
fn message(work: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(work)).expect_err("a panic");
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned())).expect("a message")
}

fn of(shape: &[usize], dtype: DType) -> Tensor {
    Tensor::ones(shape, dtype, &Device::cpu())
}

/// Each row: what is done, and what the message must contain, the operation's name first.
#[test]
fn messages_name_the_operation_and_both_shapes() {
    let (a, b, c) = (of(&[2, 3], DType::F32), of(&[4, 5], DType::F32), of(&[2, 3], DType::F64));
    let (integers, truths) = (of(&[2, 3], DType::I64), of(&[2, 3], DType::Bool));
    let (index, empty) = (of(&[2], DType::U32), of(&[0, 3], DType::F32));
    let hyper = of(&[4], DType::F32);
    let update = |rule: Update, gradient: &Tensor, rows: Option<&Tensor>, states: &[&Tensor], hyper: &Tensor| {
        let mut state: Vec<Tensor> = states.iter().map(|&state| state.clone()).collect();
        a.clone().update(&rule, gradient, rows, &mut state, hyper);
    };
    let sgd = Update::Sgd { momentum: 0.0 };
    type Row<'a> = (&'a dyn Fn(), &'a [&'a str]);
    let table: &[Row<'_>] = &[
        (&|| drop(a.add(&b)), &["add", "[2, 3]", "[4, 5]", "broadcast"]),
        (&|| drop(a.add(&c)), &["add", "f32", "f64", "cast"]),
        (&|| drop(&integers / &integers.cast(DType::F32)), &["div", "i64", "f32"]),
        (&|| drop(integers.pow(&integers)), &["pow", "i64"]),
        (&|| drop(a.logical_and(&a)), &["logical_and", "f32"]),
        (&|| drop(a.lt(&b)), &["lt", "[2, 3]", "[4, 5]"]),
        (&|| drop(integers.exp()), &["exp", "i64"]),
        (&|| drop(a.unary(Unary::Not)), &["not", "f32"]),
        (&|| drop(a.select(&a, &a)), &["select", "f32", "bool"]),
        (&|| drop(truths.select(&b, &b)), &["select", "[2, 3]", "[4, 5]"]),
        (&|| drop(a.masked_fill(&a, 0.0)), &["masked_fill", "f32", "bool"]),
        (&|| drop(index.masked_fill(&truths, 0.0)), &["masked_fill", "[2, 3]", "[2]"]),
        (&|| drop(index.tril(0)), &["tril", "[2]"]),
        (&|| drop(index.triu(0)), &["triu", "[2]"]),
        (&|| drop(a.one_hot(3, DType::F32)), &["one_hot", "u32", "f32"]),
        (&|| drop(index.one_hot(1, DType::F32)), &["scatter_add", "index 1", "length 1"]),
        (&|| drop(truths.sort(0, true)), &["sort", "bool"]),
        (&|| drop(a.argsort(2, true)), &["sort", "axis 2", "[2, 3]"]),
        (&|| drop(a.split(&[1, 1], 1)), &["split", "[1, 1]", "axis 1", "[2, 3]"]),
        (&|| drop(a.split(&[usize::MAX, 4], 1)), &["split", "axis 1", "[2, 3]"]),
        (&|| drop(a.split_every(0, 1)), &["split_every", "[2, 3]"]),
        (&|| drop(a.flatten_axes(1, 0)), &["flatten_axes", "[2, 3]"]),
        (&|| drop(index.pad(&[(1, 1); 2], 0.0)), &["pad", "2 pairs", "[2]"]),
        (&|| drop(a.repeat(&[2])), &["repeat", "[2]", "[2, 3]"]),
        (&|| drop(a.diagonal(0, 1, -1)), &["diagonal", "axis 1", "[2, 3]"]),
        (&|| drop(integers.std(0, 1, false)), &["std", "i64"]),
        (&|| drop(integers.norm(2.0, 0, false)), &["norm", "i64"]),
        (&|| drop(a.matmul(&b)), &["matmul", "[2, 3]", "[4, 5]"]),
        (&|| drop(a.matmul(&c.t())), &["matmul", "f32", "f64"]),
        (&|| drop(integers.matmul(&integers.t())), &["matmul", "i64"]),
        (
            &|| drop(of(&[2, 2, 3], DType::F32).matmul(&of(&[3, 3, 2], DType::F32))),
            &["matmul", "[2, 2, 3]", "[3, 3, 2]"],
        ),
        (&|| drop(a.matmul_with(&a.t(), Some(b.clone()), DType::F32)), &["matmul", "[2, 2]", "[4, 5]"]),
        (&|| drop(a.linear(&b, None)), &["linear", "[2, 3]", "[4, 5]"]),
        (&|| drop(a.reshape([4])), &["reshape", "[2, 3]", "[4]"]),
        (&|| drop(a.reshape([4, INFER])), &["reshape", "[2, 3]", "[4, _]"]),
        (&|| drop(a.broadcast_to([4, 3])), &["broadcast_to", "[2, 3]", "[4, 3]"]),
        (&|| drop(a.permute([0, 0])), &["permute", "[0, 0]", "[2, 3]"]),
        (&|| drop(a.transpose(0, 2)), &["transpose", "axis 2", "[2, 3]"]),
        (&|| drop(a.narrow(1, 2, 2)), &["narrow", "axis 1", "[2, 3]"]),
        (&|| drop(a.narrow(0, usize::MAX, 2)), &["narrow", "[2, 3]"]),
        (&|| drop(a.index(-1, 3)), &["index", "3", "axis -1", "[2, 3]"]),
        (&|| drop(a.step_by(0, 0)), &["step_by", "0"]),
        (&|| drop(a.at((0, 3))), &["at", "index 3", "axis 1", "[2, 3]"]),
        (&|| drop(a.at(usize::MAX)), &["at", "axis 0", "[2, 3]"]),
        (&|| drop(a.at((-3, ..))), &["at", "index -3", "axis 0", "[2, 3]"]),
        (&|| drop(a.at((.., 1..=3))), &["at", "1..=3", "axis 1", "[2, 3]"]),
        (&|| drop(a.at((Ellipsis, (-4..).every(2)))), &["at", "(-4..).every(2)", "axis 1", "[2, 3]"]),
        (&|| drop(a.at((std::ops::Range { start: 2, end: 1 }, 0))), &["at", "2..1", "before", "axis 0", "[2, 3]"]),
        (&|| drop(a.at((0, 0, 0))), &["at", "3 indices", "2 axes", "[2, 3]"]),
        (&|| drop(a.at((Ellipsis, Ellipsis))), &["at", "2 ellipses", "[2, 3]"]),
        (&|| _ = (..).every(0), &["every", "0"]),
        (&|| _ = NewAxis.every(2), &["every", "NewAxis"]),
        (&|| drop(a.squeeze(0)), &["squeeze", "axis 0", "[2, 3]"]),
        (&|| drop(a.unsqueeze(4)), &["unsqueeze", "4", "[2, 3]"]),
        (&|| drop(a.chunk(2, 1)), &["chunk", "axis 1", "[2, 3]", "2"]),
        (&|| drop(a.sum(2, false)), &["sum", "axis 2", "[2, 3]"]),
        (&|| drop(a.sum([0, -2], false)), &["sum", "[0, -2]", "[2, 3]", "twice"]),
        (&|| drop(empty.max(0, false)), &["max", "[0]", "[0, 3]"]),
        (&|| drop(truths.reduce(Reduce::Max, 0, false)), &["max", "bool"]),
        (&|| drop(integers.mean(0, false)), &["mean", "i64"]),
        (&|| drop(integers.softmax(0)), &["softmax", "i64"]),
        (&|| drop(truths.cumsum(0)), &["cumsum", "bool"]),
        (&|| drop(a.top_k(4, 1)), &["top_k", "4", "axis 1", "[2, 3]"]),
        (&|| drop(a.gather(0, &index)), &["gather", "[2]", "[2, 3]"]),
        (&|| drop(a.gather(0, &integers)), &["gather", "i64", "u32"]),
        (
            &|| drop(a.index_select(0, &of(&[1], DType::U32).affine(7.0, 0.0))),
            &["index_select", "id 7 at [0]", "2 places"],
        ),
        (
            &|| drop(a.index_add(0, &of(&[2], DType::U32).affine(9.0, 0.0), &a)),
            &["index_add", "id 9 at [0]", "2 places"],
        ),
        (&|| drop(a.index_select(0, &index.unsqueeze(0))), &["index_select", "[1, 2]"]),
        (&|| drop(a.index_add(0, &index, &b)), &["scatter_add", "[4, 5]", "[2, 3]"]),
        (&|| drop(Tensor::concat(&[], 0)), &["concat", "no parts"]),
        (&|| drop(Tensor::concat(&[&a, &b], 0)), &["concat", "[2, 3]", "[4, 5]"]),
        (&|| drop(Tensor::concat(&[&a, &c], 0)), &["concat", "f32", "f64"]),
        (&|| drop(a.coalesce(&of(&[3], DType::U32))), &["coalesce", "[2, 3]", "[3]"]),
        (&|| a.clone().accumulate(&b, 1.0), &["accumulate", "[4, 5]", "[2, 3]"]),
        (&|| truths.clone().accumulate(&truths, 1.0), &["accumulate", "bool"]),
        (&|| update(sgd, &b, None, &[], &hyper), &["update", "[4, 5]", "[2, 3]"]),
        (&|| update(sgd, &c, None, &[], &hyper), &["update", "f32", "f64"]),
        (&|| update(sgd, &a, None, &[&a], &hyper), &["update", "1 state", "keeps 0"]),
        (&|| update(Update::Sgd { momentum: 0.5 }, &a, None, &[&b], &hyper), &["update", "[4, 5]", "[2, 3]"]),
        (&|| update(sgd, &a, None, &[], &index), &["update", "hyper", "[2]", "f32 or f64 [4]"]),
        (&|| update(sgd, &b, Some(&index), &[], &hyper), &["update", "[4, 5]", "2 rows", "[2, 3]"]),
        (&|| update(sgd, &a, Some(&index.affine(5.0, 0.0)), &[], &hyper), &["update", "row 5", "2 rows"]),
        (&|| drop(a.to_vec::<f64>()), &["to_vec", "f32", "f64"]),
        (&|| _ = a.item::<f32>(), &["item", "[2, 3]"]),
        (&|| drop(Tensor::from_slice(&[1f32], [2], &Device::cpu())), &["from_slice", "1", "[2]"]),
        (&|| drop(Tensor::from_bytes(&[0; 3], DType::F32, [1], &Device::cpu())), &["from_bytes", "3", "[1]", "4"]),
    ];
    for (work, parts) in table {
        let message = message(work);
        assert!(message.starts_with(parts[0]), "{message}");
        parts.iter().for_each(|part| assert!(message.contains(part), "{part:?} is not in: {message}"));
    }
}

#[test]
fn random_tensors_are_of_floats_and_their_step_is_one_i64() {
    let device = Device::cpu();
    let normal = Distribution::Normal { mean: 0.0, deviation: 1.0 };
    let draw = |dtype, step: Option<&Tensor>| drop(Tensor::random_at(normal, Key::new(1), step, [2], dtype, &device));
    assert!(message(|| draw(DType::I64, None)).contains("i64"));
    assert!(message(|| draw(DType::F32, Some(&of(&[], DType::F32)))).contains("one i64"));
    assert!(message(|| draw(DType::F32, Some(&of(&[2], DType::I64)))).contains("[2]"));
}

#[test]
fn fused_operations_say_which_argument_does_not_fit() {
    let [t, b, i, h] = [3usize, 2, 4, 5];
    let x = |shape: &[usize]| of(shape, DType::F32);
    let (input, weight_ih, weight_hh) = (x(&[t, b, i]), x(&[4 * h, i]), x(&[4 * h, h]));
    let (bias, state, lengths) = (x(&[4 * h]), x(&[b, h]), of(&[b], DType::U32));
    let args = LstmArgs {
        input: &input,
        weight_ih: &weight_ih,
        weight_hh: &weight_hh,
        bias: &bias,
        hidden: &state,
        cell: &state,
        lengths: Some(&lengths),
        start: 0,
    };
    let (wrong, wide) = (x(&[7, 7]), state.cast(DType::F64));
    let says = |args: LstmArgs<'_>, parts: &[&str]| {
        let message = message(|| drop(Tensor::lstm_sequence(&args)));
        parts.iter().for_each(|part| assert!(message.contains(part), "{part:?} is not in: {message}"));
    };
    says(LstmArgs { weight_ih: &wrong, ..args }, &["lstm", "weight_ih", "[7, 7]", "[20, 4]"]);
    says(LstmArgs { bias: &wrong, ..args }, &["lstm", "bias", "[7, 7]", "[20]"]);
    says(LstmArgs { cell: &wrong, ..args }, &["lstm", "cell", "[7, 7]", "[2, 5]"]);
    says(LstmArgs { cell: &wide, ..args }, &["lstm", "f32", "f64"]);
    says(LstmArgs { input: &wrong, ..args }, &["lstm", "[7, 7]", "[T, B, I]"]);
    says(LstmArgs { lengths: Some(&bias), ..args }, &["lstm", "lengths", "u32 [2]"]);

    let output = Tensor::lstm_sequence(&args);
    let gradients = |gradients| message(|| drop(Tensor::lstm_sequence_backward(&args, &output, &gradients)));
    let none = LstmOutputGradients::default();
    let sequence = gradients(LstmOutputGradients { sequence: Some(&wrong), ..none });
    assert!(sequence.contains("gradient of the sequence") && sequence.contains("[3, 2, 5]"), "{sequence}");
    let cell = gradients(LstmOutputGradients { cell: Some(&wide), ..none });
    assert!(cell.contains("f64"), "{cell}");

    let (hidden, weight, words) = (x(&[3, 4]), x(&[6, 4]), x(&[6]));
    let (targets, row_weights) = (of(&[3], DType::U32), x(&[3]));
    let args = CrossEntropyArgs {
        hidden: &hidden,
        weight: &weight,
        bias: &words,
        targets: &targets,
        row_weights: &row_weights,
        offset: 0,
    };
    let says = |args: CrossEntropyArgs<'_>, parts: &[&str]| {
        let message = message(|| drop(Tensor::linear_cross_entropy(&args, true)));
        parts.iter().for_each(|part| assert!(message.contains(part), "{part:?} is not in: {message}"));
    };
    says(CrossEntropyArgs { weight: &wrong, ..args }, &["linear_cross_entropy", "[3, 4]", "[7, 7]"]);
    says(CrossEntropyArgs { bias: &row_weights, ..args }, &["linear_cross_entropy", "bias", "[3]", "[6]"]);
    says(CrossEntropyArgs { targets: &row_weights, ..args }, &["linear_cross_entropy", "targets", "u32 [3]"]);
    let outside = targets.affine(6.0, 0.0);
    says(CrossEntropyArgs { targets: &outside, ..args }, &["linear_cross_entropy", "id 6 at [0]", "6 words"]);
    let log_sum = message(|| drop(Tensor::linear_cross_entropy_gradients(&args, &words)));
    assert!(log_sum.contains("log_sum") && log_sum.contains("[6]") && log_sum.contains("[3]"), "{log_sum}");

    let args = LinearTopKArgs { hidden: &hidden, weight: &weight, bias: &words, k: 6, watched: 5 };
    let says = |args: LinearTopKArgs<'_>, parts: &[&str]| {
        let message = message(|| drop(Tensor::linear_top_k(&args)));
        parts.iter().for_each(|part| assert!(message.contains(part), "{part:?} is not in: {message}"));
    };
    says(LinearTopKArgs { weight: &wrong, ..args }, &["linear_top_k", "[3, 4]", "[7, 7]"]);
    says(LinearTopKArgs { bias: &row_weights, ..args }, &["linear_top_k", "bias", "[3]", "[6]"]);
    says(LinearTopKArgs { k: 7, ..args }, &["linear_top_k", "7 words", "vocabulary of 6"]);
    says(LinearTopKArgs { watched: 6, ..args }, &["linear_top_k", "word 6", "vocabulary of 6"]);
    let blocks = message(|| weight.keep_packed(4));
    assert!(blocks.contains("keep_packed") && blocks.contains("[6, 4]") && blocks.contains("4 blocks"), "{blocks}");
    let blocks = message(|| assert!(weight.keep_rounded(4, unrolled_tensor::Rounding::Int8)));
    assert!(blocks.contains("keep_rounded") && blocks.contains("4 blocks"), "{blocks}");
}

#[test]
fn a_panic_points_at_the_callers_line() {
    let line = std::sync::Arc::new(std::sync::Mutex::new(0));
    let (seen, this) = (line.clone(), std::thread::current().id());
    let old = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        // Other tests panic meanwhile.
        let here = info.location().filter(|location| location.file().ends_with("panics.rs"));
        if let Some(location) = here.filter(|_| std::thread::current().id() == this) {
            *seen.lock().expect("no panic while it is held") = location.line();
        }
    }));
    let (a, b) = (of(&[2], DType::F32), of(&[3], DType::F32));
    let here = line!() + 1;
    let caught = catch_unwind(AssertUnwindSafe(|| a.matmul(&b)));
    let in_place = *line.lock().expect("no panic while it is held");
    std::panic::set_hook(old);
    assert!(caught.is_err());
    assert_eq!(in_place, here);
}
