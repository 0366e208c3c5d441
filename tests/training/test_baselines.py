from __future__ import annotations

import numpy as np
import pytest
from simulated_pairs import gaussian_pairs
from sklearn.decomposition import PCA as PCA_

from sharedim.datasets.cite_seq import simulate_cite_seq
from sharedim.evaluation.retrieval import TOP_SHARE, search, top_size
from sharedim.evaluation.saturation import saturation_of
from sharedim.preprocessing.pipeline import preprocess
from sharedim.training.baselines import cca_candidates, fit_linear_seeds, pca_candidates
from sharedim.training.recipes import CCA, PCA
from sharedim.training.similarity import unit_length
from sharedim.training.splits import split_cells


def top_share_matching(f, g):
    return search(f, g).ranks.share_within(TOP_SHARE)


def compared(f, g, tensors):
    return (unit_length(f), unit_length(g)) if tensors["cosine"] else (f, g)


@pytest.mark.parametrize("recipe", [CCA, PCA])
def test_no_baseline_sees_the_test_cells(recipe):
    x, y = gaussian_pairs(1000)
    changed = x.copy()
    changed[split_cells(1000, 0).test] = 1e3
    [(_, expected)] = fit_linear_seeds(x, y, recipe=recipe, dim=3, seeds=[0])
    [(_, found)] = fit_linear_seeds(changed, y, recipe=recipe, dim=3, seeds=[0])
    for name in expected:
        assert np.array_equal(found[name], expected[name]), name


@pytest.mark.parametrize("recipe", [CCA, PCA])
def test_the_candidate_kept_is_the_best_on_the_validation_cells(recipe):
    x, y = gaussian_pairs(1000)
    split = split_cells(1000, 0, None, recipe.validation_share)
    x_train, y_train = (side[split.train] - side[split.train].mean(0) for side in (x, y))
    x_held, y_held = (side[split.normaliser] - side[split.train].mean(0) for side in (x, y))
    candidates = {"cca": cca_candidates, "pca": pca_candidates}[recipe.method]
    shares = {}
    for pair in candidates(x_train, y_train, 2):
        f, g = pair.encode(x_held, y_held)
        if pair.cosine:
            f, g = unit_length(f), unit_length(g)
        shares[pair.ridge, pair.similarity] = np.mean(
            [search(*sides, []).ranks.fraction_closer for sides in ((f, g), (g, f))]
        )
    assert len(shares) == 6 * (3 if recipe is CCA else 2)
    [(_, tensors)] = fit_linear_seeds(x, y, recipe=recipe, dim=2, seeds=[0])
    ridge, similarity = min(shares, key=shares.get)
    assert float(tensors["ridge"]) == pytest.approx(ridge)
    assert bool(tensors["cosine"]) == (similarity != "inner_product")


def test_principal_components_are_mapped_by_least_squares():
    x, y = (side - side.mean(0) for side in gaussian_pairs(1000))
    pair = next(iter(pca_candidates(x, y, 2)))
    f, g = pair.encode(x, y)
    oracle = PCA_(2).fit_transform(x), PCA_(2).fit_transform(y)
    np.testing.assert_allclose(np.abs(g), np.abs(oracle[1]), atol=1e-8)
    fitted = oracle[0] @ np.linalg.lstsq(oracle[0], g, rcond=None)[0]
    # The smallest ridge is 0.001 of the mean variance.
    np.testing.assert_allclose(f, fitted, atol=1e-2)


@pytest.mark.parametrize("shared", [3, 4])
def test_held_out_matching_peaks_within_one_of_the_truth(shared):
    data = simulate_cite_seq(shared_dimensions=shared)
    features = preprocess(data["rna"], data["prot"])
    rna, prot = features["rna"].components, features["prot"].components
    curve = {}
    for dim in (1, 2, 3, 4, 5, 6, 8, 12):
        scores = []
        for seed, tensors in fit_linear_seeds(rna, prot, recipe=CCA, dim=dim, seeds=[0, 1, 2]):
            test = split_cells(len(rna), seed).test
            f = rna[test] @ tensors["rna.0.weight"].T + tensors["rna.0.bias"]
            g = prot[test] @ tensors["prot.0.weight"].T + tensors["prot.0.bias"]
            scores.append(top_share_matching(*compared(f, g, tensors)))
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
        for seed, tensors in fit_linear_seeds(rna, prot, recipe=CCA, dim=int(dim), seeds=seeds):
            test = split_cells(len(rna), seed).test
            f = rna[test] @ tensors["rna.0.weight"].T + tensors["rna.0.bias"]
            g = prot[test] @ tensors["prot.0.weight"].T + tensors["prot.0.bias"]
            values[seed, column] = top_share_matching(*compared(f, g, tensors))
    chance = top_size(TOP_SHARE, len(test)) / len(test)
    assert saturation_of(dims, values, chance, len(test)).status == "nothing_shared"
