from __future__ import annotations

import numpy as np
import pytest
from cca_zoo.linear import RidgeCCA
from scipy import linalg
from sklearn.decomposition import PCA as PCA_

from sharedim.datasets.cite_seq import simulate_cite_seq
from sharedim.evaluation.retrieval import TOP_SHARE, search, top_size
from sharedim.evaluation.saturation import saturation_of
from sharedim.preprocessing.pipeline import preprocess
from sharedim.training.baselines import cca_candidates, fit_linear_seeds, pca_candidates
from sharedim.training.cca import canonical_pairs, confirmed_cca, share_closer
from sharedim.training.recipes import CCA, PCA
from sharedim.training.similarity import unit_length
from sharedim.training.splits import split_cells


def top_share_matching(f, g):
    return search(f, g).ranks.share_within(TOP_SHARE)


def compared(f, g, tensors):
    return (unit_length(f), unit_length(g)) if tensors["cosine"] else (f, g)


def gaussian_pairs(cells=4000):
    rng = np.random.default_rng(0)
    z = rng.normal(size=(cells, 2))
    x = z @ rng.normal(size=(2, 6)) + rng.normal(size=(cells, 6))
    y = z @ rng.normal(size=(2, 4)) + rng.normal(size=(cells, 4))
    return x, y


def unweighted(pairs, dim):
    return pairs.weights(dim, np.ones_like(pairs.correlations))


def test_correlations_solve_the_generalised_eigenproblem():
    x, y = gaussian_pairs()
    correlations = canonical_pairs(x, y, ridge=0).correlations
    cov = np.cov(x.T, y.T, bias=True)
    cross = np.zeros((10, 10))
    cross[:6, 6:], cross[6:, :6] = cov[:6, 6:], cov[6:, :6]
    own = linalg.block_diag(cov[:6, :6], cov[6:, 6:])
    eigenvalues = linalg.eigh(cross, own, eigvals_only=True)[::-1]
    np.testing.assert_allclose(correlations, eigenvalues[:4], rtol=1e-9)


@pytest.mark.parametrize("ridge", [0.0, 0.25])
def test_equals_cca_zoo(ridge):
    x, y = gaussian_pairs()
    # cca_zoo mixes (1 - c) of the covariance with c of the identity: the same for columns whose
    # mean variance is 1, up to the scale of the variates.
    x, y = (side / np.sqrt(side.var(axis=0).mean()) for side in (x, y))
    share = ridge / (1 + ridge)
    oracle = RidgeCCA(n_components=3, shrinkage=share).fit([x, y])
    pairs = canonical_pairs(x, y, ridge)
    for found, expected in zip((pairs.x, pairs.y), oracle.weights_, strict=True):
        for direction, column in zip(found[:3], expected.T, strict=True):
            cosine = direction @ column / np.linalg.norm(direction) / np.linalg.norm(column)
            assert abs(cosine) == pytest.approx(1, abs=1e-6)


def test_variates_are_uncorrelated_and_weighted():
    x, y = gaussian_pairs()
    pairs = canonical_pairs(x, y, ridge=0)
    x_weight, y_weight = pairs.weights(3, np.sqrt(pairs.correlations))
    f, g = (x - x.mean(0)) @ x_weight.T, (y - y.mean(0)) @ y_weight.T
    kept = pairs.correlations[:3]
    np.testing.assert_allclose(f.T @ f / len(f), np.diag(kept), atol=1e-9)
    np.testing.assert_allclose(f.T @ g / len(f), np.diag(kept**2), atol=1e-9)


def test_the_full_rank_product_is_the_clip_optimum_of_gaussian_pairs():
    # arXiv 2505.24134: A* = Cuu^-1 Cuv Cvv^-1.
    x, y = gaussian_pairs()
    pairs = canonical_pairs(x, y, ridge=0)
    x_weight, y_weight = pairs.weights(4, np.sqrt(pairs.correlations))
    cov = np.cov(x.T, y.T, bias=True)
    expected = np.linalg.inv(cov[:6, :6]) @ cov[:6, 6:] @ np.linalg.inv(cov[6:, 6:])
    np.testing.assert_allclose(x_weight.T @ y_weight, expected, atol=1e-9)


def test_directions_beyond_the_smaller_modality_are_zero():
    x, y = gaussian_pairs()
    pairs = canonical_pairs(x, y, ridge=1e-3)
    x_weight, y_weight = unweighted(pairs, 7)
    assert x_weight.shape == (7, 6)
    assert len(pairs.correlations) == 4
    assert not x_weight[4:].any()
    assert not y_weight[4:].any()
    assert x_weight[:4].any(axis=1).all()


def test_the_share_that_is_closer_is_foscttm():
    x, y = gaussian_pairs(300)
    f, g = np.float32(x[:, :3]), np.float32(y[:, :3])
    # Ties, which count half, and more cells than are compared.
    f[10:20], g[10:20] = f[0], g[0]
    expected = np.mean([search(*pair, []).ranks.fraction_closer for pair in ((f, g), (g, f))])
    assert share_closer(f, g) == pytest.approx(expected, abs=1e-6)


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


def test_what_is_not_confirmed_on_cells_left_out_has_hardly_a_weight():
    x, y = gaussian_pairs(2000)
    start = confirmed_cca(x, y, 4)
    np.testing.assert_allclose(
        start.correlations[:2], canonical_pairs(x, y, 0).correlations[:2], atol=0.02
    )
    assert np.abs(start.correlations[2:]).max() < 0.06
    f = x @ start.x_weight.T + start.x_bias
    variances = f.var(axis=0)
    np.testing.assert_allclose(f.mean(axis=0), 0, atol=1e-9)
    assert variances[2:].max() < 0.1 * variances[1]
    assert variances[2:].min() > 0


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
