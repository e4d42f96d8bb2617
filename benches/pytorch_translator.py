"""The translator in PyTorch, as a fair and fast opponent: what one training step costs.

usage: python benches/pytorch_translator.py --size s [--threads 2] [--steps N] [--warm-up N] [--loss plain|fused]
           [--embeddings sparse|dense] [--precision f32|tf32|bf16] [--device cpu|cuda] [--compile]

Prints one JSON object: {"size", "threads", "step_s", "words_per_s", "tgt_words_per_s", "params", "peak_mb"}, the same
keys as `unrolled bench train-step --json`, and after them what else was measured or chosen. A step is embedding ->
LSTM -> LSTM -> softmax over the whole vocabulary, backward, the gradient divided by the sentences, clipped at 5, and
SGD at 0.7 in place. Every sentence of a batch has full length, so nothing is packed and no padding is computed; ids are
random, with a fixed seed. As in unrolled each sentence ends with <EOS>, which the encoder reads and the decoder
predicts: a sentence of 20 words has 21 positions. Words are those of both languages, without <EOS>. `step_s` is the
median after a warm-up, cpu_step_s the processor time of all threads, on average; peak_mb is the peak of the whole
process, of which import_mb was there before the model (PyTorch's own libraries).

Fair means: PyTorch's fused nn.LSTM (oneDNN on the CPU); one bias a layer is trained, the second held at zero, so that
the parameters are the paper's; clipping costs no pass of its own (it scales the learning rate of the update); gradients
are released, not zeroed; embedding gradients are sparse, a little faster than dense. The loss is plain by default, as
most programs write it; --loss fused (linear_cross_entropy, PyTorch 2.13 and later) was faster at size s on one thread
in each of three trials, and took more memory: measure it as well.

On a GPU (--device cuda) nn.LSTM is cuDNN's, whose algorithms are tried first (cudnn.benchmark); batches come from page-locked memory without
waiting; device_peak_mb is the most that tensors have held there. --compile puts embeddings, projection and loss through torch.compile, the LSTM too
where this version of PyTorch does that.
"""

import argparse
import json
import resource
import statistics
import sys
import time
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

RATE, MAX_NORM = 0.7, 5.0
EOS, SPECIAL = 1, 3  # the symbols before the words are padding, <EOS> and UNK


class Size(NamedTuple):
    """One size of the model and its batch; `time` counts the words of a sentence in each language, without <EOS>."""

    source_words: int
    target_words: int
    layers: int
    hidden: int
    batch: int
    time: int
    steps: int
    warm_up: int


SIZES = {
    "tiny": Size(60, 60, 2, 16, 8, 6, steps=3, warm_up=3),
    "s": Size(8_000, 8_000, 2, 256, 64, 20, steps=15, warm_up=3),
    "m": Size(30_000, 30_000, 4, 512, 64, 25, steps=5, warm_up=1),
    "l": Size(160_000, 80_000, 4, 1000, 128, 25, steps=1, warm_up=1),  # the paper's
}


class Translator(nn.Module):
    """Encoder and decoder of "Sequence to Sequence Learning with Neural Networks" (Sutskever, Vinyals, Le, 2014)."""

    def __init__(self, size, sparse, fused):
        super().__init__()
        self.fused = fused
        self.source_embedding = nn.Embedding(size.source_words, size.hidden, sparse=sparse)
        self.target_embedding = nn.Embedding(size.target_words, size.hidden, sparse=sparse)
        self.encoder = nn.LSTM(size.hidden, size.hidden, size.layers)
        self.decoder = nn.LSTM(size.hidden, size.hidden, size.layers)
        self.projection = nn.Linear(size.hidden, size.target_words)
        for name, parameter in self.named_parameters():
            nn.init.uniform_(parameter, -0.08, 0.08)
            if "bias_hh" in name:
                nn.init.zeros_(parameter).requires_grad_(False)

    def loss(self, source, target_input, target_output):
        """The summed cross-entropy of time-major batches, divided by the number of sentences."""
        _, state = self.encoder(self.source_embedding(source))
        output, _ = self.decoder(self.target_embedding(target_input), state)
        targets = target_output.flatten()
        if self.fused:  # PyTorch 2.13 and later
            options = nn.LinearCrossEntropyOptions()
            loss = functional.linear_cross_entropy(
                output.flatten(0, 1), self.projection.weight, targets, linear_bias=self.projection.bias,
                reduction="sum", options=options)
        else:
            loss = functional.cross_entropy(self.projection(output).flatten(0, 1), targets, reduction="sum")
        return loss / source.shape[1]


@torch.no_grad()
def update(parameters):
    """Plain SGD on the gradients, which are scaled by 5 / s where their global norm s > 5; gives s."""
    gradients = [p.grad.coalesce() if p.grad.is_sparse else p.grad for p in parameters]
    values = [g.values() if g.is_sparse else g for g in gradients]
    norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(values))).item()
    rate = RATE * (MAX_NORM / norm if norm > MAX_NORM else 1.0)
    dense = [(p, g) for p, g in zip(parameters, gradients) if not g.is_sparse]
    torch._foreach_add_([p for p, _ in dense], [g for _, g in dense], alpha=-rate)
    for p, g in zip(parameters, gradients):
        if g.is_sparse:
            p.sub_(g, alpha=rate)
        p.grad = None
    return norm


def peak_mb():
    """The peak resident memory of this process in MiB."""
    try:  # getrusage counts the parent's memory too, where the parent forked before it started this program
        with open("/proc/self/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 1024
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)


def prepare(device, tf32):
    """PyTorch's best settings for a GPU."""
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = tf32
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    return torch.device(device)


def compiled(model):
    """The loss through torch.compile."""
    import torch._dynamo

    if hasattr(torch._dynamo.config, "allow_rnn"):
        torch._dynamo.config.allow_rnn = True
    return torch.compile(model.loss, dynamic=False)


def measure(name, threads, steps=None, warm_up=None, sparse=True, fused=False, precision="f32", device="cpu", compile=False):
    """Times training steps at one size; gives the object that is printed."""
    size, imported = SIZES[name], peak_mb()
    gpu = device != "cpu"
    steps = steps or (max(size.steps, 10) if gpu and name != "tiny" else size.steps)
    warm_up = (max(size.warm_up, 3) if gpu or compile else size.warm_up) if warm_up is None else warm_up
    torch.set_num_threads(threads)
    torch.manual_seed(2014)
    place = prepare(device, precision == "tf32") if gpu else torch.device("cpu")
    model = Translator(size, sparse, fused).to(place)
    parameters = [p for p in model.parameters() if p.requires_grad]
    loss_of = compiled(model) if compile else model.loss
    bf16 = precision == "bf16"

    def ids(words):
        return torch.randint(SPECIAL, words, (size.time, size.batch))

    def to_device(batch):
        return [ids.pin_memory().to(place, non_blocking=True) for ids in batch] if gpu else batch

    end = torch.full((1, size.batch), EOS)
    times, norm, processor = [], 0.0, 0.0
    for step in range(warm_up + steps):
        source, target = ids(size.source_words), ids(size.target_words)
        batch = torch.cat((source, end)), torch.cat((end, target)), torch.cat((target, end))
        start, processor_start = time.perf_counter(), time.process_time()
        with torch.autocast(place.type, torch.bfloat16, enabled=bf16):
            loss = loss_of(*to_device(batch))
        loss.backward()
        norm = update(parameters)
        if gpu:
            torch.cuda.synchronize()
        if step >= warm_up:
            times.append(time.perf_counter() - start)
            processor += time.process_time() - processor_start
    if not (norm > 0 and torch.isfinite(loss)):
        raise RuntimeError(f"the model did not train: loss {loss.item()}, gradient norm {norm}")
    step_s, words = statistics.median(times), size.batch * size.time
    return {
        "size": name,
        "threads": threads,
        "step_s": round(step_s, 5),
        "words_per_s": round(2 * words / step_s, 1),
        "tgt_words_per_s": round(words / step_s, 1),
        "params": sum(p.numel() for p in parameters),
        "peak_mb": round(peak_mb(), 1),
        "import_mb": round(imported, 1),
        "cpu_step_s": round(processor / steps, 5),
        "step_s_range": [round(min(times), 5), round(max(times), 5)],
        "steps": steps,
        "embeddings": "sparse" if sparse else "dense",
        "loss": "fused" if fused else "plain",
        "precision": precision,
        "compiled": compile,
        "torch": torch.__version__,
        **({"hardware": torch.cuda.get_device_name(place),
            "device_peak_mb": round(torch.cuda.max_memory_allocated(place) / 1024**2, 1)} if gpu else {}),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=SIZES, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, help="timed steps, after the warm-up (s 15, m 5, l 1)")
    parser.add_argument("--warm-up", type=int, help="steps before them (s 3, m 1, l 1)")
    parser.add_argument("--loss", choices=("plain", "fused"), default="plain", help="fused: linear_cross_entropy")
    parser.add_argument("--embeddings", choices=("sparse", "dense"), default="sparse", help="their gradients")
    parser.add_argument("--precision", choices=("f32", "tf32", "bf16"), default="f32", help="tf32: of a GPU; bf16: autocast")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--compile", action="store_true", help="torch.compile")
    a = parser.parse_args()
    if a.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: this PyTorch finds no GPU")
    sparse, fused = a.embeddings == "sparse", a.loss == "fused"
    print(json.dumps(measure(a.size, a.threads, a.steps, a.warm_up, sparse, fused, a.precision, a.device, a.compile)))


if __name__ == "__main__":
    main()
