"""Precomputed features: scaling and noise, what is said of them, and new rows made the same."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from sharedim.errors import InputError
from sharedim.io.paired import read_paired_cells
from sharedim.preprocessing.options import FeatureOptions
from sharedim.preprocessing.pipeline import preprocess, summarise
from sharedim.preprocessing.precomputed import given_features, repeated_rows
from sharedim.preprocessing.projection import match_features, read_projections, write_projections
from sharedim.preprocessing.summary import describe
from sharedim.training.baselines import fit_linear_seeds
from sharedim.training.recipes import RECIPES

PAIRS = 600
RNG = np.random.default_rng(1)
FIRST = (5 + 3 * RNG.normal(size=(PAIRS, 7))).astype(np.float32)
FIRST[:, 2] = 0.1
# Rows 0, 4 and 9 are alike, and rows 1 and 2.
SECOND = RNG.normal(size=(PAIRS, 60)) * np.linspace(1, 4, 60)
SECOND[[4, 9]], SECOND[2] = SECOND[0], SECOND[1]
ALIKE = [0, 1, 2, 4, 9]


def made(**options):
    found = preprocess(
        AnnData(FIRST), AnnData(SECOND), options=FeatureOptions(**options), counted=False
    )
    return found["rna"], found["prot"]


def test_by_default_features_are_as_they_are():
    first, second = made()
    np.testing.assert_array_equal(first.components, FIRST)
    np.testing.assert_array_equal(second.components, SECOND.astype(np.float32))
    assert first.components.dtype == second.components.dtype == np.float32


def test_scaling():
    centred, _ = made(feature_scaling="centred")
    np.testing.assert_allclose(centred.components, FIRST - FIRST.mean(axis=0), atol=1e-5)
    standardised, _ = made(feature_scaling="standardised")
    varying = np.delete(np.arange(7), 2)
    expected = (FIRST - FIRST.mean(axis=0))[:, varying] / FIRST.std(axis=0)[varying]
    np.testing.assert_allclose(standardised.components[:, varying], expected, atol=1e-5)
    for found in (centred, standardised):
        assert (found.components[:, 2] == 0).all()


def test_scaling_is_fitted_without_the_cells_left_out():
    left_out = np.arange(100, 200)
    kept = np.delete(np.arange(PAIRS), left_out)
    options = FeatureOptions(feature_scaling="standardised")
    found = preprocess(
        AnnData(FIRST), AnnData(SECOND), options=options, left_out=left_out, counted=False
    )
    expected = (SECOND - SECOND[kept].mean(axis=0)) / SECOND[kept].std(axis=0)
    np.testing.assert_allclose(found["prot"].components, expected, atol=1e-5)
    assert summarise(found, options, left_out)["fitted_on"].startswith("500 of 600 pairs")


def test_noise_is_of_the_size_that_was_said_and_the_same_each_time():
    first, second = made(feature_noise=[0, 0.5])
    np.testing.assert_array_equal(first.components, FIRST)
    noise = second.components - SECOND
    # 36,000 numbers: 0.5 within four standard errors.
    assert noise.std() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(2 * noise.size))
    assert abs(noise.mean()) < 4 * 0.5 / np.sqrt(noise.size)
    np.testing.assert_array_equal(made(feature_noise=[0, 0.5])[1].components, second.components)
    both = made(feature_noise=0.5)
    assert np.corrcoef((both[0].components - FIRST)[:, 0], noise[:, 0])[0, 1] < 0.2


def test_noise_comes_after_scaling():
    _, plain = made(feature_scaling="standardised")
    _, noisy = made(feature_scaling="standardised", feature_noise=0.5)
    assert (noisy.components - plain.components).std() == pytest.approx(0.5, rel=0.03)


def test_noise_on_rows_that_repeat_alone():
    first, second = made(repeated_noise=0.1)
    np.testing.assert_array_equal(first.components, FIRST)
    changed = np.flatnonzero((second.components != SECOND.astype(np.float32)).any(axis=1))
    assert changed.tolist() == ALIKE
    assert (second.components - SECOND)[ALIKE].std() == pytest.approx(0.1, rel=0.15)
    assert not len(repeated_rows(second.components))


def test_rows_that_repeat():
    assert repeated_rows(SECOND).tolist() == ALIKE
    assert repeated_rows(np.array([[0.0, 1], [-0.0, 1], [1, 0]])).tolist() == [0, 1]
    assert not len(repeated_rows(FIRST))


def test_the_columns_that_vary_most_are_predicted():
    first, second = made()
    chosen = np.sort(np.argsort(SECOND.std(axis=0))[10:])
    np.testing.assert_array_equal(second.transformed, second.components[:, chosen])
    assert second.projection.predicted_features == [str(place) for place in chosen]
    assert first.projection.predicted_features == first.features


@pytest.mark.parametrize("scaling", ["none", "centred", "standardised"])
def test_new_rows_become_what_the_fitted_ones_did(tmp_path, scaling):
    found = dict(zip(("rna", "prot"), made(feature_scaling=scaling), strict=True))
    path = tmp_path / "projection.safetensors"
    write_projections(path, {name: features.projection for name, features in found.items()})
    for (name, projection), values in zip(
        read_projections(path).items(), (FIRST, SECOND), strict=True
    ):
        names = pd.Index([str(place) for place in range(values.shape[1])])
        order = np.random.default_rng(0).permutation(len(names))
        matched = match_features(
            projection, values[:, order], names[order], modality=name, where="new", limit=0
        )
        again = projection.project(matched)
        np.testing.assert_allclose(again, found[name].components, atol=1e-5)
        np.testing.assert_array_equal(projection.restore(again, slice(0, 2)), again[:, :2])
        assert projection.predicted_features == found[name].projection.predicted_features


def test_rows_of_another_width_are_refused():
    projection = made()[0].projection
    with pytest.raises(InputError, match="new: 8 features of the first modality, where the model has 7"):  # fmt: skip
        match_features(
            projection, np.ones((3, 8)), pd.Index(map(str, range(8))), modality="rna", where="new",
            limit=0.5,
        )  # fmt: skip


def test_a_summary_says_what_was_done():
    options = FeatureOptions(feature_noise=[0, 0.2], repeated_noise=0.1)
    found = given_features(AnnData(FIRST), AnnData(SECOND), options, np.arange(PAIRS))
    told = summarise(found, options)
    json.dumps(told)
    assert told["fitted_on"] == "no pairs, since nothing is fitted"
    assert told["rna"]["steps"].startswith("7 precomputed features, taken as they are, with normal")
    assert "standard deviation 0.2 added" in told["prot"]["steps"]
    assert "0.2" not in told["rna"]["steps"]


def test_a_modality_of_one_column_has_baselines():
    y = FIRST[:, :1] + 0.1 * RNG.normal(size=(PAIRS, 1)).astype(np.float32)
    [(_, tensors)] = fit_linear_seeds(FIRST, y, recipe=RECIPES["cca"], dim=3, seeds=[0])
    assert tensors["prot.0.weight"].shape == (3, 1)
    assert all(np.isfinite(tensor).all() for tensor in tensors.values())


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    path = tmp_path_factory.mktemp("pairs") / "pair.npz"
    np.savez(path, image=FIRST, text=SECOND)
    return read_paired_cells(path)


def test_repeats_are_told_where_no_noise_tells_them_apart(pairs):
    def warnings(**options):
        return [w for w in describe(pairs, "d", features=options)["warnings"] if "another" in w]

    [told] = warnings()
    assert told.startswith("text: 5 of 600 pairs have features that another pair has too")
    assert len(warnings(feature_noise=[0.1, 0])) == 1
    assert not warnings(feature_noise=[0, 0.1])
    assert not warnings(repeated_noise=0.1)
    found = describe(pairs, "d")["warnings"]
    assert "image: 1 of 7 columns are constant." in found
    assert "Of the 60 columns of text the 50 that vary most are predicted." in found


def test_what_one_column_cannot_do_is_told(tmp_path):
    np.savez(tmp_path / "pair.npz", image=FIRST, text=SECOND[:, :1])
    found = describe(read_paired_cells(tmp_path / "pair.npz"), "d")["warnings"]
    assert any(warning.startswith("text has one column: linear maps") for warning in found)
    assert not any(warning.startswith("image has one column") for warning in found)


def test_options_for_counts_and_for_features(pairs, small_file):
    with pytest.raises(InputError, match="harmony is for counts of cells, and these are precomp"):
        describe(pairs, "d", features={"harmony": True})
    cells = read_paired_cells(small_file)
    for name, value in (("feature_noise", [0, 0.1]), ("feature_scaling", "centred")):
        with pytest.raises(InputError, match=f"{name} is for precomputed features, and these are"):
            describe(cells, "d", features={name: value})
    describe(cells, "d", features={"feature_noise": [0, 0], "feature_scaling": "none"})


def test_notes_on_labels_speak_of_pairs(pairs):
    kinds = pd.DataFrame({"kind": ["cat"] * 590 + ["dog"] * 4 + [None] * 6})
    found = " ".join(describe(replace(pairs, labels=kinds), "d")["warnings"])
    assert "kind: 6 of 600 pairs are of no known type" in found
    assert "kind: types with fewer than 10 pairs" in found
    assert "pairs are left for training" in found
    assert "cells" not in found


def test_a_number_of_held_out_pairs(pairs):
    found = describe(pairs, "d", splitting={"test_pairs": 150})
    assert found["split"]["test"] == 150
    assert found["test_cells"] == "the same for every seed"
    with pytest.raises(InputError, match="550 cells would be held out and 50 left to train on"):
        describe(replace(pairs), "d", splitting={"test_pairs": 550})
