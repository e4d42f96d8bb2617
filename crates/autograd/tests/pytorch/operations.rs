//! How each operation is called with what is recorded.

use unrolled_autograd::{
    AttentionMask, AttentionOptions, BinaryCrossEntropyOptions, Conv1dOptions, CrossEntropyOptions, Var,
};
use unrolled_tensor::ops::{Binary, Unary};
use unrolled_tensor::{DType, IntoIndex, NewAxis, Tensor};

use crate::golden::Case;

type Run = fn(&Case<'_>) -> Var;

pub const OPERATIONS: &[(&str, Run)] = &[
    // Functions of one element.
    ("neg", |c| c.x(0).neg()),
    ("abs", |c| c.x(0).abs()),
    ("sign", |c| c.x(0).sign()),
    ("exp", |c| c.x(0).exp()),
    ("expm1", |c| c.x(0).expm1()),
    ("log", |c| c.x(0).log()),
    ("log1p", |c| c.x(0).log1p()),
    ("sqrt", |c| c.x(0).sqrt()),
    ("rsqrt", |c| c.x(0).rsqrt()),
    ("recip", |c| c.x(0).recip()),
    ("square", |c| c.x(0).square()),
    ("sin", |c| c.x(0).sin()),
    ("cos", |c| c.x(0).cos()),
    ("tanh", |c| c.x(0).tanh()),
    ("sigmoid", |c| c.x(0).sigmoid()),
    ("softplus", |c| c.x(0).softplus()),
    ("relu", |c| c.x(0).relu()),
    ("gelu", |c| c.x(0).gelu()),
    ("gelu_tanh", |c| c.x(0).gelu_tanh()),
    ("silu", |c| c.x(0).silu()),
    ("erf", |c| c.x(0).erf()),
    ("floor", |c| c.x(0).floor()),
    ("ceil", |c| c.x(0).ceil()),
    ("round", |c| c.x(0).round()),
    ("affine", |c| c.x(0).affine(c.number("scale"), c.number("shift"))),
    ("powf", |c| c.x(0).powf(c.number("exponent"))),
    ("clamp", |c| c.x(0).clamp(c.number("low"), c.number("high"))),
    ("log2", |c| c.x(0).log2()),
    ("log10", |c| c.x(0).log10()),
    ("log_sigmoid", |c| c.x(0).log_sigmoid()),
    ("elu", |c| c.x(0).elu(c.number("alpha"))),
    ("leaky_relu", |c| c.x(0).leaky_relu(c.number("slope"))),
    ("cast", |c| c.x(0).cast(DType::F32).cast(DType::F64)),
    ("not", |c| Var::constant(c.tensor(0).unary(Unary::Not))),
    // Of two or three.
    ("add", |c| c.x(0).add(c.x(1))),
    ("sub", |c| c.x(0).sub(c.x(1))),
    ("mul", |c| c.x(0).mul(c.x(1))),
    ("div", |c| c.x(0).div(c.x(1))),
    ("pow", |c| c.x(0).pow(c.x(1))),
    ("maximum", |c| c.x(0).maximum(c.x(1))),
    ("minimum", |c| c.x(0).minimum(c.x(1))),
    ("select", |c| Var::select(c.tensor(2), c.x(0), c.x(1))),
    ("where_", |c| c.x(0).where_(c.tensor(2), c.x(1))),
    ("masked_fill", |c| c.x(0).masked_fill(c.tensor(1), c.number("value"))),
    ("logical_and", |c| logical(c, Binary::And)),
    ("logical_or", |c| logical(c, Binary::Or)),
    ("logical_xor", |c| logical(c, Binary::Xor)),
    ("eq", |c| Var::constant(c.x(0).eq(c.x(1)))),
    ("ne", |c| Var::constant(c.x(0).ne(c.x(1)))),
    ("lt", |c| Var::constant(c.x(0).lt(c.x(1)))),
    ("le", |c| Var::constant(c.x(0).le(c.x(1)))),
    ("gt", |c| Var::constant(c.x(0).gt(c.x(1)))),
    ("ge", |c| Var::constant(c.x(0).ge(c.x(1)))),
    // Over axes, or along one.
    ("sum", |c| c.x(0).sum(&c.axes("axes")[..], c.flag("keep"))),
    ("mean", |c| c.x(0).mean(&c.axes("axes")[..], c.flag("keep"))),
    ("var", |c| c.x(0).var(&c.axes("axes")[..], c.count("correction"), c.flag("keep"))),
    ("std", |c| c.x(0).std(&c.axes("axes")[..], c.count("correction"), c.flag("keep"))),
    ("norm", |c| {
        let p = c.text("p").parse().expect("a number or inf");
        c.x(0).norm(p, &c.axes("axes")[..], c.flag("keep"))
    }),
    ("prod", |c| c.x(0).prod(&c.axes("axes")[..], c.flag("keep"))),
    ("cumprod", |c| c.x(0).cumprod(c.axis("axis"))),
    ("logsumexp", |c| c.x(0).logsumexp(&c.axes("axes")[..], c.flag("keep"))),
    ("max", |c| c.x(0).max(&c.axes("axes")[..], c.flag("keep"))),
    ("min", |c| c.x(0).min(&c.axes("axes")[..], c.flag("keep"))),
    ("argmax", |c| Var::constant(c.x(0).argmax(c.axis("axis"), false))),
    ("argmin", |c| Var::constant(c.x(0).argmin(c.axis("axis"), false))),
    ("cumsum", |c| c.x(0).cumsum(c.axis("axis"))),
    ("softmax", |c| c.x(0).softmax(c.axis("axis"))),
    ("log_softmax", |c| c.x(0).log_softmax(c.axis("axis"))),
    ("sum_to", |c| c.x(0).sum_to(&c.shape("shape"))),
    ("top_k", |c| c.x(0).top_k(c.count("k"), c.axis("axis")).0),
    // Products.
    ("matmul", |c| c.x(0).matmul(c.x(1))),
    ("linear", |c| c.x(0).linear(c.x(1), c.maybe(2))),
    ("einsum", |c| Var::einsum(c.text("equation"), &c.inputs())),
    ("conv1d", conv1d),
    // Views and joins.
    ("reshape", |c| c.x(0).reshape(c.shape("shape"))),
    ("permute", |c| c.x(0).permute(c.axes("dims"))),
    ("transpose", |c| c.x(0).transpose(c.axis("dim0"), c.axis("dim1"))),
    ("t", |c| c.x(0).t()),
    ("narrow", |c| c.x(0).narrow(c.axis("dim"), c.count("start"), c.count("length"))),
    ("index", |c| c.x(0).index(c.axis("dim"), c.count("index"))),
    ("at", |c| c.x(0).at((-1, NewAxis, (1..).every(2)))),
    ("step_by", |c| c.x(0).step_by(1, c.count("step"))),
    ("unfold", |c| c.x(0).unfold(c.axis("axis"), c.count("size"), c.count("step"))),
    ("flip", |c| c.x(0).flip(c.axis("axis"))),
    ("unsqueeze", |c| c.x(0).unsqueeze(c.axis("dim"))),
    ("squeeze", |c| c.x(0).squeeze(c.axis("dim"))),
    ("broadcast_to", |c| c.x(0).broadcast_to(c.shape("size"))),
    ("chunk", |c| c.x(0).chunk(c.count("parts"), c.axis("axis")).swap_remove(c.count("part"))),
    ("split", |c| c.x(0).split(&c.shape("lengths"), c.axis("axis")).swap_remove(c.count("part"))),
    ("split_every", |c| c.x(0).split_every(c.count("length"), c.axis("axis")).swap_remove(c.count("part"))),
    ("unbind", |c| c.x(0).unbind(c.axis("axis")).swap_remove(c.count("part"))),
    ("flatten", |c| c.x(0).flatten()),
    ("flatten_axes", |c| c.x(0).flatten_axes(c.axis("start_dim"), c.axis("end_dim"))),
    ("move_axis", |c| c.x(0).move_axis(c.axis("source"), c.axis("destination"))),
    ("pad", |c| {
        // PyTorch's pairs begin with the last axis.
        let pairs: Vec<(usize, usize)> = c.shape("pad").chunks(2).rev().map(|pair| (pair[0], pair[1])).collect();
        c.x(0).pad(&pairs, c.number("value"))
    }),
    ("roll", |c| c.x(0).roll(c.axis("shift"), c.axis("axis"))),
    ("repeat", |c| c.x(0).repeat(&c.shape("times"))),
    ("repeat_interleave", |c| c.x(0).repeat_interleave(c.count("times"), c.axis("axis"))),
    ("diagonal", |c| c.x(0).diagonal(c.axis("offset"), c.axis("dim1"), c.axis("dim2"))),
    ("tril", |c| c.x(0).tril(c.axis("diagonal") as i64)),
    ("triu", |c| c.x(0).triu(c.axis("diagonal") as i64)),
    ("concat", |c| Var::concat(&c.inputs(), c.axis("axis"))),
    ("stack", |c| Var::stack(&c.inputs(), c.axis("axis"))),
    // By index.
    ("gather", |c| c.x(0).gather(1, &c.ids(1))),
    ("scatter_add", |c| c.x(0).scatter_add(1, &c.ids(2), c.x(1))),
    ("index_select", |c| c.x(0).index_select(1, &c.ids(1))),
    ("index_add", |c| c.x(0).index_add(1, &c.ids(2), c.x(1))),
    ("sort", |c| c.x(0).sort(c.axis("axis"), c.flag("descending")).0),
    ("argsort", |c| Var::constant(c.x(0).argsort(c.axis("axis"), c.flag("descending")))),
    ("one_hot", |c| Var::constant(c.ids(0).one_hot(c.count("num_classes"), DType::F64))),
    ("embedding", |c| c.x(0).embedding(&c.ids(1))),
    // Layers and losses.
    ("layer_norm", |c| c.x(0).layer_norm(c.maybe(1), c.maybe(2), c.number("epsilon"))),
    ("rms_norm", |c| c.x(0).rms_norm(c.maybe(1), c.number("epsilon"))),
    ("cross_entropy", cross_entropy),
    ("nll_loss", |c| {
        let ignored = Some(c.count("ignore_index") as u32);
        c.x(0).nll_loss(&c.ids(1), c.weights("weights").as_ref(), ignored, c.reduction())
    }),
    ("mse_loss", |c| c.x(0).mse_loss(c.x(1), c.reduction())),
    ("kl_div", |c| c.x(0).kl_div(c.x(1), c.reduction())),
    ("binary_cross_entropy_with_logits", binary_cross_entropy),
    ("linear_cross_entropy", |c| {
        let rows = Tensor::ones([c.tensor(3).elements()], DType::F64, c.x(0).device());
        c.x(0).linear_cross_entropy(c.x(1), c.x(2), &c.ids(3), &rows)
    }),
    ("scaled_dot_product_attention", attention),
];

fn logical(c: &Case<'_>, op: Binary) -> Var {
    Var::constant(c.tensor(0).binary(op, c.tensor(1)))
}

fn conv1d(c: &Case<'_>) -> Var {
    let options = Conv1dOptions {
        stride: c.count("stride"),
        padding: c.count("padding"),
        dilation: c.count("dilation"),
        groups: c.count("groups"),
    };
    c.x(0).conv1d(c.x(1), c.maybe(2), options)
}

fn cross_entropy(c: &Case<'_>) -> Var {
    let weights = c.weights("weights");
    let options = CrossEntropyOptions {
        class_weights: weights.as_ref(),
        label_smoothing: c.number("label_smoothing"),
        ignore_index: Some(c.count("ignore_index") as u32),
        reduction: c.reduction(),
    };
    c.x(0).cross_entropy(&c.ids(1), options)
}

fn binary_cross_entropy(c: &Case<'_>) -> Var {
    let (weight, pos_weight) = (c.weights("weight"), c.weights("pos_weight"));
    let options = BinaryCrossEntropyOptions {
        weight: weight.as_ref(),
        pos_weight: pos_weight.as_ref(),
        reduction: c.reduction(),
    };
    c.x(0).binary_cross_entropy_with_logits(c.x(1), options)
}

/// The fourth input is a mask: bool, or added.
fn attention(c: &Case<'_>) -> Var {
    let mask = c.maybe(3).map(|mask| match mask.dtype() {
        DType::Bool => AttentionMask::Allowed(mask.tensor()),
        _ => AttentionMask::Additive(mask),
    });
    let options = AttentionOptions { mask, causal: c.flag("is_causal"), scale: c.maybe_number("scale") };
    c.x(0).scaled_dot_product_attention(c.x(1), c.x(2), options)
}
