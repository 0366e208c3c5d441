"""Similarity of representations: at which length, and distances as inner products."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Similarities of representations that are divided by their mean norms.
OVER_MEAN_NORMS = ("inner_product", "euclidean")
# Half of minus the squared distance: on the unit sphere the inner product, less 1.
EUCLIDEAN = ("euclidean", "unnormalised_euclidean")
# Representations are taken as the encoders give them.
UNNORMALISED = ("unnormalised", "unnormalised_euclidean")


def unit_length(representation: NDArray[np.floating]) -> NDArray[np.floating]:
    """Scale each row to length 1, so that inner products become cosines; zero rows stay zero."""
    norms = np.linalg.norm(representation, axis=1, keepdims=True)
    return representation / np.where(norms > 0, norms, 1)


def at_length(representation: NDArray[np.floating], similarity: str) -> NDArray[np.floating]:
    """Return a representation at the length that counts: 1 for each row where cosines compare."""
    return unit_length(representation) if similarity == "cosine" else representation


def as_inner_products(
    f: NDArray[np.floating], g: NDArray[np.floating], similarity: str
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return representations whose inner products are what those at their length are compared by.

    A Euclidean similarity takes two more columns: ``-|f - g|^2 / 2`` is the inner product of
    ``[f, -|f|^2 / 2, 1]`` and ``[g, 1, -|g|^2 / 2]``. Nothing else changes.
    """
    if similarity not in EUCLIDEAN:
        return f, g
    to_f, to_g = (-0.5 * np.square(side).sum(axis=1, keepdims=True) for side in (f, g))
    return np.hstack([f, to_f, np.ones_like(to_f)]), np.hstack([g, np.ones_like(to_g), to_g])


def comparable(
    f: NDArray[np.floating], g: NDArray[np.floating], similarity: str
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return representations whose inner products are what they are compared by.

    Parameters
    ----------
    f, g : ndarray, shapes (n, d) and (m, d)
        Representations in two modalities, divided by their mean norms where the similarity
        asks for it.
    similarity : str
        As in `sharedim.training.recipe_types.ContrastiveRecipe`.
    """
    return as_inner_products(at_length(f, similarity), at_length(g, similarity), similarity)
