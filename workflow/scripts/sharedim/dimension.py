"""Intrinsic dimension of a representation."""

from __future__ import annotations

import logging
import math
from typing import NamedTuple

import numpy as np
import skdim

logger = logging.getLogger(__name__)

NEIGHBOURS = 20


class MLEDimension(NamedTuple):
    """Two averages of the same pointwise maximum-likelihood estimates.

    Attributes
    ----------
    mean : float
        Arithmetic mean, the paper's: ``skdim.id.MLE().fit_transform``.
    harmonic : float
        Harmonic mean, a few per cent lower: ``skdim.id.MLE().fit(...).dimension_``.
    """

    mean: float
    harmonic: float


def mle_dimension(representation: np.ndarray) -> MLEDimension:
    """Estimate intrinsic dimension by maximum likelihood over 20 neighbours (Levina and Bickel 2005).

    Parameters
    ----------
    representation : ndarray, shape (n, d)
        One row a cell, before any length normalisation. Exact duplicates are left out, since they
        make the estimate zero or infinite.

    Returns
    -------
    MLEDimension
        1 for a single column, by definition; nan when fewer than 22 distinct rows are left or a
        value is not finite.
    """
    if not np.all(np.isfinite(representation)):
        return MLEDimension(math.nan, math.nan)
    distinct = np.unique(representation, axis=0)
    if len(distinct) < NEIGHBOURS + 2:
        logger.warning("only %d distinct cells: no intrinsic dimension", len(distinct))
        return MLEDimension(math.nan, math.nan)
    if representation.shape[1] == 1:
        return MLEDimension(1.0, 1.0)
    if len(distinct) < len(representation):
        dropped = len(representation) - len(distinct)
        logger.info("%d of %d cells left out as duplicates", dropped, len(representation))
    pointwise = skdim.id.MLE().fit(distinct, n_neighbors=NEIGHBOURS).dimension_pw_
    return MLEDimension(float(np.mean(pointwise)), float(1 / np.mean(1 / pointwise)))
