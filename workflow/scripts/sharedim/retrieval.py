"""Matching and label transfer between two representations of the same cells.

Row i of one representation is the partner of row i of the other. Similarities are computed in tiles
of rows and never held together.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

TOP_SHARE = 0.005
# Entries of the similarity matrix held at once: 32 MiB of double precision.
TILE = 2**22
# Scores closer than this share of the largest that two rows could have are ties: the last bits of a
# matrix product depend on where in the matrix a cell stands.
TIE = 1e-12
UNKNOWN = -1


def top_share_size(n_cells: int) -> int:
    """Return k of top-0.5 % matching: ``max(1, int(0.005 n))`` cells."""
    return max(1, int(TOP_SHARE * n_cells))


@dataclass(frozen=True)
class Ranks:
    """Where the true partner of each cell stands among all candidates.

    Attributes
    ----------
    better : ndarray of int64, shape (n,)
        Other cells that score higher than the partner.
    tied : ndarray of int64, shape (n,)
        Other cells that score the same.
    """

    better: np.ndarray
    tied: np.ndarray

    @property
    def rivals(self) -> np.ndarray:
        """Other cells that score at least as high: 0 for a partner that is the single best match."""
        return self.better + self.tied

    def share_within(self, k: int) -> float:
        """Return the share of cells whose partner is among the best k; ties count against it."""
        return float(np.mean(self.rivals < k))

    @property
    def median_rank(self) -> float:
        """Median place of the partner, 1 for the best; behind all that tie with it."""
        return float(np.median(self.rivals)) + 1

    @property
    def fraction_closer(self) -> float:
        """Mean fraction of other cells that are closer than the partner; ties count half.

        FOSCTTM (Liu et al. 2019) is the mean of it over both directions; chance is 1/2.
        """
        others = max(1, len(self.better) - 1)
        return float(np.mean(self.better + self.tied / 2) / others)


@dataclass(frozen=True)
class Search:
    """What searching every cell's partner in the other modality found.

    Attributes
    ----------
    ranks : Ranks
        Of the true partners.
    votes : list of ndarray, each of shape (known cells, types)
        For each level of labels, what the nearest cell of known type says of each cell of known
        type: 1 for its type, shared out where several tie for the nearest.
    """

    ranks: Ranks
    votes: list[np.ndarray]


def search(
    queries: np.ndarray, candidates: np.ndarray, levels: list[np.ndarray] | None = None
) -> Search:
    """Rank each query's partner among all candidates, and ask the nearest for their types.

    Parameters
    ----------
    queries, candidates : ndarray, shape (n, d)
        Representations of the same cells in two modalities.
    levels : list of ndarray of int64, each of shape (n,)
        For each level of labels, the number of each cell's type; `UNKNOWN` where it is not known.

    Returns
    -------
    Search
    """
    levels = levels or []
    known = [torch.as_tensor(np.flatnonzero(codes != UNKNOWN)) for codes in levels]
    types = [torch.as_tensor(codes[codes != UNKNOWN]) for codes in levels]
    votes = [np.zeros((len(own), int(own.max(initial=-1)) + 1)) for own in map(np.asarray, types)]
    better, tied = (np.empty(len(queries), dtype=np.int64) for _ in range(2))
    for rows, similarity, tie in _similarity_tiles(queries, candidates):
        partner = similarity.diagonal(offset=rows.start)[:, None]
        at_least = (similarity >= partner - tie).sum(dim=1)
        higher = (similarity > partner + tie).sum(dim=1)
        better[rows] = higher.numpy()
        tied[rows] = (at_least - higher - 1).numpy()
        for cells, own, level in zip(known, types, votes, strict=True):
            inside = (cells >= rows.start) & (cells < rows.stop)
            here = cells[inside] - rows.start
            scores = similarity
            if len(cells) < similarity.shape[1] or len(here) < len(similarity):
                scores = similarity[here][:, cells]
            level[inside.numpy()] = _votes(scores, tie[here], own, level.shape[1])
    return Search(Ranks(better, tied), votes)


def _similarity_tiles(
    queries: np.ndarray, candidates: np.ndarray
) -> Iterator[tuple[slice, torch.Tensor, torch.Tensor]]:
    """Yield rows, their inner products with every candidate, and the width of a tie in each row."""
    left = torch.as_tensor(queries, dtype=torch.float64)
    right = torch.as_tensor(candidates, dtype=torch.float64)
    # No inner product of a row is larger than this.
    magnitude = left.norm(dim=1, keepdim=True) * right.norm(dim=1).max()
    height = max(1, TILE // max(1, len(right)))
    for first in range(0, len(left), height):
        rows = slice(first, min(first + height, len(left)))
        yield rows, left[rows] @ right.T, TIE * magnitude[rows]


def _votes(
    scores: torch.Tensor, tie: torch.Tensor, types: torch.Tensor, n_types: int
) -> np.ndarray:
    """Return the type of each row's best candidate, shared out among those that tie."""
    votes = np.zeros((len(scores), n_types))
    if not len(scores):
        return votes
    best, nearest = scores.max(dim=1)
    several = (scores >= best[:, None] - tie).sum(dim=1) > 1
    votes[np.arange(len(votes)), types[nearest].numpy()] = 1
    for row in torch.nonzero(several).ravel().tolist():
        equals = types[scores[row] >= best[row] - tie[row]].numpy()
        votes[row] = np.bincount(equals, minlength=n_types) / len(equals)
    return votes


def confusion(votes: np.ndarray, types: np.ndarray) -> np.ndarray:
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


def accuracy(table: np.ndarray) -> float:
    """Return the share of cells given their own type, from a confusion table."""
    return float(np.trace(table) / table.sum()) if table.sum() else math.nan


def macro_f1(table: np.ndarray) -> float:
    """Return the mean over types of the F1 score, from a confusion table.

    Types without a cell, and never given, are left out.
    """
    found, true, given = np.diag(table), table.sum(axis=1), table.sum(axis=0)
    there = true + given > 0
    if not there.any():
        return math.nan
    return float(np.mean(2 * found[there] / (true + given)[there]))


def label_chance(shares: np.ndarray) -> float:
    """Return the agreement of labels with those of cells drawn at random.

    Parameters
    ----------
    shares : ndarray, shape (types,)
        Share of the cells that is of each type.
    """
    return float(np.sum(shares**2))
