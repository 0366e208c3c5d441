"""Intrinsic dimension of a representation, by five estimators with their standard errors.

One search for the k nearest neighbours of every cell serves all that need any:

``mle``, ``mle_harmonic``
    Maximum likelihood (Levina and Bickel 2005, equation 8): of each cell
    (k - 1) / sum_j log(R_k / R_j), R_j the distance to its j-th neighbour. The arithmetic mean over
    cells, and the harmonic (MacKay and Ghahramani 2005), which is a few per cent lower.
``twonn``
    Two nearest neighbours (Facco et al. 2017): the slope of the line through the origin from
    log(R_2 / R_1) to -log(1 - F), F the share of cells whose ratio is no larger, without the tenth
    of cells with the largest ratios.
``lpca``
    Local PCA (Fukunaga and Olsen 1971): how many eigenvalues of the covariance of a cell's k
    neighbours exceed a twentieth of the largest, at most k - 1; the mean over 500 cells. Of the
    usual rules this one came closest on planes, spheres and curved sheets of 1 to 8 dimensions: with
    20 neighbours a participation ratio is up to a quarter too low, and 95 % of the variance up to an
    eighth; the largest gap needs more neighbours. Noise all round adds to it where d is small.
``pr``
    Participation ratio of the covariance of all cells, (sum of eigenvalues)^2 / sum of their
    squares: how many directions cells spread in, in all, whether or not along a curved sheet.

The standard error of ``pr`` is that of its linear expansion in the cells (the infinitesimal
jackknife). The others depend on neighbours, which no cell can be left out of without changing its
neighbours' estimates: there the jackknife is 1.5 to 2 times too large, and the spread of the cells'
own estimates does not see what they share. So cells are divided at random into 10 disjoint groups,
each with neighbours of its own, for a tenth of the cost of the whole search. The variance of these
estimators is proportional to dimension^2 / cells, so that the relative error of the whole is the
groups' coefficient of variation over sqrt(10). Fewer groups, divided several times over, where
they would be smaller than 2.5 k cells. The error takes a group for a thinner copy of the whole: with
types of fewer than 10 k cells it comes out too large, and that of ``lpca`` tells only about how
much its mean varies (within a factor of two) where curvature or noise matter more to the groups.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from sharedim.likelihood import NEIGHBOURS, TIED
from sharedim.neighbours import nearest

logger = logging.getLogger(__name__)

ESTIMATORS = ("mle", "mle_harmonic", "twonn", "lpca", "pr")
# Share of cells that TwoNN leaves out, as its authors do.
DISCARDED = 0.1
LOCAL_PCA_SHARE = 0.05
# Neighbourhoods that local PCA looks at: their counts differ by about 1, their mean by 0.05.
LOCAL_PCA_CELLS = 500
GROUPS = 10
# Cells of the smallest group for each neighbour: in smaller ones neighbours are half of all cells.
CELLS_PER_NEIGHBOUR = 2.5
SMALLEST_TYPE = 100
# A column that varies by no more than this many units in the last place is constant.
ROUNDING = 8


class Estimate(NamedTuple):
    """An estimate and its standard error; nan where there is none."""

    value: float
    error: float


@dataclass(frozen=True)
class Dimensions:
    """Intrinsic dimension of one set of cells.

    Attributes
    ----------
    estimates : dict of str to Estimate
        One for each of `ESTIMATORS`, in their order.
    status : str
        ``"ok"``, or why estimates are missing: ``"not finite"``, ``"constant"``,
        ``"too few distinct cells"``, ``"too few cells"`` (of a type) or ``"tied distances"``.
    cells : int
        Distinct cells, which the estimates are of.
    duplicates : int
        Cells left out because they equal another.
    """

    estimates: dict[str, Estimate]
    status: str
    cells: int
    duplicates: int = 0


def intrinsic_dimensions(
    representation: np.ndarray, *, neighbours: int = NEIGHBOURS, errors: bool = True
) -> Dimensions:
    """Estimate intrinsic dimension in every way that the head of this module describes.

    Parameters
    ----------
    representation : ndarray, shape (n, d)
        One row a cell, before any length normalisation. Exact duplicates are left out, since they
        make estimates zero or infinite.
    neighbours : int
        k of ``mle`` and ``lpca``.
    errors : bool
        Whether to work out standard errors; without, they are nan.

    Returns
    -------
    Dimensions
        Exactly 1 with no error, by definition, for a single column. All nan where a value is not
        finite, every column is constant but for rounding, or fewer than k + 2 cells are distinct.
        Estimates that tied distances would make infinite are nan alone, and so are errors, but that
        of ``pr``, with fewer cells than two groups take (100 for 20 neighbours).

    Raises
    ------
    ValueError
        For an array that has not two axes, or no columns; for fewer than 3 neighbours.
    """
    if representation.ndim != 2 or representation.shape[1] == 0:
        raise ValueError(f"representation of shape {representation.shape}: expected (cells, d)")
    if neighbours < 3:
        raise ValueError(f"neighbours={neighbours}: too few for an estimate; use 3 or more")
    n = len(representation)
    if not np.isfinite(representation).all():
        return _none("not finite", n)
    if n > 1 and _is_constant(representation):
        return _none("constant", 1, n - 1)
    points = _distinct_points(representation)
    if len(points) < neighbours + 2:
        logger.warning("only %d distinct cells: no intrinsic dimension", len(points))
        return _none("too few distinct cells", len(points), n - len(points))
    if len(points) < n:
        logger.info("%d of %d cells left out as duplicates", n - len(points), n)
    if points.shape[1] == 1:
        values, spread = np.ones(len(ESTIMATORS)), np.zeros(len(ESTIMATORS))
    else:
        values = _estimate(points, neighbours, LOCAL_PCA_CELLS)
        spread = _standard_errors(points, values, neighbours) if errors else None
    if not errors:
        spread = np.full(len(ESTIMATORS), math.nan)
    found = np.isfinite(values)
    numbers = zip(*np.where(found, [values, spread], math.nan).tolist(), strict=True)
    estimates = dict(zip(ESTIMATORS, map(Estimate._make, numbers), strict=True))
    status = "ok" if found.all() else "tied distances"
    return Dimensions(estimates, status, len(points), n - len(points))


def dimensions_by_type(
    representation: np.ndarray,
    labels: np.ndarray,
    *,
    smallest: int = SMALLEST_TYPE,
    neighbours: int = NEIGHBOURS,
    errors: bool = True,
) -> dict[str, Dimensions]:
    """Estimate intrinsic dimension within each cell type, from neighbours of the same type.

    Parameters
    ----------
    representation : ndarray, shape (n, d)
        One row a cell, before any length normalisation.
    labels : ndarray, shape (n,)
        Each cell's type; missing where unknown.
    smallest : int
        Types of fewer cells have no estimates.
    neighbours, errors
        See `intrinsic_dimensions`.

    Returns
    -------
    dict of str to Dimensions
        Of every type, by name.

    Raises
    ------
    ValueError
        Where there is not one label a cell; see `intrinsic_dimensions` for more.
    """
    if len(labels) != len(representation):
        raise ValueError(f"{len(labels)} labels of {len(representation)} cells: give one for each")
    known = ~pd.isna(labels)
    names, codes = np.unique(np.asarray(labels)[known].astype(str), return_inverse=True)
    found = {}
    for code, name in enumerate(names.tolist()):
        cells = np.flatnonzero(known)[codes == code]
        if len(cells) < smallest:
            found[name] = _none("too few cells", len(cells))
            continue
        own = representation[cells]
        found[name] = intrinsic_dimensions(own, neighbours=neighbours, errors=errors)
    return found


def _none(status: str, cells: int, duplicates: int = 0) -> Dimensions:
    missing = dict.fromkeys(ESTIMATORS, Estimate(math.nan, math.nan))
    return Dimensions(missing, status, cells, duplicates)


def _is_constant(representation: np.ndarray) -> bool:
    """Tell whether every column varies by rounding only, as in a collapsed model."""
    floating = np.issubdtype(representation.dtype, np.floating)
    unit = np.finfo(representation.dtype if floating else np.float64).eps
    largest = np.abs(representation).max(axis=0)
    return bool((np.ptp(representation, axis=0) <= ROUNDING * unit * largest).all())


def _distinct_points(representation: np.ndarray) -> np.ndarray:
    """Return the distinct rows in random order, moved and scaled to lie around 0, within 1.

    No estimate depends on place or scale, but rounding, overflow and underflow do.
    """
    points = np.array(representation, dtype=np.float64, order="C")
    points -= points.mean(axis=0)
    points /= np.abs(points).max(initial=0) or 1
    rows = points.view(np.dtype((np.void, points.itemsize * points.shape[1]))).ravel()
    _, first = np.unique(rows, return_index=True)
    # Always the same order; of a file sorted by donor or type, any run of rows is a fair sample.
    return points[np.random.default_rng(0).permutation(np.sort(first))]


def _estimate(points: np.ndarray, neighbours: int, pca_cells: int) -> np.ndarray:
    """Return the values of `ESTIMATORS` for distinct points in random order."""
    distances, indices = nearest(points, neighbours)
    mean, harmonic = _mle(distances)
    return np.array([
        mean,
        harmonic,
        _twonn(distances),
        _local_pca(points, indices[:pca_cells]),
        _participation_ratio(points)[0],
    ])  # fmt: skip


def _mle(distances: np.ndarray) -> tuple[float, float]:
    sums = np.log(distances[:, -1:] / distances[:, :-1]).sum(axis=1)
    numerator = distances.shape[1] - 1
    mean = float(np.mean(numerator / sums)) if sums.min() > TIED else math.inf
    return mean, float(numerator / sums.mean()) if sums.mean() > TIED else math.inf


def _twonn(distances: np.ndarray) -> float:
    ratios = np.sort(np.log(distances[:, 1] / distances[:, 0]))
    kept = ratios[: int(len(ratios) * (1 - DISCARDED))]
    tail = -np.log1p(-np.arange(1, len(kept) + 1) / len(ratios))
    return float(kept @ tail / (kept @ kept)) if kept[-1] > TIED else math.inf


def _local_pca(points: np.ndarray, indices: np.ndarray) -> float:
    near = torch.from_numpy(points[indices])
    near -= near.mean(dim=1, keepdim=True)
    # Both products have the same eigenvalues but for zeros; the smaller is faster.
    narrow = points.shape[1] < indices.shape[1]
    eigenvalues = torch.linalg.eigvalsh(near.mT @ near if narrow else near @ near.mT)
    return float((eigenvalues > LOCAL_PCA_SHARE * eigenvalues[:, -1:]).sum(dim=1).double().mean())


def _participation_ratio(points: np.ndarray) -> tuple[float, float]:
    """Return the ratio and its standard error.

    By the chain rule, a cell x moves the logarithm of the ratio by twice
    x'x / tr C - x'Cx / tr C^2, over n, where C is the covariance.
    """
    centred = points - points.mean(axis=0)
    covariance = centred.T @ centred / len(centred)
    trace, trace_of_square = np.trace(covariance), np.sum(covariance**2)
    ratio = trace**2 / trace_of_square
    lengths = np.sum(centred**2, axis=1)
    stretched = np.sum(centred @ covariance * centred, axis=1)
    influence = 2 * (lengths / trace - stretched / trace_of_square)
    return float(ratio), float(ratio * influence.std() / math.sqrt(len(centred)))


def _standard_errors(points: np.ndarray, values: np.ndarray, neighbours: int) -> np.ndarray:
    """Return the standard errors of `ESTIMATORS`, as the head of this module explains."""
    groups = min(GROUPS, int(len(points) / (CELLS_PER_NEIGHBOUR * neighbours)))
    errors = np.full(len(values), math.nan)
    if groups > 1:
        variances = []
        for division in _divisions(len(points), groups):
            found = np.array([
                _estimate(points[group], neighbours, LOCAL_PCA_CELLS // groups)
                for group in division
            ])  # fmt: skip
            variances.append(found.var(axis=0, ddof=1) / found.mean(axis=0) ** 2 / groups)
        errors = values * np.sqrt(np.mean(variances, axis=0))
    errors[ESTIMATORS.index("pr")] = _participation_ratio(points)[1]
    return errors


def _divisions(n: int, groups: int) -> Iterator[list[np.ndarray]]:
    """Divide cells into disjoint groups at random, until there have been `GROUPS` groups."""
    generator = np.random.default_rng(1)
    for _ in range(-(-GROUPS // groups)):
        yield np.array_split(generator.permutation(n), groups)
