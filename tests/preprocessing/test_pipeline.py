from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from seurat_agreement import FILES, TARGETS, agreement

from sharedim.datasets.cite_seq import simulate_cite_seq
from sharedim.errors import InputError
from sharedim.preprocessing.pipeline import (
    FeatureOptions,
    preprocess,
    protein_features,
    rna_features,
    summarise,
)
from sharedim.preprocessing.protein_transforms import (
    DENOISED,
    TRANSFORMS,
    mean_logarithms,
    transform_proteins,
)


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
    assert summary["options"]["protein_transform"] == "clr_per_cell"
    assert summary["fitted_on"] == "all cells, held-out cells included, as in the paper"
    assert summary["rna"]["steps"] == (
        "log-normalised to 10,000 counts, 150 variable genes, scaled and clipped at 10 standard "
        "deviations, 149 principal components"
    )
    assert summary["prot"]["steps"].startswith("centred log-ratio within each cell, across its")


def test_summary_says_what_was_chosen(small_cells):
    options = FeatureOptions(protein_transform="dsb", variable_genes_by_batch=True, harmony=True)
    batch = pd.Series(["a", "b", "c"] * 200, index=small_cells["rna"].obs_names)
    rna, prot = small_cells["rna"], small_cells["prot"]
    summary = summarise(preprocess(rna, prot, options=options, batch=batch), options, np.arange(99))
    assert summary["fitted_on"] == "501 of 600 cells, without the held-out ones"
    assert "150 variable genes, ranked within batches, " in summary["rna"]["steps"]
    assert summary["prot"]["steps"] == (
        "values denoised by dsb before, 10 proteins, centred, 9 principal components, corrected for "
        "the batch by Harmony"
    )


def test_the_same_features_from_sparse_and_dense_counts_in_any_order_of_storage(small_cells):
    rna, prot = (small_cells[name].copy() for name in ("rna", "prot"))
    expected = preprocess(rna, prot)
    rna.X, prot.X = sparse.csc_matrix(rna.X), prot.X.toarray()
    found = preprocess(rna, prot)
    for name in ("rna", "prot"):
        np.testing.assert_array_equal(found[name].components, expected[name].components)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_every_transform_gives_features(small_cells, transform):
    options = FeatureOptions(protein_transform=transform)
    found = protein_features(small_cells["prot"], options=options)
    counts = small_cells["prot"].X.toarray().astype(float)
    values = transform_proteins(counts, transform, mean_logarithms(counts))
    # Values denoised by dsb are centred only.
    expected = values if transform in DENOISED else scaled(values)
    same_up_to_sign(
        found.components,
        component_scores(expected, 9),
        atol=1e-4 * max(1.0, np.abs(values).max()),
    )


def test_clipping_where_one_chooses(small_cells):
    options = FeatureOptions(scaled_limit=1.5)
    counts = small_cells["prot"].X.toarray().astype(float)
    clipped = np.clip(scaled(clr_per_cell(counts)), -1.5, 1.5)
    found = protein_features(small_cells["prot"], options=options)
    same_up_to_sign(found.components, component_scores(clipped, 9), atol=1e-4)


def test_numbers_of_genes_and_components(small_cells):
    options = FeatureOptions(variable_genes=60, rna_components=7)
    found = rna_features(small_cells["rna"], options=options)
    assert len(found.features) == 60
    assert found.components.shape == (600, 7)


@pytest.fixture(scope="module")
def unfitted(small_cells):
    """The last hundred cells are left out of every fit; and the same with these cells changed."""
    rng = np.random.default_rng(3)
    changed = {}
    for name in ("rna", "prot"):
        data = small_cells[name].copy()
        counts = data.X.toarray()
        counts[500:] = rng.poisson(3.0, size=counts[500:].shape)
        data.X = sparse.csr_matrix(counts)
        changed[name] = data
    options = FeatureOptions(variable_genes=60, protein_transform="clr_per_protein")
    last = np.arange(500, 600)
    return [
        preprocess(cells["rna"], cells["prot"], options=options, left_out=last)
        for cells in (small_cells, changed)
    ]


@pytest.mark.parametrize("name", ["rna", "prot"])
def test_nothing_is_fitted_on_cells_left_out(unfitted, name):
    before, after = (features[name] for features in unfitted)
    assert before.features == after.features
    np.testing.assert_array_equal(before.components[:500], after.components[:500])
    np.testing.assert_array_equal(before.standard_deviations, after.standard_deviations)
    assert not np.allclose(before.components[500:], after.components[500:])


def test_cells_left_out_are_projected_like_the_others(small_cells, unfitted):
    # What was fitted on the first 500 cells, put onto cells of the same kind.
    fitted = unfitted[0]["prot"].components
    assert fitted.shape == (600, 9)
    inside, outside = fitted[:500].std(axis=0), fitted[500:].std(axis=0)
    assert 0.5 < np.median(outside / inside) < 2
    without = preprocess(
        small_cells["rna"][:500].copy(),
        small_cells["prot"][:500].copy(),
        options=FeatureOptions(variable_genes=60, protein_transform="clr_per_protein"),
    )
    np.testing.assert_allclose(without["prot"].components, fitted[:500], atol=1e-5)
    np.testing.assert_allclose(
        without["rna"].components, unfitted[0]["rna"].components[:500], atol=1e-3
    )


def test_variable_genes_by_batch_pass_over_genes_that_differ_between_batches_alone():
    rng = np.random.default_rng(0)
    rna = simulate_cite_seq(cells=900, genes=400, private_dimensions_rna=0, seed=3)["rna"].copy()
    batch = pd.Series(["a", "b", "c"] * 300, index=rna.obs_names)
    counts = rna.X.toarray()
    # Thirty genes that vary by batch and by nothing else.
    level = np.where(batch == "a", 20.0, 1.0)[:, None]
    counts[:, -30:] = rng.poisson(level, size=(900, 30))
    rna.X = sparse.csr_matrix(counts)
    of_batch = set(rna.var_names[-30:])
    together, within = (
        rna_features(
            rna,
            options=FeatureOptions(variable_genes=100, variable_genes_by_batch=by_batch),
            batch=batch,
        ).features
        for by_batch in (False, True)
    )
    assert len(of_batch & set(together)) > 25
    assert len(of_batch & set(within)) < 10
    assert len(within) == 100


def test_variable_genes_by_batch_are_variable_in_most_batches():
    rng = np.random.default_rng(0)
    rna = simulate_cite_seq(cells=1000, genes=400, private_dimensions_rna=0, seed=3)["rna"].copy()
    batch = pd.Series(list("abcde") * 200, index=rna.obs_names)
    counts = rna.X.toarray()
    # Thirty genes that vary wildly in one batch, and by chance in the others.
    wild = rng.gamma(0.1, 50.0, size=(1000, 30))
    level = np.where((batch == "a").to_numpy()[:, None], wild, 5.0)
    counts[:, -30:] = rng.poisson(level)
    rna.X = sparse.csr_matrix(counts)
    options = FeatureOptions(variable_genes=100, variable_genes_by_batch=True)
    found = rna_features(rna, options=options, batch=batch).features
    assert len(set(rna.var_names[-30:]) & set(found)) < 5


def test_harmony_takes_the_batch_out_of_the_components():
    data = simulate_cite_seq(cells=900, genes=200, proteins=12, seed=3)
    batch = pd.Series(["a", "b"] * 450, index=data["rna"].obs_names)
    shifted = (batch == "b").to_numpy()
    rna, prot = data["rna"].copy(), data["prot"].copy()
    for modality in (rna, prot):
        counts = modality.X.toarray()
        part = np.ix_(shifted, np.arange(modality.n_vars // 3))
        counts[part] = np.random.default_rng(0).poisson(1.6 * counts[part])
        modality.X = sparse.csr_matrix(counts)

    def separation(features):
        means = [features.components[side].mean(axis=0) for side in (shifted, ~shifted)]
        spread = features.components.std(axis=0).max()
        return np.abs(means[0] - means[1]).max() / spread

    with_batch = preprocess(rna, prot, batch=batch)
    without = preprocess(rna, prot, options=FeatureOptions(harmony=True), batch=batch)
    again = preprocess(rna, prot, options=FeatureOptions(harmony=True), batch=batch)
    for name in ("rna", "prot"):
        assert without[name].components.shape == with_batch[name].components.shape
        assert separation(without[name]) < separation(with_batch[name]) / 2
        np.testing.assert_array_equal(without[name].components, again[name].components)


def test_genes_that_are_zero_everywhere_are_never_chosen(small_cells):
    rna = small_cells["rna"].copy()
    counts = rna.X.toarray()
    counts[:, :40] = 0
    rna.X = sparse.csr_matrix(counts)
    found = rna_features(rna, options=FeatureOptions(variable_genes=2000))
    assert found.features == list(rna.var_names[40:])


def test_too_few_cells_for_a_curve_of_variance_are_a_sentence(small_cells):
    rna = small_cells["rna"].copy()
    rna.X = sparse.csr_matrix(np.ones(rna.shape, dtype=np.float32))
    with pytest.raises(InputError, match="variable genes cannot be told from so few cells"):
        rna_features(rna, options=FeatureOptions(variable_genes=50))


@pytest.fixture(scope="module", params=FILES)
def differences(request):
    return agreement(request.param)


@pytest.mark.parametrize("step", TARGETS)
def test_agrees_with_seurat(differences, step):
    side, target = TARGETS[step]
    assert differences[step] < target if side == "below" else differences[step] > target
