"""Shared dimension of a dataset, k-hat, with its interval."""

from __future__ import annotations

from typing import TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sharedim.evaluation.saturation import curve, interval, resampled_means

COUNT, EFFECTIVE = "shared_count", "shared_effective"
LINEAR_RECIPE = "cca"


class Nothing(TypedDict):
    """What is known where there is no estimate."""

    value: None
    low: None
    high: None
    count: None
    effective: None
    recipe: None
    at_d: None


class Unknown(Nothing):
    """The reason why there is no estimate."""

    status: str


class Found(TypedDict):
    """An estimate of the shared dimension, as `shared_dimension` explains it."""

    value: int
    low: int | None
    high: int | None
    count: float
    effective: float
    recipe: str
    at_d: int
    status: str


KHat = Found | Unknown
UNKNOWN: Nothing = {
    "value": None,
    "low": None,
    "high": None,
    "count": None,
    "effective": None,
    "recipe": None,
    "at_d": None,
}


def shared_dimension(
    scores: pd.DataFrame, saturation: pd.DataFrame, matching: str, directions: int
) -> KHat:
    """Estimate how many dimensions two modalities share.

    The estimate comes from the canonical directions whose correlation r is significant on held-out
    cells (`sharedim.evaluation.shared_directions.shared_directions`), at the largest d of the linear
    recipe: k-hat is their participation ratio (sum r)^2 / sum r^2, to which weak directions add
    little, to the nearest whole number. With enough cells, directions are significant that are no
    dimension of their own, a bend of another in both modalities; so the interval reaches from the
    lower limit of the participation ratio to the upper one of the plain count, both over resampled
    seeds. docs/calibration.md compares the estimators.

    Parameters
    ----------
    scores, saturation : DataFrame
        As ``scores.tsv`` and ``saturation.tsv``, of one dataset.
    matching : str
        The metric by which a recipe is said to find nothing shared.
    directions : int
        Features of the smaller modality, which has no more directions.

    Returns
    -------
    dict
        ``value``, ``low``, ``high``, ``count`` and ``effective`` (both means over seeds),
        ``recipe`` and ``at_d``, None where unknown, and ``status``: ``estimated``;
        ``nothing_shared``; ``not_saturated`` where every direction of the largest d is shared, so
        that there may be more; ``all_directions`` where every direction of the smaller modality is;
        ``not_run`` without the linear recipe; ``failed``.
    """
    own = saturation[(saturation["recipe"] == LINEAR_RECIPE) & (saturation["split"] == "test")]
    own = own[own["metric"] == matching]
    if own.empty:
        return {**UNKNOWN, "status": "not_run"}
    counts, effective = (_at_largest_d(scores, metric) for metric in (COUNT, EFFECTIVE))
    if not counts.size:
        return {**UNKNOWN, "status": "failed"}
    nothing = own["status"].item() in ("nothing_shared", "failed")
    if nothing or counts.mean() < 0.5 or not effective.size:
        return {**UNKNOWN, "status": "nothing_shared"}
    at_d = int(scores.loc[scores["recipe"] == LINEAR_RECIPE, "dim"].max())
    status = "estimated"
    if counts.mean() > min(at_d, directions) - 0.5:
        status = "not_saturated" if at_d < directions else "all_directions"
    value = round(effective.mean())
    low = high = None
    if min(len(counts), len(effective)) > 1:
        low = max(1, min(value, round(interval(resampled_means(effective[:, None])[:, 0])[0])))
        high = max(value, round(interval(resampled_means(counts[:, None])[:, 0])[1]))
    return {
        "value": value,
        "low": low,
        "high": high,
        "count": round(float(counts.mean()), 2),
        "effective": round(float(effective.mean()), 2),
        "recipe": LINEAR_RECIPE,
        "at_d": at_d,
        "status": status,
    }


def _at_largest_d(scores: pd.DataFrame, metric: str) -> NDArray[np.floating]:
    """Return a held-out metric of the linear recipe at its largest d, of each seed that has it."""
    dims, values, _ = curve(scores, LINEAR_RECIPE, "test", metric)
    return values[:, -1][np.isfinite(values[:, -1])] if dims.size else np.empty(0)
