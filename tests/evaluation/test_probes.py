"""The probes against scikit-learn's classifiers."""

import math

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from sharedim.evaluation import probes, ranking
from sharedim.evaluation.probes import probe
from sharedim.evaluation.retrieval import UNKNOWN


def cells(n, seed, types=4, dim=3):
    rng = np.random.default_rng(seed)
    codes = rng.integers(types, size=n)
    centres = np.random.default_rng(99).normal(size=(types, dim))
    return (centres[codes] + 0.8 * rng.normal(size=(n, dim))).astype(np.float32), codes


def found(train, test, train_codes, test_codes):
    rows = probe(train, test, {"type": train_codes}, {"type": test_codes})
    return {(split, name): (value, chance) for split, name, _, value, chance in rows}


def test_both_agree_with_scikit_learn(monkeypatch):
    monkeypatch.setattr(ranking, "TILE", 1)
    (train, own), (test, other) = cells(200, 1), cells(150, 2)
    scores = found(train, test, own, other)

    nearest = KNeighborsClassifier(n_neighbors=1).fit(train, own)
    assert scores["test", "nearest"][0] == pytest.approx(nearest.score(test, other))
    logistic = LogisticRegression().fit(train / train.std(axis=0), own)
    for split, sides, types in (("test", test, other), ("train", train, own)):
        expected = logistic.score(sides / train.std(axis=0), types)
        assert scores[split, "logistic"][0] == pytest.approx(expected, abs=0.01)
    # A training cell does not answer for itself.
    two = KNeighborsClassifier(n_neighbors=2).fit(train, own).kneighbors(train)[1]
    assert scores["train", "nearest"][0] == pytest.approx((own[two[:, 1]] == own).mean())
    assert scores["test", "nearest"][1] == np.mean(other == np.bincount(own).argmax())


def test_unknown_types_neither_ask_nor_answer():
    (train, own), (test, other) = cells(200, 1), cells(150, 2)
    own[::5], other[::7] = UNKNOWN, UNKNOWN
    whole = found(train, test, own, other)
    known, asked = own != UNKNOWN, other != UNKNOWN
    # Columns are standardised by all cells, which logistic regression hardly notices.
    alone = found(train[known], test[asked], own[known], other[asked])
    assert whole["test", "nearest"] == alone["test", "nearest"]
    assert whole["train", "nearest"] == alone["train", "nearest"]
    assert whole["test", "logistic"][0] == pytest.approx(alone["test", "logistic"][0], abs=0.02)


def test_levels_with_other_unknown_cells_are_kept_apart():
    (train, own), (test, other) = cells(200, 1), cells(150, 2)
    rng = np.random.default_rng(3)
    levels = {}
    for name, (learnt, asked) in {
        "a": (0.2, 0),
        "b": (0.2, 0.3),
        "c": (0, 0.3),
        "d": (0, 0),
    }.items():
        hidden = rng.random(len(own)) < learnt, rng.random(len(other)) < asked
        levels[name] = [
            np.where(hide, UNKNOWN, codes) for hide, codes in zip(hidden, (own, other), strict=True)
        ]
    levels["e"] = [codes.copy() for codes in levels["b"]]
    together = probe(train, test, *({n: pair[i] for n, pair in levels.items()} for i in (0, 1)))
    for split, name, column, value, chance in together:
        assert found(train, test, *levels[column])[split, name] == (value, chance)


def test_cells_that_tie_share_the_vote():
    train, test = np.ones((6, 2), np.float32), np.ones((3, 2), np.float32)
    scores = found(train, test, np.array([0, 0, 0, 0, 1, 1]), np.array([0, 1, 1]))
    assert scores["test", "nearest"][0] == pytest.approx((4 / 6 + 2 / 6 + 2 / 6) / 3)
    assert scores["train", "nearest"][0] == pytest.approx((4 * 3 / 5 + 2 * 1 / 5) / 6)


def test_a_type_that_was_not_learnt_is_never_guessed():
    (train, own), (test, other) = cells(200, 1), cells(150, 2)
    other[:] = 7
    scores = found(train, test, own, other)
    assert scores["test", "nearest"][0] == scores["test", "logistic"][0] == 0


@pytest.mark.parametrize("codes", [UNKNOWN, 0], ids=["none known", "one type"])
def test_without_two_types_there_is_nothing_to_learn(codes):
    (train, own), (test, other) = cells(60, 1), cells(50, 2)
    scores = found(train, test, np.full_like(own, codes), other)
    assert all(math.isnan(value) for value, _ in scores.values())


def test_values_that_are_not_finite_have_no_scores():
    (train, own), (test, other) = cells(60, 1), cells(50, 2)
    test[0, 0] = np.nan
    assert all(math.isnan(value) for value, _ in found(train, test, own, other).values())


def test_no_more_cells_are_learnt_than_said(monkeypatch):
    (train, own), (test, other) = cells(300, 1), cells(150, 2)
    monkeypatch.setattr(probes, "LEARNT_CELLS", 100)
    assert found(train, test, own, other) == found(train[:100], test, own[:100], other)
