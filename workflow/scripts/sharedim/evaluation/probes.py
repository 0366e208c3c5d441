"""Probes of one modality: classifiers of cell types, trained on its representation."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from sharedim.evaluation.ranking import Comparison
from sharedim.evaluation.retrieval import UNKNOWN, Votes, first_equal

# Cells that a probe learns from: what more of them add is small, and their cost is not.
LEARNT_CELLS = 5_000
# Largest gradient of the mean loss at which logistic regression is fitted well enough.
TOLERANCE = 1e-3


def probe(
    train: NDArray[np.floating],
    test: NDArray[np.floating],
    train_codes: dict[str, NDArray[np.int64]],
    test_codes: dict[str, NDArray[np.int64]],
    device: torch.device | str = "cpu",
) -> Iterator[tuple[str, str, str, float, float]]:
    """Score classifiers that learn cell types from the representation of training cells.

    ``nearest`` gives a cell the type of the nearest training cell of known type, by Euclidean
    distance, and a training cell that of the nearest other one; several that tie share the vote.
    ``logistic`` is multinomial logistic regression on standardised columns, with the penalty
    |weights|^2 / 2 beside the sum of the losses. Both learn from up to 5,000 cells.

    Parameters
    ----------
    train, test : ndarray, shape (cells, d)
        Representations of training and of held-out cells, as they are compared.
    train_codes, test_codes : dict of str to ndarray of int64, shape (cells,)
        Their types by label column, numbered alike; cells of `UNKNOWN` type take no part.
    device : torch.device or str
        Where distances are computed.

    Yields
    ------
    split : str
        ``"train"`` or ``"test"``: whose types were guessed.
    name : str
        ``"nearest"`` or ``"logistic"``.
    column : str
    accuracy : float
        Missing (nan) where fewer than two types are known among the cells to learn from, no cell's
        type among those asked, or a value is not finite.
    chance : float
        Accuracy of always guessing the type most common among the cells learnt from.
    """
    train = train[:LEARNT_CELLS]
    learnt = {column: codes[:LEARNT_CELLS] for column, codes in train_codes.items()}
    finite = bool(np.isfinite(train).all() and np.isfinite(test).all())
    scale = train.std(axis=0)
    scale[scale == 0] = 1
    models = {
        column: _logistic(train / scale, codes) if finite else None
        for column, codes in learnt.items()
    }
    for split, cells, asked in (("train", train, learnt), ("test", test, test_codes)):
        votes = _nearest_votes(cells, train, asked, learnt, device) if finite else {}
        for column, codes in asked.items():
            types, model = codes[codes != UNKNOWN], models[column]
            right = {"nearest": math.nan, "logistic": math.nan}
            chance = math.nan
            if model is not None and len(types):
                chance = float(np.mean(types == _most_common(learnt[column])))
                right["nearest"] = float(votes[column][np.arange(len(types)), types].mean())
                right["logistic"] = float(model.score(cells[codes != UNKNOWN] / scale, types))
            for name, accuracy in right.items():
                yield split, name, column, accuracy, chance


def _most_common(codes: NDArray[np.int64]) -> int:
    return int(np.bincount(codes[codes != UNKNOWN]).argmax())


def _logistic(cells: NDArray[np.floating], codes: NDArray[np.int64]) -> LogisticRegression | None:
    """Fit a logistic regression, unless fewer than two types are known."""
    known = codes != UNKNOWN
    if len(np.unique(codes[known])) < 2:
        return None
    with warnings.catch_warnings():
        # What is left to gain after a hundred steps changes hardly any guess.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(tol=TOLERANCE).fit(cells[known], codes[known])


def _nearest_votes(
    cells: NDArray[np.floating],
    train: NDArray[np.floating],
    asked: dict[str, NDArray[np.int64]],
    learnt: dict[str, NDArray[np.int64]],
    device: torch.device | str,
) -> dict[str, NDArray[np.floating]]:
    """Return what the nearest training cells say of the types of the cells whose type is known."""
    # <q, c> - |c|^2 / 2 is highest for the nearest c.
    queries = np.column_stack([cells, np.ones(len(cells))])
    candidates = np.column_stack([train, -0.5 * np.square(train, dtype=np.float64).sum(axis=1)])
    comparison = Comparison(queries, candidates, device)
    asking, answering = (
        [np.flatnonzero(codes != UNKNOWN) for codes in side.values()] for side in (asked, learnt)
    )
    votes = [
        Votes(own[cells], 1 + max(int(own.max(initial=UNKNOWN)), int(others.max(initial=UNKNOWN))))
        for own, others, cells in zip(learnt.values(), asked.values(), answering, strict=True)
    ]
    # Levels with the same unknown cells have the same nearest cells.
    same = first_equal([
        np.concatenate([of_cells, [UNKNOWN], of_train])
        for of_cells, of_train in zip(asking, answering, strict=True)
    ])  # fmt: skip
    for rows, similarity in comparison.tiles():
        if cells is train:
            similarity.diagonal(offset=rows.start).fill_(-math.inf)
        nearest = {
            number: comparison.best(rows, similarity, asking[number], answering[number])
            for number in set(same)
            if len(answering[number]) > 1
        }
        for number, own in zip(same, votes, strict=True):
            if number in nearest:
                own.add(*nearest[number])
    return {column: own.table for column, own in zip(asked, votes, strict=True)}
