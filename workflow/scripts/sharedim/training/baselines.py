"""Closed-form baselines, stored as linear encoders so that they are scored like any model."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sharedim.training.cca import RIDGES, PairedCovariance
from sharedim.training.foscttm import foscttm
from sharedim.training.recipe_types import LinearRecipe
from sharedim.training.similarity import comparable
from sharedim.training.splits import split_cells

logger = logging.getLogger(__name__)


class LinearPair(NamedTuple):
    """Linear encoders without bias, for centred cells, and how they came about."""

    x_weight: NDArray[np.floating]
    y_weight: NDArray[np.floating]
    similarity: str
    ridge: float

    def encode(
        self, x: NDArray[np.floating], y: NDArray[np.floating]
    ) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Return the representations of centred cells."""
        return x @ self.x_weight.T, y @ self.y_weight.T

    @property
    def cosine(self) -> bool:
        """Whether representations are compared by cosine rather than inner product."""
        return self.similarity != "inner_product"


def fit_linear_seeds(
    rna: NDArray[np.floating],
    prot: NDArray[np.floating],
    *,
    recipe: LinearRecipe,
    dim: int,
    seeds: list[int],
    test_cells: NDArray[np.int64] | None = None,
    hold_out: bool = True,
) -> Iterator[tuple[int, dict[str, NDArray[np.float32]]]]:
    """Fit a baseline on each seed's training cells, as it matches validation cells best.

    The ridge and the similarity are those of the least FOSCTTM on the validation cells; test cells
    are never seen.

    Parameters
    ----------
    rna, prot : ndarray, shapes (n, dx) and (n, dy)
        Features of all paired cells.
    recipe : LinearRecipe
        Which baseline.
    dim : int
        Output dimension d. Beyond min(dx, dy) there are no more directions: the rest are zero.
    seeds : list of int
        The repetitions.
    test_cells : ndarray of int64, optional
        Test cells that are the same for every seed, as `sharedim.training.splits.split_cells` takes them.
    hold_out : bool
        False makes no cell a test cell.

    Yields
    ------
    seed : int
    tensors : dict of str to ndarray
        One linear layer a modality, named as `sharedim.training.loop.model_tensors` names them; the
        ``ridge``; and ``cosine``, 1 where representations are compared by cosine, else 0.
    """
    candidates = {"cca": cca_candidates, "pca": pca_candidates}[recipe.method]
    for seed in seeds:
        split = split_cells(len(rna), seed, test_cells, recipe.validation_share, hold_out=hold_out)
        x, y = (np.asarray(side[split.train], dtype=np.float64) for side in (rna, prot))
        means = x.mean(axis=0), y.mean(axis=0)
        held = rna[split.normaliser] - means[0], prot[split.normaliser] - means[1]
        best = min(
            candidates(x - means[0], y - means[1], dim), key=lambda pair: _score(pair, *held)
        )
        logger.info("seed %d: ridge %g, compared by %s", seed, best.ridge, best.similarity)
        tensors = {"ridge": np.array(best.ridge), "cosine": np.array(best.cosine)}
        weights = best.x_weight, best.y_weight
        for name, weight, mean, encoded in zip(
            ("rna", "prot"), weights, means, best.encode(*held), strict=True
        ):
            tensors[f"{name}.0.weight"] = weight
            tensors[f"{name}.0.bias"] = -weight @ mean
            tensors[f"mean_norm.{name}"] = np.linalg.norm(encoded, axis=1).mean()
        yield seed, {name: np.asarray(t, dtype=np.float32) for name, t in tensors.items()}


def _score(pair: LinearPair, x: NDArray[np.floating], y: NDArray[np.floating]) -> float:
    return foscttm(*comparable(*pair.encode(x, y), "cosine" if pair.cosine else "inner_product"))


def cca_candidates(
    x: NDArray[np.floating], y: NDArray[np.floating], dim: int
) -> Iterator[LinearPair]:
    """Yield CCA of centred cells with every ridge, by inner product and by two cosines.

    Canonical variates have unit variance; weighted, they are multiplied by the square root of
    their correlation.
    """
    covariance = PairedCovariance.of_cells(x, y)
    for ridge in RIDGES:
        pairs = covariance.canonical_pairs(ridge)
        plain = np.ones_like(pairs.correlations)
        for similarity, strength in (
            ("inner_product", plain),
            ("cosine", plain),
            ("weighted_cosine", np.sqrt(pairs.correlations)),
        ):
            yield LinearPair(*pairs.weights(dim, strength), similarity, ridge)


def pca_candidates(
    x: NDArray[np.floating], y: NDArray[np.floating], dim: int
) -> Iterator[LinearPair]:
    """Yield the principal components of centred cells, those of RNA mapped to those of protein.

    Each modality is cut to its first principal components, and a ridge regression on those of RNA
    predicts those of protein.
    """
    kept = min(dim, *x.shape[1:], *y.shape[1:])
    x_axes, y_axes = (np.linalg.svd(side, full_matrices=False)[2][:kept] for side in (x, y))
    a, b = x @ x_axes.T, y @ y_axes.T
    variances = (a**2).mean(axis=0)
    y_weight = np.pad(y_axes, ((0, dim - kept), (0, 0)))
    for ridge in RIDGES:
        # Components are uncorrelated, so that each has a coefficient of its own.
        to_protein = (b.T @ a / len(a)) / (variances + ridge * variances.mean())
        x_weight = np.pad(to_protein @ x_axes, ((0, dim - kept), (0, 0)))
        for similarity in ("inner_product", "cosine"):
            yield LinearPair(x_weight, y_weight, similarity, ridge)
