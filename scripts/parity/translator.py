"""The whole translator by PyTorch: loss and gradients of one batch, and 20 steps of SGD."""

import torch
from torch.nn import functional
from torch.nn.utils import rnn

from .common import EOS, I64, PAD, build_lstm, clip, leaf, lstm_parameters, put, take, uniform

SOURCE_WORDS, TARGET_WORDS, EMBEDDING, HIDDEN, LAYERS, BATCHES, STEPS, RATE = 23, 29, 12, 12, 2, 4, 20, 0.7


def batch_inputs(generator, source_lengths, target_lengths, word=None):
    """One batch; lengths count <EOS>. The source is what the encoder reads: reversed, <EOS> last.

    Where a word is given, all targets repeat it. Gradients then add up, their norm passes 5 and is clipped.
    """
    size = len(source_lengths)
    source = torch.zeros(max(source_lengths), size, dtype=I64)
    target_input = torch.zeros(max(target_lengths), size, dtype=I64)
    target_output = torch.zeros_like(target_input)
    for row, (s, t) in enumerate(zip(source_lengths, target_lengths)):
        source[: s - 1, row] = torch.randint(2, SOURCE_WORDS, (s - 1,), generator=generator)
        source[s - 1, row] = EOS
        low, high = (2, TARGET_WORDS) if word is None else (word, word + 1)
        target_output[: t - 1, row] = torch.randint(low, high, (t - 1,), generator=generator)
        target_output[t - 1, row] = EOS
        target_input[0, row] = EOS
        target_input[1:t, row] = target_output[: t - 1, row]
    lengths = {"source_lengths": torch.tensor(source_lengths), "target_lengths": torch.tensor(target_lengths)}
    return {"source": source, "target_input": target_input, "target_output": target_output} | lengths


def translator_inputs(generator):
    limit = 0.08 * 5  # five times the paper's, so that gradients are not tiny in so small a model
    tensors = {"source_embedding.weight": uniform(generator, SOURCE_WORDS, EMBEDDING, limit=limit)}
    tensors |= put("encoder.lstm.", lstm_parameters(generator, LAYERS, EMBEDDING, HIDDEN, limit))
    tensors["target_embedding.weight"] = uniform(generator, TARGET_WORDS, EMBEDDING, limit=limit)
    tensors |= put("decoder.lstm.", lstm_parameters(generator, LAYERS, EMBEDDING, HIDDEN, limit))
    tensors["projection.weight"] = uniform(generator, TARGET_WORDS, HIDDEN, limit=limit)
    tensors["projection.bias"] = uniform(generator, TARGET_WORDS, limit=limit)
    tensors = put("parameter.", tensors)
    batches = [([9, 2, 5, 7, 3, 6], [9, 2, 5, 7, 4, 6], None), ([4, 8, 2, 3, 6, 5], [2, 9, 3, 3, 5, 8], None)]
    batches += [([7, 7, 3, 2, 5, 4], [6, 8, 2, 4, 5, 3], None), ([2, 3, 2, 4, 9, 8], [9, 7, 8, 2, 8, 9], 11)]
    for index, batch in enumerate(batches):
        tensors |= put(f"input.batch.{index}.", batch_inputs(generator, *batch))
    return tensors


class Translator:
    """The model of "Sequence to Sequence Learning with Neural Networks" (2014) by PyTorch's own layers."""

    def __init__(self, values):
        self.encoder, encoder = build_lstm(take(values, "encoder.lstm."))
        self.decoder, decoder = build_lstm(take(values, "decoder.lstm."))
        self.parameters = put("encoder.lstm.", encoder) | put("decoder.lstm.", decoder)
        self.parameters |= {name: leaf(values[name]) for name in values if name not in self.parameters}

    def forward(self, batch):
        p = self.parameters
        source = functional.embedding(batch["source"], p["source_embedding.weight"])
        packed = rnn.pack_padded_sequence(source, batch["source_lengths"], enforce_sorted=False)
        _, state = self.encoder(packed)
        target = functional.embedding(batch["target_input"], p["target_embedding.weight"])
        output, _ = self.decoder(target, state)
        logits = functional.linear(output, p["projection.weight"], p["projection.bias"])
        targets = batch["target_output"]
        words = functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=PAD, reduction="none")
        words = words.view_as(targets)
        return state, -words, words.sum() / targets.shape[1]  # sentences, not words

    def gradients(self, loss):
        return dict(zip(self.parameters, torch.autograd.grad(loss, list(self.parameters.values()))))


def translator_results(t):
    model = Translator(take(t, "parameter."))
    losses, norms, results = [], [], {}
    for step in range(STEPS):
        (hidden, cell), log_probabilities, loss = model.forward(take(t, f"input.batch.{step % BATCHES}."))
        gradients = model.gradients(loss)
        norm, clipped = clip(gradients.values())
        if step == 0:
            expected = {"loss": loss, "gradient_norm": norm, "log_probabilities": log_probabilities}
            expected |= {"encoder.hidden": hidden, "encoder.cell": cell}
            results = put("expected.", expected) | put("gradient.", gradients)
        losses.append(loss.detach())
        norms.append(norm)
        with torch.no_grad():
            for parameter, gradient in zip(model.parameters.values(), clipped):
                parameter.sub_(RATE * gradient)
    results |= {"expected.losses": torch.stack(losses), "expected.gradient_norms": torch.stack(norms)}
    return results | put("after20.", model.parameters)
