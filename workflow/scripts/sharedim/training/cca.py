"""Canonical correlation analysis in closed form: a baseline, and a start for encoders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from sharedim.training.canonical import PairedCovariance, canonical_pairs
from sharedim.training.similarity import unit_length

RIDGES = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
# Cells by whose pairs a ridge is chosen: similarities grow with their square.
COMPARED_CELLS = 2000
FOLDS = 5
# Beyond it a weight would grow without bound.
STRONGEST = 0.99


@dataclass(frozen=True)
class LinearStart:
    """A linear pair of encoders of which only what cells left out confirm is kept.

    Attributes
    ----------
    ridge : float
        The ridge that matched best the cells left out.
    correlations : ndarray, shape (min(dx, dy),)
        Of each pair of variates on cells left out, the mean over the folds.
    x_weight : ndarray, shape (dim, dx)
    y_weight : ndarray, shape (dim, dy)
    x_bias : ndarray, shape (dim,)
    y_bias : ndarray, shape (dim,)
    """

    ridge: float
    correlations: np.ndarray
    x_weight: np.ndarray
    y_weight: np.ndarray
    x_bias: np.ndarray
    y_bias: np.ndarray


def confirmed_cca(
    x: np.ndarray, y: np.ndarray, dim: int, ridges: tuple[float, ...] = RIDGES
) -> LinearStart:
    """Fit CCA whose ridge and weights are cross-validated.

    Canonical correlations of the cells that directions were fitted to are too large, in noise as in
    signal, so that weighting by them lets noise in. Here five folds of the cells are left out in
    turn. Each pair of variates is weighted by ``sqrt(r / (1 - r^2))``, r being its mean correlation
    on the cells left out, at least one standard error: with the square of this weight, the product
    of two Gaussian variates of correlation r enters their log-likelihood ratio. The ridge is the
    one under which cells left out match best by the cosine of what is weighted so.

    Parameters
    ----------
    x : ndarray, shape (n, dx)
        First modality.
    y : ndarray, shape (n, dy)
        Second modality, the same cells.
    dim : int
        Directions kept.
    ridges : tuple of float
        Candidates, as shares of each modality's mean variance.
    """
    variates = left_out_variates(x, y, ridges)
    candidates = []
    for ridge, folds in zip(ridges, variates, strict=True):
        correlations = np.mean([correlation(f, g) for f, g in folds], axis=0)
        # A direction of weight 0 in both encoders has no gradient, so that training could never
        # use it.
        confirmed = np.clip(correlations, 1 / np.sqrt(len(x)), STRONGEST)
        strength = np.sqrt(confirmed / (1 - confirmed**2))
        closer = [
            share_closer(*(unit_length(strength[:dim] * side[:, :dim]) for side in pair))
            for pair in folds
        ]
        candidates.append((float(np.mean(closer)), ridge, correlations, strength))
    _, ridge, correlations, strength = min(candidates, key=lambda candidate: candidate[0])
    pairs = canonical_pairs(x, y, ridge)
    x_weight, y_weight = pairs.weights(dim, strength)
    return LinearStart(
        ridge=ridge,
        correlations=correlations,
        x_weight=x_weight,
        y_weight=y_weight,
        x_bias=-x_weight @ pairs.x_mean,
        y_bias=-y_weight @ pairs.y_mean,
    )


def left_out_variates(
    x: np.ndarray, y: np.ndarray, ridges: tuple[float, ...]
) -> list[list[tuple[np.ndarray, np.ndarray]]]:
    """Return, for each ridge and fold, the canonical variates of the cells left out.

    Cells must come in random order, so that every fold is a fair sample.
    """
    fold = np.arange(len(x)) % FOLDS
    variates = [[] for _ in ridges]
    for left_out in range(FOLDS):
        held = fold == left_out
        covariance = PairedCovariance.of_cells(x[~held], y[~held])
        for ridge, folds in zip(ridges, variates, strict=True):
            pairs = covariance.canonical_pairs(ridge)
            folds.append(
                ((x[held] - pairs.x_mean) @ pairs.x.T, (y[held] - pairs.y_mean) @ pairs.y.T)
            )
    return variates


def correlation(f: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Return the correlation of each column of f with that of g; 0 where one is constant."""
    f, g = f - f.mean(axis=0), g - g.mean(axis=0)
    size = np.sqrt((f**2).sum(axis=0) * (g**2).sum(axis=0))
    return (f * g).sum(axis=0) / np.where(size > 0, size, 1)


def share_closer(f: np.ndarray, g: np.ndarray) -> float:
    """Return the share of cells that are more similar than the partner, ties counted half.

    FOSCTTM (Liu et al. 2019), the mean of both directions, by inner product, on the first
    `COMPARED_CELLS` cells at most: a smooth score to choose by, where few cells make shares of
    hits jump.

    Parameters
    ----------
    f, g : ndarray, shape (n, d)
        Representations of the same cells.
    """
    left, right = (torch.as_tensor(side[:COMPARED_CELLS], dtype=torch.float32) for side in (f, g))
    return closer_shares((left @ right.T)[None]).item()


def closer_shares(similarity: torch.Tensor) -> torch.Tensor:
    """Return the same for similarities of several pairs of representations.

    Parameters
    ----------
    similarity : Tensor, shape (S, n, n)

    Returns
    -------
    Tensor of float64, shape (S,)
    """
    n = similarity.shape[1]
    partner = similarity.diagonal(dim1=1, dim2=2)
    closer = torch.zeros(len(similarity), dtype=torch.int64, device=similarity.device)
    for own in (partner[:, :, None], partner[:, None, :]):
        # The partner itself ties, and is no other cell.
        closer += (similarity > own).sum(dim=(1, 2)) + (similarity >= own).sum(dim=(1, 2)) - n
    return closer.double() / (4 * n * max(1, n - 1))
