from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg, stats

from sharedim.datasets.gaussian import (
    gaussian_covariances,
    process_covariances,
    simulate_gaussian,
    simulate_process,
)

PAIRS = 20_000
CORRELATIONS = [0.8, 0.5, 0.3]
PROCESS = {"features": (12, 5), "inverse_length": 3.0, "smoothness": 2.0, "modes": 1000}


def assert_sample_of(covariances, first, second, tolerance=5.0):
    """Compare with every covariance of the population, in standard errors of a normal sample's."""
    sides = np.hstack([first, second])
    n, joint = len(sides), covariances.joint
    variances = np.diag(joint)
    errors = np.sqrt((np.outer(variances, variances) + joint**2) / n)
    assert np.abs((sides.T @ sides / n - joint) / errors).max() < tolerance
    assert np.abs(sides.mean(axis=0) / np.sqrt(variances / n)).max() < tolerance


@pytest.mark.parametrize("noise", [(0.0, 0.0), (0.5, 1.0)])
def test_pairs_have_the_covariances_of_the_population(noise):
    covariances = gaussian_covariances(
        features=(7, 4), correlations=CORRELATIONS, noise=noise, seed=2
    )
    assert_sample_of(covariances, *simulate_gaussian(covariances, pairs=PAIRS, seed=0))


def test_canonical_correlations_are_those_asked_for():
    covariances = gaussian_covariances(features=(7, 4), correlations=CORRELATIONS, seed=2)
    # With symmetric roots, as the definition has it.
    whiten = [linalg.inv(linalg.sqrtm(side)) for side in (covariances.first, covariances.second)]
    expected = linalg.svdvals(whiten[0] @ covariances.cross @ whiten[1])
    np.testing.assert_allclose(expected, [*CORRELATIONS, 0], atol=1e-12)
    np.testing.assert_allclose(covariances.canonical_correlations, expected, atol=1e-12)
    for side in (covariances.first, covariances.second):
        # Conditioned well, and far from white.
        np.testing.assert_allclose(np.linalg.eigvalsh(side)[[0, -1]], [0.5, 2])
        assert np.abs(side - np.diag(np.diag(side))).max() > 0.1


def test_a_covariance_is_taken_as_it_is():
    covariances = gaussian_covariances(features=(1, 1), covariance=[[1.5, 1], [1, 1.5]])
    assert covariances.first == covariances.second == 1.5
    assert covariances.cross == 1
    assert covariances.canonical_correlations == pytest.approx(1 / 1.5)
    assert_sample_of(covariances, *simulate_gaussian(covariances, pairs=PAIRS, seed=0))
    noisy = gaussian_covariances(features=(1, 1), covariance=[[1.5, 1], [1, 1.5]], noise=(0.5, 1.0))
    np.testing.assert_allclose(noisy.joint, [[1.75, 1], [1, 2.5]])


def test_balanced_points_come_closer_to_the_population():
    covariances = gaussian_covariances(features=(4, 3), correlations=[0.8, 0.5], seed=0)
    errors = {}
    for balanced in (False, True):
        sides = np.hstack(simulate_gaussian(covariances, pairs=4096, balanced=balanced, seed=1))
        assert np.isfinite(sides).all()
        errors[balanced] = np.linalg.norm(sides.T @ sides / 4096 - covariances.joint)
        for column in sides.T:
            assert stats.kstest(column / column.std(), "norm").pvalue > 0.01
    assert errors[True] < errors[False] / 5


def test_any_number_of_balanced_points_can_be_had():
    covariances = gaussian_covariances(features=(2, 2), correlations=[0.5], seed=0)
    first, second = simulate_gaussian(covariances, pairs=1000, balanced=True, seed=1)
    assert first.shape == second.shape == (1000, 2)


def test_the_process_has_the_covariances_of_its_population():
    covariances = process_covariances(**PROCESS, noise=(0, 0))
    assert_sample_of(covariances, *simulate_process(**PROCESS, pairs=PAIRS, seed=0))


def test_the_covariance_of_the_process_is_its_sum_over_modes():
    covariances = process_covariances(**PROCESS, noise=(0.05, 0))
    points = [i / 11 for i in range(12)]
    for i, j in ((0, 0), (3, 3), (2, 9)):
        total = sum(
            (k**2 * np.pi**2 + 9) ** -2.0
            * np.cos(k * np.pi * points[i])
            * np.cos(k * np.pi * points[j])
            for k in range(1, 1001)
        )
        assert covariances.first[i, j] == pytest.approx(total + (i == j) * 0.05**2)
    np.testing.assert_array_equal(covariances.second, np.eye(5))
    lengths = (np.pi**2 * np.arange(1, 6) ** 2 + 9) ** -1.0
    np.testing.assert_allclose(
        covariances.cross[4], lengths * np.cos(np.pi * np.arange(1, 6) * points[4])
    )


def test_the_process_shares_five_dimensions():
    found = process_covariances(**PROCESS, noise=(0.05, 0)).canonical_correlations
    assert found.shape == (5,)
    assert (found > 0.05).all()
    assert (found < 1).all()
