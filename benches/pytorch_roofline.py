"""The products of benches/roofline.rs in PyTorch, a JSON line for each: python benches/pytorch_roofline.py [part of a name]."""

import json
import os
import sys
import time

import torch

SHAPES = [
    ("s state", "weight", 64, 256, 1024),
    ("s input", "weight", 1280, 256, 1024),
    ("s gradient", "gradient", 1024, 1280, 256),
    ("s logits", "weight", 512, 256, 8000),
    ("m state", "weight", 64, 512, 2048),
    ("m state backwards", "plain", 64, 2048, 512),
    ("m input", "weight", 1600, 512, 2048),
    ("m gradient", "gradient", 2048, 1600, 512),
    ("m logits", "weight", 512, 512, 30000),
    ("m logits' gradient", "gradient", 30000, 512, 512),
    ("l state", "weight", 128, 1000, 4000),
    ("l input", "weight", 3200, 1000, 4000),
    ("l gradient", "gradient", 4000, 3200, 1000),
    ("l logits", "weight", 256, 1000, 80000),
    ("square", "plain", 1024, 1024, 1024),
    ("small", "plain", 64, 64, 64),
    ("one row", "weight", 1, 512, 2048),
    ("one row, plain", "plain", 1, 512, 2048),
    ("8 rows", "weight", 8, 512, 2048),
    ("one column", "plain", 2048, 512, 1),
]


def seconds(work):
    work()
    start, best, runs = time.perf_counter(), float("inf"), 0
    while time.perf_counter() - start < 0.33 or runs < 3:
        before = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - before)
        runs += 1
    return best


def main():
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    cores = len(os.sched_getaffinity(0))
    for dtype, precision in [(torch.float32, "f32"), (torch.bfloat16, "bf16")]:
        for threads in sorted({1, cores}):
            torch.set_num_threads(threads)
            for name, form, m, k, n in SHAPES:
                if only not in name:
                    continue
                a = torch.randn(k, m, dtype=dtype).t() if form == "gradient" else torch.randn(m, k, dtype=dtype)
                b = torch.randn(n, k, dtype=dtype).t() if form == "weight" else torch.randn(k, n, dtype=dtype)
                gflops = 2e-9 * m * k * n / seconds(lambda: torch.mm(a, b))
                line = {"name": name, "m": m, "k": k, "n": n, "threads": threads, "precision": precision}
                print(json.dumps({**line, "gflops": gflops, "torch": torch.__version__}), flush=True)


if __name__ == "__main__":
    main()
