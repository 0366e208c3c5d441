"""Alignment, uniformity and norms against their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sharedim.evaluation.alignment import alignment, norms, uniformity


def test_alignment_of_partners_that_coincide_oppose_and_are_unrelated():
    rng = np.random.default_rng(0)
    f = rng.normal(size=(4000, 5))
    assert alignment(f, 3 * f) == pytest.approx(0, abs=1e-12)
    assert alignment(f, -f) == pytest.approx(4)
    assert alignment(f, rng.normal(size=f.shape)) == pytest.approx(2, abs=0.1)


def test_uniformity_is_the_mean_over_pairs():
    rng = np.random.default_rng(0)
    f = rng.normal(size=(60, 3))
    unit = f / np.linalg.norm(f, axis=1, keepdims=True)
    pairs = [math.exp(-2 * np.sum((unit[i] - unit[j]) ** 2)) for i in range(60) for j in range(i)]
    assert uniformity(f) == pytest.approx(math.log(np.mean(pairs)))
    assert uniformity(np.ones((50, 2))) == pytest.approx(0)


def test_uniformity_of_many_cells_is_taken_on_some():
    rng = np.random.default_rng(0)
    f = rng.normal(size=(6000, 3))
    assert uniformity(f) == pytest.approx(uniformity(f[:2000]), abs=0.05)


def test_norms():
    f = np.array([[3.0, 4.0], [0.0, 1.0]])
    assert norms(f) == pytest.approx((3.0, 2 / 3))
    assert math.isnan(norms(np.zeros((4, 2)))[1])
