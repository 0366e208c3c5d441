from __future__ import annotations

import numpy as np
import pytest
import torch

from sharedim.evaluation import ranking
from sharedim.evaluation.retrieval import (
    TOP_SHARE,
    UNKNOWN,
    accuracy,
    confusion,
    label_chance,
    macro_f1,
    search,
    top_size,
)
from sharedim.training.similarity import unit_length


@pytest.fixture(autouse=True, params=["as on a processor", "as on a GPU"])
def way(request, monkeypatch):
    """Do everything in both ways that similarities are compared."""
    monkeypatch.setattr(ranking, "_on_processor", lambda _: request.param == "as on a processor")


def rivals(f, g):
    return search(f, g).ranks.rivals


def top_share_matching(f, g):
    return search(f, g).ranks.share_within(TOP_SHARE)


def label_transfer(f, g, labels):
    _, codes = np.unique(np.asarray(labels, dtype=str), return_inverse=True)
    [votes] = search(f, g, [codes]).votes
    return accuracy(confusion(votes, codes))


def representations(cells=300, dim=4, noise=0.5):
    rng = np.random.default_rng(0)
    f = rng.normal(size=(cells, dim))
    return f, f + noise * rng.normal(size=(cells, dim))


def naive_rivals(f, g):
    counts = []
    for i in range(len(f)):
        scores = [float(np.dot(f[i], g[j])) for j in range(len(g))]
        counts.append(sum(scores[j] >= scores[i] for j in range(len(g)) if j != i))
    return counts


def test_rivals_are_counted_as_by_a_loop(monkeypatch):
    f, g = representations()
    expected = naive_rivals(f, g)
    assert rivals(f, g).tolist() == expected
    monkeypatch.setattr(ranking, "TILE", 7 * 300)
    monkeypatch.setattr(ranking, "LEAST_ROWS", 1)
    assert rivals(f, g).tolist() == expected


def test_the_size_of_the_top_share():
    sizes = [top_size(TOP_SHARE, n) for n in (1, 199, 200, 399, 400, 12_672)]
    assert sizes == [1, 1, 1, 1, 2, 63]
    assert [top_size(k, 1000) for k in (1, 5, 0.1, 0.0001)] == [1, 5, 100, 1]
    for wrong in (0, -1, 2.5):
        with pytest.raises(ValueError, match="expected a whole number of cells, or a fraction"):
            top_size(wrong, 1000)


def test_perfect_and_reversed_matches():
    f = unit_length(np.random.default_rng(0).normal(size=(500, 5)))
    assert top_share_matching(f, f) == 1
    assert top_share_matching(f, -f) == 0


def test_ties_are_never_hits():
    constant = np.ones((400, 3), dtype=np.float32)
    assert top_share_matching(constant, constant) == 0
    # One dimension under cosine: every score is +1 or -1, and a useless map must score nothing.
    rng = np.random.default_rng(0)
    signs = unit_length(rng.normal(size=(1000, 1)))
    assert top_share_matching(signs, signs) == 0


def test_scores_equal_but_for_rounding_are_ties():
    rng = np.random.default_rng(0)
    direction = rng.normal(size=7)
    same = np.tile(direction / 3, (513, 1)).astype(np.float32)
    assert rivals(same, same).tolist() == [512] * 513


def naive_label_transfer(f, g, labels):
    total = 0.0
    for i in range(len(f)):
        scores = np.array([float(np.dot(f[i], g[j])) for j in range(len(g))])
        best = np.flatnonzero(scores == scores.max())
        total += np.mean([labels[j] == labels[i] for j in best])
    return total / len(f)


def test_labels_are_transferred_as_by_a_loop():
    f, g = representations()
    labels = np.random.default_rng(1).choice(["a", "b", "c"], size=len(f))
    assert label_transfer(f, g, labels) == pytest.approx(naive_label_transfer(f, g, labels))


def test_tied_labels_count_in_proportion():
    labels = np.array(["a"] * 3 + ["b"])
    constant = np.ones((4, 2))
    assert label_transfer(constant, constant, labels) == pytest.approx(
        3 / 4 * 3 / 4 + 1 / 4 * 1 / 4
    )
    assert label_chance(np.array([3, 1]) / 4) == pytest.approx(10 / 16)


def test_scores_of_the_reference_run(trajectory):
    f, g = trajectory["test_x"], trajectory["test_y"]
    labels = trajectory["labels"][-len(f) :]
    assert top_share_matching(f, g) == pytest.approx(
        trajectory["metric_top_half_percent"], abs=1e-12
    )
    assert label_transfer(f, g, labels) == pytest.approx(
        trajectory["metric_label_x_to_y"], abs=1e-12
    )
    assert label_transfer(g, f, labels) == pytest.approx(
        trajectory["metric_label_y_to_x"], abs=1e-12
    )


def test_ranks_are_those_of_a_full_sort(monkeypatch):
    f, g = representations(noise=2.0)
    scores = f @ g.T
    places = np.array([np.sum(row > row[i]) for i, row in enumerate(scores)])
    monkeypatch.setattr(ranking, "TILE", 7 * 300)
    monkeypatch.setattr(ranking, "LEAST_ROWS", 1)
    ranks = search(f, g).ranks
    assert ranks.better.tolist() == places.tolist()
    assert ranks.tied.sum() == 0
    assert ranks.median_rank == np.median(places + 1)
    assert ranks.share_within(5) == np.mean(places < 5)
    # FOSCTTM by its definition: the mean fraction of the others that are closer.
    closer = [np.mean(np.delete(row, i) > row[i]) for i, row in enumerate(scores)]
    assert ranks.fraction_closer == pytest.approx(np.mean(closer))


def test_a_constant_representation_is_at_chance_in_foscttm_and_matches_nothing():
    constant = np.ones((300, 3))
    ranks = search(constant, constant).ranks
    assert ranks.fraction_closer == pytest.approx(0.5)
    assert ranks.share_within(10) == 0
    assert ranks.median_rank == 300


def test_cells_of_unknown_type_take_no_part():
    f, g = representations()
    rng = np.random.default_rng(1)
    codes = rng.integers(3, size=len(f))
    known = rng.random(len(f)) < 0.7
    some = np.where(known, codes, UNKNOWN)
    [votes, all_votes] = search(f, g, [some, codes]).votes
    [alone] = search(f[known], g[known], [codes[known]]).votes
    np.testing.assert_array_equal(votes, alone)
    assert len(all_votes) == len(f)


def test_a_level_without_a_known_type():
    f, g = representations()
    [votes] = search(f, g, [np.full(len(f), UNKNOWN)]).votes
    assert votes.shape == (0, 0)
    empty = confusion(votes, np.empty(0, dtype=int))
    assert np.isnan(accuracy(empty))
    assert np.isnan(macro_f1(empty))


def test_confusion_accuracy_and_f1_agree_with_scikit_learn():
    from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

    rng = np.random.default_rng(2)
    true, given = rng.integers(4, size=200), rng.integers(4, size=200)
    # A type that no cell is given, and one that hardly any cell is of.
    given[given == 3] = 2
    true[true == 1] = 0
    true[0] = 1
    table = confusion(np.eye(4)[given], true)
    np.testing.assert_array_equal(table, confusion_matrix(true, given))
    assert accuracy(table) == pytest.approx(accuracy_score(true, given))
    assert macro_f1(table) == pytest.approx(f1_score(true, given, average="macro"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_finds_the_same(monkeypatch):
    monkeypatch.undo()
    f, g = representations(cells=2000)
    codes = np.random.default_rng(1).integers(3, size=len(f))
    here, there = (search(f, g, [codes], device) for device in ("cpu", "cuda"))
    np.testing.assert_array_equal(there.ranks.better, here.ranks.better)
    np.testing.assert_array_equal(there.votes[0], here.votes[0])


@pytest.mark.parametrize("temperature", [0.4, 0.01])
@pytest.mark.parametrize("tile", [2**20, 7 * 300])
def test_the_match_score_is_the_mean_probability_of_partners(monkeypatch, temperature, tile):
    monkeypatch.setattr(ranking, "TILE", tile)
    monkeypatch.setattr(ranking, "LEAST_ROWS", 7)
    f, g = representations(cells=300)
    logits = f.astype(float) @ g.astype(float).T / temperature
    odds = np.exp(logits - np.diag(logits)[:, None])
    expected = np.mean(1 / odds.sum(axis=1))
    assert search(f, g, temperature=temperature).match_score == pytest.approx(expected, rel=1e-4)


def test_the_match_score_of_equal_cells_is_chance():
    constant = np.ones((50, 2))
    assert search(constant, constant, temperature=1.0).match_score == pytest.approx(1 / 50)
    assert np.isnan(search(constant, constant).match_score)
