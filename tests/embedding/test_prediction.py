"""Proteins predicted from RNA, beside the baselines, on pairs whose relation is known."""

from __future__ import annotations

import numpy as np
import pytest

from sharedim.embedding.prediction import (
    COMPONENTS,
    compare_predictions,
    correlations,
    interval_factors,
    predict,
)


@pytest.fixture(scope="module")
def pairs():
    """A circle seen from both sides: proteins bend, so that a straight line misses them."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, 2000)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    noise = rng.normal(scale=0.1, size=(2000, 3))
    proteins = np.stack([np.cos(angle), np.cos(2 * angle), rng.normal(size=2000)], axis=1) + noise
    rna = np.concatenate([circle, rng.normal(scale=0.3, size=(2000, 4))], axis=1)
    order = rng.permutation(2000)
    return circle, rna, proteins, (order[:1200], order[1200:1500], order[1500:])


@pytest.fixture(scope="module")
def compared(pairs):
    circle, rna, proteins, parts = pairs
    found = compare_predictions((circle, circle), 0.02, rna, proteins, parts)
    return {method: (correlation, coverage) for method, correlation, coverage in found}


def test_what_is_shared_is_predicted_and_what_is_not_is_not(compared):
    correlation, _ = compared["sharedim"]
    assert correlation[0] > 0.95
    assert correlation[1] > 0.95
    assert abs(correlation[2]) < 0.15


def test_the_interval_holds_as_much_as_it_says(compared):
    _, coverage = compared["sharedim"]
    # 500 test cells: a standard error of 0.013, beside that of 300 validation cells.
    np.testing.assert_allclose(coverage, 0.9, atol=0.06)


def test_ridge_is_straight_and_neighbours_bend(compared):
    assert compared["ridge"][0][0] > 0.9
    assert abs(compared["ridge"][0][1]) < 0.2
    assert compared["neighbours"][0][1] > 0.8
    assert np.isnan(compared["ridge"][1]).all()


def test_few_components_are_enough_for_the_neighbours(pairs):
    assert pairs[1].shape[1] < min(COMPONENTS)


def test_correlations_are_pearsons(pairs):
    truth, predicted = pairs[1][:, :3], pairs[2]
    expected = [np.corrcoef(truth[:, i], predicted[:, i])[0, 1] for i in range(3)]
    np.testing.assert_allclose(correlations(truth, predicted), expected, rtol=1e-10)
    assert np.isnan(correlations(np.ones((5, 1)), np.arange(5.0)[:, None]))


def test_factors_are_the_quantile_of_scaled_errors():
    truth = np.arange(1, 20, dtype=float)[:, None]
    # ceil(20 * 0.9) = 18 of 19 errors, over a deviation of 2.
    assert interval_factors(truth, np.zeros((19, 1)), np.full((19, 1), 2.0)) == pytest.approx(9.0)


def test_the_interval_never_closes(pairs):
    circle, _, proteins, _ = pairs
    means, deviations = predict(circle[:5], circle[:50], 1e-6, proteins[:50])
    np.testing.assert_allclose(means, proteins[:5], atol=1e-3)
    np.testing.assert_allclose(
        deviations, np.tile(0.1 * proteins[:50].std(axis=0), (5, 1)), rtol=1e-4
    )
