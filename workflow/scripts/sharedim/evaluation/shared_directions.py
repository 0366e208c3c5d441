"""Canonical directions in which two representations of the same cells vary together."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from sharedim.training.cca import FOLDS, correlation, left_out_variates

# Keeps covariances of representations that do not use all their columns invertible.
RIDGE = 1e-3
# False-alarm rate: fraction of unrelated pairs in which some direction is counted.
FALSE_ALARMS = 0.05


@dataclass(frozen=True)
class SharedDirections:
    """Directions in which two representations vary together.

    Attributes
    ----------
    count : float
        Those whose correlation on held-out cells is clearly above 0; nan with too few cells.
    effective : float
        Participation ratio of the correlations, (sum r)^2 / sum r^2, over those counted.
    correlations : ndarray, shape (d,)
        Correlation of each pair of variates on held-out cells.
    """

    count: float
    effective: float
    correlations: NDArray[np.floating]


def shared_directions(f: NDArray[np.floating], g: NDArray[np.floating]) -> SharedDirections:
    """Count the directions in which two representations of the same cells vary together.

    Canonical pairs are found on four fifths of the cells, and their correlations are taken on the
    fifth left out, in turn. The first correlation that is not clearly above 0 ends the count: above
    the normal quantile of a level of 0.05 over the directions, times the standard error
    1 / sqrt(n) of a correlation of unrelated variates. What only one representation varies in,
    noise or private, is not counted.

    Parameters
    ----------
    f, g : ndarray, shape (n, d)
        Representations, before any length normalisation.
    """
    n, dim = f.shape
    if n < FOLDS * (dim + 2) or not (np.isfinite(f).all() and np.isfinite(g).all()):
        return SharedDirections(math.nan, math.nan, np.full(dim, math.nan))
    f, g = (np.asarray(side, dtype=np.float64) for side in (f, g))
    if not (np.ptp(f, axis=0).any() and np.ptp(g, axis=0).any()):
        return SharedDirections(0.0, math.nan, np.zeros(dim))
    order = np.argsort(np.random.default_rng(0).permutation(n))
    [folds] = left_out_variates(f[order], g[order], (RIDGE,))
    correlations = np.mean([correlation(*variates) for variates in folds], axis=0)
    clear = correlations > norm.isf(FALSE_ALARMS / dim) / math.sqrt(n)
    count = dim if clear.all() else int(np.argmin(clear))
    kept = correlations[:count]
    effective = float(kept.sum() ** 2 / (kept**2).sum()) if count else math.nan
    return SharedDirections(float(count), effective, correlations)
