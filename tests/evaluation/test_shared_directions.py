from __future__ import annotations

import math

import numpy as np
import pytest

from sharedim.evaluation.shared_directions import shared_directions


def pair(shared, private=3, cells=1500, noise=0.5, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(cells, shared))
    sides = []
    for width in (9, 9):
        latents = np.hstack([z, rng.normal(size=(cells, private))])
        image = latents @ rng.normal(size=(shared + private, width))
        sides.append(image + noise * rng.normal(size=image.shape))
    return sides


@pytest.mark.parametrize("shared", [0, 1, 2, 5])
def test_counts_what_both_have_and_neither_noise_nor_private_directions(shared):
    assert shared_directions(*pair(shared)).count == shared


def test_unrelated_pairs_rarely_have_a_direction_in_common():
    counts = [shared_directions(*pair(0, cells=400, seed=seed)).count for seed in range(200)]
    # Level 0.05, with three binomial standard errors.
    assert np.mean(np.array(counts) > 0) < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 200)


def test_correlations_are_those_of_cells_left_out():
    x, y = pair(2, cells=5000)
    found = shared_directions(x, y)
    covariance = np.cov(np.hstack([x, y]).T)
    cxx, cyy, cxy = covariance[:9, :9], covariance[9:, 9:], covariance[:9, 9:]
    canonical = np.sqrt(np.linalg.eigvals(np.linalg.solve(cxx, cxy) @ np.linalg.solve(cyy, cxy.T)))
    expected = np.sort(canonical.real)[::-1]
    np.testing.assert_allclose(found.correlations[:2], expected[:2], atol=0.02)
    assert np.abs(found.correlations[2:]).max() < 0.06
    assert found.effective == pytest.approx(
        found.correlations[:2].sum() ** 2 / (found.correlations[:2] ** 2).sum()
    )


def test_scale_and_rotation_do_not_matter():
    x, y = pair(2)
    turn, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(9, 9)))
    found = shared_directions(1e3 * x @ turn, 1e-4 * y)
    np.testing.assert_allclose(
        found.correlations[:2], shared_directions(x, y).correlations[:2], atol=1e-3
    )


def test_columns_that_are_not_used_do_not_matter():
    x, y = pair(2)
    zeros = np.zeros((len(x), 3))
    assert shared_directions(np.hstack([x, zeros]), np.hstack([y, zeros])).count == 2


def test_collapsed_few_and_broken_cells():
    x, y = pair(2)
    assert shared_directions(np.ones_like(x), y).count == 0
    assert math.isnan(shared_directions(x[:20], y[:20]).count)
    x[3, 2] = np.nan
    assert math.isnan(shared_directions(x, y).count)


def test_cells_that_are_all_the_same_but_for_a_few_share_nothing():
    # As encoders do whose hidden units are dead for most cells: a fold may be all the same.
    rng = np.random.default_rng(0)
    f, g = np.full((500, 3), 0.1, dtype=np.float32), rng.normal(size=(500, 3))
    assert shared_directions(f, g).count == 0
    f[17] = 1.0
    assert shared_directions(f, g).count == 0
