"""Alignment, uniformity and norms of the representations of paired cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist

from sharedim.training.similarity import unit_length

# Pairs of cells grow with the square of these.
UNIFORMITY_CELLS = 2000


def alignment(f: NDArray[np.floating], g: NDArray[np.floating]) -> float:
    """Return the mean squared distance of paired cells at unit length (Wang and Isola 2020).

    0 where paired cells coincide, 2 for unrelated directions.
    """
    return float(((unit_length(f) - unit_length(g)) ** 2).sum(axis=1).mean())


def uniformity(representation: NDArray[np.floating]) -> float:
    """Return how evenly cells fill the sphere: ``log mean exp(-2 |u - v|^2)`` over pairs of cells.

    The measure of Wang and Isola (2020), the lower the more even: 0 for a constant representation.
    Taken on up to 2,000 cells, drawn at random.
    """
    if len(representation) > UNIFORMITY_CELLS:
        rng = np.random.default_rng(0)
        drawn = rng.permutation(len(representation))[:UNIFORMITY_CELLS]
        representation = representation[drawn]
    unit = unit_length(np.asarray(representation, dtype=np.float64))
    return float(np.log(np.exp(-2 * pdist(unit, "sqeuclidean")).mean()))


def norms(representation: NDArray[np.floating]) -> tuple[float, float]:
    """Return the mean norm of the cells and its coefficient of variation."""
    lengths = np.linalg.norm(representation, axis=1)
    mean = float(lengths.mean())
    return mean, float(lengths.std() / mean) if mean > 0 else float("nan")
