"""Bounds in nats, temperatures and match scores against plain sums."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sharedim.evaluation.mutual_information import PAIRS, best_temperature, infonce_nats


def representations(cells=600, dim=4, noise=0.3):
    rng = np.random.default_rng(0)
    f = rng.normal(size=(cells, dim))
    return f, f + noise * rng.normal(size=(cells, dim))


def softmax_of_partners(logits):
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.diag(exponentials) / exponentials.sum(axis=1)


def naive_bound(f, g, temperature):
    order = np.random.default_rng(0).permutation(len(f))
    losses = []
    for first in range(0, len(f) - PAIRS + 1, PAIRS):
        group = order[first : first + PAIRS]
        logits = f[group] @ g[group].T / temperature
        losses += [-np.log(softmax_of_partners(side)).mean() for side in (logits, logits.T)]
    return math.log(PAIRS) - np.mean(losses)


@pytest.mark.parametrize("temperature", [0.2, 1.0, 5.0])
def test_the_bound_is_that_of_a_plain_sum(temperature):
    f, g = representations(cells=650)
    assert infonce_nats(f, g, temperature) == pytest.approx(
        naive_bound(f, g, temperature), abs=1e-4
    )


def test_unrelated_representations_share_nothing():
    rng = np.random.default_rng(1)
    f, g = rng.normal(size=(2, 2000, 3))
    temperature = best_temperature(*rng.normal(size=(2, 2000, 3)))
    assert infonce_nats(f, g, temperature) == pytest.approx(0, abs=0.05)
    assert infonce_nats(np.ones((400, 2)), np.ones((400, 2)), 1.0) == pytest.approx(0, abs=1e-6)


def test_the_bound_is_below_the_information_of_gaussians():
    rng = np.random.default_rng(2)
    correlation = 0.9
    f = rng.normal(size=(20_000, 2))
    g = correlation * f + math.sqrt(1 - correlation**2) * rng.normal(size=f.shape)
    information = -0.5 * 2 * math.log(1 - correlation**2)
    # The critic of Gaussian pairs has squares that a bilinear one lacks, so it stays below.
    bound = infonce_nats(f, g, best_temperature(f[:4000], g[:4000]))
    assert 0.3 * information < bound < information


def test_the_best_temperature_is_best():
    f, g = representations()
    best = best_temperature(f, g)
    bounds = [infonce_nats(f, g, best * factor) for factor in (0.8, 1.0, 1.25)]
    assert max(bounds) == bounds[1]


def test_too_few_cells_have_no_bound():
    f, g = representations(cells=PAIRS - 1)
    assert math.isnan(infonce_nats(f, g, 1.0))


def test_few_cells_still_have_a_best_temperature():
    f, g = representations(cells=PAIRS - 50)
    best = best_temperature(f, g)
    losses = {
        t: -np.log(softmax_of_partners(f @ g.T / t)).mean() for t in (best / 2, best, 2 * best)
    }
    losses = {
        t: loss - np.log(softmax_of_partners(g @ f.T / t)).mean() for t, loss in losses.items()
    }
    assert min(losses, key=losses.get) == best
