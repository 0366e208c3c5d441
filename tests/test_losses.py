from __future__ import annotations

import math

import torch

from sharedim.losses import infonce


def naive_infonce(first, second, temperature):
    """Cross-entropies written out, one model and one cell at a time."""
    losses = []
    for f, g, tau in zip(first, second, temperature, strict=True):
        n, total = len(f), 0.0
        for i in range(n):
            row = [math.exp(float(f[i] @ g[j]) / float(tau)) for j in range(n)]
            column = [math.exp(float(f[j] @ g[i]) / float(tau)) for j in range(n)]
            total -= math.log(row[i] / sum(row)) + math.log(column[i] / sum(column))
        losses.append(total / (2 * n))
    return torch.tensor(losses, dtype=torch.float64)


def test_equals_the_sum_written_out():
    generator = torch.Generator().manual_seed(0)
    first = torch.randn(3, 7, 4, generator=generator, dtype=torch.float64)
    second = torch.randn(3, 7, 4, generator=generator, dtype=torch.float64)
    temperature = torch.tensor([0.3, 1.0, 2.5], dtype=torch.float64)
    expected = naive_infonce(first, second, temperature)
    torch.testing.assert_close(infonce(first, second, temperature), expected, rtol=1e-10, atol=0)


def test_a_model_that_tells_nothing_apart_has_the_log_of_the_batch():
    constant = torch.ones(1, 32, 5)
    loss = infonce(constant, constant, torch.ones(1))
    torch.testing.assert_close(loss, torch.tensor([math.log(32)]))


def test_models_do_not_touch_each_other():
    generator = torch.Generator().manual_seed(1)
    first = torch.randn(4, 16, 3, generator=generator)
    second = torch.randn(4, 16, 3, generator=generator)
    together = infonce(first, second, torch.full((4,), 0.5))
    for model in range(4):
        one = slice(model, model + 1)
        alone = infonce(first[one], second[one], torch.full((1,), 0.5))
        torch.testing.assert_close(together[one], alone)
