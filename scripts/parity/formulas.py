"""Recomputes the golden files of pytorch_parity.py by textbook formulas, in f64, with none of PyTorch's layers.

usage: python scripts/pytorch_parity.py --check (see there)

Padding never appears here: every sentence is computed alone, at its own length. Softmax and losses use closed forms of
their gradients, optimisers the papers' formulas; the LSTM's gradients come from autograd through single arithmetic
operations. A file that differs, or that has a result nobody recomputed, is an error.
"""

import math

import torch
from safetensors import safe_open

TOLERANCE = 1e-11  # relative to the largest number of a tensor; f64 has 2e-16


def tree(tensors, prefix):
    return {name[len(prefix) :]: x for name, x in tensors.items() if name.startswith(prefix)}


def cell_step(parameters, layer, x, h, c):
    """One sentence, one step, one layer: gates i, f, g, o (Hochreiter and Schmidhuber 1997; Gers et al. 2000)."""
    gates = parameters[f"{layer}.weight_ih"] @ x + parameters[f"{layer}.weight_hh"] @ h + parameters[f"{layer}.bias"]
    n = h.shape[0]
    i, f, o = (1 / (1 + torch.exp(-gates[k * n : (k + 1) * n])) for k in (0, 1, 3))
    c = f * c + i * torch.tanh(gates[2 * n : 3 * n])
    return o * torch.tanh(c), c


def run(parameters, inputs, hs, cs):
    """Runs one sentence through all layers, time outermost; gives the top outputs and the last states."""
    hs, cs, outputs = list(hs), list(cs), []
    for x in inputs:
        for layer in range(len(hs)):
            hs[layer], cs[layer] = cell_step(parameters, layer, x, hs[layer], cs[layer])
            x = hs[layer]
        outputs.append(x)
    return outputs, hs, cs


def want(tensors):
    return {name: x.clone().requires_grad_(True) for name, x in tensors.items()}


def lstm(t):
    leaves = want({"input": t["input.input"], "h0": t["input.h0"], "c0": t["input.c0"]} | tree(t, "parameter."))
    parameters, loss = tree(leaves, "lstm."), 0
    output = torch.zeros_like(t["input.r1"])
    hidden, cell = torch.zeros_like(t["input.r2"]), torch.zeros_like(t["input.r3"])
    for row, length in enumerate(t["input.lengths"].tolist()):
        steps = [leaves["input"][time, row] for time in range(length)]
        tops, hs, cs = run(parameters, steps, leaves["h0"][:, row], leaves["c0"][:, row])
        for time, top in enumerate(tops):
            loss = loss + (top * t["input.r1"][time, row]).sum()
            output[time, row] = top.detach()
        for layer in range(len(hs)):
            loss = loss + (hs[layer] * t["input.r2"][layer, row]).sum() + (cs[layer] * t["input.r3"][layer, row]).sum()
            hidden[layer, row], cell[layer, row] = hs[layer].detach(), cs[layer].detach()
    gradients = torch.autograd.grad(loss, list(leaves.values()))
    results = {"expected.output": output, "expected.hidden": hidden, "expected.cell": cell, "expected.loss": loss}
    return results | {f"gradient.{name}": g for name, g in zip(leaves, gradients)}


def embedding(t):
    weight, indices, cotangent = t["parameter.weight"], t["input.indices"], t["input.cotangent"]
    gradient, output = torch.zeros_like(weight), torch.zeros_like(cotangent)
    for row in range(indices.shape[0]):
        for column in range(indices.shape[1]):
            index = indices[row, column].item()
            gradient[index] += cotangent[row, column]
            output[row, column] = weight[index]
    return {"expected.output": output, "gradient.weight": gradient}


def log_softmax(logits):
    shifted = logits - logits.max(-1, keepdim=True).values
    return shifted - torch.log(torch.exp(shifted).sum(-1, keepdim=True))


def summed_loss(logits, targets):
    """The sum over rows whose target is not 0, and its gradient: softmax minus one-hot; 0 in ignored rows."""
    logs, loss = log_softmax(logits), torch.zeros((), dtype=torch.float64)
    gradient = torch.zeros_like(logits)
    for row, target in enumerate(targets.tolist()):
        if target != 0:
            loss -= logs[row, target]
            gradient[row] = torch.exp(logs[row])
            gradient[row, target] -= 1
    return loss, gradient


def cross_entropy(t):
    logits, r, targets = t["input.logits"], t["input.cotangent"], t["input.targets"]
    logs = log_softmax(logits)
    p, words = torch.exp(logs), (targets != 0).sum()
    loss, gradient = summed_loss(logits, targets)
    return {
        "expected.log_softmax": logs,
        "gradient.log_softmax.logits": r - p * r.sum(1, keepdim=True),
        "expected.softmax": p,
        "gradient.softmax.logits": p * (r - (p * r).sum(1, keepdim=True)),
        "expected.sum": loss,
        "gradient.sum.logits": gradient,
        "expected.mean": loss / words,
        "gradient.mean.logits": gradient / words,
        "expected.sum_all_padding": torch.zeros_like(loss),
        "gradient.sum_all_padding.logits": torch.zeros_like(logits),
    }


def linear_cross_entropy(t):
    hidden, weight = t["input.hidden"], t["parameter.weight"]
    loss, gradient = summed_loss(hidden @ weight.T + t["parameter.bias"], t["input.targets"])
    gradients = {"gradient.hidden": gradient @ weight, "gradient.weight": gradient.T @ hidden}
    return {"expected.loss": loss, "gradient.bias": gradient.sum(0)} | gradients


def layer_norm(t):
    x, r, weight = t["input.input"], t["input.cotangent"], t["parameter.weight"]
    centred = x - x.mean(-1, keepdim=True)
    scale = 1 / torch.sqrt((centred**2).mean(-1, keepdim=True) + 1e-5)
    normal, g = centred * scale, r * weight
    inner = g - g.mean(-1, keepdim=True) - normal * (g * normal).mean(-1, keepdim=True)
    return {
        "expected.output": normal * weight + t["parameter.bias"],
        "gradient.input": inner * scale,
        "gradient.weight": (r * normal).sum((0, 1)),
        "gradient.bias": r.sum((0, 1)),
    }


def norm_and_factor(gradients):
    norm = math.sqrt(sum((g**2).sum().item() for g in gradients))
    return norm, 5 / norm if norm > 5 else 1.0


def clip(t):
    results = {}
    for case in ("large", "small", "equal"):
        gradients = tree(t, f"input.{case}.")
        norm, factor = norm_and_factor(gradients.values())
        results[f"expected.{case}.norm"] = torch.tensor(norm, dtype=torch.float64)
        results |= {f"expected.{case}.{name}": g * factor for name, g in gradients.items()}
    return results


def optimisers(t):
    """SGD; heavy ball v = 0.9 v + g; Adam (Kingma and Ba 2015); AdamW (Loshchilov and Hutter 2019)."""
    results = {}
    for key in ("a", "b"):
        start = t[f"parameter.{key}"]
        p = {name: start.clone() for name in ("sgd", "sgd_momentum", "adam", "adamw")}
        v, m, s = torch.zeros_like(start), torch.zeros_like(start), torch.zeros_like(start)
        history = {name: [] for name in p}
        for step, g in enumerate(t[f"input.gradients.{key}"], start=1):
            v, m, s = 0.9 * v + g, 0.9 * m + 0.1 * g, 0.999 * s + 0.001 * g * g
            move = 0.01 * (m / (1 - 0.9**step)) / (torch.sqrt(s / (1 - 0.999**step)) + 1e-8)
            p["sgd"] = p["sgd"] - 0.1 * g
            p["sgd_momentum"] = p["sgd_momentum"] - 0.1 * v
            p["adam"] = p["adam"] - move
            p["adamw"] = p["adamw"] - 0.01 * 0.01 * p["adamw"] - move
            for name in p:
                history[name].append(p[name])
        results |= {f"expected.{name}.{key}": torch.stack(values) for name, values in history.items()}
    return results


def sentence(p, batch, row):
    """The encoder's last state and the log-probability of each target word of one sentence."""
    encoder, decoder = tree(p, "encoder.lstm."), tree(p, "decoder.lstm.")
    zeros = [torch.zeros(len(encoder["0.bias"]) // 4, dtype=torch.float64)] * (len(encoder) // 3)
    source = batch["source"][: batch["source_lengths"][row], row].tolist()
    _, hs, cs = run(encoder, [p["source_embedding.weight"][word] for word in source], zeros, zeros)
    length, logs = batch["target_lengths"][row], []
    words = batch["target_input"][:length, row].tolist()
    tops, _, _ = run(decoder, [p["target_embedding.weight"][word] for word in words], hs, cs)
    for top, word in zip(tops, batch["target_output"][:length, row].tolist(), strict=True):
        logs.append(log_softmax(p["projection.weight"] @ top + p["projection.bias"])[word])
    return hs, cs, logs


def translator(t):
    values, results, losses, norms = tree(t, "parameter."), {}, [], []
    for step in range(20):
        p, batch = want(values), tree(t, f"input.batch.{step % 4}.")
        rows = [sentence(p, batch, row) for row in range(6)]
        loss = -sum(sum(logs) for _, _, logs in rows) / 6
        gradients = dict(zip(p, torch.autograd.grad(loss, list(p.values()))))
        norm, factor = norm_and_factor(gradients.values())
        losses.append(loss.item())
        norms.append(norm)
        if step == 0:
            table = torch.zeros_like(batch["target_output"], dtype=torch.float64)
            for row, (_, _, logs) in enumerate(rows):
                table[: len(logs), row] = torch.stack(logs).detach()
            results = {"expected.loss": loss, "expected.gradient_norm": torch.tensor(norm, dtype=torch.float64)}
            results["expected.log_probabilities"] = table
            results["expected.encoder.hidden"] = torch.stack([torch.stack(hs) for hs, _, _ in rows], 1)
            results["expected.encoder.cell"] = torch.stack([torch.stack(cs) for _, cs, _ in rows], 1)
            results |= {f"gradient.{name}": g for name, g in gradients.items()}
        values = {name: values[name] - 0.7 * factor * gradients[name] for name in values}
    series = {"expected.losses": losses, "expected.gradient_norms": norms}
    results |= {name: torch.tensor(x, dtype=torch.float64) for name, x in series.items()}
    return results | {f"after20.{name}": x for name, x in values.items()}


CASES = {"lstm": lstm, "lstm_one_step": lstm, "embedding": embedding, "cross_entropy": cross_entropy}
CASES |= {"linear_cross_entropy": linear_cross_entropy, "layer_norm": layer_norm, "clip": clip}
CASES |= {"optimisers": optimisers, "translator": translator}


def difference(a, b):
    """The largest difference, relative to the largest number."""
    a, b = a.detach().double(), b.detach().double()
    assert a.shape == b.shape, f"shapes {tuple(a.shape)} and {tuple(b.shape)}"
    scale = b.abs().max().item()
    return (a - b).abs().max().item() / (scale if scale > 0 else 1.0)


def check(case, path):
    """Compares a file with the formulas; gives one line about it, raises ValueError where it is wrong."""
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    data = {name: x for name, x in tensors.items() if name.startswith(("input.", "parameter."))}
    data = {name: x.double() if x.is_floating_point() else x for name, x in data.items()}
    results = CASES[case](data)
    float32 = tree(tensors, "float32.")
    recorded = {name for name in tensors if name not in data and not name.startswith("float32.")}
    lonely = (recorded ^ set(results)) | (set(float32) ^ set(results) if float32 else set())
    if lonely:
        raise ValueError(f"{path}: not both recorded and recomputed: {sorted(lonely)}")
    worst = max((difference(tensors[name], x), name) for name, x in results.items())
    if not worst[0] <= TOLERANCE:
        raise ValueError(f"{path}: {worst[1]} differs from the formula by {worst[0]:.1e} of its largest number")
    line = f"{path.name}: {len(tensors)} tensors, {path.stat().st_size} bytes, within {worst[0]:.1e} of the formulas"
    if float32:
        own = max((difference(x, results[name]), name) for name, x in float32.items())
        line += f"; PyTorch's own f32 within {own[0]:.1e} ({own[1]})"
    return line
