"""Protein transforms against their definitions, cell by cell, and against muon's."""

from __future__ import annotations

import muon
import numpy as np
import pytest
from anndata import AnnData
from scipy import sparse

from sharedim.preprocessing.protein_transforms import (
    TRANSFORMS,
    mean_logarithms,
    transform_proteins,
)


@pytest.fixture(scope="module")
def counts():
    rng = np.random.default_rng(0)
    values = rng.poisson(rng.gamma(1.0, 20.0, size=(300, 12))).astype(float)
    values[:, 3] *= rng.random(300) > 0.5
    return values


def transformed(counts, name, rows=slice(None)):
    fitted = mean_logarithms(counts[rows]) if name == "clr_per_protein" else None
    return transform_proteins(counts, name, fitted)


def clr(values):
    """Seurat's centred log-ratio by its definition."""
    mean_log = np.log1p(values[values > 0]).sum() / len(values)
    return np.log1p(values / np.exp(mean_log))


def test_clr_per_cell_is_taken_across_the_proteins_of_each_cell(counts):
    expected = np.array([clr(cell) for cell in counts])
    np.testing.assert_allclose(transformed(counts, "clr_per_cell"), expected, rtol=1e-12)


def test_clr_per_protein_is_taken_across_the_cells_of_each_protein(counts):
    expected = np.array([clr(protein) for protein in counts.T]).T
    np.testing.assert_allclose(transformed(counts, "clr_per_protein"), expected, rtol=1e-12)


@pytest.mark.parametrize("form", [np.array, sparse.csr_matrix, sparse.csc_matrix])
@pytest.mark.parametrize(("name", "axis"), [("clr_per_cell", 1), ("clr_per_protein", 0)])
@pytest.mark.filterwarnings("ignore:adata.X is sparse")
def test_clr_agrees_with_muon(counts, name, axis, form):
    data = AnnData(form(counts))
    muon.prot.pp.clr(data, axis=axis)
    expected = data.X if form is np.array else data.X.toarray()
    np.testing.assert_allclose(transformed(counts, name), expected, rtol=1e-6)
    # Fitted on the cells themselves, too.
    np.testing.assert_allclose(transform_proteins(counts, name), expected, rtol=1e-6)


def test_log_center_has_mean_zero_in_every_cell(counts):
    found = transformed(counts, "log_center")
    np.testing.assert_allclose(found.mean(axis=1), 0, atol=1e-12)
    difference = np.log1p(counts[5, 2]) - np.log1p(counts[5, 7])
    assert found[5, 2] - found[5, 7] == pytest.approx(difference)


@pytest.mark.parametrize("name", ["dsb", "dsb_from_droplets", "none"])
def test_values_transformed_already_are_left_as_they_are(counts, name):
    np.testing.assert_array_equal(transformed(counts - 3.5, name), counts - 3.5)


def test_clr_per_protein_is_fitted_on_the_chosen_cells_alone(counts):
    changed = counts.copy()
    changed[200:] *= 7
    rows = slice(200)
    before, after = (transformed(values, "clr_per_protein", rows) for values in (counts, changed))
    np.testing.assert_array_equal(before[:200], after[:200])
    assert not np.allclose(before[200:], after[200:])


def test_an_unknown_name_is_refused(counts):
    with pytest.raises(ValueError, match="'clr' is none of " + ", ".join(TRANSFORMS)):
        transformed(counts, "clr")
