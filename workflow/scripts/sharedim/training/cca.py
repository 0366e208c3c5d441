"""Canonical correlation analysis from covariance matrices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sharedim.training.foscttm import foscttm
from sharedim.training.similarity import unit_length

RIDGES = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
FOLDS = 5
# Beyond it a weight would grow without bound.
STRONGEST = 0.99


@dataclass(frozen=True)
class CanonicalPairs:
    """Directions in which two modalities correlate, the strongest first.

    Attributes
    ----------
    x : ndarray, shape (min(dx, dy), dx)
        Directions of the first modality; its variates have unit variance but for the ridge.
    y : ndarray, shape (min(dx, dy), dy)
        Those of the second.
    correlations : ndarray, shape (min(dx, dy),)
        Canonical correlations (shrunk by the ridge), in falling order.
    x_mean : ndarray, shape (dx,)
    y_mean : ndarray, shape (dy,)
    """

    x: NDArray[np.floating]
    y: NDArray[np.floating]
    correlations: NDArray[np.floating]
    x_mean: NDArray[np.floating]
    y_mean: NDArray[np.floating]

    def weights(
        self, dim: int, strength: NDArray[np.floating]
    ) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Return linear encoders to a number of dimensions, the variates weighted.

        Weighted by the square roots of the correlations S, they are
        ``f(x) = S^(1/2) U^T Cxx^(-1/2) x`` and ``g(y) = S^(1/2) V^T Cyy^(-1/2) y``, where
        ``Cxx^(-1/2) Cxy Cyy^(-1/2) = U S V^T``: their inner product is ``x^T A y`` with the A that
        minimises the population CLIP loss of linear encoders on Gaussian pairs (arXiv 2505.24134).

        Parameters
        ----------
        dim : int
            Directions kept. Beyond min(dx, dy) there are none: the rest are zero.
        strength : ndarray, shape (min(dx, dy),)
            What each variate is multiplied by.

        Returns
        -------
        x_weight : ndarray, shape (dim, dx)
        y_weight : ndarray, shape (dim, dy)
        """
        kept = min(dim, len(self.correlations))
        weights = []
        for directions in (self.x, self.y):
            weight = np.zeros((dim, directions.shape[1]))
            weight[:kept] = strength[:kept, None] * directions[:kept]
            weights.append(weight)
        return weights[0], weights[1]


@dataclass(frozen=True)
class PairedCovariance:
    """The first two moments of two modalities, decomposed once for all ridges.

    Attributes
    ----------
    x : ndarray, shape (dx, dx)
        Covariance of the first modality.
    y : ndarray, shape (dy, dy)
        That of the second.
    cross : ndarray, shape (dx, dy)
        Of the first with the second.
    x_mean : ndarray, shape (dx,)
    y_mean : ndarray, shape (dy,)
    """

    x: NDArray[np.floating]
    y: NDArray[np.floating]
    cross: NDArray[np.floating]
    x_mean: NDArray[np.floating]
    y_mean: NDArray[np.floating]

    @classmethod
    def of_cells(cls, x: NDArray[np.floating], y: NDArray[np.floating]) -> PairedCovariance:
        """Return the moments of a sample, shapes (n, dx) and (n, dy), divided by n."""
        means = x.mean(axis=0), y.mean(axis=0)
        x, y = x - means[0], y - means[1]
        return cls(x.T @ x / len(x), y.T @ y / len(y), x.T @ y / len(x), *means)

    @classmethod
    def of_joint(cls, covariance: NDArray[np.floating], dx: int) -> PairedCovariance:
        """Return the moments of centred modalities from their joint covariance, the first one's first."""
        x, y = slice(None, dx), slice(dx, None)
        means = np.zeros(dx), np.zeros(len(covariance) - dx)
        return cls(covariance[x, x], covariance[y, y], covariance[x, y], *means)

    @property
    def swapped(self) -> PairedCovariance:
        """The same with the second modality as the first."""
        return PairedCovariance(self.y, self.x, self.cross.T, self.y_mean, self.x_mean)

    @cached_property
    def _own(self) -> list[tuple[NDArray[np.floating], NDArray[np.floating]]]:
        return [np.linalg.eigh(side) for side in (self.x, self.y)]

    def canonical_pairs(self, ridge: float = 0.0) -> CanonicalPairs:
        """Find the directions in which the modalities correlate.

        Parameters
        ----------
        ridge : float
            Added to each covariance, as a share of its mean variance.
        """
        x_root, y_root = (_inverse_root(*own, ridge) for own in self._own)
        u, correlations, vt = np.linalg.svd(x_root @ self.cross @ y_root, full_matrices=False)
        means = self.x_mean, self.y_mean
        return CanonicalPairs(u.T @ x_root, vt @ y_root, correlations, *means)


def _inverse_root(
    values: NDArray[np.floating], vectors: NDArray[np.floating], ridge: float
) -> NDArray[np.floating]:
    """Return the inverse square root of a covariance; 0 for one whose cells are all the same."""
    mean = values.mean()
    if mean <= 0:
        return np.zeros_like(vectors)
    root: NDArray[np.floating] = (vectors / np.sqrt(values + ridge * mean)) @ vectors.T
    return root


def canonical_pairs(
    x: NDArray[np.floating], y: NDArray[np.floating], ridge: float
) -> CanonicalPairs:
    """Find the directions in which two modalities correlate; see `PairedCovariance`."""
    return PairedCovariance.of_cells(x, y).canonical_pairs(ridge)


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
    correlations: NDArray[np.floating]
    x_weight: NDArray[np.floating]
    y_weight: NDArray[np.floating]
    x_bias: NDArray[np.floating]
    y_bias: NDArray[np.floating]


def confirmed_cca(
    x: NDArray[np.floating], y: NDArray[np.floating], dim: int, ridges: tuple[float, ...] = RIDGES
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
        scores = [
            foscttm(*(unit_length(strength[:dim] * side[:, :dim]) for side in pair))
            for pair in folds
        ]
        candidates.append((float(np.mean(scores)), ridge, correlations, strength))
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
    x: NDArray[np.floating], y: NDArray[np.floating], ridges: tuple[float, ...]
) -> list[list[tuple[NDArray[np.floating], NDArray[np.floating]]]]:
    """Return, for each ridge and fold, the canonical variates of the cells left out.

    Cells must come in random order, so that every fold is a fair sample.
    """
    fold = np.arange(len(x)) % FOLDS
    variates: list[list[tuple[NDArray[np.floating], NDArray[np.floating]]]] = [[] for _ in ridges]
    for left_out in range(FOLDS):
        held = fold == left_out
        covariance = PairedCovariance.of_cells(x[~held], y[~held])
        for ridge, folds in zip(ridges, variates, strict=True):
            pairs = covariance.canonical_pairs(ridge)
            folds.append(
                ((x[held] - pairs.x_mean) @ pairs.x.T, (y[held] - pairs.y_mean) @ pairs.y.T)
            )
    return variates


def correlation(f: NDArray[np.floating], g: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the correlation of each column of f with that of g; 0 where one is constant."""
    f, g = f - f.mean(axis=0), g - g.mean(axis=0)
    size = np.sqrt((f**2).sum(axis=0) * (g**2).sum(axis=0))
    found: NDArray[np.floating] = (f * g).sum(axis=0) / np.where(size > 0, size, 1)
    return found
