"""The distribution over reference cells, against its definition and against Gaussian conditionals."""

from __future__ import annotations

import numpy as np
import pytest

from sharedim import conditional
from sharedim.conditional import ask
from sharedim.retrieval import UNKNOWN


@pytest.fixture(scope="module")
def sides():
    rng = np.random.default_rng(0)
    return rng.normal(size=(30, 4)), rng.normal(size=(50, 4))


def weights_of(queries, candidates, temperature):
    odds = np.exp(queries @ candidates.T / temperature)
    return odds / odds.sum(axis=1, keepdims=True)


def test_matches_votes_and_moments_follow_the_definition(sides, monkeypatch):
    # Several tiles.
    monkeypatch.setattr(conditional, "TILE", 7 * 50)
    rng = np.random.default_rng(1)
    values = rng.normal(100, 1, size=(50, 3))
    types = rng.integers(0, 3, size=50)
    types[::7] = UNKNOWN
    found = ask(*sides, 0.8, best=4, levels=[types], values=values)
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


def test_no_cells_are_no_error(sides):
    found = ask(np.empty((0, 4)), sides[1], 1.0, values=sides[1])
    assert found.matches.shape == (0, 1)
    assert found.means.shape == (0, 4)
