from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sharedim.evaluation.recommendation import MATCHING, answer_of, refined_dims
from sharedim.evaluation.saturation import saturation_table
from sharedim.vocabulary import FOR_CELLS, words_of

CELLS = {"train": 900, "test": 1000}
DIMS = [1, 2, 4, 8, 16]
NAMES = ["dataset", "recipe", "dim", "seed", "split", "metric", "value", "chance"]

RISING = [0.01, 0.2, 0.5, 0.499, 0.498]
LINEAR = [0.01, 0.1, 0.3, 0.25, 0.2]
CHANCE = [0.005] * 5


def table(recipe, in_sample, held_out, counts=(1, 2, 3, 3, 3), seeds=4):
    """Return scores of a recipe; the counts of shared directions vary by the seed if they are lists."""
    rng = np.random.default_rng(len(recipe))
    rows = []
    for seed in range(seeds):
        for column, dim in enumerate(DIMS):
            for split, means in (("train", in_sample), ("test", held_out)):
                value = means[column] + rng.normal(scale=1e-4)
                rows.append(("d", recipe, dim, seed, split, MATCHING, value, 0.005))
            count = counts[column]
            count = count[seed] if isinstance(count, list) else count
            rows.append(("d", recipe, dim, seed, "test", "shared_count", count, 0.0))
            effective = count - 0.1 if count < 8 else 0.7 * count
            rows.append(("d", recipe, dim, seed, "test", "shared_effective", effective, np.nan))
    return pd.DataFrame(rows, columns=NAMES)


def answer(*tables, contrastive=("tuned",), directions=24, words=FOR_CELLS):
    scores = pd.concat(tables, ignore_index=True)
    return answer_of(
        "d",
        scores,
        saturation_table(scores, CELLS),
        contrastive=list(contrastive),
        directions=directions,
        words=words,
    )


def test_the_best_recipe_gives_d_and_the_linear_one_k_hat():
    found = answer(table("tuned", RISING, RISING), table("cca", LINEAR, LINEAR))
    assert found["recipe"] == "tuned"
    assert found["recommended_d"] == {"value": 4, "low": 4, "high": 4, "status": "saturated"}
    assert found["k_hat"] == {
        "value": 3, "low": 3, "high": 3, "count": 3, "effective": 2.9, "recipe": "cca",
        "at_d": 16, "status": "estimated",
    }  # fmt: skip
    assert found["sentence"].startswith("Use d = 4 (90 % interval 4 to 4) for d")
    assert "The modalities share 3 (3 to 3) dimensions" in found["sentence"]
    assert found["warnings"] == []


def test_unit_length_needs_a_coordinate_more_than_is_shared():
    found = answer(
        table("tuned", RISING, RISING), table("cca", LINEAR, LINEAR, counts=(1, 2, 4, 7, 7))
    )
    assert found["recommended_d"]["value"] == 8
    assert found["recommended_d"]["low"] == found["recommended_d"]["high"] == 8
    found = answer(
        table("tuned", RISING, RISING), table("cca", LINEAR, LINEAR, counts=(1, 2, 4, 8, 12))
    )
    # The first d that was trained.
    assert found["recommended_d"]["value"] == 16


def test_the_interval_of_k_hat_reaches_from_weighted_to_plain_directions():
    found = answer(table("cca", LINEAR, LINEAR, counts=(1, 2, 4, 6, 8)), contrastive=())
    # 0.7 times the count of 8.
    assert found["k_hat"]["value"] == 6
    assert (found["k_hat"]["low"], found["k_hat"]["high"]) == (6, 8)
    assert (
        "share 6 (6 to 8) dimensions: 8 canonical directions are significant" in found["sentence"]
    )
    assert "5.6 with weak ones counted for less" in found["sentence"]
    counts = (1, 2, 3, 3, [3, 4, 3, 3])
    found = answer(table("cca", LINEAR, LINEAR, counts=counts), contrastive=())["k_hat"]
    assert (found["value"], found["low"], found["high"]) == (3, 3, 4)
    assert found["count"] == 3.25


def test_where_every_direction_is_shared_there_may_be_more():
    found = answer(table("cca", LINEAR, LINEAR, counts=(1, 2, 4, 8, 16)), contrastive=())
    assert found["k_hat"]["status"] == "not_saturated"
    assert "At least 11 (11 to 16) dimensions are shared" in found["sentence"]
    assert found["sentence"].endswith("all there are at d = 16.")
    assert found["recommended_d"]["value"] == 16


def test_no_more_can_be_shared_than_the_smaller_modality_has():
    counts = (1, 2, 4, 8, 8)
    found = answer(table("cca", LINEAR, LINEAR, counts=counts), contrastive=(), directions=8)
    assert found["k_hat"]["status"] == "all_directions"
    assert found["sentence"].endswith("all that the smaller modality has.")
    assert found["recommended_d"]["value"] == 8


def test_a_recipe_that_overfits_is_said():
    found = answer(
        table("tuned", RISING, [0.01, 0.02, 0.03, 0.03, 0.03]), table("cca", LINEAR, LINEAR)
    )
    assert found["recipe"] == "cca"
    assert found["recommended_d"]["value"] == 4
    assert any(
        w.startswith(
            "The recipe tuned overfits: from d = 4 on its matching is 0.499 in sample and 0.030"
        )
        for w in found["warnings"]
    )
    assert any("the recommendation rests on it" in w for w in found["warnings"])


def test_nothing_shared_is_said():
    found = answer(table("tuned", RISING, CHANCE), table("cca", RISING, CHANCE, counts=[0] * 5))
    nothing = {"value": None, "low": None, "high": None, "status": "nothing_shared"}
    assert found["recommended_d"] == nothing
    assert found["k_hat"]["status"] == "nothing_shared"
    assert found["k_hat"]["value"] is None
    assert found["recipe"] is None
    assert found["sentence"].startswith("Nothing shared was found in d")


def test_what_only_training_finds_has_a_d_and_no_k_hat():
    found = answer(table("tuned", RISING, RISING), table("cca", RISING, CHANCE, counts=[0] * 5))
    assert found["recommended_d"]["value"] == 4
    assert found["k_hat"]["status"] == "nothing_shared"
    assert "no direction of the linear baseline is significant" in found["sentence"]


def test_without_the_linear_recipe_k_hat_is_not_known():
    found = answer(table("tuned", RISING, RISING))
    assert found["k_hat"]["status"] == "not_run"
    assert "found by the recipe cca, which was not run" in found["sentence"]


def test_the_null_is_never_chosen_and_said_where_it_is_above_chance():
    found = answer(table("permuted", RISING, CHANCE), table("cca", LINEAR, LINEAR))
    assert found["recipe"] == "cca"
    assert not any("permuted" in warning for warning in found["warnings"])
    found = answer(table("permuted", RISING, RISING), table("cca", LINEAR, LINEAR))
    assert found["recipe"] == "cca"
    assert any(w.startswith("The null is above chance: permuted") for w in found["warnings"])
    found = answer(table("permuted", RISING, CHANCE), table("cca", RISING, CHANCE, counts=[0] * 5))
    assert found["sentence"].startswith("Nothing shared was found in d")


def test_a_grid_that_ends_too_early_is_said():
    found = answer(table("cca", RISING, [0.01, 0.1, 0.2, 0.3, 0.4]), contrastive=())
    assert found["recommended_d"]["status"] == "not_saturated"
    assert found["sentence"].startswith("Use at least d = 16")
    assert "Nothing saturates inside the grid: add larger dims." in found["warnings"]


def test_a_single_seed_has_no_interval():
    found = answer(table("tuned", RISING, RISING, seeds=1), table("cca", LINEAR, LINEAR, seeds=1))
    assert found["recommended_d"]["low"] is None
    assert found["k_hat"]["low"] is None
    assert found["k_hat"]["value"] == 3
    assert "1 seed cannot tell how sure this is: use at least 3." in found["warnings"]


def test_a_failed_recipe_is_said_and_the_other_is_used():
    broken = table("tuned", RISING, RISING)
    broken["value"] = np.nan
    found = answer(broken, table("cca", LINEAR, LINEAR))
    assert found["recipe"] == "cca"
    assert (
        "20 models of the recipe tuned failed, values not being finite; they have no scores "
        "(d = 1, seed 0; d = 1, seed 1; d = 1, seed 2; d = 1, seed 3; d = 2, seed 0 and 15 more)."
    ) in found["warnings"]
    broken["recipe"] = "cca"
    assert answer(table("tuned", RISING, RISING), broken)["k_hat"]["status"] == "failed"


def test_in_sample_gains_at_larger_d_do_not_make_a_recipe_overfit():
    in_sample = [0.01, 0.2, 0.5, 0.9, 0.99]
    found = answer(table("tuned", in_sample, RISING), table("cca", LINEAR, LINEAR))
    assert found["warnings"] == []


def test_models_that_failed_are_counted():
    scores = table("tuned", RISING, RISING)
    broken = (scores["seed"] == 1) & (scores["dim"] == 16)
    scores.loc[broken, "value"] = np.nan
    found = answer(scores)
    assert found["recommended_d"]["value"] == 4
    assert any(w.startswith("1 model of the recipe tuned failed") for w in found["warnings"])


def test_a_baseline_without_further_directions_is_said():
    cca = table("cca", RISING, [0.01, 0.1, 0.2, 0.3, 0.299])
    assert answer(cca, contrastive=(), directions=24)["warnings"] == []
    [warning] = answer(cca, contrastive=(), directions=8)["warnings"]
    assert "its curve cannot rise beyond d = 8" in warning


def test_a_recipe_at_chance_overfits_whichever_d_chance_favours():
    # Held out, the best d is the first, where nothing is learned in sample either.
    found = answer(table("tuned", RISING, [0.006, 0.005, 0.005, 0.005, 0.005]))
    assert any(w.startswith("The recipe tuned overfits: from d = 1 on") for w in found["warnings"])


def test_sentences_on_features_name_their_modalities():
    words = words_of("features", {"rna": "image", "prot": "text"})
    overfitted = table("tuned", RISING, [0.01, 0.02, 0.03, 0.03, 0.03])
    above_chance = table("permuted", RISING, RISING)
    found = answer(overfitted, above_chance, table("cca", LINEAR, LINEAR), words=words)
    assert "matching (image to text) falls short" in found["rule"]
    assert "are significant on held-out pairs" in found["sentence"]
    # The null is above chance, a recipe overfits, and the linear baseline is better.
    assert len(found["warnings"]) == 3
    said = " ".join([found["rule"], found["sentence"], *found["warnings"]])
    assert not any(word in said for word in ("RNA", "protein", "cell"))
    of_cells = answer(overfitted, above_chance, table("cca", LINEAR, LINEAR))
    assert "matching (RNA to protein) falls short" in of_cells["rule"]
    assert "are significant on held-out cells" in of_cells["sentence"]


def grid_answer(value, k_hat=None, status="saturated"):
    return {"recommended_d": {"value": value, "status": status}, "k_hat": {"value": k_hat}}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (grid_answer(4), [3, 5, 6, 7]),
        # The nearest to the elbow; k-hat + 1 before them.
        (grid_answer(8), [6, 7, 9, 10]),
        (grid_answer(8, k_hat=4), [5, 6, 7, 9]),
        (grid_answer(8, k_hat=11), [6, 7, 9, 12]),
        # What is in the grid already is not trained twice.
        (grid_answer(8, k_hat=7), [6, 7, 9, 10]),
        (grid_answer(1), []),
        (grid_answer(2), [3]),
        (grid_answer(16), [12, 13, 14, 15]),
        (grid_answer(16, status="not_saturated"), [20, 24, 28, 32]),
        (grid_answer(None, status="nothing_shared"), []),
    ],
)
def test_the_grid_is_refined_around_the_elbow(found, expected):
    assert refined_dims(found, DIMS) == expected


def test_refined_dimensions_stay_within_what_can_be_trained():
    assert refined_dims(grid_answer(50, status="not_saturated"), [10, 50]) == []
    assert refined_dims(grid_answer(48, status="not_saturated"), [10, 48]) == [49, 50]
    assert refined_dims(grid_answer(50, k_hat=50), [49, 50]) == []
