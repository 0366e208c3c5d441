from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import skdim
import yaml
from mle import mle_dimension
from places import REPOSITORY

from sharedim.evaluation import intrinsic_dimension
from sharedim.evaluation.intrinsic_dimension import (
    DEFAULT,
    ESTIMATORS,
    LARGEST_SAMPLE,
    LOCAL,
    dimensions_by_type,
    intrinsic_dimensions,
    names_of,
)
from sharedim.evaluation.nearest_neighbours import nearest
from sharedim.report.figures import dimension


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


@pytest.mark.parametrize("estimator", names_of(DEFAULT))
def test_every_usual_estimator_finds_the_dimension_of_a_plane(estimator):
    x = (
        np.random.default_rng(1).normal(size=(3000, 3))
        @ np.linalg.qr(np.random.default_rng(2).normal(size=(12, 3)))[0].T
    )
    estimate = intrinsic_dimensions(x, errors=False).estimates[estimator]
    assert estimate.value == pytest.approx(3, abs=0.35)
    assert math.isnan(estimate.error)


def test_every_estimator_of_the_library_can_be_named():
    public = {name for name, thing in vars(skdim.id).items() if isinstance(thing, type)}
    assert set(ESTIMATORS) - {"PR"} == public
    assert {name for name in names_of(ESTIMATORS) if name not in dimension.ESTIMATORS} == set()
    local = skdim._commonfuncs.LocalEstimator
    assert {name for name in public if issubclass(getattr(skdim.id, name), local)} == set(LOCAL)


@pytest.mark.parametrize("estimator", [name for name in ESTIMATORS if name not in ("lPCA", "PR")])
def test_estimates_are_those_of_the_library(estimator, monkeypatch):
    if estimator in ("DANCo", "PH"):
        monkeypatch.setitem(LARGEST_SAMPLE, estimator, 60)
    # Some draw, from cells in their order.
    x = intrinsic_dimension._distinct_points(embedded(cells=300))
    sample = x[: LARGEST_SAMPLE.get(estimator)]
    method = getattr(skdim.id, estimator)()
    if "random_state" in method.get_params():
        method.set_params(random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        over = {"n_neighbors": 20} if estimator in LOCAL else {}
        expected = method.fit_transform(sample, **over)
    monkeypatch.setattr(intrinsic_dimension, "_distinct_points", lambda points: points)
    found = intrinsic_dimensions(x, estimators=[estimator], errors=False).estimates
    assert found[estimator.lower()].value == pytest.approx(expected, rel=1e-6)
    if estimator == "MLE":
        # The other of the library's own averages.
        harmonic = method.fit(sample).dimension_
        assert found["mle_harmonic"].value == pytest.approx(harmonic, rel=1e-6)


def test_local_pca_is_the_library_s_at_the_neighbourhoods_looked_at():
    x = embedded(cells=400, inner=4) + 0.05 * np.random.default_rng(1).normal(size=(400, 10))
    near = nearest(x, 20)
    expected = skdim.id.lPCA().fit_transform_pw(x, precomputed_knn=near.indices).mean()
    found = intrinsic_dimensions(x, estimators=["lPCA"], errors=False).estimates
    assert found["lpca"].value == pytest.approx(expected, rel=1e-6)


def test_the_participation_ratio_is_the_library_s():
    x = np.random.default_rng(0).normal(size=(500, 4)) * [1, 2, 3, 4]
    expected = skdim.id.lPCA(ver="participation_ratio").fit_transform(x)
    found = intrinsic_dimensions(x, estimators=["PR"]).estimates
    assert list(found) == ["pr"]
    assert found["pr"].value == pytest.approx(expected, rel=1e-6)


def test_an_estimator_that_fails_says_why_and_keeps_nothing_from_the_others(monkeypatch):
    def fails(*_, **__):
        raise ZeroDivisionError("no cells left\nin here")

    monkeypatch.setattr(skdim.id.CorrInt, "fit", fails)
    found = intrinsic_dimensions(embedded(), estimators=["MLE", "CorrInt"]).estimates
    assert math.isnan(found["corrint"].value)
    assert found["corrint"].status == "CorrInt failed: no cells left"
    assert found["mle"].status == "ok"
    assert found["mle"].error > 0


@pytest.mark.parametrize("estimator", [name for name in ESTIMATORS if name not in ("PH", "DANCo")])
@pytest.mark.parametrize(
    "cells",
    [
        np.indices((6, 5)).reshape(2, -1).T.astype(float),
        np.random.default_rng(0).normal(size=(22, 2)),
        np.repeat(np.random.default_rng(0).normal(size=(30, 3)), 5, axis=0),
        np.outer(np.arange(30.0), [1, 1]),
    ],
    ids=["grid", "few cells", "duplicates", "line"],
)
def test_degenerate_cells_crash_no_estimator(estimator, cells):
    for estimate in intrinsic_dimensions(cells, estimators=[estimator]).estimates.values():
        assert estimate.status != "ok" or 0 < estimate.value < 1e6
        assert estimate.status == "ok" or math.isnan(estimate.value)


@pytest.mark.parametrize("estimator", names_of(DEFAULT))
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
    found = intrinsic_dimensions(representation).estimates.values()
    assert {estimate.status for estimate in found} - {"ok"} == {word}
    assert all(np.isnan(estimate.value) == (estimate.status != "ok") for estimate in found)


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
    assert {e.status for e in found["rare"].estimates.values()} == {"too few cells"}
    assert found["rare"].cells == 8
    assert set(found) == {"line", "space", "rare"}


def test_what_is_no_table_of_cells_is_refused():
    with pytest.raises(ValueError, match=r"representation of shape \(5,\)"):
        intrinsic_dimensions(np.zeros(5))
    with pytest.raises(ValueError, match="neighbours=2"):
        intrinsic_dimensions(np.zeros((50, 3)), neighbours=2)
    with pytest.raises(ValueError, match="3 labels of 50 cells"):
        dimensions_by_type(np.zeros((50, 3)), np.array(["a", "b", "c"]))


def test_the_schema_knows_the_estimators():
    schema = yaml.safe_load((REPOSITORY / "workflow/schemas/config.schema.yaml").read_text())
    entry = schema["properties"]["dimension_estimators"]
    assert entry["items"]["enum"] == list(ESTIMATORS)
    assert entry["default"] == list(DEFAULT)
    text = (REPOSITORY / "config/README.md").read_text()
    section = text.partition("### Estimators of intrinsic dimension")[2].partition("\n###")[0]
    assert all(f"`{name}`" in section for name in ESTIMATORS)
