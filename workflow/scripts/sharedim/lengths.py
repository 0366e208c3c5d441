"""Representations at unit length, as cosines compare them."""

from __future__ import annotations

import numpy as np


def unit_length(representation: np.ndarray) -> np.ndarray:
    """Scale each row to length 1, so that inner products become cosines; zero rows stay zero."""
    norms = np.linalg.norm(representation, axis=1, keepdims=True)
    return representation / np.where(norms > 0, norms, 1)


def comparable(f: np.ndarray, g: np.ndarray, *, cosine: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return representations whose inner products are what they are compared by."""
    return (unit_length(f), unit_length(g)) if cosine else (f, g)
