"""PyTorch's side of `vs_pytorch.py --graph`: forward and backward of a chain of one-element additions and products.

Prints one JSON object: the seconds of the quickest run, and what was run.
"""

import json
import sys
import time

import torch

NODES = 10_000


def step(x, w):
    y = x
    for _ in range(NODES // 2):
        y = y * w + x
    y.sum().backward()
    return y


def main():
    torch.set_num_threads(1)
    x, w = (torch.tensor([value], requires_grad=True) for value in (1.0, 0.5))
    quickest = float("inf")
    for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 20):
        x.grad = w.grad = None
        start = time.perf_counter()
        step(x, w)
        quickest = min(quickest, time.perf_counter() - start)
    gradients = [round(x.grad.item(), 4), round(w.grad.item(), 4)]
    print(json.dumps({"nodes": NODES, "seconds": quickest, "gradients": gradients, "torch": torch.__version__}))


if __name__ == "__main__":
    main()
