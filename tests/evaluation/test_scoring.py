from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from mle import mle_dimension

from sharedim.evaluation.intrinsic_dimension import DEFAULT, names_of
from sharedim.evaluation.representations import representations
from sharedim.evaluation.scoring import score_block, score_pair, search_both_ways
from sharedim.jobs.checkpoints import ModelBlock
from sharedim.jobs.tables import SCORE_COLUMNS, TYPE_DIMENSION_COLUMNS
from sharedim.training.baselines import fit_linear_seeds
from sharedim.training.recipe_types import as_record
from sharedim.training.recipes import CCA, PAPER
from sharedim.training.similarity import unit_length
from sharedim.training.splits import split_cells


@pytest.fixture(scope="module")
def scored():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(900, 3))
    rna = (z @ rng.normal(size=(3, 8)) + 0.3 * rng.normal(size=(900, 8))).astype(np.float32)
    prot = (z @ rng.normal(size=(3, 5)) + 0.3 * rng.normal(size=(900, 5))).astype(np.float32)
    labels = pd.DataFrame({"type": np.where(z[:, 0] > 0, "up", "down").astype(object)})
    labels.loc[:99, "type"] = None
    models = [
        tensors for _, tensors in fit_linear_seeds(rna, prot, recipe=CCA, dim=3, seeds=[4, 5])
    ]
    stacked = {name: np.stack([model[name] for model in models]) for name in models[0]}
    block = ModelBlock(stacked, {"recipe": as_record(CCA), "dim": 3, "seeds": [4, 5]})
    return rna, prot, labels, block, score_block(block, rna, prot, labels).scores


def value(scores, **where):
    chosen = scores
    for column, wanted in where.items():
        chosen = chosen[chosen[column] == wanted]
    assert len(chosen) == 1
    return chosen["value"].item(), chosen["chance"].item()


def test_the_table_is_long_and_complete(scored):
    *_, scores = scored
    assert list(scores) == SCORE_COLUMNS
    both_ways = [
        "match_top0.5pct", "match_recall1", "match_recall5", "match_recall10", "match_median_rank",
        "match_score", "label_type", "labelf1_type",
    ]  # fmt: skip
    of_each = [
        "uniformity",
        "norm_mean",
        "norm_spread",
        "probe_nearest_type",
        "probe_logistic_type",
    ]
    of_each += [f"{kind}_{name}" for kind in ("id", "error") for name in names_of(DEFAULT)]
    expected = {f"{metric}_{way}" for metric in both_ways for way in ("rna_to_prot", "prot_to_rna")}
    expected |= {f"{metric}_{modality}" for metric in of_each for modality in ("rna", "prot")}
    expected |= {"foscttm", "infonce_nats", "alignment", "shared_count", "shared_effective"}
    assert set(scores["metric"]) == expected
    # In sample and held out, for two seeds.
    assert len(scores) == len(expected) * 2 * 2
    assert scores["value"].notna().all()


@pytest.mark.parametrize("split", ["train", "test"])
def test_scores_are_those_of_the_seeds_own_cells(scored, split):
    rna, prot, labels, block, scores = scored
    cells = getattr(split_cells(900, 5, None, CCA.validation_share), split)
    f = rna[cells] @ block.tensors["rna.0.weight"][1].T + block.tensors["rna.0.bias"][1]
    g = prot[cells] @ block.tensors["prot.0.weight"][1].T + block.tensors["prot.0.bias"][1]
    where = {"seed": 5, "split": split}
    found, chance = value(scores, metric="match_top0.5pct_rna_to_prot", **where)
    similarity = unit_length(f) @ unit_length(g).T
    places = (similarity > np.diag(similarity)[:, None]).sum(axis=1)
    assert found == pytest.approx(np.mean(places < max(1, int(0.005 * len(cells)))))
    assert chance == pytest.approx(max(1, int(0.005 * len(cells))) / len(cells))
    known = labels["type"].to_numpy()[cells] != None  # noqa: E711 (elementwise)
    types = labels["type"].to_numpy()[cells][known]
    found, chance = value(scores, metric="label_type_prot_to_rna", **where)
    nearest = types[similarity[known][:, known].argmax(axis=0)]
    assert found == pytest.approx(np.mean(nearest == types))
    nearest = similarity.argmax(axis=1)
    found, chance_of_one = value(scores, metric="match_recall1_rna_to_prot", **where)
    assert found == pytest.approx(np.mean(nearest == np.arange(len(cells))))
    assert chance_of_one == 1 / len(cells)
    shares = pd.Series(types).value_counts(normalize=True)
    assert chance == pytest.approx((shares**2).sum())
    found, chance = value(scores, metric="id_mle_rna", **where)
    assert found == pytest.approx(mle_dimension(f).mean, rel=1e-3)
    assert np.isnan(chance)


def test_representations_are_divided_by_the_mean_norm(scored):
    rna, _, _, block, _ = scored
    cells = split_cells(900, 4, None, CCA.validation_share).normaliser
    norm = np.linalg.norm(representations(block, 0, "rna", rna[cells]), axis=1)
    assert norm.mean() == pytest.approx(1, rel=1e-5)


def test_without_labels_there_is_no_label_transfer(scored):
    rna, prot, labels, block, _ = scored
    scores, confusions, by_type = score_block(block, rna, prot, labels[[]])
    assert confusions.empty
    assert by_type.empty
    assert not scores["metric"].str.startswith("label").any()
    assert scores["metric"].str.startswith("match").any()


def test_a_model_that_is_not_finite_has_no_scores(caplog):
    broken = np.full((300, 4), np.nan, dtype=np.float32)
    codes = {"type": np.tile([0, 1], 150)}
    found = search_both_ways(broken, broken, codes, 1.0)
    scores = list(
        score_pair(broken, broken, found, codes, similarity="inner_product", temperature=1.0)
    )
    assert len(scores) == 47
    assert all(np.isnan(score) for _, score, _ in scores)
    assert "not finite" in caplog.text


def test_the_temperature_is_a_score_of_training(scored):
    rna, prot, labels, block, _ = scored
    tensors = {**block.tensors, "temperature": np.array([0.25, 0.5], dtype=np.float32)}
    trained = ModelBlock(tensors, {**block.header, "recipe": as_record(PAPER)})
    scores = score_block(trained, rna, prot, labels[[]]).scores
    assert value(scores, metric="temperature", seed=5)[0] == 0.5
    assert set(scores["recipe"]) == {"paper"}


def test_confusions_are_of_the_test_cells_of_all_seeds(scored):
    rna, prot, labels, block, scores = scored
    confusions = score_block(block, rna, prot, labels).confusions
    assert set(confusions["type"]) == {"up", "down"}
    for direction in ("rna_to_prot", "prot_to_rna"):
        own = confusions[confusions["direction"] == direction]
        tests = [labels["type"].iloc[split_cells(900, seed).test] for seed in (4, 5)]
        for name in ("up", "down"):
            cells = sum((test == name).sum() for test in tests)
            assert own.loc[own["type"] == name, "cells"].sum() == cells
        right = own.loc[own["type"] == own["given"], "cells"].sum() / own["cells"].sum()
        accuracies = [
            value(scores, metric=f"label_type_{direction}", seed=s, split="test")[0] for s in (4, 5)
        ]
        weights = [test.notna().sum() for test in tests]
        assert right == pytest.approx(np.average(accuracies, weights=weights))


def test_each_type_has_its_dimensions(scored):
    rna, prot, labels, block, _ = scored
    own = score_block(block, rna, prot, labels).type_dimensions
    assert list(own) == TYPE_DIMENSION_COLUMNS
    assert len(own) == 2 * 2 * 2 * len(names_of(DEFAULT))
    test = split_cells(900, 4).test
    cells = test[(labels["type"].iloc[test] == "up").to_numpy()]
    expected = mle_dimension(representations(block, 0, "rna", rna[cells])).mean
    row = own.query("seed == 4 and type == 'up' and modality == 'rna' and estimator == 'mle'")
    assert row["value"].item() == pytest.approx(expected)
    assert row["cells"].item() == len(cells)
    assert row["status"].item() == "ok"
