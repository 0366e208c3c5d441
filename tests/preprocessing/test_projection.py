"""Cells taken through the saved preprocessing: as it was fitted, by name, and with features missing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from sharedim.errors import InputError
from sharedim.preprocessing.pipeline import FeatureOptions, preprocess
from sharedim.preprocessing.projection import match_features, read_projections, write_projections
from sharedim.preprocessing.protein_transforms import TRANSFORMS


@pytest.fixture(scope="module")
def fitted(small_cells):
    options = FeatureOptions(variable_genes=60, rna_components=20)
    return preprocess(small_cells["rna"], small_cells["prot"], options=options)


def matched(features, data, modality, *, limit=0.2):
    return match_features(
        features[modality].projection,
        data.X,
        data.var_names,
        modality=modality,
        where="new.h5mu",
        limit=limit,
    )


@pytest.mark.parametrize("modality", ["rna", "prot"])
def test_the_fitted_cells_get_their_features_again(small_cells, fitted, modality):
    found = fitted[modality].projection.project(matched(fitted, small_cells[modality], modality))
    np.testing.assert_allclose(found, fitted[modality].components, atol=1e-4)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_a_cell_alone_gets_the_features_it_has_among_others(small_cells, transform):
    options = FeatureOptions(protein_transform=transform)
    features = preprocess(small_cells["rna"], small_cells["prot"], options=options)
    one = matched(features, small_cells["prot"][7:8], "prot")
    np.testing.assert_allclose(
        features["prot"].projection.project(one), features["prot"].components[7:8], atol=1e-3
    )


def test_order_further_genes_and_spelling_make_no_difference(small_cells, fitted):
    rna = small_cells["rna"]
    order = np.random.default_rng(0).permutation(rna.n_vars)
    strange = sparse.csr_matrix(np.full((rna.n_obs, 2), 50.0))
    values = sparse.hstack([rna.X[:, order], strange], format="csr")
    names = pd.Index([name.upper().replace("_", "-") for name in rna.var_names[order]])
    found = match_features(
        fitted["rna"].projection,
        values,
        names.append(pd.Index(["other1", "other2"])),
        modality="rna",
        where="new.h5mu",
        limit=0,
    )
    assert found.missing == []
    np.testing.assert_allclose(
        fitted["rna"].projection.project(found), fitted["rna"].components, atol=1e-4
    )


def test_names_that_could_mean_two_features_are_not_guessed(fitted):
    proteins = fitted["prot"].projection.names
    names = pd.Index([*proteins[1:], proteins[0].upper(), proteins[0].lower() + "_"])
    values = np.ones((3, len(names)))
    found = match_features(
        fitted["prot"].projection, values, names, modality="prot", where="new", limit=0.2
    )
    assert found.missing == proteins[:1]


def test_missing_features_count_as_average_and_are_named(small_cells, fitted):
    projection = fitted["rna"].projection
    rna = small_cells["rna"]
    gone = projection.features[:6]
    rest = rna[:, ~rna.var_names.isin(gone)]
    found = matched(fitted, rest, "rna")
    assert found.missing == gone
    [values] = projection.transformed(found)
    scaled = projection.scale(values)
    assert np.isnan(values[:, :6]).all()
    assert (scaled[:, :6] == 0).all()
    whole = fitted["rna"].components
    close = np.corrcoef(projection.project(found)[:, 0], whole[:, 0])[0, 1]
    assert close > 0.98


def test_too_many_missing_features_are_refused(small_cells, fitted):
    few = small_cells["rna"][:, :100]
    with pytest.raises(InputError, match=r"new.h5mu: \d+ of the 60 genes .* more than 10%; name"):
        matched(fitted, few, "rna", limit=0.1)


def test_restored_values_are_the_transformed_ones_but_for_what_components_leave_out(fitted):
    projection, features = fitted["prot"].projection, fitted["prot"]
    restored = projection.restore(features.components)
    # All components but the last and least.
    scaled = (features.transformed - projection.mean) / projection.deviation
    left_out = np.linalg.svd(scaled - scaled.mean(0), compute_uv=False)[-1] ** 2
    error = (((restored - features.transformed) / projection.deviation) ** 2).sum()
    np.testing.assert_allclose(error, left_out, rtol=1e-2)


def test_a_file_gives_back_what_was_written(fitted, tmp_path):
    projections = {name: features.projection for name, features in fitted.items()}
    write_projections(tmp_path / "projection.safetensors", projections)
    for name, found in read_projections(tmp_path / "projection.safetensors").items():
        for field, value in vars(projections[name]).items():
            np.testing.assert_array_equal(getattr(found, field), value)
