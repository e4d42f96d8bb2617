"""What the cases share: names, random numbers, our LSTM layout in an nn.LSTM, exact clipping."""

import torch
from torch import nn

F64, F32, I64 = torch.float64, torch.float32, torch.int64
PAD, EOS, MAX_NORM = 0, 1, 5.0


def uniform(generator, *shape, limit=1.0):
    """Numbers from U(-limit, limit) in f64."""
    return (torch.rand(shape, generator=generator, dtype=F64) * 2 - 1) * limit


def leaf(tensor):
    """A copy whose gradient is wanted."""
    return tensor.detach().clone().requires_grad_(True)


def take(tensors, prefix):
    """The tensors under a prefix, by the rest of their names."""
    return {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def put(prefix, tensors):
    """The same tensors under a prefix."""
    return {prefix + name: tensor for name, tensor in tensors.items()}


def lstm_parameters(generator, layers, inputs, hidden, limit):
    parameters = {}
    for layer in range(layers):
        width = inputs if layer == 0 else hidden
        parameters[f"{layer}.weight_ih"] = uniform(generator, 4 * hidden, width, limit=limit)
        parameters[f"{layer}.weight_hh"] = uniform(generator, 4 * hidden, hidden, limit=limit)
        parameters[f"{layer}.bias"] = uniform(generator, 4 * hidden, limit=limit)
    return parameters


def build_lstm(values):
    """An nn.LSTM that holds these values, and its parameters under our names."""
    layers, first = len(values) // 3, values["0.weight_ih"]
    module = nn.LSTM(first.shape[1], first.shape[0] // 4, layers, dtype=first.dtype)
    named = {}
    for layer in range(layers):
        for ours, theirs in (("weight_ih", "weight_ih"), ("weight_hh", "weight_hh"), ("bias", "bias_ih")):
            named[f"{layer}.{ours}"] = getattr(module, f"{theirs}_l{layer}")
        getattr(module, f"bias_hh_l{layer}").data.zero_().requires_grad_(False)
    for name, parameter in named.items():
        parameter.data.copy_(values[name])
    return module, named


def global_norm(gradients):
    return torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in gradients]))


def clip(gradients):
    """The global norm before clipping, and g * 5 / s where the norm s > 5."""
    gradients = list(gradients)
    norm = global_norm(gradients)
    return norm, [g * (MAX_NORM / norm) for g in gradients] if norm > MAX_NORM else gradients
