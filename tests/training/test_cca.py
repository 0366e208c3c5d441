"""Canonical correlation analysis against its definition and against cca_zoo."""

from __future__ import annotations

import numpy as np
import pytest
from cca_zoo.linear import RidgeCCA
from scipy import linalg
from simulated_pairs import gaussian_pairs

from sharedim.training.cca import canonical_pairs, confirmed_cca


def unweighted(pairs, dim):
    return pairs.weights(dim, np.ones_like(pairs.correlations))


def test_correlations_solve_the_generalised_eigenproblem():
    x, y = gaussian_pairs()
    correlations = canonical_pairs(x, y, ridge=0).correlations
    cov = np.cov(x.T, y.T, bias=True)
    cross = np.zeros((10, 10))
    cross[:6, 6:], cross[6:, :6] = cov[:6, 6:], cov[6:, :6]
    own = linalg.block_diag(cov[:6, :6], cov[6:, 6:])
    eigenvalues = linalg.eigh(cross, own, eigvals_only=True)[::-1]
    np.testing.assert_allclose(correlations, eigenvalues[:4], rtol=1e-9)


@pytest.mark.parametrize("ridge", [0.0, 0.25])
def test_equals_cca_zoo(ridge):
    x, y = gaussian_pairs()
    # cca_zoo mixes (1 - c) of the covariance with c of the identity: the same for columns whose
    # mean variance is 1, up to the scale of the variates.
    x, y = (side / np.sqrt(side.var(axis=0).mean()) for side in (x, y))
    share = ridge / (1 + ridge)
    oracle = RidgeCCA(n_components=3, shrinkage=share).fit([x, y])
    pairs = canonical_pairs(x, y, ridge)
    for found, expected in zip((pairs.x, pairs.y), oracle.weights_, strict=True):
        for direction, column in zip(found[:3], expected.T, strict=True):
            cosine = direction @ column / np.linalg.norm(direction) / np.linalg.norm(column)
            assert abs(cosine) == pytest.approx(1, abs=1e-6)


def test_variates_are_uncorrelated_and_weighted():
    x, y = gaussian_pairs()
    pairs = canonical_pairs(x, y, ridge=0)
    x_weight, y_weight = pairs.weights(3, np.sqrt(pairs.correlations))
    f, g = (x - x.mean(0)) @ x_weight.T, (y - y.mean(0)) @ y_weight.T
    kept = pairs.correlations[:3]
    np.testing.assert_allclose(f.T @ f / len(f), np.diag(kept), atol=1e-9)
    np.testing.assert_allclose(f.T @ g / len(f), np.diag(kept**2), atol=1e-9)


def test_the_full_rank_product_is_the_clip_optimum_of_gaussian_pairs():
    # arXiv 2505.24134: A* = Cuu^-1 Cuv Cvv^-1.
    x, y = gaussian_pairs()
    pairs = canonical_pairs(x, y, ridge=0)
    x_weight, y_weight = pairs.weights(4, np.sqrt(pairs.correlations))
    cov = np.cov(x.T, y.T, bias=True)
    expected = np.linalg.inv(cov[:6, :6]) @ cov[:6, 6:] @ np.linalg.inv(cov[6:, 6:])
    np.testing.assert_allclose(x_weight.T @ y_weight, expected, atol=1e-9)


def test_directions_beyond_the_smaller_modality_are_zero():
    x, y = gaussian_pairs()
    pairs = canonical_pairs(x, y, ridge=1e-3)
    x_weight, y_weight = unweighted(pairs, 7)
    assert x_weight.shape == (7, 6)
    assert len(pairs.correlations) == 4
    assert not x_weight[4:].any()
    assert not y_weight[4:].any()
    assert x_weight[:4].any(axis=1).all()


def test_what_is_not_confirmed_on_cells_left_out_has_hardly_a_weight():
    x, y = gaussian_pairs(2000)
    start = confirmed_cca(x, y, 4)
    np.testing.assert_allclose(
        start.correlations[:2], canonical_pairs(x, y, 0).correlations[:2], atol=0.02
    )
    assert np.abs(start.correlations[2:]).max() < 0.06
    f = x @ start.x_weight.T + start.x_bias
    variances = f.var(axis=0)
    np.testing.assert_allclose(f.mean(axis=0), 0, atol=1e-9)
    assert variances[2:].max() < 0.1 * variances[1]
    assert variances[2:].min() > 0
