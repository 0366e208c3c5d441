"""Closed forms of contrastive learning on Gaussian pairs, against their definitions and a search."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from scipy import optimize

from experiments.closed_forms import (
    Tilt,
    exact_conditional,
    joint_strength,
    mean_error,
    model_conditional,
    model_covariance,
    optimal_tilt,
)
from sharedim.training.cca import PairedCovariance

DX, DY = 3, 2


@pytest.fixture(scope="module")
def joint():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(DX + DY, 9))
    return root @ root.T / 9


@pytest.fixture(scope="module")
def pair(joint):
    return PairedCovariance.of_joint(joint, DX)


@pytest.fixture(scope="module")
def blocks(joint):
    return joint[:DX, :DX], joint[:DX, DX:], joint[DX:, DX:]


def population_loss(pair, tilt, loss):
    """Contrastive losses of infinitely many Gaussian pairs, as Gaussian integrals."""
    expected = np.trace(tilt.cross.T @ pair.cross) - 0.5 * np.trace(tilt.x_square @ pair.x)
    if loss == "joint":
        inner = np.eye(DY) - pair.y @ tilt.cross.T @ pair.x @ tilt.cross
        if np.linalg.eigvals(inner).real.min() <= 0:
            return 1e3
        return -expected - 0.5 * np.linalg.slogdet(inner)[1]
    one_sided = -0.5 * np.linalg.slogdet(np.eye(DX) + pair.x @ tilt.x_square)[1]
    spread = np.linalg.inv(np.linalg.inv(pair.x) + tilt.x_square)
    one_sided += 0.5 * np.trace(tilt.cross.T @ spread @ tilt.cross @ pair.y)
    if loss == "prot_to_rna":
        return one_sided - expected
    other = 0.5 * np.trace(tilt.cross @ pair.y @ tilt.cross.T @ pair.x)
    return (one_sided + other) / 2 - expected


def searched(pair, loss, *, euclidean, rank):
    """Minimise the loss over linear encoders from a few starts."""

    def tilt_of(numbers):
        g, h = numbers[: rank * DX].reshape(rank, DX), numbers[rank * DX :].reshape(rank, DY)
        return Tilt.centred(g.T @ h, g.T @ g if euclidean else None)

    found = [
        optimize.minimize(
            lambda numbers: population_loss(pair, tilt_of(numbers), loss),
            0.3 * np.random.default_rng(seed).normal(size=rank * (DX + DY)),
            options={"gtol": 1e-8},
        )
        for seed in range(4)
    ]
    return tilt_of(min(found, key=lambda one: one.fun).x)


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize(
    ("loss", "euclidean"),
    [("two_sided", False), ("prot_to_rna", False), ("prot_to_rna", True), ("joint", False)],
)
def test_the_optimum_is_what_a_search_finds(pair, loss, euclidean, rank):
    similarity = "unnormalised_euclidean" if euclidean else "unnormalised"
    exact = optimal_tilt(pair, loss=loss, similarity=similarity, rank=rank)
    found = searched(pair, loss, euclidean=euclidean, rank=rank)
    np.testing.assert_allclose(exact.cross, found.cross, atol=1e-4)
    np.testing.assert_allclose(exact.x_square, found.x_square, atol=1e-4)
    assert np.linalg.matrix_rank(exact.cross) == rank
    assert exact.x_square.any() == euclidean


def test_the_optima_are_those_of_the_paper(pair, blocks):
    cuu, cuv, cvv = blocks
    inverse = np.linalg.inv
    two_sided = optimal_tilt(pair).cross
    np.testing.assert_allclose(two_sided, inverse(cuu) @ cuv @ inverse(cvv), atol=1e-10)
    quadratic = optimal_tilt(pair, loss="prot_to_rna", similarity="unnormalised_euclidean")
    u_given_v = cuu - cuv @ inverse(cvv) @ cuv.T
    v_given_u = cvv - cuv.T @ inverse(cuu) @ cuv
    np.testing.assert_allclose(quadratic.cross, inverse(u_given_v) @ cuv @ inverse(cvv), atol=1e-9)
    np.testing.assert_allclose(
        quadratic.x_square,
        inverse(cuu) @ cuv @ inverse(v_given_u) @ cuv.T @ inverse(cuu),
        atol=1e-9,
    )


def test_the_other_direction_is_the_same_with_the_modalities_swapped(pair):
    similarity = "unnormalised_euclidean"
    there = optimal_tilt(pair, loss="prot_to_rna", similarity=similarity, rank=1)
    back = optimal_tilt(pair.swapped, loss="rna_to_prot", similarity=similarity, rank=1)
    for expected, found in zip(there, back.swapped, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-10)
    for given in "xy":
        expected = model_conditional(pair, there, given)
        found = model_conditional(pair.swapped, back, {"x": "y", "y": "x"}[given])
        np.testing.assert_allclose(found.matrix, expected.matrix, atol=1e-10)


def test_two_sided_means_are_exact_and_covariances_too_large(pair):
    tilt = optimal_tilt(pair)
    for side, marginal in (("x", pair.x), ("y", pair.y)):
        model, exact = model_conditional(pair, tilt, side), exact_conditional(pair, side)
        np.testing.assert_allclose(model.matrix, exact.matrix, atol=1e-10)
        np.testing.assert_allclose(model.covariance, marginal, atol=1e-10)
        assert np.linalg.eigvalsh(model.covariance - exact.covariance)[0] > -1e-12


def test_the_one_sided_quadratic_conditional_is_exact(pair):
    tilt = optimal_tilt(pair, loss="prot_to_rna", similarity="unnormalised_euclidean")
    model, exact = model_conditional(pair, tilt), exact_conditional(pair)
    np.testing.assert_allclose(model.matrix, exact.matrix, atol=1e-10)
    np.testing.assert_allclose(model.covariance, exact.covariance, atol=1e-10)


def test_marginals_are_those_of_the_paper(pair):
    # Equations 55a and 55b: Cuu^1/2 U (I - w^2)^-1 U^T Cuu^1/2, w the singular values or their h.
    values, vectors = np.linalg.eigh(pair.x)
    root = vectors * np.sqrt(values) @ vectors.T
    other, other_vectors = np.linalg.eigh(pair.y)
    whitened = np.linalg.inv(root) @ pair.cross @ (other_vectors / np.sqrt(other)) @ other_vectors.T
    u, s, _ = np.linalg.svd(whitened)
    wide = np.zeros(DX)
    distances = []
    for loss, strength in (("two_sided", s), ("joint", joint_strength(s))):
        wide[:DY] = strength
        expected = root @ u / (1 - wide**2) @ u.T @ root
        found = model_covariance(pair, optimal_tilt(pair, loss=loss)).x
        np.testing.assert_allclose(found, expected, atol=1e-9)
        distances.append(np.linalg.norm(found - pair.x))
    assert distances[1] < distances[0]
    np.testing.assert_allclose(joint_strength(s), (np.sqrt(1 + 4 * s**2) - 1) / (2 * s), atol=1e-12)
    assert joint_strength(np.zeros(1)) == 0


def test_too_strong_a_tilt_has_no_model(pair):
    with pytest.raises(ValueError, match="no finite integral"):
        model_covariance(pair, Tilt.centred(10 * optimal_tilt(pair).cross))


def test_what_has_no_closed_form_is_refused(pair):
    optimal = partial(optimal_tilt, pair, similarity="unnormalised_euclidean")
    for loss in ("two_sided", "joint"):
        with pytest.raises(ValueError, match="no closed form"):
            optimal(loss=loss)


def test_the_error_of_a_mean_is_the_mean_squared_distance(joint):
    rng = np.random.default_rng(1)
    mean = np.array([1.0, -2.0, 0.5, 3.0, 0.0])
    cells = rng.multivariate_normal(mean, joint, size=100_000)
    sides = cells[:, :DX], cells[:, DX:]
    pair = PairedCovariance.of_cells(*sides)
    # A tilt of the cells as they are: its linear terms stand for their means.
    cross = 0.8 * optimal_tilt(pair, rank=1).cross
    tilt = Tilt.centred(cross)._replace(x_linear=rng.normal(size=DX), y_linear=rng.normal(size=DY))
    for side, given in (("x", sides[1]), ("y", sides[0])):
        found = model_conditional(pair, tilt, side)
        exact = exact_conditional(pair, side)
        distance = np.sum((found.means(given) - exact.means(given)) ** 2, axis=1).mean()
        assert mean_error(pair, found, side) == pytest.approx(distance, rel=1e-9)
        assert mean_error(pair, exact, side) == pytest.approx(0, abs=1e-20)
