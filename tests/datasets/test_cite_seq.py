from __future__ import annotations

import numpy as np
import pytest

from sharedim.datasets.cite_seq import simulate_cite_seq, simulate_features
from sharedim.evaluation.shared_directions import shared_directions


def test_counts_of_the_default_look_like_cite_seq():
    data = simulate_cite_seq()
    rna, prot = data["rna"].X, data["prot"].X
    assert rna.shape == (3000, 1000)
    assert prot.shape == (3000, 25)
    for counts in (rna, prot):
        assert np.issubdtype(counts.dtype, np.integer)
        assert counts.min() >= 0
    depth = np.asarray(rna.sum(axis=1)).ravel()
    assert np.std(np.log(depth)) > 0.3
    assert rna.nnz / np.prod(rna.shape) < 0.6
    # Ambient background leaves hardly a protein without counts.
    assert prot.nnz / np.prod(prot.shape) > 0.95


def test_counts_are_overdispersed_within_a_type():
    data = simulate_cite_seq(shared_dimensions=0, private_dimensions_rna=1)
    gene = np.asarray(data["rna"].X.todense())
    mean, variance = gene.mean(axis=0), gene.var(axis=0)
    expressed = mean > 1
    assert np.median(variance[expressed] / mean[expressed]) > 1.3


def test_the_truth_is_kept():
    data = simulate_cite_seq(cells=700, shared_dimensions=4)
    assert data.uns["simulation"]["shared_dimensions"] == 4
    latents = data.obsm["shared_latents"]
    np.testing.assert_allclose(np.cov(latents.T, bias=True), np.eye(4), atol=1e-9)


def test_types_are_nested():
    obs = simulate_cite_seq(cells=700).obs
    assert obs["celltype.l1"].nunique() == 4
    assert obs["celltype.l2"].nunique() == 12
    assert (obs.groupby("celltype.l2", observed=True)["celltype.l1"].nunique() == 1).all()


def test_the_seed_decides():
    first, again, other = (simulate_cite_seq(cells=500, genes=50, seed=s) for s in (1, 1, 2))
    assert (first["rna"].X != again["rna"].X).nnz == 0
    assert (first["rna"].X != other["rna"].X).nnz > 0


@pytest.mark.parametrize("shared", [0, 1])
def test_few_shared_dimensions_are_possible(shared):
    data = simulate_cite_seq(cells=500, shared_dimensions=shared)
    assert data.obsm["shared_latents"].shape == (500, shared)


@pytest.mark.parametrize("curved", [False, True])
def test_features_share_as_many_directions_as_asked(curved):
    rna, prot = simulate_features(cells=3000, shared_dimensions=3, curved=curved, seed=0)
    assert rna.shape == (3000, 60)
    assert prot.shape == (3000, 24)
    assert shared_directions(rna[:, :20].astype(float), prot[:, :20].astype(float)).count == 3
    again, _ = simulate_features(cells=3000, shared_dimensions=3, curved=curved, seed=0)
    np.testing.assert_array_equal(rna, again)


def test_unrelated_features_share_nothing():
    rna, prot = simulate_features(cells=3000, shared_dimensions=0, curved=True, seed=0)
    assert shared_directions(rna[:, :20], prot[:, :20]).count == 0


def test_curved_features_bend_and_straight_ones_do_not():
    # Without noise, 8 latent coordinates explain straight features wholly and curved ones partly.
    for curved, lowest, highest in ((False, 0.999, 1.0), (True, 0.5, 0.97)):
        rna, _ = simulate_features(
            cells=2000, shared_dimensions=3, curved=curved, noise=0.0, seed=2
        )
        latents = np.random.default_rng(2).normal(size=(2000, 3))
        rest = np.random.default_rng(2)
        rest.normal(size=(2000, 3))
        latents = np.hstack([latents, rest.normal(size=(2000, 5)), np.ones((2000, 1))])
        fitted = latents @ np.linalg.lstsq(latents, rna, rcond=None)[0]
        explained = 1 - ((rna - fitted) ** 2).sum() / ((rna - rna.mean(0)) ** 2).sum()
        assert lowest <= explained <= highest
