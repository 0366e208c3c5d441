from __future__ import annotations

import math

import numpy as np
import pytest
import skdim

from sharedim.dimension import mle_dimension


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
