"""The shared dimension of a dataset, k-hat, with its interval."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from sharedim.saturation import curve, interval, resampled_means

METRIC = "shared_count"
VOTER = "cca"
UNKNOWN = {"value": None, "low": None, "high": None, "recipe": None, "at_d": None}


def shared_dimension(scores: pd.DataFrame, saturation: pd.DataFrame, matching: str) -> dict:
    """Estimate how many dimensions two modalities share.

    The number of canonical directions whose correlation holds up on cells left out
    (`sharedim.shared.shared_directions`), in the held-out cells of the largest d of the linear
    recipe, the mean over the seeds; the interval resamples the seeds. Among the estimators that
    docs/calibration.md compares, this one is closest to the truth.

    Parameters
    ----------
    scores, saturation : DataFrame
        As ``scores.tsv`` and ``saturation.tsv``, of one dataset.
    matching : str
        The metric by which a recipe is said to find nothing shared.

    Returns
    -------
    dict
        ``value``, ``low``, ``high`` (None where unknown), ``recipe``, ``at_d``, and ``status``:
        ``estimated``; ``nothing_shared``; ``not_saturated`` where every direction of the largest d
        is shared, so that there may be more; ``not_run`` without the linear recipe; ``failed``.
    """
    own = saturation[(saturation["recipe"] == VOTER) & (saturation["split"] == "test")]
    own = own[own["metric"] == matching]
    if own.empty:
        return {**UNKNOWN, "status": "not_run"}
    dims, counts, _ = curve(scores, VOTER, "test", METRIC)
    counts = counts[:, -1:][np.isfinite(counts[:, -1:])]
    if not counts.size:
        return {**UNKNOWN, "status": "failed"}
    if own["status"].item() in ("nothing_shared", "failed") or counts.mean() < 0.5:
        return {**UNKNOWN, "status": "nothing_shared"}
    low = high = math.nan
    if len(counts) > 1:
        low, high = interval(resampled_means(counts[:, None])[:, 0])
    status = "not_saturated" if counts.mean() > dims[-1] - 0.5 else "estimated"
    return {
        "value": round(float(counts.mean()), 2),
        "low": None if math.isnan(low) else round(max(low, 0.0), 2),
        "high": None if math.isnan(high) else round(high, 2),
        "recipe": VOTER,
        "at_d": int(dims[-1]),
        "status": status,
    }
