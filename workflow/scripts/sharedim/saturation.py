"""Where a score stops improving as the output dimension grows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

RESAMPLES = 1000
LEVEL = 0.90
# Standard errors by which two points of a curve must differ to be told apart.
CLEAR = 2.0

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
        reach the plateau; ``declining`` when the curve clearly falls after it; ``flat`` when no
        dimension is clearly better than another; ``nothing_shared`` when the plateau is not
        clearly above chance; ``failed`` when no finite score is left.
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


def saturation_of(dims: np.ndarray, values: np.ndarray, chance: float) -> Saturation:
    """Find where a curve saturates by the one-standard-error rule.

    Parameters
    ----------
    dims : ndarray of int, shape (D,)
        Output dimensions in rising order.
    values : ndarray, shape (seeds, D)
        A score, the higher the better, of each seed at each dimension; seeds with a missing
        value are left out.
    chance : float
        Score of guessing; nan when there is none.

    Returns
    -------
    Saturation
    """
    values = values[np.isfinite(values).all(axis=1)]
    if not len(values):
        return Saturation(math.nan, math.nan, math.nan, math.nan, "failed")
    first, best = _first_within_one_error(values)
    means, errors = values.mean(axis=0), _standard_error(values)

    low = high = math.nan
    if len(values) > 1:
        rng = np.random.default_rng(0)
        draws = rng.integers(len(values), size=(RESAMPLES, len(values)))
        found = [dims[_first_within_one_error(values[draw])[0]] for draw in draws]
        tail = (1 - LEVEL) / 2
        low, high = np.quantile(found, [tail, 1 - tail], method="closest_observation")

    if means[best] <= chance + CLEAR * errors[best]:
        status = "nothing_shared"
    elif np.ptp(means) <= CLEAR * errors[best]:
        status = "flat"
    elif means[-1] < means[best] - CLEAR * math.hypot(errors[best], errors[-1]):
        status = "declining"
    elif first == len(dims) - 1:
        status = "not_saturated"
    else:
        status = "saturated"
    return Saturation(float(means[best]), float(dims[first]), float(low), float(high), status)


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


def saturation_table(scores: pd.DataFrame) -> pd.DataFrame:
    """Find where every curve of a dataset saturates.

    Parameters
    ----------
    scores : DataFrame
        As ``scores.tsv``, of one dataset.

    Returns
    -------
    DataFrame
        One row a recipe, split and metric, with the columns `COLUMNS`. The temperature, which
        falls rather than saturates, is left out.
    """
    rows = []
    rising = scores[scores["metric"] != "temperature"]
    groups = rising.groupby(["dataset", "recipe", "split", "metric"], sort=False)
    for (dataset, recipe, split, metric), group in groups:
        found = saturation_of(*curve(group, recipe, split, metric))
        rows.append((dataset, recipe, split, metric, *vars(found).values()))
    return pd.DataFrame(rows, columns=COLUMNS)
