from __future__ import annotations

import math

import numpy as np
import pytest
import skdim
from mle import mle_dimension

from sharedim.dimension import ESTIMATORS, dimensions_by_type, intrinsic_dimensions


def embedded(cells=800, inner=3, outer=10):
    rng = np.random.default_rng(0)
    return rng.normal(size=(cells, inner)) @ rng.normal(size=(inner, outer))


def naive_pointwise(x, k=20):
    """Levina and Bickel's estimator with the (k - 1) numerator, one cell at a time."""
    estimates = []
    for i in range(len(x)):
        distances = np.sort(np.linalg.norm(np.delete(x, i, axis=0) - x[i], axis=1))[:k]
        estimates.append((k - 1) / np.sum(np.log(distances[-1] / distances[:-1])))
    return np.array(estimates)


def test_equals_the_formula_and_scikit_dimension():
    x = embedded()
    found = mle_dimension(x)
    pointwise = naive_pointwise(x)
    assert found.mean == pytest.approx(pointwise.mean(), rel=1e-6)
    assert found.harmonic == pytest.approx(1 / np.mean(1 / pointwise), rel=1e-6)
    assert found.mean == pytest.approx(skdim.id.MLE().fit_transform(x), rel=1e-9)
    assert found.harmonic == pytest.approx(skdim.id.MLE().fit(x).dimension_, rel=1e-9)


def test_finds_the_dimension_of_a_plane_in_space():
    assert mle_dimension(embedded(cells=2000)).mean == pytest.approx(3, abs=0.4)


def test_one_column_is_one_dimension():
    assert mle_dimension(np.random.default_rng(0).normal(size=(300, 1))) == (1, 1)


def test_duplicates_are_left_out_and_counted(caplog):
    x = embedded()
    with caplog.at_level("INFO", logger="sharedim"):
        found = mle_dimension(np.vstack([x, x[:30]]))
    assert found.mean == pytest.approx(mle_dimension(x).mean, rel=1e-9)
    assert "30 of 830 cells left out as duplicates" in caplog.text


@pytest.mark.parametrize(
    "representation", [np.ones((300, 4)), np.ones((300, 1)), np.full((300, 4), np.nan)]
)
def test_a_collapsed_or_broken_representation_has_no_dimension(representation):
    assert math.isnan(mle_dimension(representation).mean)


def test_dimensions_of_the_reference_run(trajectory):
    x, y = mle_dimension(trajectory["test_x"]), mle_dimension(trajectory["test_y"])
    assert x.mean == pytest.approx(float(trajectory["metric_id_x"]), abs=1e-5)
    assert y.mean == pytest.approx(float(trajectory["metric_id_y"]), abs=1e-5)


def test_two_nearest_neighbours_equal_scikit_dimension():
    x = embedded()
    found = intrinsic_dimensions(x, errors=False).estimates["twonn"].value
    assert found == pytest.approx(skdim.id.TwoNN().fit(x).dimension_, rel=1e-5)


def test_local_pca_counts_the_eigenvalues_of_each_neighbourhood():
    x = embedded(cells=300, inner=4) + 0.05 * np.random.default_rng(1).normal(size=(300, 10))
    counts = []
    for cell in x:
        near = np.argsort(np.linalg.norm(x - cell, axis=1))[1:21]
        eigenvalues = np.linalg.eigvalsh(np.cov(x[near].T))
        counts.append((eigenvalues > 0.05 * eigenvalues.max()).sum())
    assert intrinsic_dimensions(x, errors=False).estimates["lpca"].value == np.mean(counts)


def test_the_participation_ratio_is_that_of_the_covariance():
    x = np.random.default_rng(0).normal(size=(4000, 3)) * [1, 2, 3]
    eigenvalues = np.linalg.eigvalsh(np.cov(x.T))
    found = intrinsic_dimensions(x, errors=False).estimates["pr"].value
    assert found == pytest.approx(eigenvalues.sum() ** 2 / (eigenvalues**2).sum(), rel=1e-9)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_estimator_finds_the_dimension_of_a_plane(estimator):
    x = (
        np.random.default_rng(1).normal(size=(3000, 3))
        @ np.linalg.qr(np.random.default_rng(2).normal(size=(12, 3)))[0].T
    )
    estimate = intrinsic_dimensions(x, errors=False).estimates[estimator]
    assert estimate.value == pytest.approx(3, abs=0.35)
    assert math.isnan(estimate.error)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_standard_errors_are_the_spread_over_samples(estimator):
    rng = np.random.default_rng(3)
    basis = rng.normal(size=(3, 8))
    found = [
        intrinsic_dimensions(rng.normal(size=(600, 3)) @ basis).estimates[estimator]
        for _ in range(40)
    ]
    spread = np.std([estimate.value for estimate in found], ddof=1)
    error = np.sqrt(np.mean([estimate.error**2 for estimate in found]))
    # The spread of 40 is itself known to about a ninth.
    assert 0.5 * spread <= error <= 2 * spread


@pytest.mark.parametrize(
    ("representation", "word"),
    [
        (np.ones((300, 4)), "constant"),
        (np.full((300, 4), np.nan), "not finite"),
        (
            np.repeat(np.random.default_rng(0).normal(size=(10, 4)), 30, axis=0),
            "too few distinct cells",
        ),
        (np.indices((20, 20)).reshape(2, -1).T.astype(float), "tied distances"),
    ],
)
def test_what_has_no_dimension_has_a_word(representation, word):
    found = intrinsic_dimensions(representation)
    assert found.status == word
    values = [estimate.value for estimate in found.estimates.values()]
    assert not np.isinf(values).any()
    assert np.isnan(values).any()


def test_each_type_has_a_dimension_of_its_own():
    rng = np.random.default_rng(0)
    line = rng.normal(size=(400, 1)) @ rng.normal(size=(1, 6)) + 20
    space = rng.normal(size=(400, 4)) @ rng.normal(size=(4, 6))
    labels = np.array(
        ["line"] * 400 + ["space"] * 390 + ["rare"] * 8 + [None, float("nan")], object
    )
    found = dimensions_by_type(np.vstack([line, space]), labels)
    assert found["line"].estimates["mle"].value == pytest.approx(1, abs=0.15)
    assert found["space"].estimates["mle"].value == pytest.approx(4, abs=0.6)
    assert found["rare"].status == "too few cells"
    assert found["rare"].cells == 8
    assert set(found) == {"line", "space", "rare"}


def test_what_is_no_table_of_cells_is_refused():
    with pytest.raises(ValueError, match=r"representation of shape \(5,\)"):
        intrinsic_dimensions(np.zeros(5))
    with pytest.raises(ValueError, match="neighbours=2"):
        intrinsic_dimensions(np.zeros((50, 3)), neighbours=2)
    with pytest.raises(ValueError, match="3 labels of 50 cells"):
        dimensions_by_type(np.zeros((50, 3)), np.array(["a", "b", "c"]))
