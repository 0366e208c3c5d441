from __future__ import annotations

import numpy as np
import pytest

from sharedim import retrieval
from sharedim.retrieval import (
    label_chance,
    label_transfer,
    rivals,
    top_share_matching,
    top_share_size,
    unit_length,
)


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
    monkeypatch.setattr(retrieval, "TILE", 7 * 300)
    assert rivals(f, g).tolist() == expected


def test_the_size_of_the_top_share():
    assert [top_share_size(n) for n in (1, 199, 200, 399, 400, 12_672)] == [1, 1, 1, 1, 2, 63]


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
    assert label_chance(labels) == pytest.approx(10 / 16)


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
