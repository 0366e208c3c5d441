from __future__ import annotations

import numpy as np
import pytest

from sharedim.simulate import simulate_cite_seq


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
