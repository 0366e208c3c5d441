"""The recipe for users and the null on simulated pairs: small versions of the tables in docs/."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from blocks import train_block

from sharedim.datasets.cite_seq import simulate_features
from sharedim.evaluation.recommendation import answer_of
from sharedim.evaluation.saturation import saturation_table
from sharedim.evaluation.scoring import score_block
from sharedim.training.loop import train_seeds
from sharedim.training.recipe_types import ContrastiveRecipe
from sharedim.training.recipes import CCA, PERMUTED, TUNED
from sharedim.training.splits import split_cells

SEEDS = [0, 1, 2]
MATCHING = "match_top0.5pct_rna_to_prot"
# Quick enough for a test: the recipe itself may take 4,000 steps.
SHORT = replace(TUNED, steps=240)
NULL = replace(PERMUTED, steps=80)


def scored(recipe, rna, prot, dims):
    """Return scores as the workflow collects them."""
    unlabelled = pd.DataFrame(index=range(len(rna)))
    blocks = [train_block(recipe, rna, prot, dim, SEEDS) for dim in dims]
    parts = [score_block(block, rna, prot, unlabelled).scores for block in blocks]
    return pd.concat(parts).assign(dataset="simulated")


def answered(scores, cells):
    test = len(split_cells(cells, 0).test)
    saturation = saturation_table(scores, {"train": cells - test, "test": test})
    return answer_of("simulated", scores, saturation, contrastive=["tuned"], directions=24)


@pytest.fixture(scope="module")
def curved():
    rna, prot = simulate_features(cells=2000, shared_dimensions=3, curved=True, seed=4)
    dims = (3, 6)
    return pd.concat([scored(recipe, rna, prot, dims) for recipe in (CCA, SHORT, NULL)])


def test_training_matches_more_than_the_strongest_cca(curved):
    held_out = curved.query("split == 'test' and metric == @MATCHING")
    means = held_out.pivot_table(index="dim", columns="recipe", values="value")
    assert means.loc[6, "tuned"] > 1.2 * means.loc[6, "cca"]
    assert means.loc[3, "tuned"] > 0.95 * means.loc[3, "cca"]


def test_training_gains_over_its_own_start():
    rna, prot = simulate_features(cells=2000, shared_dimensions=3, curved=True, seed=4)
    start = replace(SHORT, name="start", steps=1, learning_rate=1e-12, input_noise=False)
    held_out = pd.concat([scored(recipe, rna, prot, (6,)) for recipe in (SHORT, start)]).query(
        "split == 'test' and metric == @MATCHING"
    )
    means = held_out.groupby("recipe")["value"].mean()
    assert means["tuned"] > 1.2 * means["start"]


def test_the_answer_is_the_truth_and_the_null_finds_nothing(curved):
    found = answered(curved, 2000)
    assert found["recipe"] == "tuned"
    assert found["k_hat"]["value"] == pytest.approx(3, abs=0.4)
    assert found["recommended_d"]["value"] >= 4
    null = curved.query("recipe == 'permuted' and split == 'test' and metric == @MATCHING")
    assert null["value"].mean() == pytest.approx(null["chance"].mean(), abs=0.004)
    assert not any("null" in warning for warning in found["warnings"])


def test_nothing_is_found_where_nothing_is_shared():
    rna, prot = simulate_features(cells=1500, shared_dimensions=0, curved=False, seed=1)
    scores = pd.concat([scored(recipe, rna, prot, (2, 5)) for recipe in (CCA, SHORT)])
    found = answered(scores, 1500)
    assert found["sentence"].startswith("Nothing shared was found")
    assert found["k_hat"]["status"] == "nothing_shared"


def test_no_choice_of_the_recipe_sees_a_test_cell():
    rna, prot = simulate_features(cells=600, shared_dimensions=2, curved=False, seed=0)
    changed = rna.copy()
    changed[split_cells(600, 0).test] += 100
    quick = replace(TUNED, steps=6)
    (_, expected), (_, found) = (
        next(train_seeds(cells, prot, recipe=quick, dim=3, seeds=[0])) for cells in (rna, changed)
    )
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name])


def test_a_model_that_training_does_not_help_keeps_its_start():
    rna, prot = simulate_features(cells=600, shared_dimensions=2, curved=False, seed=0)
    harmful = replace(TUNED, learning_rate=5.0, warmup_steps=0, patience=3, steps=30)
    start = replace(TUNED, steps=1, learning_rate=1e-12)
    (_, kept), (_, begun) = (
        next(train_seeds(rna, prot, recipe=recipe, dim=3, seeds=[0])) for recipe in (harmful, start)
    )
    np.testing.assert_allclose(kept["rna.skip.weight"], begun["rna.skip.weight"], atol=1e-6)


def test_a_start_from_cca_needs_a_linear_part():
    with pytest.raises(ValueError, match="start='cca' needs a linear part"):
        ContrastiveRecipe(name="wrong", start="cca")


def test_dropout_is_a_share():
    with pytest.raises(ValueError, match="dropout=30"):
        ContrastiveRecipe(name="wrong", dropout=30)
