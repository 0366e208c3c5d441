"""The distribution over reference cells, against its definition and against Gaussian conditionals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from experiments.closed_forms import exact_conditional, optimal_tilt
from sharedim.embedding import soft_matching
from sharedim.embedding.soft_matching import ask
from sharedim.evaluation.retrieval import UNKNOWN
from sharedim.training.cca import PairedCovariance
from sharedim.training.similarity import as_inner_products


@pytest.fixture(scope="module")
def sides():
    rng = np.random.default_rng(0)
    return rng.normal(size=(30, 4)), rng.normal(size=(50, 4))


def weights_of(queries, candidates, temperature):
    odds = np.exp(queries @ candidates.T / temperature)
    return odds / odds.sum(axis=1, keepdims=True)


def test_matches_votes_and_moments_follow_the_definition(sides, monkeypatch):
    # Several tiles.
    monkeypatch.setattr(soft_matching, "TILE", 7 * 50)
    rng = np.random.default_rng(1)
    values = rng.normal(100, 1, size=(50, 3))
    types = rng.integers(0, 3, size=50)
    types[::7] = UNKNOWN
    found = ask(*sides, 0.8, best=4, levels=[types], values=values, covariances=True)
    weights = weights_of(*sides, 0.8)
    order = np.argsort(-weights, axis=1)[:, :4]
    np.testing.assert_array_equal(found.matches, order)
    np.testing.assert_allclose(
        found.probabilities, np.take_along_axis(weights, order, axis=1), rtol=1e-4
    )
    known = types != UNKNOWN
    votes = np.stack([weights[:, types == t].sum(1) for t in range(3)], axis=1)
    np.testing.assert_allclose(
        found.votes[0], votes / weights[:, known].sum(1, keepdims=True), rtol=1e-4
    )
    np.testing.assert_allclose(found.means, weights @ values, rtol=1e-5)
    variances = weights @ values**2 - (weights @ values) ** 2
    np.testing.assert_allclose(found.deviations, np.sqrt(variances), rtol=1e-3)
    for cell, own in enumerate(weights):
        expected = np.cov(values.T, aweights=own, bias=True)
        np.testing.assert_allclose(found.covariances[cell], expected, atol=2e-3)
    assert ask(*sides, 0.8, values=values).covariances is None


def test_a_cell_has_no_say_about_itself(sides):
    queries, candidates = sides
    own = np.where(np.arange(30) % 2, np.arange(30), -1)
    found = ask(queries, candidates, 0.05, best=50, own=own)
    for cell, itself in enumerate(own):
        probability = found.probabilities[cell][found.matches[cell] == cell]
        assert (probability == 0) == (itself >= 0) or weights_of(*sides, 0.05)[cell, cell] < 1e-7


def test_the_conditional_mean_of_gaussian_pairs_is_the_exact_one():
    """Two-sided contrastive loss: A = Cuu^-1 Cuv Cvv^-1 gives exact means (arXiv 2505.24134)."""
    rng = np.random.default_rng(2)
    v = rng.normal(size=(20_000, 1))
    queries = np.linspace(-1.5, 1.5, 7)[:, None]
    found = ask(queries, v, 1 / 0.6, values=v)
    np.testing.assert_allclose(found.means, 0.6 * queries, atol=0.03)


@pytest.fixture(scope="module")
def gaussian():
    """Gaussian pairs far from 0, many of them, and their population."""
    rng = np.random.default_rng(3)
    root = rng.normal(size=(5, 8)) / np.sqrt(8)
    covariance = PairedCovariance.of_joint(root @ root.T, 3)
    cells = rng.multivariate_normal(np.zeros(5), root @ root.T, size=100_000)
    means = np.array([5.0, -1.0, 0.0]), np.array([2.0, 2.0])
    sides = cells[:, :3] + means[0], cells[:, 3:] + means[1]
    return replace(covariance, x_mean=means[0], y_mean=means[1]), sides


def encoded(tilt, sides, means):
    """Return linear representations whose similarity is a tilt of the centred sides."""
    u, s, vt = np.linalg.svd(tilt.cross)
    g, h = np.sqrt(s)[:, None] * u.T[: len(s)], np.sqrt(s)[:, None] * vt
    if tilt.x_square.any():
        # |G x|^2 is the square, and G^T H the cross.
        values, vectors = np.linalg.eigh(tilt.x_square)
        kept = values > 1e-9
        g = (vectors[:, kept] * np.sqrt(values[kept])).T
        h = np.linalg.pinv(g.T) @ tilt.cross
    return [
        (side - mean) @ weight.T for side, mean, weight in zip(sides, means, (g, h), strict=True)
    ]


@pytest.mark.parametrize("similarity", ["unnormalised", "unnormalised_euclidean"])
def test_weighted_reference_cells_have_the_models_mean_and_covariance(gaussian, similarity):
    """Generation: reference cells of x, weighted by what a model says of y."""
    covariance, (x, y) = gaussian
    loss = "prot_to_rna" if similarity.endswith("euclidean") else "two_sided"
    tilt = optimal_tilt(covariance, loss=loss, similarity=similarity)
    means = covariance.x_mean, covariance.y_mean
    f, g = encoded(tilt, (x, y), means)
    queries = y[:5]
    found = ask(*as_inner_products(g[:5], f, similarity), 1.0, values=x, covariances=True)
    exact = exact_conditional(covariance)
    np.testing.assert_allclose(found.means, exact.means(queries), atol=0.05)
    # Of inner products, the covariance is the marginal one; of distances, the exact one.
    expected = exact.covariance if loss == "prot_to_rna" else covariance.x
    for own in found.covariances:
        np.testing.assert_allclose(own, expected, atol=0.06)
    assert np.abs(exact.covariance - covariance.x).max() > 0.15


def test_the_match_is_the_mode_of_the_conditional(gaussian):
    """Retrieval: among reference cells, the one of the highest conditional density."""
    covariance, (x, y) = gaussian
    tilt = optimal_tilt(covariance, loss="prot_to_rna", similarity="unnormalised_euclidean")
    f, g = encoded(tilt, (x[:2000], y[:20]), (covariance.x_mean, covariance.y_mean))
    found = ask(*as_inner_products(g, f, "unnormalised_euclidean"), 1.0)
    soft_matching = exact_conditional(covariance)
    for cell, given in enumerate(y[:20]):
        # The conditional over the marginal: reference cells are draws of the latter already.
        ratio = multivariate_normal(soft_matching.means(given), soft_matching.covariance).logpdf(
            x[:2000]
        ) - multivariate_normal(covariance.x_mean, covariance.x).logpdf(x[:2000])
        assert found.matches[cell, 0] == ratio.argmax()


def test_no_cells_are_no_error(sides):
    found = ask(np.empty((0, 4)), sides[1], 1.0, values=sides[1])
    assert found.matches.shape == (0, 1)
    assert found.means.shape == (0, 4)
