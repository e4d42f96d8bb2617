#!/usr/bin/env python3
"""PyTorch's nn.LSTM at the shapes of the `lstm` group of `cargo bench --bench kernels`: pytorch_lstm.py [--threads N] [--sizes sml]

Prints the median of each pass in milliseconds of wall clock, the operations of its products a second, and the processor time of the best one, which
says more on a machine that is busy with other things.
"""
import argparse
import resource
import statistics
import time

import torch

SHAPES = {"s": (21, 64, 256), "m": (26, 64, 512), "l": (26, 128, 1000)}  # steps, batch, hidden


def processor_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def timed(work):
    wall, busy = time.perf_counter(), processor_seconds()
    answer = work()
    return answer, time.perf_counter() - wall, processor_seconds() - busy


def measure(steps, batch, hidden, turns):
    torch.manual_seed(1)
    layer = torch.nn.LSTM(hidden, hidden)
    x = (torch.randn(steps, batch, hidden) * 0.1).requires_grad_(True)
    arriving = torch.randn(steps, batch, hidden) * 0.1
    passes = {"forward": [], "backward": []}
    for turn in range(turns + 1):
        layer.zero_grad(set_to_none=True)
        x.grad = None
        (answer, _), *forward = timed(lambda: layer(x))
        _, *backward = timed(lambda: answer.backward(arriving))
        if turn > 0:  # the first warms up
            passes["forward"].append(forward)
            passes["backward"].append(backward)
    return passes


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--sizes", default="sml")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    for name in args.sizes:
        steps, batch, hidden = SHAPES[name]
        operations = 2 * steps * batch * 4 * hidden * 2 * hidden
        passes = measure(steps, batch, hidden, 3 if name == "l" else 10)
        for which, factor in (("forward", 1), ("backward", 2)):
            wall = statistics.median(wall for wall, _ in passes[which])
            busy = min(busy for _, busy in passes[which])
            rate = factor * operations / wall / 1e9
            print(f"{name} {which}: {wall * 1e3:.2f} ms, {rate:.0f} GFLOP/s, {busy * 1e3:.2f} ms of processor time", flush=True)


if __name__ == "__main__":
    main()
