"""Saturation of a score as the output dimension grows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm, t

RESAMPLES = 1000
LEVEL = 0.90
# Fraction of the gain over chance by which a score may fall short of the plateau.
TOLERANCE = 0.05
# False-alarm rate of one curve on unrelated data.
FALSE_ALARMS = 0.05
# Standard errors by which two points of a curve must differ to be told apart.
CLEAR = 2.0

# The higher the better, so that their curves can saturate.
RISING = (
    "match_top",
    "match_recall",
    "match_score",
    "label",
    "probe",
    "infonce",
    "id_",
    "shared_count",
)

COLUMNS = [
    "dataset",
    "recipe",
    "split",
    "metric",
    "plateau",
    "d_saturation",
    "ci_low",
    "ci_high",
    "status",
]


@dataclass(frozen=True)
class Saturation:
    """Where one curve saturates.

    Attributes
    ----------
    plateau : float
        Highest mean over seeds; nan when the curve failed.
    d_saturation : float
        Smallest output dimension whose mean falls short of the plateau by no more than 5 % of the
        plateau's gain over chance.
    ci_low, ci_high : float
        90 % interval of ``d_saturation``, seeds and their splits being resampled; nan with a single
        seed.
    status : str
        ``saturated``; ``not_saturated`` when the last dimension of the grid is the first to
        reach the plateau, or the only one; ``declining`` when the curve clearly falls after it;
        ``flat`` when no dimension is better than another, beyond the tolerance or clearly;
        ``nothing_shared`` when the plateau is not clearly above chance; ``failed`` when no finite
        score is left.
    """

    plateau: float
    d_saturation: float
    ci_low: float
    ci_high: float
    status: str


def first_of_plateau(
    means: NDArray[np.floating], chance: float
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return which column of each curve is the first within the tolerance, and which the best.

    Parameters
    ----------
    means : ndarray, shape (curves, D)
    chance : float
        Score of guessing; where there is none (nan), gains are counted from 0.
    """
    best = np.argmax(means, axis=1)
    highest = means[np.arange(len(means)), best]
    gain = np.abs(highest - (0.0 if math.isnan(chance) else chance))
    return np.argmax(means >= (highest - TOLERANCE * gain)[:, None], axis=1), best


def resampled_means(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return means over resamples of the seeds, as far apart as so few seeds leave open.

    A bootstrap of few seeds is too narrow: resampled means vary by sqrt((n - 1) / n) of a standard
    error, and a normal quantile takes that error for known. Deviations are stretched by the
    quotient of the quantiles of Student's and the normal distribution over that factor.

    Parameters
    ----------
    values : ndarray, shape (seeds, D)
        At least two seeds; their order is kept across columns.

    Returns
    -------
    ndarray, shape (RESAMPLES, D)
    """
    seeds = len(values)
    rng = np.random.default_rng(0)
    draws = rng.integers(seeds, size=(RESAMPLES, seeds))
    quantile = (1 + LEVEL) / 2
    stretch = t.ppf(quantile, seeds - 1) / norm.ppf(quantile) * math.sqrt(seeds / (seeds - 1))
    mean = values.mean(axis=0)
    resampled: NDArray[np.floating] = mean + stretch * (values[draws].mean(axis=1) - mean)
    return resampled


def interval(found: NDArray[np.floating]) -> tuple[float, float]:
    """Return the limits between which 90 % of what resamples gave lies, each one of it."""
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(found, [tail, 1 - tail], method="closest_observation")
    return float(low), float(high)


def _standard_error(values: NDArray[np.floating]) -> NDArray[np.floating]:
    seeds = len(values)
    return values.std(axis=0, ddof=1) / math.sqrt(seeds) if seeds > 1 else np.zeros(values.shape[1])


def _above_chance(values: NDArray[np.floating], best: int, chance: float, cells: int) -> bool:
    """Tell whether the best of several dimensions beats guessing.

    Seeds share many of their held-out cells, so that the deviation over seeds understates what
    chance does: the binomial error of one seed's cells is added to it. The level is divided by
    the number of dimensions among which the best was picked.
    """
    if math.isnan(chance):
        return True
    binomial = math.sqrt(chance * (1 - chance) / cells)
    error = math.hypot(binomial, _standard_error(values)[best])
    critical = norm.isf(FALSE_ALARMS / values.shape[1])
    return bool(values.mean(axis=0)[best] > chance + critical * error)


def saturation_of(
    dims: NDArray[np.int64], values: NDArray[np.floating], chance: float, cells: int
) -> Saturation:
    """Find where a curve, which need not be monotone, saturates.

    Parameters
    ----------
    dims : ndarray of int, shape (D,)
        Output dimensions in rising order.
    values : ndarray, shape (seeds, D)
        A score, the higher the better, of each seed at each dimension. Dimensions without any
        finite value are left out, then seeds with a missing one.
    chance : float
        Score of guessing; nan when there is none.
    cells : int
        Cells that one seed's score is a mean of.

    Returns
    -------
    Saturation
    """
    scored = np.isfinite(values).any(axis=0)
    dims, values = dims[scored], values[:, scored]
    values = values[np.isfinite(values).all(axis=1)]
    if not values.size:
        return Saturation(math.nan, math.nan, math.nan, math.nan, "failed")
    means = values.mean(axis=0)
    first, best = (int(found[0]) for found in first_of_plateau(means[None], chance))
    low = high = math.nan
    if len(values) > 1:
        low, high = interval(dims[first_of_plateau(resampled_means(values), chance)[0]])
        # Resamples may leave out what all seeds together say.
        low, high = min(low, float(dims[first])), max(high, float(dims[first]))
    status = _status(values, first, best, chance, cells)
    return Saturation(float(means[best]), float(dims[first]), low, high, status)


def _status(values: NDArray[np.floating], first: int, best: int, chance: float, cells: int) -> str:
    means = values.mean(axis=0)
    if not _above_chance(values, best, chance, cells):
        return "nothing_shared"
    if len(means) == 1:
        return "not_saturated"
    lowest = int(np.argmin(means))
    floor = TOLERANCE * (means[best] - (0.0 if math.isnan(chance) else chance))
    if means[best] - means[lowest] <= max(floor, CLEAR * _paired_error(values, best, lowest)):
        return "flat"
    fall = means[best] - means[-1]
    if fall > max(floor, CLEAR * _paired_error(values, best, len(means) - 1)):
        return "declining"
    return "not_saturated" if first == len(means) - 1 else "saturated"


def _paired_error(values: NDArray[np.floating], one: int, other: int) -> float:
    """Return the standard error of the difference of two dimensions, which share their splits."""
    return float(_standard_error(values[:, [one]] - values[:, [other]])[0])


def curve(
    scores: pd.DataFrame, recipe: str, split: str, metric: str
) -> tuple[NDArray[np.int64], NDArray[np.float64], float]:
    """Take one curve out of the long table of scores.

    Parameters
    ----------
    scores : DataFrame
        As ``scores.tsv``.
    recipe, split, metric : str
        Which curve.

    Returns
    -------
    dims : ndarray of int, shape (D,)
    values : ndarray, shape (seeds, D)
    chance : float
        Mean chance level; nan when there is none.
    """
    chosen = scores.query("recipe == @recipe and split == @split and metric == @metric")
    table = chosen.pivot(index="seed", columns="dim", values="value").sort_index(axis=1)
    return table.columns.to_numpy(), table.to_numpy(dtype=float), float(chosen["chance"].mean())


def saturation_table(scores: pd.DataFrame, cells: dict[str, int]) -> pd.DataFrame:
    """Find where every curve of a dataset saturates.

    Parameters
    ----------
    scores : DataFrame
        As ``scores.tsv``, of one dataset.
    cells : dict of str to int
        Cells of one seed in each split, ``train`` and ``test``.

    Returns
    -------
    DataFrame
        One row per recipe, split and metric, with the columns `COLUMNS`. What describes a
        representation without being the better for being higher is left out (temperature, ranks,
        alignment, uniformity, norms).
    """
    rows = []
    rising = scores[scores["metric"].str.startswith(RISING)]
    names = ["dataset", "recipe", "split", "metric"]
    for _, group in rising.groupby(names, sort=False):
        dataset, recipe, split, metric = group[names].iloc[0]
        found = saturation_of(*curve(group, recipe, split, metric), cells[split])
        rows.append((dataset, recipe, split, metric, *vars(found).values()))
    return pd.DataFrame(rows, columns=COLUMNS)
