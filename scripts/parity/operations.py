"""Every operation of the library by PyTorch, in f64: inputs, parameters, output, gradients of sum(output * cotangent).

Cases are named OPERATION or OPERATION/VARIANT, by the library's names. Floating inputs get gradients, integers (ids,
targets) and bools do not; an output that is not floating has neither cotangent nor gradients.
"""

import json
import platform
import warnings
import zlib
from typing import Callable, NamedTuple

import safetensors
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch.nn import functional

from .common import F32, F64, leaf, uniform

FILE = "operations.safetensors"
CASES = {}
# Of kl_div, whose mean is over all elements in PyTorch 2, as in the library.
warnings.filterwarnings("ignore", message="reduction: 'mean' divides the total loss")


class Case(NamedTuple):
    """One use of an operation."""

    inputs: Callable  # generator -> list of tensors
    function: Callable  # (*inputs, **parameters) -> tensor
    parameters: dict  # what is recorded beside the tensors
    smooth: bool  # whether --check may compare the gradients with finite differences


def case(name, inputs, function, smooth=True, **parameters):
    assert name not in CASES, name
    CASES[name] = Case(inputs, function, parameters, smooth)


def of(*shapes, limit=2.0):
    """Inputs from U(-limit, limit)."""
    return lambda g: [uniform(g, *shape, limit=limit) for shape in shapes]


def above(low, *shapes):
    """Inputs from U(low, low + 2)."""
    return lambda g: [uniform(g, *shape) + 1 + low for shape in shapes]


def fixed(*values):
    """The same inputs in each run: floats as f64, integers as i64, truths as bool."""
    tensors = [torch.tensor(value) for value in values]
    return lambda g: [x.to(F64) if x.is_floating_point() else x for x in tensors]


def beside(make, *values):
    """Random inputs, then fixed ones."""
    return lambda g: make(g) + fixed(*values)(g)


def ties(g):
    """Numbers of which some are equal along every axis."""
    return [torch.round(uniform(g, 3, 4, limit=2.0))]


def elementwise():
    plain = {"neg": torch.neg, "exp": torch.exp, "expm1": torch.expm1, "square": torch.square, "sin": torch.sin}
    plain |= {"cos": torch.cos, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "softplus": functional.softplus}
    plain |= {"gelu": functional.gelu, "silu": functional.silu, "erf": torch.erf}
    for name, function in plain.items():
        case(name, of((3, 5), limit=3.0), function)
    case("log1p", above(-0.9, (3, 5)), torch.log1p)
    for name, function in {
        "log": torch.log,
        "sqrt": torch.sqrt,
        "rsqrt": torch.rsqrt,
        "recip": torch.reciprocal,
    }.items():
        case(name, above(0.1, (3, 5)), function)
    case("gelu_tanh", of((3, 5), limit=3.0), lambda x: functional.gelu(x, approximate="tanh"))
    case("log_sigmoid", of((3, 5), limit=3.0), functional.logsigmoid)
    case("log2", above(0.1, (3, 5)), torch.log2)
    case("log10", above(0.1, (3, 5)), torch.log10)
    case("elu", of((3, 5)), lambda x, alpha: functional.elu(x, alpha), alpha=0.75)
    case("leaky_relu", of((3, 5)), lambda x, slope: functional.leaky_relu(x, slope), slope=0.25)
    # At their kinks too: what PyTorch chooses there is what a port of its models expects.
    kinks = fixed([-1.5, -0.5, 0.0, 0.5, 1.0, 1.5, 2.5, 3.25])
    kinked = {"abs": torch.abs, "sign": torch.sign, "relu": functional.relu, "floor": torch.floor, "ceil": torch.ceil}
    for name, function in (kinked | {"round": torch.round}).items():
        case(name, kinks, function, smooth=False)
    # Not at its bounds: there PyTorch 2.15 gives a gradient of 0, the library 1.
    case("clamp", kinks, lambda x, low, high: torch.clamp(x, low, high), smooth=False, low=-0.75, high=2.0)
    case("affine", of((3, 5)), lambda x, scale, shift: x * scale + shift, scale=2.5, shift=-0.75)
    case("powf", above(0.1, (3, 5)), torch.pow, exponent=1.7)
    case("powf/square", fixed([-1.5, 0.0, 2.0]), torch.pow, exponent=2.0)
    truths = fixed([True, True, False, False], [True, False, True, False])
    case("not", fixed([True, False]), torch.logical_not)
    for name in ("logical_and", "logical_or", "logical_xor"):
        case(name, truths, getattr(torch, name))
    for name in ("add", "sub", "mul"):
        case(name, of((2, 3, 4), (3, 1)), getattr(torch, name))
    case("div", lambda g: of((2, 3, 4))(g) + above(0.3, (3, 1))(g), torch.div)
    case("pow", lambda g: above(0.3, (3, 4))(g) + of((4,))(g), torch.pow)
    pairs = fixed([1.0, 2.0, -1.0, 0.5], [0.5, 2.0, -1.0, 3.0])
    for name in ("maximum", "minimum"):
        case(name, pairs, getattr(torch, name), smooth=False)
    for name in ("eq", "ne", "lt", "le", "gt", "ge"):
        case(name, pairs, getattr(torch, name))
    case(
        "select",
        beside(of((2, 3), (3,)), [[True, False, True], [False, False, True]]),
        lambda a, b, c: torch.where(c, a, b),
    )
    case("where_", beside(of((2, 3), (3,)), [[True], [False]]), lambda a, b, c: torch.where(c, a, b))
    case("masked_fill", beside(of((2, 3)), [[True, False, True], [False, False, True]]), torch.masked_fill, value=-2.5)
    case("cast", of((3, 5)), lambda x: x.to(F32).to(F64), smooth=False)


def reductions():
    for variant, axes, keep in (("", [0, 2], False), ("/kept", [1], True), ("/all", [0, 1, 2], False)):
        for name, function in {"sum": torch.sum, "mean": torch.mean, "logsumexp": torch.logsumexp}.items():
            case(
                name + variant, of((2, 3, 4)), lambda x, axes, keep, f=function: f(x, axes, keep), axes=axes, keep=keep
            )
        for correction in (0, 1):
            case(
                f"var/{correction}{variant}",
                of((2, 3, 4)),
                lambda x, axes, correction, keep: torch.var(x, axes, correction=correction, keepdim=keep),
                axes=axes,
                correction=correction,
                keep=keep,
            )
        for correction in (0, 1):
            case(
                f"std/{correction}{variant}",
                of((2, 3, 4)),
                lambda x, axes, correction, keep: torch.std(x, axes, correction=correction, keepdim=keep),
                axes=axes,
                correction=correction,
                keep=keep,
            )
        for p in ("0", "1", "2", "3", "inf", "-inf"):
            norm = lambda x, p, axes, keep: torch.linalg.vector_norm(x, float(p), axes, keep)
            case(f"norm/{p}{variant}", of((2, 3, 4)), norm, p != "0", p=p, axes=axes, keep=keep)
    constant = fixed([[2.0, 2.0, 2.0], [0.0, 0.0, 0.0], [1.0, 0.0, -3.0]])
    case(
        "std/constant",
        constant,
        lambda x, axes, correction, keep: torch.std(x, axes, correction=correction, keepdim=keep),
        False,
        axes=[1],
        correction=0,
        keep=False,
    )
    for p in ("1", "2"):
        case(f"norm/zero/{p}", constant, norm, False, p=p, axes=[1], keep=False)
    zeros = fixed([[2.0, -3.0, 0.5, 4.0], [2.0, 0.0, -1.5, 3.0], [2.0, 0.0, 1.5, 0.0]])
    case("prod", zeros, lambda x, axes, keep: torch.prod(x, axes[0], keep), axes=[1], keep=False)
    case("prod/kept", of((2, 3, 4)), lambda x, axes, keep: torch.prod(x, axes[0], keep), axes=[1], keep=True)
    case("cumprod", of((3, 4, 2)), lambda x, axis: torch.cumprod(x, axis), axis=1)
    case("cumprod/zeros", zeros, lambda x, axis: torch.cumprod(x, axis), axis=1)
    infinite = fixed([[1.0, float("-inf"), 3.0], [1000.0, 999.0, -1000.0]])
    case(
        "logsumexp/infinite",
        infinite,
        lambda x, axes, keep: torch.logsumexp(x, axes, keep),
        False,
        axes=[1],
        keep=False,
    )
    for name, function in {"max": torch.amax, "min": torch.amin}.items():
        case(name, ties, lambda x, axes, keep, f=function: f(x, axes, keep), smooth=False, axes=[1], keep=False)
        case(
            name + "/all",
            ties,
            lambda x, axes, keep, f=function: f(x, axes, keep),
            smooth=False,
            axes=[0, 1],
            keep=True,
        )
        case("arg" + name, of((3, 4)), lambda x, axis, f=getattr(torch, "arg" + name): f(x, axis), axis=1)
    for name in ("cumsum", "softmax", "log_softmax"):
        case(name, of((3, 4, 2)), lambda x, axis, f=getattr(torch, name): f(x, axis), axis=1)
    case("softmax/large", fixed([[1000.0, 999.0, -1000.0]]), lambda x, axis: torch.softmax(x, axis), axis=1)
    case("sum_to", of((2, 3, 4)), lambda x, shape: x.sum_to_size(shape), shape=[3, 1])
    case("top_k", of((3, 5)), lambda x, k, axis: torch.topk(x, k, axis).values, k=3, axis=1)


def products():
    case("matmul", of((3, 4), (4, 2)), torch.matmul)
    case("matmul/batched", of((2, 1, 3, 4), (3, 4, 2)), torch.matmul)
    case("matmul/vector", of((2, 3, 4), (4,)), torch.matmul)
    case("linear", of((2, 3, 4), (5, 4), (5,)), functional.linear)
    equations = {"": ("bij,bjk->bik", [(2, 3, 4), (2, 4, 2)]), "/trace": ("ii", [(3, 3)])}
    equations |= {
        "/bilinear": ("bi,oij,bj->bo", [(3, 2), (4, 2, 3), (3, 3)]),
        "/implicit": ("dca,bd", [(2, 3, 2), (4, 2)]),
    }
    equations |= {
        "/broadcast": ("...ij,...jk->k...i", [(2, 1, 2, 3), (4, 3, 2)]),
        "/outer": ("i,j,k->kij", [(2,), (3,), (2,)]),
    }
    equations |= {"/diagonal": ("iij,ik->jk", [(3, 3, 2), (3, 2)])}
    for variant, (equation, shapes) in equations.items():
        case("einsum" + variant, of(*shapes), lambda *x, equation: torch.einsum(equation, *x), equation=equation)
    shapes = {"": ((2, 3, 7), (4, 3, 3), 1), "/groups": ((2, 4, 9), (6, 2, 2), 2)}
    for variant, (x, weight, groups) in shapes.items():
        for name, stride, padding, dilation in (("", 1, 0, 1), ("/strided", 2, 2, 2)):
            case(
                f"conv1d{variant}{name}",
                of(x, weight, weight[:1]),
                functional.conv1d,
                stride=stride,
                padding=padding,
                dilation=dilation,
                groups=groups,
            )


def views():
    case("reshape", of((2, 3, 4)), torch.reshape, shape=[4, 6])
    case("permute", of((2, 3, 4)), torch.permute, dims=[2, 0, 1])
    case("transpose", of((2, 3, 4)), torch.transpose, dim0=0, dim1=2)
    case("t", of((2, 3, 4)), lambda x: x.mT)
    case("narrow", of((3, 5)), torch.narrow, dim=1, start=1, length=3)
    case("index", of((3, 5)), torch.select, dim=1, index=2)
    case("at", of((3, 5)), lambda x: x[-1, None, 1::2])
    case("step_by", of((3, 7)), lambda x, step: x[:, ::step], step=3)
    case("unfold", of((3, 7)), lambda x, axis, size, step: x.unfold(axis, size, step), axis=1, size=3, step=2)
    case("flip", of((3, 4)), lambda x, axis: torch.flip(x, [axis]), axis=1)
    case("unsqueeze", of((3, 4)), torch.unsqueeze, dim=1)
    case("squeeze", of((3, 1, 4)), torch.squeeze, dim=1)
    case("broadcast_to", of((3, 1)), torch.broadcast_to, size=[2, 3, 4])
    case("chunk", of((3, 6)), lambda x, parts, axis, part: torch.chunk(x, parts, axis)[part], parts=3, axis=1, part=1)
    case(
        "split",
        of((3, 6)),
        lambda x, lengths, axis, part: torch.split(x, lengths, axis)[part],
        lengths=[1, 3, 2],
        axis=1,
        part=1,
    )
    case(
        "split_every",
        of((3, 7)),
        lambda x, length, axis, part: torch.split(x, length, axis)[part],
        length=3,
        axis=1,
        part=2,
    )
    case("unbind", of((3, 4)), lambda x, axis, part: torch.unbind(x, axis)[part], axis=1, part=2)
    case("flatten", of((2, 3, 4)), torch.flatten)
    case("flatten_axes", of((2, 3, 4)), torch.flatten, start_dim=1, end_dim=2)
    case("move_axis", of((2, 3, 4)), torch.movedim, source=0, destination=2)
    case("pad", of((2, 3, 4)), functional.pad, pad=[1, 2, 0, 1], value=0.5)  # the last axis first
    case("roll", of((3, 5)), lambda x, shift, axis: torch.roll(x, shift, axis), shift=-2, axis=1)
    case("repeat", of((3, 2)), lambda x, times: x.repeat(times), times=[2, 1, 3])
    case(
        "repeat_interleave", of((3, 2)), lambda x, times, axis: torch.repeat_interleave(x, times, axis), times=3, axis=1
    )
    case("diagonal", of((3, 2, 4)), torch.diagonal, offset=1, dim1=0, dim2=2)
    case("tril", of((2, 3, 4)), torch.tril, diagonal=1)
    case("triu", of((2, 3, 4)), torch.triu, diagonal=-1)
    case("concat", of((2, 3), (2, 1), (2, 2)), lambda *x, axis: torch.concat(x, axis), axis=1)
    case("stack", of((2, 3), (2, 3)), lambda *x, axis: torch.stack(x, axis), axis=1)


def indexing():
    index = [[0, 2, 2, 1, 0], [3, 3, 3, 3, 1]]
    case("gather", beside(of((2, 4)), index), lambda x, index: torch.gather(x, 1, index))
    case(
        "scatter_add",
        beside(of((2, 4), (2, 5)), index),
        lambda x, source, index: torch.scatter_add(x, 1, index, source),
    )
    case("index_select", beside(of((2, 4)), [3, 0, 3]), lambda x, index: torch.index_select(x, 1, index))
    case(
        "index_add",
        beside(of((2, 4), (2, 3)), [3, 0, 3]),
        lambda x, source, index: torch.index_add(x, 1, index, source),
    )
    case(
        "sort", of((3, 5)), lambda x, axis, descending: torch.sort(x, axis, descending).values, axis=1, descending=True
    )
    case(
        "argsort", of((3, 5)), lambda x, axis, descending: torch.argsort(x, axis, descending), axis=0, descending=False
    )
    case("one_hot", fixed([[2, 0], [3, 1]]), functional.one_hot, num_classes=4)
    case("embedding", beside(of((5, 3)), [[3, 0, 3], [4, 3, 1]]), lambda table, ids: functional.embedding(ids, table))


def normalisation():
    case(
        "layer_norm",
        of((2, 3, 5), (5,), (5,)),
        lambda x, weight, bias, epsilon: functional.layer_norm(x, x.shape[-1:], weight, bias, epsilon),
        epsilon=1e-5,
    )
    case(
        "rms_norm",
        of((2, 3, 5), (5,)),
        lambda x, weight, epsilon: functional.rms_norm(x, x.shape[-1:], weight, epsilon),
        epsilon=1e-5,
    )


IGNORED = 9  # no class


def losses():
    some, none = [2, IGNORED, 0, 3, 2, IGNORED], [IGNORED] * 6
    weights = torch.tensor([0.5, 2.0, 1.5, 0.25], dtype=F64)
    variants = {"": (some, 0.0, False), "/weights": (some, 0.0, True), "/smoothing": (some, 0.1, False)}
    variants |= {
        "/weights_smoothing": (some, 0.3, True),
        "/ignored": (none, 0.0, False),
        "/ignored_smoothing": (none, 0.1, True),
    }
    for reduction in ("mean", "sum", "none"):
        for variant, (targets, smoothing, weighted) in variants.items():

            def loss(x, targets, label_smoothing, weights, ignore_index, reduction):
                weights = torch.tensor(weights, dtype=F64) if weights else None
                return functional.cross_entropy(
                    x, targets, weights, ignore_index=ignore_index, reduction=reduction, label_smoothing=label_smoothing
                )

            smooth = targets is some or reduction != "mean"
            case(
                f"cross_entropy{variant}/{reduction}",
                beside(of((6, 4)), targets),
                loss,
                smooth,
                weights=weights.tolist() if weighted else [],
                label_smoothing=smoothing,
                ignore_index=IGNORED,
                reduction=reduction,
            )
        case(
            f"nll_loss/{reduction}",
            beside(of((6, 4)), some),
            lambda x, targets, weights, ignore_index, reduction: functional.nll_loss(
                x, targets, torch.tensor(weights, dtype=F64), ignore_index=ignore_index, reduction=reduction
            ),
            weights=weights.tolist(),
            ignore_index=IGNORED,
            reduction=reduction,
        )
        case(f"mse_loss/{reduction}", of((3, 4), (3, 4)), functional.mse_loss, reduction=reduction)
        unit = lambda g: of((3, 4), limit=5.0)(g) + [torch.rand(3, 4, generator=g, dtype=F64)]
        bce = functional.binary_cross_entropy_with_logits
        case(f"binary_cross_entropy_with_logits/{reduction}", unit, bce, reduction=reduction)
        case(
            f"binary_cross_entropy_with_logits/weights/{reduction}",
            unit,
            lambda x, target, weight, pos_weight, reduction: bce(
                x,
                target,
                torch.tensor(weight, dtype=F64),
                pos_weight=torch.tensor(pos_weight, dtype=F64),
                reduction=reduction,
            ),
            weight=[0.5, 1.0, 2.0, 0.1],
            pos_weight=[3.0, 0.3, 1.0, 2.0],
            reduction=reduction,
        )
        case(
            f"kl_div/{reduction}",
            lambda g: of((3, 4))(g) + [torch.rand(3, 4, generator=g, dtype=F64) + 0.1],
            functional.kl_div,
            reduction=reduction,
        )
    case(
        "linear_cross_entropy",
        beside(of((4, 3), (5, 3), (5,)), [1, 0, 4, 2]),
        lambda hidden, weight, bias, targets: functional.cross_entropy(
            functional.linear(hidden, weight, bias), targets, reduction="sum"
        ),
    )


def attention():
    function, operation = functional.scaled_dot_product_attention, "scaled_dot_product_attention"
    shapes = [(2, 2, 3, 4), (2, 2, 5, 4), (2, 2, 5, 3)]
    case(operation, of(*shapes), function, is_causal=False, scale=0.5)
    case(operation + "/causal", of(*shapes), function, is_causal=True)
    # The second query may look at nothing.
    mask = [[True, False, True, True, False], [False] * 5, [True] * 5]
    case(operation + "/mask", beside(of(*shapes), mask), function)
    case(operation + "/additive", of(*shapes, (3, 5)), function)


for group in (elementwise, reductions, products, views, indexing, normalisation, losses, attention):
    group()


def compute(name, inputs, cotangent=None):
    """Output and, where it is floating, the gradients of sum(output * cotangent), None where there is none."""
    made = CASES[name]
    inputs = [leaf(x) if x.is_floating_point() else x for x in inputs]
    output = made.function(*inputs, **made.parameters)
    if not output.is_floating_point():
        return output, []
    floating = [x for x in inputs if x.is_floating_point()]
    gradients = iter(torch.autograd.grad(output, floating, cotangent, materialize_grads=True))
    return output, [next(gradients) if x.is_floating_point() else None for x in inputs]


def write(folder):
    """Writes the file of all cases."""
    tensors = {}
    for name, made in CASES.items():
        generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))  # a new case changes no other
        inputs = made.inputs(generator)
        tensors |= {f"{name}.input.{index}": x for index, x in enumerate(inputs)}
        output = made.function(*inputs, **made.parameters)
        cotangent = None
        if output.is_floating_point():
            cotangent = tensors[f"{name}.cotangent"] = uniform(generator, *output.shape)
        output, gradients = compute(name, inputs, cotangent)
        tensors[f"{name}.output"] = output
        tensors |= {f"{name}.gradient.{index}": x for index, x in enumerate(gradients) if x is not None}
    about = {"torch": torch.__version__, "safetensors": safetensors.__version__, "python": platform.python_version()}
    about |= {"script": "scripts/pytorch_parity.py", "cases": {name: made.parameters for name, made in CASES.items()}}
    # One entry only: safetensors writes several in no fixed order, and a rerun should give the same bytes.
    metadata = {"about": json.dumps(about)}
    tensors = {name: x.detach().clone(memory_format=torch.contiguous_format) for name, x in tensors.items()}
    save_file(tensors, folder / FILE, metadata)


def check(folder):
    """Recomputes the file, and compares smooth gradients with finite differences; gives one line about it."""
    path, differences = folder / FILE, 0
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    for name, made in CASES.items():
        inputs = [tensors[f"{name}.input.{index}"] for index in range(len(made.inputs(torch.Generator())))]
        output, gradients = compute(name, inputs, tensors.get(f"{name}.cotangent"))
        found = {f"{name}.output": output} | {
            f"{name}.gradient.{i}": x for i, x in enumerate(gradients) if x is not None
        }
        for key, x in found.items():
            torch.testing.assert_close(tensors[key], x.detach(), rtol=1e-12, atol=1e-14, equal_nan=True, msg=key)
        if made.smooth and output.is_floating_point():
            leaves = [leaf(x) if x.is_floating_point() else x for x in inputs]
            torch.autograd.gradcheck(lambda *x, made=made: made.function(*x, **made.parameters), leaves)
            differences += 1
    size = path.stat().st_size
    return f"{FILE}: {len(CASES)} cases, {size} bytes; gradients of {differences} agree with finite differences"
