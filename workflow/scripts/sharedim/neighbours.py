"""Exact nearest neighbours of every cell, without a matrix of all pairs."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from scipy.spatial import KDTree

# With few columns a tree is faster than all pairs, whatever the data; with more, data that fill
# their columns make it up to fifty times slower, and tiles cost the same for all data.
TREE_COLUMNS = 5
# Rows of scores held at once: fewer, which would stay in a processor's own cache, are more calls, and
# were a quarter slower.
TILE = 256
# Candidates looked at again in double precision beyond the neighbours asked for: single precision
# may swap those at the border.
SPARE = 4
# Not from products: these lose the distance between cells that are close to each other.
FROM_COORDINATES = "donot_use_mm_for_euclid_dist"


class Neighbours(NamedTuple):
    """The nearest other rows of each row, nearest first.

    Attributes
    ----------
    distances : ndarray of float64, shape (n, k)
        Euclidean.
    indices : ndarray of int64, shape (n, k)
        Which rows; none its own.
    """

    distances: np.ndarray
    indices: np.ndarray


def nearest(points: np.ndarray, count: int) -> Neighbours:
    """Find the nearest other rows of every row, by Euclidean distance.

    A k-d tree up to `TREE_COLUMNS` columns. Beyond, matrix products in single precision, a tile of
    rows at a time, name candidates; their distances are then taken from the coordinates in double
    precision, and rows in which rounding could have hidden a neighbour are searched again in double
    precision. Uses as many threads as PyTorch does; time n^2 d, memory n (d + k).

    Parameters
    ----------
    points : ndarray of float64, shape (n, d)
        Finite, and of a scale near 1 around 0: what is far from 0 is known less precisely.
    count : int
        Neighbours k of each row, fewer than n.

    Returns
    -------
    Neighbours
        Of rows at the same distance at the border, any.

    Raises
    ------
    ValueError
        For as many neighbours as there are rows, or more.
    """
    if not 0 < count < len(points):
        raise ValueError(f"{count} neighbours asked of {len(points)} rows; ask for fewer than rows")
    if points.shape[1] <= TREE_COLUMNS:
        return _by_tree(points, count)
    return _by_tiles(torch.as_tensor(points, dtype=torch.float64), count)


def _by_tree(points: np.ndarray, count: int) -> Neighbours:
    distances, indices = KDTree(points).query(points, count + 1, workers=torch.get_num_threads())
    others = indices != np.arange(len(points))[:, None]
    # Among many copies of a row, the row itself may not be one of those found.
    others[others.all(axis=1), -1] = False
    shape = (len(points), count)
    return Neighbours(distances[others].reshape(shape), indices[others].reshape(shape))


def _by_tiles(points: torch.Tensor, count: int) -> Neighbours:
    distances, indices, sure = _search(points, torch.arange(len(points)), count, torch.float32)
    if not sure.all():
        again = torch.nonzero(~sure).flatten()
        distances[again], indices[again], _ = _search(points, again, count, torch.float64)
    return Neighbours(distances.numpy(), indices.numpy())


def _search(
    points: torch.Tensor, rows: torch.Tensor, count: int, precision: torch.dtype
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Search all points for the neighbours of some rows; say for which rows these are certain."""
    n, dim = points.shape
    wanted = min(count + SPARE, n - 1)
    squares = points.square().sum(dim=1)
    # How far a score may be from the true one: the error of a dot product of dim + 1 terms (Higham
    # 2002, equation 3.5), with room for the rounding of the terms themselves.
    unit = torch.finfo(precision).eps / 2
    error = (dim + 8) * unit * (squares.sqrt() + squares.max().sqrt()).square()

    scores = _Scores(points, squares, wanted, precision)
    distances = torch.empty(len(rows), count, dtype=torch.float64)
    indices = torch.empty(len(rows), count, dtype=torch.int64)
    sure = torch.empty(len(rows), dtype=torch.bool)
    for first in range(0, len(rows), TILE):
        part = slice(first, first + TILE)
        own = rows[part]
        candidates, largest = scores.smallest(own)
        near = points.index_select(0, candidates.flatten()).view(*candidates.shape, dim)
        apart = torch.cdist(points[own, None], near, compute_mode=FROM_COORDINATES)[:, 0]
        exact, order = apart.sort(dim=1)
        distances[part] = exact[:, :count]
        indices[part] = candidates.gather(1, order[:, :count])
        # Nothing left out is nearer than the farthest candidate, but for rounding.
        border = largest.double() + squares[own] - error[own]
        sure[part] = exact[:, count - 1].square() <= border if wanted < n - 1 else True
    return distances, indices, sure


class _Scores:
    """Squared distances less the row's own square, and their smallest in each row of a tile.

    The smallest `wanted` of a row lie in the `wanted` groups with the smallest minima, so a row of
    n scores is read once for the minima, and only these groups are searched.
    """

    def __init__(
        self, points: torch.Tensor, squares: torch.Tensor, wanted: int, precision: torch.dtype
    ) -> None:
        n, dim = points.shape
        self.wanted = wanted
        # n / size minima and wanted x size scores are searched: the fewest together.
        self.size = max(1, round(math.sqrt(n / wanted)))
        self.groups = max(wanted, -(-n // self.size))
        columns = self.groups * self.size
        right = torch.zeros(dim + 1, columns, dtype=torch.float64)
        right[:dim, :n] = points.T
        right[dim] = math.inf
        right[dim, :n] = squares
        self.right = right.to(precision)
        self.left = torch.cat([-2 * points, torch.ones(n, 1, dtype=torch.float64)], 1).to(precision)
        self.members = (torch.arange(self.size) * self.groups)[None, :, None]
        self.tile = torch.empty(TILE, columns, dtype=precision)

    def smallest(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return which columns hold the smallest scores of each row, and the largest of these."""
        tile = self.tile[: len(rows)]
        torch.mm(self.left[rows], self.right, out=tile)
        tile[torch.arange(len(rows)), rows] = math.inf
        minima = tile.view(len(rows), self.size, self.groups).amin(dim=1)
        columns = (_smallest(minima, self.wanted)[:, None, :] + self.members).flatten(1)
        searched = tile.gather(1, columns)
        found = _smallest(searched, self.wanted)
        return columns.gather(1, found), searched.gather(1, found).amax(dim=1)


def _smallest(values: torch.Tensor, count: int) -> torch.Tensor:
    """Return where the smallest of each row are, in any order."""
    # Twice as fast as PyTorch's.
    return torch.from_numpy(np.argpartition(values.numpy(), count - 1, axis=1)[:, :count])
