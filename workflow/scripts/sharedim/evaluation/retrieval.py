"""Matching and label transfer between two representations of the same cells.

Row i of one representation is the true match of row i of the other. Similarities are computed in tiles
of rows and never held together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from sharedim.evaluation.ranking import Comparison

TOP_SHARE = 0.005
UNKNOWN = -1


def top_size(k: float, n_cells: int) -> int:
    """Return how many candidates are the top: k of them, or the fraction k < 1 of the cells.

    A fraction is rounded down to whole cells, at least 1.
    """
    if k <= 0 or (k >= 1 and k != int(k)):
        raise ValueError(f"k={k}: expected a whole number of cells, or a fraction between 0 and 1")
    return int(k) if k >= 1 else max(1, int(k * n_cells))


@dataclass(frozen=True)
class Ranks:
    """Rank of the true match of each cell among all candidates.

    Attributes
    ----------
    better : ndarray of int64, shape (n,)
        Other cells that score higher than the true match.
    tied : ndarray of int64, shape (n,)
        Other cells that score the same.
    """

    better: NDArray[np.int64]
    tied: NDArray[np.int64]

    @property
    def rivals(self) -> NDArray[np.int64]:
        """Other cells that score at least as high: 0 for a true match that scores best alone."""
        return self.better + self.tied

    def share_within(self, k: float) -> float:
        """Return the fraction of cells whose true match is in the top; ties count against it.

        Parameters
        ----------
        k : int or float
            How many candidates are the top, or which fraction of them; see `top_size`.
        """
        return float(np.mean(self.rivals < top_size(k, len(self.better))))

    @property
    def median_rank(self) -> float:
        """Median rank of the true match, 1 for the best; behind all that tie with it."""
        return float(np.median(self.rivals)) + 1

    @property
    def fraction_closer(self) -> float:
        """Mean fraction of other cells that are closer than the true match; ties count half.

        FOSCTTM (Liu et al. 2019) is the mean of it over both directions; chance is 1/2.
        """
        others = max(1, len(self.better) - 1)
        return float(np.mean(self.better + self.tied / 2) / others)


class Search(NamedTuple):
    """Result of a search of the other modality for the true match of every cell.

    Attributes
    ----------
    ranks : Ranks
        Of the true matches.
    votes : list of ndarray, each of shape (known cells, types)
        For each level of labels, what the nearest cell of known type says of each cell of known
        type: 1 for its type, shared out where several tie for the nearest.
    match_score : float
        Mean probability given to the true match among all candidates, the softmax of similarities
        over temperature: the score of the NeurIPS 2021 competition (Lance et al. 2022). Chance is
        1 / n; nan where no temperature was given.
    """

    ranks: Ranks
    votes: list[NDArray[np.float64]]
    match_score: float


def search(
    queries: NDArray[np.floating],
    candidates: NDArray[np.floating],
    levels: list[NDArray[np.int64]] | None = None,
    device: torch.device | str = "cpu",
    temperature: float | None = None,
) -> Search:
    """Rank each query's true match among all candidates, and let the nearest vote on its type.

    Parameters
    ----------
    queries, candidates : ndarray, shape (n, d)
        Representations of the same cells in two modalities.
    levels : list of ndarray of int64, each of shape (n,)
        For each level of labels, the number of each cell's type; `UNKNOWN` where it is not known.
    device : torch.device or str
        Where similarities are computed; the result is the same.
    temperature : float, optional
        Divides the similarities in the probabilities of true matches.

    Returns
    -------
    Search
    """
    levels = levels or []
    known = [np.flatnonzero(codes != UNKNOWN) for codes in levels]
    # Levels with the same unknown cells have the same nearest cells.
    same = first_equal(known)
    votes = [
        Votes(codes[cells], int(codes.max(initial=UNKNOWN)) + 1)
        for codes, cells in zip(levels, known, strict=True)
    ]
    better, tied = (np.empty(len(queries), dtype=np.int64) for _ in range(2))
    comparison = Comparison(queries, candidates, device)
    match = (comparison.left * comparison.right).sum(dim=1)
    probability = math.nan if temperature is None else 0.0
    for rows, similarity in comparison.tiles():
        better[rows], tied[rows] = comparison.places(match, rows, similarity)
        if temperature is not None:
            probability += float(comparison.probabilities(rows, similarity, temperature).sum())
        nearest = {
            number: comparison.best(rows, similarity, known[number], known[number])
            for number in set(same)
        }
        for number, own in zip(same, votes, strict=True):
            own.add(*nearest[number])
    return Search(Ranks(better, tied), [own.table for own in votes], probability / len(queries))


def first_equal(arrays: Sequence[NDArray[np.int64]]) -> list[int]:
    """Return for each array the place of the first that equals it."""
    return [
        next(place for place, other in enumerate(arrays) if np.array_equal(other, own))
        for own in arrays
    ]


class Votes:
    """What the nearest cells say of the types of those who ask, gathered tile by tile.

    Parameters
    ----------
    types : ndarray of int64
        Of the cells that answer.
    n_types : int
        How many types there are.
    """

    def __init__(self, types: NDArray[np.int64], n_types: int) -> None:
        self.types, self.n_types = types, n_types
        self.tiles = [np.empty((0, n_types))]

    def add(self, best: NDArray[np.int64], tied: dict[int, NDArray[np.int64]]) -> None:
        """Take in a tile, as `sharedim.evaluation.ranking.Comparison.best` gives it."""
        votes = np.zeros((len(best), self.n_types))
        votes[np.arange(len(best)), self.types[best]] = 1
        for row, places in tied.items():
            votes[row] = np.bincount(self.types[places], minlength=self.n_types) / len(places)
        self.tiles.append(votes)

    @property
    def table(self) -> NDArray[np.float64]:
        """Votes, shape (cells that asked, n_types), as in `Search`."""
        return np.concatenate(self.tiles)


def confusion(votes: NDArray[np.floating], types: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return how many cells of each type (rows) were given each type (columns).

    Parameters
    ----------
    votes : ndarray, shape (n, types)
        As `Search.votes`.
    types : ndarray of int64, shape (n,)
        The true types of the same cells.
    """
    table = np.zeros((votes.shape[1], votes.shape[1]))
    np.add.at(table, types, votes)
    return table


def accuracy(table: NDArray[np.floating]) -> float:
    """Return the fraction of cells given their own type, from a confusion table."""
    return float(np.trace(table) / table.sum()) if table.sum() else math.nan


def macro_f1(table: NDArray[np.floating]) -> float:
    """Return the mean over types of the F1 score, from a confusion table.

    Types without a cell, and never given, are left out.
    """
    found, true, given = np.diag(table), table.sum(axis=1), table.sum(axis=0)
    there = true + given > 0
    if not there.any():
        return math.nan
    return float(np.mean(2 * found[there] / (true + given)[there]))


def label_chance(shares: NDArray[np.floating]) -> float:
    """Return the agreement of labels with those of cells drawn at random.

    Parameters
    ----------
    shares : ndarray, shape (types,)
        Share of the cells that is of each type.
    """
    return float(np.sum(shares**2))
