"""Precision of a GPU's matrix products."""

from __future__ import annotations

import os

from sharedim.errors import InputError

PRECISIONS = ("highest", "high", "medium")
# Scores are the same as in plain single precision, in 0.7 of the time (docs/performance.md).
USUAL_PRECISION = "high"


def choose_precision() -> str:
    """Return the precision of a GPU's matrix products, in PyTorch's words.

    ``SHAREDIM_PRECISION`` if set, else ``high``: TF32, with sums in single precision.
    """
    name = os.environ.get("SHAREDIM_PRECISION") or USUAL_PRECISION
    if name not in PRECISIONS:
        raise InputError(f"SHAREDIM_PRECISION={name}: not a precision; use {', '.join(PRECISIONS)}")
    return name
