"""Matching and label transfer between two representations of the same cells.

Row i of one representation is the partner of row i of the other. Similarities are computed in tiles
of rows and never held together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

TOP_SHARE = 0.005
# Entries of the similarity matrix held at once: 16 MiB of single precision.
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
    compared = _Compared(queries, candidates)
    known = [torch.as_tensor(np.flatnonzero(codes != UNKNOWN)) for codes in levels]
    types = [codes[codes != UNKNOWN] for codes in levels]
    votes = [np.zeros((len(own), int(own.max(initial=-1)) + 1)) for own in types]
    better, tied = (np.empty(len(queries), dtype=np.int64) for _ in range(2))
    height = max(1, TILE // max(1, len(candidates)))
    for first in range(0, len(queries), height):
        rows = torch.arange(first, min(first + height, len(queries)))
        similarity = compared.in_single(rows)
        part = slice(first, first + len(rows))
        better[part], tied[part] = _places(compared, rows, similarity)
        nearest: dict[int, list[np.ndarray]] = {}
        for number, (cells, own, level) in enumerate(zip(known, types, votes, strict=True)):
            inside = (cells >= first) & (cells < first + len(rows))
            # Levels with the same unknown cells have the same nearest cells.
            same = next((n for n in nearest if torch.equal(known[n], cells)), number)
            if same == number:
                nearest[number] = _nearest(compared, cells[inside], cells, similarity, first)
            for place, row in zip(np.flatnonzero(inside), nearest[same], strict=True):
                level[place] = np.bincount(own[row], minlength=level.shape[1]) / len(row)
    return Search(Ranks(better, tied), votes)


class _Compared:
    """Similarities in single precision, and in double where that cannot tell candidates apart."""

    def __init__(self, queries: np.ndarray, candidates: np.ndarray) -> None:
        self.left = torch.as_tensor(queries, dtype=torch.float64)
        self.right = torch.as_tensor(candidates, dtype=torch.float64)
        self.left_single, self.right_single = self.left.float(), self.right.T.float()
        self.partner = (self.left * self.right).sum(dim=1)
        # No inner product of a row is larger than this.
        magnitude = self.left.norm(dim=1) * self.right.norm(dim=1).amax()
        self.tie = TIE * magnitude
        # The error of an inner product of rounded numbers (Higham 2002, equation 3.5), and of a
        # threshold that is rounded too.
        unit = torch.finfo(torch.float32).eps / 2
        self.blur = (self.left.shape[1] + 6) * unit * magnitude

    def in_single(self, rows: torch.Tensor) -> torch.Tensor:
        """Return the similarities of some rows with every candidate, off by less than the blur."""
        return self.left_single[rows] @ self.right_single

    def in_double(self, rows: torch.Tensor, cells: torch.Tensor | None = None) -> torch.Tensor:
        """Return them exactly, but for ties."""
        return self.left[rows] @ (self.right if cells is None else self.right[cells]).T


def _places(
    compared: _Compared, rows: torch.Tensor, similarity: torch.Tensor
) -> tuple[np.ndarray, np.ndarray]:
    """Return how many candidates score higher than each row's partner, and how many the same."""
    partner, blur = compared.partner[rows], compared.blur[rows]
    # Sums of 32 bits are three times as fast as those of 64.
    higher = (similarity > (partner + blur).float()[:, None]).sum(dim=1, dtype=torch.int32)
    at_least = (similarity >= (partner - blur).float()[:, None]).sum(dim=1, dtype=torch.int32)
    unclear = torch.nonzero(at_least - higher > 1).flatten()
    for part in unclear.split(max(1, TILE // (2 * similarity.shape[1]))):
        exact, own = compared.in_double(rows[part]), rows[part]
        partner, tie = compared.partner[own][:, None], compared.tie[own][:, None]
        higher[part] = (exact > partner + tie).sum(dim=1, dtype=torch.int32)
        at_least[part] = (exact >= partner - tie).sum(dim=1, dtype=torch.int32)
    return higher.numpy(), (at_least - higher - 1).numpy()


def _nearest(
    compared: _Compared,
    rows: torch.Tensor,
    cells: torch.Tensor,
    similarity: torch.Tensor,
    first: int,
) -> list[np.ndarray]:
    """Return the best of some candidates for each row, as places among these; several where they tie.

    The similarities are those of the tile that begins with the row `first`.
    """
    scores = similarity
    if len(rows) < len(scores) or len(cells) < scores.shape[1]:
        scores = similarity[rows - first][:, cells]
    if not len(rows):
        return []
    values, places = scores.topk(min(2, scores.shape[1]), dim=1)
    least = (values[:, 0].double() - 2 * compared.blur[rows]).float()
    found = list(places[:, :1].numpy())
    for number in torch.nonzero(values[:, -1] >= least).flatten().tolist():
        near = torch.nonzero(scores[number] >= least[number]).flatten()
        exact = compared.in_double(rows[number : number + 1], cells[near])[0]
        among = exact >= exact.max() - compared.tie[rows[number]]
        found[number] = near[among].numpy()
    return found


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
