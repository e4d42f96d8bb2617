"""Single parts by PyTorch: LSTM, embedding, softmax and losses, layer normalisation, clipping, optimisers."""

import torch
from torch.nn import functional
from torch.nn.utils import rnn

from .common import F64, PAD, build_lstm, clip, leaf, lstm_parameters, put, take, uniform


def lstm_inputs(generator, lengths, inputs, hidden, layers=2):
    time, batch = max(lengths), len(lengths)
    tensors = {
        "input.input": uniform(generator, time, batch, inputs),  # not zero at padding: it must not matter
        "input.lengths": torch.tensor(lengths),
        "input.h0": uniform(generator, layers, batch, hidden),
        "input.c0": uniform(generator, layers, batch, hidden),
        "input.r1": uniform(generator, time, batch, hidden),
        "input.r2": uniform(generator, layers, batch, hidden),
        "input.r3": uniform(generator, layers, batch, hidden),
    }
    for row, length in enumerate(lengths):
        tensors["input.r1"][length:, row] = 0
    return tensors | put("parameter.lstm.", lstm_parameters(generator, layers, inputs, hidden, 0.5))


def lstm_results(t):
    module, named = build_lstm(take(t, "parameter.lstm."))
    x, h0, c0 = (leaf(t[f"input.{name}"]) for name in ("input", "h0", "c0"))
    packed = rnn.pack_padded_sequence(x, t["input.lengths"], enforce_sorted=False)
    packed, (hidden, cell) = module(packed, (h0, c0))
    output, _ = rnn.pad_packed_sequence(packed, total_length=x.shape[0])
    loss = (output * t["input.r1"]).sum() + (hidden * t["input.r2"]).sum() + (cell * t["input.r3"]).sum()
    loss.backward()
    gradients = {"input": x.grad, "h0": h0.grad, "c0": c0.grad}
    gradients |= {f"lstm.{name}": parameter.grad for name, parameter in named.items()}
    expected = {"output": output, "hidden": hidden, "cell": cell, "loss": loss}
    return put("expected.", expected) | put("gradient.", gradients)


def embedding_inputs(generator):
    indices = torch.tensor([[3, 0, 3, 9], [3, 7, 1, 0], [9, 1, 3, 5]])  # 2, 4, 6, 8 never, 3 four times
    cotangent = uniform(generator, 3, 4, 6)
    return {"input.indices": indices, "input.cotangent": cotangent, "parameter.weight": uniform(generator, 10, 6)}


def embedding_results(t):
    weight = leaf(t["parameter.weight"])
    output = functional.embedding(t["input.indices"], weight)
    output.backward(t["input.cotangent"])
    return {"expected.output": output, "gradient.weight": weight.grad}


def cross_entropy_inputs(generator):
    logits = uniform(generator, 8, 11, limit=3.0)
    logits[2] = logits[2] * 30 + 200  # exp of these overflows in f32 unless the maximum is subtracted first
    targets = torch.tensor([4, 0, 7, 10, 0, 1, 4, 2])
    return {
        "input.logits": logits,
        "input.cotangent": uniform(generator, 8, 11),
        "input.targets": targets,
        "input.targets_all_padding": torch.zeros_like(targets),
    }


def cross_entropy_results(t):
    def loss(logits, targets, reduction):
        return functional.cross_entropy(logits, t[f"input.{targets}"], ignore_index=PAD, reduction=reduction)

    cases = {
        "log_softmax": lambda x: functional.log_softmax(x, 1),
        "softmax": lambda x: functional.softmax(x, 1),
        "sum": lambda x: loss(x, "targets", "sum"),
        "mean": lambda x: loss(x, "targets", "mean"),
        "sum_all_padding": lambda x: loss(x, "targets_all_padding", "sum"),
    }
    results = {}
    for name, function in cases.items():
        logits = leaf(t["input.logits"])
        value = function(logits)
        value.backward(t["input.cotangent"] if value.dim() else None)
        results |= {f"expected.{name}": value, f"gradient.{name}.logits": logits.grad}
    return results


def linear_cross_entropy_inputs(generator):
    return {
        "input.hidden": uniform(generator, 9, 6),
        "input.targets": torch.tensor([5, 0, 12, 3, 3, 0, 1, 8, 0]),
        "parameter.weight": uniform(generator, 13, 6),
        "parameter.bias": uniform(generator, 13),
    }


def linear_cross_entropy_results(t):
    hidden, weight, bias = leaf(t["input.hidden"]), leaf(t["parameter.weight"]), leaf(t["parameter.bias"])
    logits = functional.linear(hidden, weight, bias)
    loss = functional.cross_entropy(logits, t["input.targets"], ignore_index=PAD, reduction="sum")
    loss.backward()
    gradients = {"hidden": hidden.grad, "weight": weight.grad, "bias": bias.grad}
    return {"expected.loss": loss} | put("gradient.", gradients)


def layer_norm_inputs(generator):
    x = uniform(generator, 3, 2, 10, limit=2.0)
    x[1, 0] = 0.5  # no variance: only epsilon keeps this row finite
    return {
        "input.input": x,
        "input.cotangent": uniform(generator, 3, 2, 10),
        "parameter.weight": uniform(generator, 10),
        "parameter.bias": uniform(generator, 10),
    }


def layer_norm_results(t):
    x, weight, bias = leaf(t["input.input"]), leaf(t["parameter.weight"]), leaf(t["parameter.bias"])
    output = functional.layer_norm(x, (10,), weight, bias, eps=1e-5)
    output.backward(t["input.cotangent"])
    gradients = {"input": x.grad, "weight": weight.grad, "bias": bias.grad}
    return {"expected.output": output} | put("gradient.", gradients)


def clip_inputs(generator):
    tensors = {}
    for case, limit in (("large", 4.0), ("small", 0.5)):
        for index, shape in enumerate(((4, 3), (5,), (2, 2, 2))):
            tensors[f"input.{case}.{index}"] = uniform(generator, *shape, limit=limit)
    return tensors | {"input.equal.0": torch.tensor([3.0], dtype=F64), "input.equal.1": torch.tensor([4.0], dtype=F64)}


def clip_results(t):
    results = {}
    for case in ("large", "small", "equal"):
        norm, clipped = clip(take(t, f"input.{case}.").values())
        results |= {f"expected.{case}.{index}": gradient for index, gradient in enumerate(clipped)}
        results[f"expected.{case}.norm"] = norm
    return results


OPTIMISERS = {
    "sgd": (torch.optim.SGD, {"lr": 0.1}),
    "sgd_momentum": (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    "adam": (torch.optim.Adam, {"lr": 0.01, "betas": (0.9, 0.999), "eps": 1e-8}),
    "adamw": (torch.optim.AdamW, {"lr": 0.01, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.01}),
}


def optimiser_inputs(generator):
    tensors = {"parameter.a": uniform(generator, 4, 3), "parameter.b": uniform(generator, 5)}
    tensors |= {"input.gradients.a": uniform(generator, 10, 4, 3), "input.gradients.b": uniform(generator, 10, 5)}
    tensors["input.gradients.b"][6] = 0  # momentum and Adam still move
    return tensors


def optimiser_results(t):
    results = {}
    for name, (make, options) in OPTIMISERS.items():
        parameters = {key: leaf(value) for key, value in take(t, "parameter.").items()}
        optimiser, history = make(parameters.values(), foreach=False, **options), {key: [] for key in parameters}
        for step in range(10):
            for key, parameter in parameters.items():
                parameter.grad = t[f"input.gradients.{key}"][step].clone()
            optimiser.step()
            for key, parameter in parameters.items():
                history[key].append(parameter.detach().clone())
        results |= {f"expected.{name}.{key}": torch.stack(values) for key, values in history.items()}
    return results
