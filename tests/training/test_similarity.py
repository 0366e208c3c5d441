"""What representations are compared by, against its definition."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from simulated_pairs import paired_features

from sharedim.evaluation.representations import encoded_pair, similarity_of
from sharedim.evaluation.scoring import score_block
from sharedim.jobs.checkpoints import ModelBlock
from sharedim.training.loop import train_seeds
from sharedim.training.recipe_types import as_record
from sharedim.training.recipes import PAPER
from sharedim.training.similarity import as_inner_products, at_length, comparable, unit_length
from sharedim.training.splits import split_cells

SIMILARITIES = ["inner_product", "cosine", "euclidean", "unnormalised", "unnormalised_euclidean"]


@pytest.fixture(scope="module")
def sides():
    rng = np.random.default_rng(0)
    return rng.normal(size=(20, 3)), rng.normal(size=(30, 3))


@pytest.mark.parametrize("similarity", ["euclidean", "unnormalised_euclidean"])
def test_a_euclidean_similarity_is_half_of_minus_the_squared_distance(sides, similarity):
    f, g = sides
    left, right = comparable(f, g, similarity)
    expected = -0.5 * ((f[:, None] - g[None]) ** 2).sum(axis=2)
    np.testing.assert_allclose(left @ right.T, expected, atol=1e-12)
    # On the unit sphere it is the inner product, less 1.
    f, g = unit_length(f), unit_length(g)
    left, right = comparable(f, g, similarity)
    np.testing.assert_allclose(left @ right.T, f @ g.T - 1, atol=1e-12)


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_what_is_at_its_length_needs_only_to_become_inner_products(sides, similarity):
    f, g = (at_length(side, similarity) for side in sides)
    for found, expected in zip(
        as_inner_products(f, g, similarity), comparable(*sides, similarity), strict=True
    ):
        np.testing.assert_allclose(found, expected)


def trained(similarity):
    rna, prot = paired_features()
    recipe = replace(PAPER, name="quick", similarity=similarity, hidden_layers=0, epochs=200)
    recipe = replace(recipe, learning_rate=1e-2)
    [(_, tensors)] = train_seeds(rna, prot, recipe=recipe, dim=3, seeds=[0])
    stacked = {name: tensor[None] for name, tensor in tensors.items()}
    header = {"recipe": as_record(recipe), "dim": 3, "seeds": [0]}
    return rna, prot, ModelBlock(stacked, header)


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_models_are_scored_by_their_own_similarity(similarity):
    rna, prot, block = trained(similarity)
    assert similarity_of(block, 0) == similarity
    f, g = encoded_pair(block, 0, rna, prot)
    plain = rna @ block.tensors["rna.0.weight"][0].T + block.tensors["rna.0.bias"][0]
    norm = block.tensors["mean_norm.rna"][0]
    np.testing.assert_allclose(f, plain / norm, rtol=1e-4, atol=1e-5)
    assert (norm == 1) == similarity.startswith("unnormalised")
    scores = score_block(block, rna, prot, pd.DataFrame(index=range(len(rna)))).scores
    found = scores.query("split == 'test' and metric == 'match_recall1_rna_to_prot'")["value"]
    test = split_cells(len(rna), 0).test
    f, g = torch.from_numpy(f[test]), torch.from_numpy(g[test])
    if similarity.endswith("euclidean"):
        nearest = torch.cdist(f, g).argmin(dim=1)
    else:
        g = torch.nn.functional.normalize(g, dim=1) if similarity == "cosine" else g
        nearest = (f @ g.T).argmax(dim=1)
    expected = (nearest == torch.arange(len(test))).double().mean().item()
    assert found.item() == pytest.approx(expected)
    assert expected > 10 / len(test)
