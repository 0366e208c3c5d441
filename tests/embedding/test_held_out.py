"""The chosen models on held-out cells: true against false pairs, and what is predicted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sharedim.datasets.cite_seq import simulate_features
from sharedim.embedding.held_out import PREDICTION_COLUMNS, SIMILARITY_COLUMNS, examine
from sharedim.jobs.checkpoints import ModelBlock
from sharedim.training.baselines import fit_linear_seeds
from sharedim.training.recipe_types import as_record
from sharedim.training.recipes import CCA


@pytest.fixture(scope="module")
def features():
    return simulate_features(cells=900, shared_dimensions=3, curved=False, seed=2)


@pytest.fixture(scope="module")
def block(features):
    models = [
        tensors for _, tensors in fit_linear_seeds(*features, recipe=CCA, dim=3, seeds=[0, 1])
    ]
    stacked = {name: np.stack([model[name] for model in models]) for name in models[0]}
    return ModelBlock(stacked, {"recipe": as_record(CCA), "dim": 3, "seeds": [0, 1]})


@pytest.fixture(scope="module")
def found(block, features):
    return examine([block], *features, features[1][:, :4], list("abcd"))


def test_true_pairs_are_more_similar_than_false_ones(found):
    table = found.similarities
    assert list(table) == SIMILARITY_COLUMNS
    sums = table.groupby("pair")["share"].sum()
    np.testing.assert_allclose(sums, 1)
    middle = (table["low"] + table["high"]) / 2 * table["share"]
    means = middle.groupby(table["pair"]).sum()
    assert means["true"] > means["false"] + 0.5
    # False pairs of centred representations point anywhere.
    assert abs(means["false"]) < 0.1


def test_every_protein_is_predicted_by_every_method_of_every_seed(found):
    table = found.predictions
    assert list(table) == PREDICTION_COLUMNS
    assert len(table) == 4 * 3 * 2
    best = table.groupby("method")["correlation"].mean()
    # Linear pairs: ridge is the best there is, and the shared space is not far from it.
    assert best["ridge"] > best["sharedim"] > best["ridge"] - 0.15
    assert table.loc[table["method"] == "sharedim", "coverage"].between(0.8, 1).all()
    assert table.loc[table["method"] != "sharedim", "coverage"].isna().all()


def test_nothing_chosen_gives_empty_tables(features):
    nothing = examine([], *features, features[1], [])
    assert len(nothing.similarities) == len(nothing.predictions) == 0


def test_a_failed_model_has_no_part(block, features, found):
    tensors = {name: tensor.copy() for name, tensor in block.tensors.items()}
    tensors["rna.0.weight"][1] = np.nan
    left = examine([replace(block, tensors=tensors)], *features, features[1][:, :4], list("abcd"))
    assert set(left.predictions["seed"]) == {0}
    first = found.predictions[found.predictions["seed"] == 0].reset_index(drop=True)
    assert left.predictions.equals(first)
