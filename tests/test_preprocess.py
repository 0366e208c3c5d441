from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from places import shared_file

from sharedim.io import read_paired_cells
from sharedim.preprocess import preprocess, protein_features, rna_features, summarise
from sharedim.simulate import simulate_cite_seq


def clr_per_cell(counts):
    """Seurat's margin 2 by its definition, cell by cell."""
    rows = []
    for cell in counts:
        mean_log = np.log1p(cell[cell > 0]).sum() / len(cell)
        rows.append(np.log1p(cell / np.exp(mean_log)))
    return np.array(rows)


def scaled(x):
    return np.clip((x - x.mean(0)) / x.std(0, ddof=1), -10, 10)


def component_scores(x, components):
    u, s, _ = np.linalg.svd(x - x.mean(0), full_matrices=False)
    return (u * s)[:, :components]


def same_up_to_sign(found, expected, atol):
    signs = np.sign(np.sum(found * expected, axis=0))
    np.testing.assert_allclose(found * signs, expected, atol=atol)


def test_protein_features_follow_the_definition(small_cells):
    counts = small_cells["prot"].X.toarray().astype(float)
    found = protein_features(small_cells["prot"])
    expected = component_scores(scaled(clr_per_cell(counts)), counts.shape[1] - 1)
    assert found.components.shape == (600, 9)
    assert found.components.dtype == np.float32
    same_up_to_sign(found.components, expected, atol=1e-4)


def test_rna_features_follow_the_definition(small_cells):
    counts = small_cells["rna"].X.toarray().astype(float)
    normal = np.log1p(counts / counts.sum(axis=1, keepdims=True) * 1e4)
    expected = component_scores(scaled(normal), 20)
    found = rna_features(small_cells["rna"])
    same_up_to_sign(found.components[:, :20], expected, atol=2e-3)
    np.testing.assert_allclose(
        found.standard_deviations[:20], expected.std(axis=0, ddof=1), rtol=1e-5
    )


def test_the_most_variable_genes_are_chosen():
    rng = np.random.default_rng(0)
    data = simulate_cite_seq(cells=600, genes=2100, private_dimensions_rna=0, seed=3)
    rna = data["rna"].copy()
    counts = rna.X.toarray()
    # The last hundred genes are Poisson around their mean: nothing varies but chance.
    counts[:, -100:] = rng.poisson(5.0, size=(600, 100))
    rna.X = counts
    found = rna_features(rna)
    assert len(found.features) == 2000
    constant = set(rna.var_names[-100:])
    assert len(constant & set(found.features)) < 60


def test_counts_are_left_as_they_were(small_cells):
    before = small_cells["rna"].X.copy(), small_cells["prot"].X.copy()
    preprocess(small_cells["rna"], small_cells["prot"])
    assert (before[0] != small_cells["rna"].X).nnz == 0
    assert (before[1] != small_cells["prot"].X).nnz == 0


def test_fewer_components_where_the_data_allow_fewer(small_cells, caplog):
    with caplog.at_level("INFO", logger="sharedim"):
        found = rna_features(small_cells["rna"])
    assert found.components.shape == (600, 149)
    assert "RNA: the data allow 149 components, not 200" in caplog.text


def test_summary_is_plain(small_cells):
    summary = summarise(preprocess(small_cells["rna"], small_cells["prot"]))
    assert summary["rna"]["components"] == 149
    assert summary["prot"]["features"][0] == "protein00"
    assert len(summary["prot"]["standard_deviations"]) == 9


@pytest.fixture(scope="module")
def pbmc_features(pbmc10k):
    cells = read_paired_cells(pbmc10k)
    return preprocess(cells.rna, cells.prot)


@pytest.mark.parametrize(
    ("modality", "spectrum", "tolerance"), [("prot", "adt", 1e-5), ("rna", "rna", 1e-2)]
)
def test_spectrum_agrees_with_seurat(pbmc_features, modality, spectrum, tolerance):
    file = shared_file(f"reference/seurat/pbmc10k/{spectrum}_pca_stdev.csv")
    expected = pd.read_csv(file).iloc[:, -1].to_numpy()
    found = pbmc_features[modality].standard_deviations
    common = min(len(found), len(expected))
    assert common >= 13
    np.testing.assert_allclose(found[:common], expected[:common], rtol=tolerance)


def test_variable_genes_agree_with_seurat(pbmc_features):
    text = shared_file("reference/seurat/pbmc10k/rna_hvg.txt").read_text()
    found = {gene.replace("_", "-") for gene in pbmc_features["rna"].features}
    assert len(found) == 2000
    assert len(found & set(text.split())) >= 1980
