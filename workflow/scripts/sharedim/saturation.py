"""Where a score stops improving as the output dimension grows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

RESAMPLES = 1000
LEVEL = 0.90
# Share of unrelated data in which something may be found, for one curve.
FALSE_ALARMS = 0.05
# Standard errors by which two points of a curve must differ to be told apart.
CLEAR = 2.0

# The higher the better, so that their curves can saturate.
RISING = ("match_top", "match_recall", "match_score", "label", "infonce", "id_")

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
        Smallest output dimension whose mean is within one standard error of the plateau.
    ci_low, ci_high : float
        Interval of ``d_saturation`` with 90 % of resamples of the seeds; nan with a single seed.
    status : str
        ``saturated``; ``not_saturated`` when the last dimension of the grid is the first to
        reach the plateau, or the only one; ``declining`` when the curve clearly falls after it;
        ``flat`` when no dimension is clearly better than another; ``nothing_shared`` when the
        plateau is not clearly above chance; ``failed`` when no finite score is left.
    """

    plateau: float
    d_saturation: float
    ci_low: float
    ci_high: float
    status: str


def _first_within_one_error(values: np.ndarray) -> tuple[int, int]:
    """Return the columns of the first dimension within one standard error and of the best."""
    means = values.mean(axis=0)
    best = int(np.argmax(means))
    return int(np.argmax(means >= means[best] - _standard_error(values)[best])), best


def _standard_error(values: np.ndarray) -> np.ndarray:
    seeds = len(values)
    return values.std(axis=0, ddof=1) / math.sqrt(seeds) if seeds > 1 else np.zeros(values.shape[1])


def _above_chance(values: np.ndarray, best: int, chance: float, cells: int) -> bool:
    """Tell whether the best of several dimensions beats guessing.

    Seeds share many of their held-out cells, so that the spread over seeds understates what
    chance does: the binomial error of one seed's cells is added to it. The level is divided by
    the number of dimensions among which the best was picked.
    """
    if math.isnan(chance):
        return True
    binomial = math.sqrt(chance * (1 - chance) / cells)
    error = math.hypot(binomial, _standard_error(values)[best])
    critical = norm.isf(FALSE_ALARMS / values.shape[1])
    return bool(values.mean(axis=0)[best] > chance + critical * error)


def saturation_of(dims: np.ndarray, values: np.ndarray, chance: float, cells: int) -> Saturation:
    """Find where a curve saturates by the one-standard-error rule.

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
    first, best = _first_within_one_error(values)

    low = high = math.nan
    if len(values) > 1:
        rng = np.random.default_rng(0)
        draws = rng.integers(len(values), size=(RESAMPLES, len(values)))
        found = [dims[_first_within_one_error(values[draw])[0]] for draw in draws]
        tail = (1 - LEVEL) / 2
        low, high = np.quantile(found, [tail, 1 - tail], method="closest_observation")
    status = _status(values, first, best, chance, cells)
    plateau = float(values.mean(axis=0)[best])
    return Saturation(plateau, float(dims[first]), float(low), float(high), status)


def _status(values: np.ndarray, first: int, best: int, chance: float, cells: int) -> str:
    means, errors = values.mean(axis=0), _standard_error(values)
    if not _above_chance(values, best, chance, cells):
        return "nothing_shared"
    if len(means) == 1:
        return "not_saturated"
    if len(values) > 1 and np.ptp(means) <= CLEAR * errors[best]:
        return "flat"
    if len(values) > 1 and means[-1] < means[best] - CLEAR * math.hypot(errors[best], errors[-1]):
        return "declining"
    return "not_saturated" if first == len(means) - 1 else "saturated"


def curve(
    scores: pd.DataFrame, recipe: str, split: str, metric: str
) -> tuple[np.ndarray, np.ndarray, float]:
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
        One row a recipe, split and metric, with the columns `COLUMNS`. What describes a
        representation without being the better for being higher is left out (temperature, ranks,
        alignment, uniformity, norms).
    """
    rows = []
    rising = scores[scores["metric"].str.startswith(RISING)]
    groups = rising.groupby(["dataset", "recipe", "split", "metric"], sort=False)
    for (dataset, recipe, split, metric), group in groups:
        found = saturation_of(*curve(group, recipe, split, metric), cells[split])
        rows.append((dataset, recipe, split, metric, *vars(found).values()))
    return pd.DataFrame(rows, columns=COLUMNS)
