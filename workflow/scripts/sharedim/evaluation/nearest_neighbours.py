"""Nearest neighbours of every cell among the other cells."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

# Beyond, the exact search takes longer than everything else that is scored.
LARGEST_EXACT = 50_000
# With more columns, data that fill them make a tree slower than a comparison of all pairs, which
# scikit-learn's own choice allows up to 15: scoring 30,000 cells in 13 dimensions took twice as long.
TREE_COLUMNS = 5
# Cells whose neighbours' coordinates are held at once.
CELLS_AT_ONCE = 5_000


class Neighbours(NamedTuple):
    """The nearest other rows of each row, nearest first.

    Attributes
    ----------
    distances : ndarray of float64, shape (n, k)
        Euclidean distances.
    indices : ndarray of int64, shape (n, k)
        Row numbers; never the row's own.
    """

    distances: NDArray[np.float64]
    indices: NDArray[np.int64]


def nearest(points: NDArray[np.floating], count: int) -> Neighbours:
    """Find the nearest other rows of every row by Euclidean distance.

    Up to `LARGEST_EXACT` rows the search is exact (scikit-learn); beyond, it is approximate
    (PyNNDescent, McInnes 2018), with a fixed seed.

    Parameters
    ----------
    points : ndarray of float64, shape (n, d)
        Finite coordinates.
    count : int
        Number of neighbours k of each row, fewer than n.

    Returns
    -------
    Neighbours
        Where rows tie for the last place, any of them.

    Raises
    ------
    ValueError
        If there are no more rows than neighbours.
    """
    if not 0 < count < len(points):
        raise ValueError(f"{count} neighbours among {len(points)} rows; ask for fewer than rows")
    if len(points) <= LARGEST_EXACT:
        algorithm = "kd_tree" if points.shape[1] <= TREE_COLUMNS else "brute"
        search = NearestNeighbors(n_neighbors=count, algorithm=algorithm).fit(points)
        indices = search.kneighbors(return_distance=False)
    else:
        indices = _approximate(points, count)
    # Both libraries may take distances from products, which lose those of close cells to rounding.
    distances = np.concatenate([
        np.linalg.norm(points[near] - points[first : first + len(near), None], axis=2)
        for first in range(0, len(points), CELLS_AT_ONCE)
        for near in [indices[first : first + CELLS_AT_ONCE]]
    ])  # fmt: skip
    order = np.argsort(distances, axis=1, kind="stable")
    return Neighbours(*(np.take_along_axis(found, order, axis=1) for found in (distances, indices)))


def _approximate(points: NDArray[np.floating], count: int) -> NDArray[np.int64]:
    # Compiles for seconds, which only large datasets should wait for.
    from pynndescent import NNDescent

    search = NNDescent(points, n_neighbors=count + 1, random_state=0, n_jobs=1)
    indices = search.neighbor_graph[0]
    others = indices != np.arange(len(points))[:, None]
    # A row that is missing among its own neighbours has one neighbour too many.
    others[others.all(axis=1), -1] = False
    found: NDArray[np.int64] = indices[others].reshape(len(points), count).astype(np.int64)
    return found
