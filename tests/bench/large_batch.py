"""Time and memory of one InfoNCE loss with its gradient, in tiles: python large_batch.py [pairs]."""

from __future__ import annotations

import resource
import sys
import time

import torch

from sharedim.training.losses import infonce

DIM = 32


def main() -> None:
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 65_536
    generator = torch.Generator().manual_seed(0)
    first, second = (
        torch.randn(1, pairs, DIM, generator=generator).requires_grad_() for _ in range(2)
    )
    temperature = torch.tensor([8.0], requires_grad=True)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    started = time.perf_counter()
    infonce(first, second, temperature).sum().backward()
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{pairs} pairs, d = {DIM}: {seconds:.1f} s, peak memory {peak:.0f} MB "
        f"({peak - before:.0f} MB of it for the loss)"
    )


main()
