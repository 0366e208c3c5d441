"""The paper's estimator alone, for tests that ask for nothing else."""

from __future__ import annotations

from typing import NamedTuple

from sharedim.evaluation.intrinsic_dimension import intrinsic_dimensions


class MLEDimension(NamedTuple):
    """Arithmetic and harmonic mean of the same pointwise estimates."""

    mean: float
    harmonic: float


def mle_dimension(representation):
    """Return both averages of the maximum-likelihood dimension."""
    estimates = intrinsic_dimensions(representation, errors=False).estimates
    return MLEDimension(estimates["mle"].value, estimates["mle_harmonic"].value)
