"""Intrinsic dimension of a representation, by the estimators of scikit-dimension.

Estimators that work on neighbourhoods share one search for the k nearest neighbours of every cell:

``MLE``
    Maximum likelihood (Levina and Bickel 2005, equation 8): of each cell
    (k - 1) / sum_j log(R_k / R_j), R_j the distance to its j-th neighbour. ``mle`` is the arithmetic
    mean over cells, as in the paper, ``mle_harmonic`` the harmonic mean (MacKay and Ghahramani
    2005), which is a few per cent lower.
``lPCA``
    Local PCA (Fukunaga and Olsen 1971): the number of eigenvalues of the covariance of a cell's k
    neighbours above a twentieth of the largest, at most k - 1; the mean over 500 cells. Of the
    usual rules this one came closest on planes, spheres and curved sheets of 1 to 8 dimensions.
    Isotropic noise adds to it where d is small.
``MOM``, ``TLE``, ``ESS``, ``MADA``
    The library's other local estimators: the mean over cells.
``TwoNN``
    Two nearest neighbours (Facco et al. 2017), from the distances of the same search.

``PR`` is the participation ratio of the covariance of all cells, (sum of eigenvalues)^2 / sum of
their squares: the number of directions that cells vary in, along a curved sheet or not. All other
estimators are global ones of the library, with its defaults.

The library has no standard errors. That of ``PR`` is that of its linear expansion in the cells (the
infinitesimal jackknife). The others depend on neighbours, and no cell can be left out without a
change to its neighbours' estimates: the jackknife is 1.5 to 2 times too large, and the standard
deviation of the pointwise estimates ignores what they share. So cells are divided at random into 10
disjoint groups, each with neighbours of its own, for a tenth of the cost of the whole search. The
variance of these estimators is proportional to dimension^2 / cells, so that the relative error of
the whole is the groups' coefficient of variation over sqrt(10). There are fewer groups, divided
several times over, where they would be smaller than 2.5 k cells. The error takes a group for a
thinner copy of the whole: with types of fewer than 10 k cells it is too large, and that of ``lPCA``
is right within a factor of two where curvature or noise matter more to the groups.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import skdim
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from sharedim.evaluation.nearest_neighbours import Neighbours, nearest
from sharedim.training.mle_dimension import NEIGHBOURS, TIED

logger = logging.getLogger(__name__)

DEFAULT = ("MLE", "TwoNN", "lPCA", "PR")
LOCAL = ("MLE", "MOM", "TLE", "ESS", "MADA")
GLOBAL = ("TwoNN", "CorrInt", "DANCo", "FisherS", "GRIDE", "KNN", "MiND_ML", "PH")
# Every name that can be given.
ESTIMATORS = (*dict.fromkeys((*DEFAULT, *LOCAL, *GLOBAL)),)
# Estimators that take seconds for a few thousand cells, or memory that grows with their square: they
# look at no more than so many cells.
LARGEST_SAMPLE = {"DANCo": 1000, "ESS": 1000, "FisherS": 5000, "KNN": 5000, "MADA": 5000, "PH": 200}
# The number of neighbourhoods that local PCA looks at: their counts differ by about 1, their mean by
# 0.05.
LOCAL_PCA_CELLS = 500
LOCAL_PCA_SHARE = 0.05
GROUPS = 10
# Cells of the smallest group for each neighbour: in smaller ones neighbours are half of all cells.
CELLS_PER_NEIGHBOUR = 2.5
SMALLEST_TYPE = 100
# A column that varies by no more than this many units in the last place is constant.
ROUNDING = 8


class Estimate(NamedTuple):
    """An estimate, its standard error, and the reason where there is none.

    Attributes
    ----------
    value, error : float
        nan where there is none.
    status : str
        ``"ok"``, or why the value is missing: ``"not finite"``, ``"constant"``, ``"too few distinct
        cells"``, ``"too few cells"`` (of a type), ``"tied distances"``, or the library's own reason.
    """

    value: float
    error: float = math.nan
    status: str = "ok"


@dataclass(frozen=True)
class Dimensions:
    """Intrinsic dimension of one set of cells.

    Attributes
    ----------
    estimates : dict of str to Estimate
        By `names_of` the estimators, in their order.
    cells : int
        Distinct cells, which the estimates are of.
    duplicates : int
        Cells left out because they equal another.
    """

    estimates: dict[str, Estimate]
    cells: int
    duplicates: int = 0


def names_of(estimators: Sequence[str]) -> list[str]:
    """Return the names of estimates in tables: small letters, and two averages of ``MLE``."""
    names = []
    for estimator in estimators:
        names += ["mle", "mle_harmonic"] if estimator == "MLE" else [estimator.lower()]
    return names


def intrinsic_dimensions(
    representation: NDArray[np.floating],
    *,
    estimators: Sequence[str] = DEFAULT,
    neighbours: int = NEIGHBOURS,
    errors: bool = True,
) -> Dimensions:
    """Estimate intrinsic dimension in the ways that the head of this module describes.

    Parameters
    ----------
    representation : ndarray, shape (n, d)
        One row per cell, before any length normalisation. Exact duplicates are left out, since they
        make estimates zero or infinite.
    estimators : sequence of str
        Some of `ESTIMATORS`.
    neighbours : int
        Number of neighbours k of the local estimators.
    errors : bool
        Whether to compute standard errors; without, they are nan.

    Returns
    -------
    Dimensions
        Exactly 1 with no error, by definition, for a single column. Missing, with the reason, where a
        value is not finite, every column is constant but for rounding, or fewer than k + 2 cells are
        distinct; one estimate alone where its estimator fails or tied distances make it infinite.
        Errors, but that of ``PR``, are missing with fewer cells than two groups take (100 for 20
        neighbours).

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
        return _none(estimators, "not finite", n)
    if n > 1 and _is_constant(representation):
        return _none(estimators, "constant", 1, n - 1)
    points = _distinct_points(representation)
    if len(points) < neighbours + 2:
        return _none(estimators, "too few distinct cells", len(points), n - len(points))
    if len(points) < n:
        logger.info("%d of %d cells left out as duplicates", n - len(points), n)
    if points.shape[1] == 1:
        one = Estimate(1.0, 0.0 if errors else math.nan)
        return Dimensions(dict.fromkeys(names_of(estimators), one), len(points), n - len(points))
    estimates = _estimates(points, estimators, neighbours, LOCAL_PCA_CELLS)
    if errors:
        spread = _standard_errors(points, estimators, neighbours, estimates)
        for name, error in spread.items():
            if estimates[name].status == "ok":
                estimates[name] = estimates[name]._replace(error=error)
    return Dimensions(estimates, len(points), n - len(points))


def dimensions_by_type(
    representation: NDArray[np.floating],
    labels: NDArray[np.object_],
    *,
    estimators: Sequence[str] = DEFAULT,
    smallest: int = SMALLEST_TYPE,
    neighbours: int = NEIGHBOURS,
    errors: bool = True,
) -> dict[str, Dimensions]:
    """Estimate intrinsic dimension within each cell type, from neighbours of the same type.

    Parameters
    ----------
    representation : ndarray, shape (n, d)
        One row per cell, before any length normalisation.
    labels : ndarray, shape (n,)
        Each cell's type; missing where unknown.
    smallest : int
        Types of fewer cells have no estimates.
    estimators, neighbours, errors
        See `intrinsic_dimensions`.

    Returns
    -------
    dict of str to Dimensions
        Of every type, by name.

    Raises
    ------
    ValueError
        Where there is not one label per cell; see `intrinsic_dimensions` for more.
    """
    if len(labels) != len(representation):
        raise ValueError(f"{len(labels)} labels of {len(representation)} cells: give one for each")
    known = ~pd.isna(labels)
    names, codes = np.unique(np.asarray(labels)[known].astype(str), return_inverse=True)
    found = {}
    for code, name in enumerate(names.tolist()):
        cells = np.flatnonzero(known)[codes == code]
        if len(cells) < smallest:
            found[name] = _none(estimators, "too few cells", len(cells))
            continue
        found[name] = intrinsic_dimensions(
            representation[cells], estimators=estimators, neighbours=neighbours, errors=errors
        )
    return found


def _none(estimators: Sequence[str], status: str, cells: int, duplicates: int = 0) -> Dimensions:
    missing = dict.fromkeys(names_of(estimators), Estimate(math.nan, status=status))
    return Dimensions(missing, cells, duplicates)


def _is_constant(representation: NDArray[np.floating]) -> bool:
    """Tell whether every column varies by rounding only, as in a collapsed model."""
    floating = np.issubdtype(representation.dtype, np.floating)
    unit = np.finfo(representation.dtype if floating else np.float64).eps
    largest = np.abs(representation).max(axis=0)
    return bool((np.ptp(representation, axis=0) <= ROUNDING * unit * largest).all())


def _distinct_points(representation: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the distinct rows in random order, moved and scaled to lie around 0, within 1.

    No estimate depends on place or scale, but rounding, overflow and underflow do.
    """
    points = np.array(representation, dtype=np.float64, order="C")
    points -= points.mean(axis=0)
    points /= np.abs(points).max(initial=0) or 1
    rows = points.view(np.dtype((np.void, points.itemsize * points.shape[1]))).ravel()
    _, first = np.unique(rows, return_index=True)
    # Always the same order; of a file sorted by donor or type, any run of rows is a fair sample.
    distinct: NDArray[np.float64] = points[np.random.default_rng(0).permutation(np.sort(first))]
    return distinct


def _estimates(
    points: NDArray[np.floating], estimators: Sequence[str], neighbours: int, pca_cells: int
) -> dict[str, Estimate]:
    """Return the estimates for distinct points in random order, by their names in tables."""
    found = nearest(points, neighbours)
    estimates: dict[str, Estimate] = {}
    for estimator in estimators:
        names = names_of([estimator])
        sample, near = points, found
        if len(points) > LARGEST_SAMPLE.get(estimator, len(points)):
            sample = points[: LARGEST_SAMPLE[estimator]]
            near = nearest(sample, neighbours) if estimator in LOCAL else found
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                # Of ties and few cells, which the status names.
                warnings.simplefilter("ignore")
                values = _values(estimator, sample, near, pca_cells)
        except MemoryError:
            raise
        except Exception as error:  # Whatever a library of many authors raises on odd cells.
            first_line = next(iter(str(error).splitlines()), type(error).__name__)
            reason = f"{estimator} failed: {first_line}"
            values = dict.fromkeys(names, Estimate(math.nan, status=reason))
        estimates |= values
    return estimates


def _values(
    estimator: str, points: NDArray[np.floating], found: Neighbours, pca_cells: int
) -> dict[str, Estimate]:
    [name, *harmonic] = names_of([estimator])
    if estimator in LOCAL:
        method = _of_library(estimator)
        mean = method.fit_transform(points, precomputed_knn_arrays=tuple(found))
        pointwise = method.dimension_pw_
        # A cell whose neighbours are all at one distance has an infinite dimension, but for rounding.
        values = {name: mean if pointwise.max() < 1 / TIED else math.inf}
        values |= {other: 1 / np.mean(1 / pointwise) for other in harmonic}
    elif estimator == "TwoNN":
        values = {name: skdim.id.TwoNN(dist=True).fit_transform(found.distances[:, :2])}
    elif estimator == "lPCA":
        values = {name: _local_pca(points, found.indices[:pca_cells])}
    elif estimator == "PR":
        values = {name: skdim.id.lPCA(ver="participation_ratio").fit_transform(points)}
    else:
        values = {name: _of_library(estimator).fit_transform(points)}
    return {
        name: Estimate(float(value))
        if 0 < value < 1 / TIED
        else Estimate(math.nan, status="tied distances")
        for name, value in values.items()
    }


def _of_library(estimator: str) -> BaseEstimator:
    """Return an estimator of the library with its defaults, and a fixed seed where it draws."""
    method = getattr(skdim.id, estimator)()
    seeded = {"random_state": 0} if "random_state" in method.get_params() else {}
    return method.set_params(**seeded)


def _local_pca(points: NDArray[np.floating], indices: NDArray[np.int64]) -> float:
    """Return what ``skdim.id.lPCA().fit_pw(points, indices)`` gives on average.

    The library fits one model of scikit-learn per cell, which makes scoring several times slower
    (docs/performance.md).
    """
    near = points[indices]
    near -= near.mean(axis=1, keepdims=True)
    across = near.swapaxes(1, 2)
    # Both products have the same eigenvalues but for zeros; the smaller is faster.
    narrow = points.shape[1] < indices.shape[1]
    eigenvalues = np.linalg.eigvalsh(across @ near if narrow else near @ across)
    return float((eigenvalues > LOCAL_PCA_SHARE * eigenvalues[:, -1:]).sum(axis=1).mean())


def _standard_errors(
    points: NDArray[np.floating],
    estimators: Sequence[str],
    neighbours: int,
    estimates: dict[str, Estimate],
) -> dict[str, float]:
    """Return the standard errors of estimates, as the head of this module explains."""
    errors = dict.fromkeys(estimates, math.nan)
    on_neighbours = [estimator for estimator in estimators if estimator != "PR"]
    for cells, alike in _by_sample(on_neighbours, len(points)).items():
        names = names_of(alike)
        groups = min(GROUPS, int(cells / (CELLS_PER_NEIGHBOUR * neighbours)))
        if groups < 2:
            continue
        variances = []
        for division in _divisions(cells, groups):
            found = [
                _estimates(points[group], alike, neighbours, LOCAL_PCA_CELLS // groups)
                for group in division
            ]
            values = np.array([[own[name].value for name in names] for own in found])
            variances.append(values.var(axis=0, ddof=1) / values.mean(axis=0) ** 2 / groups)
        relative = np.sqrt(np.mean(variances, axis=0))
        errors |= {name: estimates[name].value * r for name, r in zip(names, relative, strict=True)}
    if "pr" in errors:
        errors["pr"] = estimates["pr"].value * _relative_error_of_ratio(points)
    return {name: float(error) for name, error in errors.items()}


def _by_sample(estimators: Sequence[str], cells: int) -> dict[int, list[str]]:
    """Return the estimators that look at the same number of cells, by that number."""
    alike: dict[int, list[str]] = {}
    for estimator in estimators:
        alike.setdefault(min(cells, LARGEST_SAMPLE.get(estimator, cells)), []).append(estimator)
    return alike


def _relative_error_of_ratio(points: NDArray[np.floating]) -> float:
    """Return the standard error of the participation ratio over the ratio.

    By the chain rule, a cell x moves the logarithm of the ratio by twice
    x'x / tr C - x'Cx / tr C^2, over n, where C is the covariance.
    """
    centred = points - points.mean(axis=0)
    covariance = centred.T @ centred / len(centred)
    lengths = np.sum(centred**2, axis=1)
    stretched = np.sum(centred @ covariance * centred, axis=1)
    influence = 2 * (lengths / np.trace(covariance) - stretched / np.sum(covariance**2))
    return float(influence.std() / math.sqrt(len(centred)))


def _divisions(n: int, groups: int) -> Iterator[list[NDArray[np.int64]]]:
    """Divide cells into disjoint groups at random, until there have been `GROUPS` groups."""
    generator = np.random.default_rng(1)
    for _ in range(-(-GROUPS // groups)):
        yield np.array_split(generator.permutation(n), groups)
