"""Records golden values from PyTorch for unrolled's tests: operations, layers, losses, optimisers, the translator.

usage: python scripts/pytorch_parity.py [--check] NN SEQ2SEQ AUTOGRAD, each a folder: crates/nn/tests/golden,
       crates/seq2seq/tests/golden, crates/autograd/tests/golden

The first folder receives the files of single parts, the second those of the whole translator, the third one file of every
operation (parity/operations.py says its format). Every file of the first two is then loaded again and recomputed from
textbook formulas (parity/formulas.py, which shares no code with the rest); the third is recomputed, and its gradients
compared with finite differences. --check does only that and writes nothing. Needs torch and safetensors, any recent
version; recorded with torch 2.15.0, safetensors 0.8.0 and Python 3.11 on an x86-64 CPU, one thread. All seeds are fixed:
the same versions on the same kind of CPU give the same bytes; another version, or in matrix products another kind of CPU,
may change last bits.

FORMAT. Each case makes two safetensors files, CASE_f64 and CASE_f32. The metadata has one entry, `about`: a JSON object
with the versions, the case, what it shows and its constants. Integers are i64. Names of tensors:
  input.*       what goes in: data, indices, lengths, cotangents                       f64 or f32, by the file's name
  parameter.*   what is learnt, before any step                                        f64 or f32, by the file's name
  expected.*    what must come out                                                     always f64
  gradient.*    of the loss, or of sum(output * cotangent), by what it belongs to      always f64
  after20.*     parameters after 20 steps                                              always f64
  float32.*     CASE_f32 only: the same results as PyTorch computes them in f32 from the same numbers
The inputs of CASE_f32 are those of CASE_f64 rounded to f32; its results are computed in f64 *from the rounded numbers*.
So an f32 implementation can be compared with the truth (expected.*) and with PyTorch's own error (float32.*).

CONVENTIONS. Sequences are time-major, [T, B, ...], padded at the end. An LSTM has per layer weight_ih [4H, I],
weight_hh [4H, H] and ONE bias [4H], gates in the order input, forget, cell, output; PyTorch's second bias is held at
zero and not trained. Clipping is exact, g * 5 / s where s > 5: torch.nn.utils.clip_grad_norm_ divides by s + 1e-6 and
is not used.
"""

import argparse
import json
import pathlib
import platform
import sys

import safetensors
import torch
from safetensors.torch import save_file

from parity import formulas
from parity import layers as part
from parity import operations, translator
from parity.common import EOS, F32, F64, MAX_NORM, PAD, put

LSTM = "2 layers, initial states given; loss = sum(output * r1) + sum(hidden * r2) + sum(cell * r3)"
CASES = {  # name: (folder, inputs, results, what it shows, constants)
    "lstm": (0, lambda g: part.lstm_inputs(g, [7, 3, 5, 1, 7], 6, 8), part.lstm_results, LSTM, {}),
    "lstm_one_step": (0, lambda g: part.lstm_inputs(g, [1, 1, 1], 4, 5), part.lstm_results, LSTM + "; T = 1", {}),
    "embedding": (0, part.embedding_inputs, part.embedding_results, "gradient of sum(output * cotangent)", {}),
    "cross_entropy": (0, part.cross_entropy_inputs, part.cross_entropy_results,
                      "softmax, log-softmax (gradients with the cotangent) and losses over dimension 1",
                      {"ignore_index": PAD}),
    "linear_cross_entropy": (0, part.linear_cross_entropy_inputs, part.linear_cross_entropy_results,
                             "summed loss of hidden @ weight^T + bias", {"ignore_index": PAD}),
    "layer_norm": (0, part.layer_norm_inputs, part.layer_norm_results, "over the last dimension", {"epsilon": 1e-5}),
    "clip": (0, part.clip_inputs, part.clip_results, "global norm of a list; clipped by g * 5 / s where s > 5, exactly",
             {"max_norm": MAX_NORM}),
    "optimisers": (0, part.optimiser_inputs, part.optimiser_results, "parameters after each of 10 steps",
                   {name: options for name, (_, options) in part.OPTIMISERS.items()}),
    "translator": (1, translator.translator_inputs, translator.translator_results,
                   "first step on batch 0 (before clipping); 20 SGD steps over batches 0, 1, 2, 3, 0, ...",
                   {"learning_rate": translator.RATE, "max_norm": MAX_NORM, "steps": translator.STEPS,
                    "pad": PAD, "eos": EOS, "unk": 2}),
}


def convert(tensors, dtype):
    return {name: x.detach().to(dtype).contiguous() if x.is_floating_point() else x for name, x in tensors.items()}


def write(case, folders):
    """Writes both files of a case."""
    folder, make, compute, shows, constants = CASES[case]
    inputs = make(torch.Generator().manual_seed(2014))
    for dtype, suffix in ((F64, "f64"), (F32, "f32")):
        stored = convert(inputs, dtype)
        tensors = stored | convert(compute(convert(stored, F64)), F64)
        if dtype == F32:
            tensors |= convert(put("float32.", compute(stored)), F32)
        about = {"torch": torch.__version__, "safetensors": safetensors.__version__}
        about |= {"python": platform.python_version(), "script": "scripts/pytorch_parity.py"}
        about |= {"case": case, "shows": shows, "constants": constants}
        # One entry only: safetensors writes several in no fixed order, and a rerun should give the same bytes.
        metadata = {"about": json.dumps(about)}
        tensors = {name: x.clone() for name, x in tensors.items()}  # safetensors refuses tensors that share memory
        save_file(tensors, folders[folder] / f"{case}_{suffix}.safetensors", metadata)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="recompute the files that are there; write nothing")
    parser.add_argument("nn", type=pathlib.Path, help="folder of single parts, crates/nn/tests/golden")
    parser.add_argument("seq2seq", type=pathlib.Path, help="folder of the translator, crates/seq2seq/tests/golden")
    parser.add_argument("autograd", type=pathlib.Path, help="folder of operations, crates/autograd/tests/golden")
    arguments = parser.parse_args()
    folders = (arguments.nn, arguments.seq2seq)
    torch.set_num_threads(1)
    for folder in (*folders, arguments.autograd):
        folder.mkdir(parents=True, exist_ok=True)
    for case, (folder, *_) in CASES.items():
        if not arguments.check:
            write(case, folders)
        for suffix in ("f64", "f32"):
            print(formulas.check(case, folders[folder] / f"{case}_{suffix}.safetensors"))
    if not arguments.check:
        operations.write(arguments.autograd)
    print(operations.check(arguments.autograd))


if __name__ == "__main__":
    sys.exit(main())
