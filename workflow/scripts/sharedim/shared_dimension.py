"""The shared dimension of a dataset, k-hat, with its interval."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from sharedim.saturation import curve, interval, resampled_means

METRIC, EFFECTIVE = "shared_count", "shared_effective"
VOTER = "cca"
UNKNOWN = dict.fromkeys(("value", "low", "high", "effective", "recipe", "at_d"))


def shared_dimension(
    scores: pd.DataFrame, saturation: pd.DataFrame, matching: str, directions: int
) -> dict:
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
    directions : int
        Features of the smaller modality, which has no more directions.

    Returns
    -------
    dict
        ``value``, ``low``, ``high``, ``effective`` (the participation ratio of the correlations, to
        which weak directions add little), ``recipe`` and ``at_d``, None where unknown, and
        ``status``: ``estimated``; ``nothing_shared``; ``not_saturated`` where every direction of the
        largest d is shared, so that there may be more; ``all_directions`` where every direction of
        the smaller modality is; ``not_run`` without the linear recipe; ``failed``.
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
    status = "estimated"
    if counts.mean() > min(dims[-1], directions) - 0.5:
        status = "not_saturated" if dims[-1] < directions else "all_directions"
    effective = curve(scores, VOTER, "test", EFFECTIVE)[1][:, -1:]
    return {
        "value": round(float(counts.mean()), 2),
        "low": None if math.isnan(low) else round(max(low, 0.0), 2),
        "high": None if math.isnan(high) else round(high, 2),
        "effective": round(float(np.nanmean(effective)), 2) if effective.size else None,
        "recipe": VOTER,
        "at_d": int(dims[-1]),
        "status": status,
    }
