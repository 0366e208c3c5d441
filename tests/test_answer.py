from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sharedim.answer import MATCHING, answer_of
from sharedim.saturation import saturation_table

CELLS = {"train": 900, "test": 1000}
DIMS = [1, 2, 4, 8, 16]
NAMES = ["dataset", "recipe", "dim", "seed", "split", "metric", "value", "chance"]


def table(recipe, in_sample, held_out, dimension, seeds=4):
    rng = np.random.default_rng(len(recipe))
    rows = []
    for seed in range(seeds):
        for column, dim in enumerate(DIMS):
            for split, means in (("train", in_sample), ("test", held_out)):
                value = means[column] + rng.normal(scale=1e-4)
                rows.append(("d", recipe, dim, seed, split, MATCHING, value, 0.005))
            for metric in ("id_mle_rna", "id_mle_prot"):
                value = dimension[column] + rng.normal(scale=0.05)
                rows.append(("d", recipe, dim, seed, "test", metric, value, np.nan))
    return pd.DataFrame(rows, columns=NAMES)


def answer(*tables, contrastive=("paper",), directions=24):
    scores = pd.concat(tables, ignore_index=True)
    return answer_of(
        "d",
        scores,
        saturation_table(scores, CELLS),
        contrastive=list(contrastive),
        directions=directions,
    )


RISING = [0.01, 0.2, 0.5, 0.499, 0.498]
CHANCE = [0.005] * 5
DIMENSION = [1, 2, 3.1, 3.0, 3.2]
LINEAR = [1, 2, 4, 8, 16]


def test_a_contrastive_recipe_that_holds_up_gives_d_and_k_hat():
    found = answer(
        table("paper", RISING, RISING, DIMENSION),
        table("cca", [0.01, 0.1, 0.3, 0.3, 0.3], [0.01, 0.1, 0.2, 0.2, 0.1], LINEAR),
    )
    assert found["recipe"] == "paper"
    assert found["recommended_d"]["value"] == 4
    assert found["k_hat"]["status"] == "estimated"
    assert found["k_hat"]["value"] == pytest.approx(3.1, abs=0.15)
    assert found["k_hat"]["low"] <= found["k_hat"]["value"] <= found["k_hat"]["high"]
    assert found["sentence"].startswith("Use d = 4 (90 % interval 4 to 4) for d")
    assert str(found["k_hat"]["value"]) in found["sentence"]
    assert found["warnings"] == []


def test_a_recipe_that_overfits_does_not_vote_on_k_hat():
    found = answer(
        table("paper", RISING, [0.01, 0.02, 0.03, 0.03, 0.03], DIMENSION),
        table("cca", RISING, [0.01, 0.1, 0.3, 0.25, 0.2], LINEAR),
    )
    assert found["recipe"] == "cca"
    assert found["recommended_d"]["value"] == 4
    assert found["k_hat"]["status"] == "overfitted"
    assert found["k_hat"]["value"] is None
    assert "the contrastive recipe overfits" in found["sentence"]
    assert any(
        w.startswith(
            "The recipe paper overfits: from d = 4 on its matching is 0.499 in sample and 0.030"
        )
        for w in found["warnings"]
    )
    assert any("the recommendation rests on it" in w for w in found["warnings"])


def test_nothing_shared_is_said():
    found = answer(table("paper", RISING, CHANCE, DIMENSION), table("cca", RISING, CHANCE, LINEAR))
    assert found["recommended_d"] == {
        "value": None,
        "low": None,
        "high": None,
        "status": "nothing_shared",
    }
    assert found["k_hat"]["status"] == "nothing_shared"
    assert found["recipe"] is None
    assert found["sentence"].startswith("Nothing shared was found in d")


def test_a_grid_that_ends_too_early_is_said():
    found = answer(table("cca", RISING, [0.01, 0.1, 0.2, 0.3, 0.4], LINEAR), contrastive=())
    assert found["recommended_d"]["status"] == "not_saturated"
    assert found["sentence"].startswith("Use at least d = 16")
    assert "no contrastive recipe was trained" in found["sentence"]
    assert "Nothing saturates inside the grid: add larger dims." in found["warnings"]


def test_a_single_seed_has_no_interval():
    found = answer(table("paper", RISING, RISING, DIMENSION, seeds=1))
    assert found["recommended_d"]["low"] is None
    assert found["k_hat"]["low"] is None
    assert "1 seed cannot tell how sure this is: use at least 3." in found["warnings"]


def test_a_failed_recipe_is_said_and_the_other_is_used():
    broken = table("paper", RISING, RISING, DIMENSION)
    broken["value"] = np.nan
    found = answer(broken, table("cca", RISING, [0.01, 0.1, 0.3, 0.25, 0.2], LINEAR))
    assert found["recipe"] == "cca"
    assert found["k_hat"]["status"] == "failed"
    assert (
        "20 models of the recipe paper failed, values not being finite; they have no scores "
        "(d = 1, seed 0; d = 1, seed 1; d = 1, seed 2; d = 1, seed 3; d = 2, seed 0 and 15 more)."
    ) in found["warnings"]


def test_in_sample_gains_at_larger_d_do_not_make_a_recipe_overfit():
    in_sample = [0.01, 0.2, 0.5, 0.9, 0.99]
    found = answer(table("paper", in_sample, RISING, DIMENSION))
    assert found["k_hat"]["status"] == "estimated"
    assert found["k_hat"]["from_d"] == 4


def test_a_contrastive_recipe_that_still_rises_has_no_k_hat():
    rising = [0.01, 0.1, 0.2, 0.3, 0.4]
    found = answer(table("paper", rising, rising, DIMENSION))
    assert found["k_hat"]["status"] == "not_saturated"
    assert "the grid ends before the contrastive recipe saturates" in found["sentence"]


def test_models_that_failed_are_counted():
    scores = table("paper", RISING, RISING, DIMENSION)
    broken = (scores["seed"] == 1) & (scores["dim"] == 16)
    scores.loc[broken, "value"] = np.nan
    found = answer(scores)
    assert found["recommended_d"]["value"] == 4
    assert any(w.startswith("1 model of the recipe paper failed") for w in found["warnings"])


def test_a_baseline_without_further_directions_is_said():
    cca = table("cca", RISING, [0.01, 0.1, 0.2, 0.3, 0.299], LINEAR)
    assert answer(cca, contrastive=(), directions=24)["warnings"] == []
    [warning] = answer(cca, contrastive=(), directions=8)["warnings"]
    assert "its curve cannot rise beyond d = 8" in warning


def test_a_recipe_at_chance_on_held_out_cells_overfits_whichever_d_chance_favours():
    # Held out, the best d is the first, where nothing is learned in sample either.
    found = answer(table("paper", RISING, [0.0053, 0.005, 0.005, 0.005, 0.005], DIMENSION))
    assert any(w.startswith("The recipe paper overfits: from d = 1 on") for w in found["warnings"])
    found = answer(table("paper", RISING, [0.02, 0.018, 0.018, 0.018, 0.018], DIMENSION))
    assert found["k_hat"]["status"] == "overfitted"
