from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg

from sharedim.baselines import fit_cca, fit_cca_seeds
from sharedim.preprocess import preprocess
from sharedim.recipes import CCA
from sharedim.retrieval import search, top_share_size, unit_length
from sharedim.saturation import saturation_of
from sharedim.simulate import simulate_cite_seq
from sharedim.splits import split_cells


def top_share_matching(f, g):
    return search(f, g).ranks.share_within(top_share_size(len(f)))


def gaussian_pairs(cells=4000):
    rng = np.random.default_rng(0)
    z = rng.normal(size=(cells, 2))
    x = z @ rng.normal(size=(2, 6)) + rng.normal(size=(cells, 6))
    y = z @ rng.normal(size=(2, 4)) + rng.normal(size=(cells, 4))
    return x, y


def test_correlations_solve_the_generalised_eigenproblem():
    x, y = gaussian_pairs()
    _, _, correlations = fit_cca(x, y, 4, ridge=0)
    cov = np.cov(x.T, y.T, bias=True)
    cross = np.zeros((10, 10))
    cross[:6, 6:], cross[6:, :6] = cov[:6, 6:], cov[6:, :6]
    own = linalg.block_diag(cov[:6, :6], cov[6:, 6:])
    eigenvalues = linalg.eigh(cross, own, eigvals_only=True)[::-1]
    np.testing.assert_allclose(correlations, eigenvalues[:4], rtol=1e-9)


def test_variates_are_uncorrelated_and_weighted_by_correlation():
    x, y = gaussian_pairs()
    x_weight, y_weight, correlations = fit_cca(x, y, 3, ridge=0)
    f, g = (x - x.mean(0)) @ x_weight.T, (y - y.mean(0)) @ y_weight.T
    np.testing.assert_allclose(f.T @ f / len(f), np.diag(correlations), atol=1e-9)
    np.testing.assert_allclose(f.T @ g / len(f), np.diag(correlations**2), atol=1e-9)


def test_the_full_rank_product_is_the_clip_optimum_of_gaussian_pairs():
    # arXiv 2505.24134: A* = Cuu^-1 Cuv Cvv^-1.
    x, y = gaussian_pairs()
    x_weight, y_weight, _ = fit_cca(x, y, 4, ridge=0)
    cov = np.cov(x.T, y.T, bias=True)
    expected = np.linalg.inv(cov[:6, :6]) @ cov[:6, 6:] @ np.linalg.inv(cov[6:, 6:])
    np.testing.assert_allclose(x_weight.T @ y_weight, expected, atol=1e-9)


def test_directions_beyond_the_smaller_modality_are_zero():
    x, y = gaussian_pairs()
    x_weight, y_weight, correlations = fit_cca(x, y, 7, ridge=1e-3)
    assert x_weight.shape == (7, 6)
    assert len(correlations) == 4
    assert not x_weight[4:].any()
    assert not y_weight[4:].any()


def test_neither_ridge_nor_weights_see_the_test_cells():
    x, y = gaussian_pairs(1000)
    changed = x.copy()
    changed[split_cells(1000, 0).test] = 1e3
    [(_, expected)] = fit_cca_seeds(x, y, recipe=CCA, dim=3, seeds=[0])
    [(_, found)] = fit_cca_seeds(changed, y, recipe=CCA, dim=3, seeds=[0])
    for name in expected:
        assert np.array_equal(found[name], expected[name]), name


def test_the_ridge_kept_is_the_best_on_the_normaliser_cells():
    x, y = gaussian_pairs(1000)
    split = split_cells(1000, 0)
    hits = {}
    for ridge in CCA.ridges:
        x_weight, y_weight, _ = fit_cca(x[split.train], y[split.train], 2, ridge)
        f = unit_length((x[split.normaliser] - x[split.train].mean(0)) @ x_weight.T)
        g = unit_length((y[split.normaliser] - y[split.train].mean(0)) @ y_weight.T)
        hits[ridge] = top_share_matching(f, g) + top_share_matching(g, f)
    [(_, tensors)] = fit_cca_seeds(x, y, recipe=CCA, dim=2, seeds=[0])
    kept = min(CCA.ridges, key=lambda ridge: abs(ridge - float(tensors["ridge"])))
    assert hits[kept] == pytest.approx(max(hits.values()))


@pytest.mark.parametrize("shared", [3, 4])
def test_held_out_matching_peaks_within_one_of_the_truth(shared):
    data = simulate_cite_seq(shared_dimensions=shared)
    features = preprocess(data["rna"], data["prot"])
    rna, prot = features["rna"].components, features["prot"].components
    curve = {}
    for dim in (1, 2, 3, 4, 5, 6, 8, 12):
        scores = []
        for seed, tensors in fit_cca_seeds(rna, prot, recipe=CCA, dim=dim, seeds=[0, 1, 2]):
            test = split_cells(len(rna), seed).test
            f = rna[test] @ tensors["rna.0.weight"].T + tensors["rna.0.bias"]
            g = prot[test] @ tensors["prot.0.weight"].T + tensors["prot.0.bias"]
            scores.append(top_share_matching(unit_length(f), unit_length(g)))
        curve[dim] = np.mean(scores)
    assert abs(max(curve, key=curve.get) - shared) <= 1
    assert max(curve.values()) > 20 * 0.005


def test_unrelated_modalities_share_nothing():
    data = simulate_cite_seq(cells=1500, genes=300, shared_dimensions=0)
    features = preprocess(data["rna"], data["prot"])
    rna, prot = features["rna"].components, features["prot"].components
    dims, seeds = np.array([1, 2, 4, 8]), [0, 1, 2]
    values = np.empty((len(seeds), len(dims)))
    for column, dim in enumerate(dims):
        for seed, tensors in fit_cca_seeds(rna, prot, recipe=CCA, dim=int(dim), seeds=seeds):
            test = split_cells(len(rna), seed).test
            f = rna[test] @ tensors["rna.0.weight"].T + tensors["rna.0.bias"]
            g = prot[test] @ tensors["prot.0.weight"].T + tensors["prot.0.bias"]
            values[seed, column] = top_share_matching(unit_length(f), unit_length(g))
    chance = top_share_size(len(test)) / len(test)
    assert saturation_of(dims, values, chance, len(test)).status == "nothing_shared"


def test_at_one_dimension_the_ridge_is_the_one_that_agrees_best():
    x, y = gaussian_pairs(1000)
    split = split_cells(1000, 0)
    [(_, tensors)] = fit_cca_seeds(x, y, recipe=CCA, dim=1, seeds=[0])
    agreement = {}
    for ridge in CCA.ridges:
        x_weight, y_weight, _ = fit_cca(x[split.train], y[split.train], 1, ridge)
        f = (x[split.normaliser] - x[split.train].mean(0)) @ x_weight.T
        g = (y[split.normaliser] - y[split.train].mean(0)) @ y_weight.T
        agreement[ridge] = np.mean(np.sign(f) == np.sign(g))
    kept = min(CCA.ridges, key=lambda ridge: abs(ridge - float(tensors["ridge"])))
    assert agreement[kept] == max(agreement.values())
