from __future__ import annotations

import math
import os
import re
import subprocess
import sys

import pytest
import torch
from places import REPOSITORY
from torch.nn.functional import cross_entropy

from sharedim.training.losses import infonce


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


LOSSES = ["two_sided", "rna_to_prot", "prot_to_rna", "joint"]


def plain_loss(first, second, temperature, loss):
    """The losses as PyTorch would be asked for them, all similarities at once."""
    similarity = first @ second.mT / temperature[:, None, None]
    losses = []
    for model in similarity:
        n = len(model)
        target = torch.arange(n)
        given_rna, given_prot = cross_entropy(model, target), cross_entropy(model.T, target)
        losses.append({
            "two_sided": (given_rna + given_prot) / 2,
            "rna_to_prot": given_rna,
            "prot_to_rna": given_prot,
            "joint": model.exp().mean().log() - model.diagonal().mean() + math.log(n),
        }[loss])  # fmt: skip
    return torch.stack(losses)


def loss_and_gradients(function, tensors):
    leaves = [tensor.clone().requires_grad_() for tensor in tensors]
    loss = function(*leaves)
    # Each model's loss is scaled differently on its way back.
    weights = torch.arange(1, len(loss) + 1, dtype=loss.dtype)
    return loss.detach(), torch.autograd.grad((loss * weights).sum(), leaves)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("tile", [10**6, 100, 1])
def test_losses_and_gradients_are_exact_in_any_tiles(loss, tile):
    generator = torch.Generator().manual_seed(2)
    tensors = [
        torch.randn(3, 37, 5, generator=generator, dtype=torch.float64),
        torch.randn(3, 37, 5, generator=generator, dtype=torch.float64),
        torch.tensor([0.05, 0.4, 2.0], dtype=torch.float64),
    ]
    expected = loss_and_gradients(lambda f, g, t: plain_loss(f, g, t, loss), tensors)
    found = loss_and_gradients(lambda f, g, t: infonce(f, g, t, loss, tile=tile), tensors)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


def test_a_batch_of_2048_in_tiles_equals_the_plain_loss_in_single_precision():
    generator = torch.Generator().manual_seed(3)
    f, g = (torch.randn(1, 2048, 32, generator=generator) for _ in range(2))
    tensors = [f, g, torch.tensor([8.0])]
    expected = loss_and_gradients(lambda f, g, t: plain_loss(f, g, t, "two_sided"), tensors)
    found = loss_and_gradients(lambda f, g, t: infonce(f, g, t, tile=2**18), tensors)
    torch.testing.assert_close(found[0], expected[0], rtol=1e-5, atol=0)
    for gradient, wanted in zip(found[1], expected[1], strict=True):
        assert (gradient - wanted).abs().max() <= 1e-5 * wanted.abs().max()


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_has_the_same_level_of_chance(loss):
    constant = torch.ones(1, 32, 5)
    found = infonce(constant, constant, torch.ones(1), loss)
    torch.testing.assert_close(found, torch.tensor([math.log(32)]))


def test_large_similarities_do_not_overflow():
    cells = 100 * torch.eye(20)[None]
    assert infonce(cells, cells, torch.full((1,), 0.01)).item() == pytest.approx(0, abs=1e-6)
    assert torch.isfinite(infonce(cells, -cells, torch.full((1,), 0.01))).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_similarities_far_below_the_largest_change_nothing(dtype):
    # Exponentials of these underflow, which the tiles avoid.
    generator = torch.Generator().manual_seed(4)
    f = torch.randn(1, 50, 3, generator=generator, dtype=dtype)
    tensors = [f, f + 0.01, torch.tensor([0.02], dtype=dtype)]
    expected = loss_and_gradients(lambda f, g, t: plain_loss(f, g, t, "two_sided"), tensors)
    found = loss_and_gradients(infonce, tensors)
    torch.testing.assert_close(found[0], expected[0])
    for gradient, wanted in zip(found[1], expected[1], strict=True):
        assert (gradient - wanted).abs().max() <= 1e-4 * wanted.abs().max()


def test_memory_is_linear_in_the_batch():
    # Twice the pairs: the similarities alone would need 0.25 GB, then 1 GB.
    needed = []
    for pairs in (8_192, 16_384):
        done = subprocess.run(
            [sys.executable, str(REPOSITORY / "tests/bench/large_batch.py"), str(pairs)],
            env=os.environ | {"PYTHONPATH": str(REPOSITORY / "workflow/scripts")},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        needed.append(float(re.search(r"\((\d+) MB of it", done.stdout)[1]))
    assert max(needed) < 150
