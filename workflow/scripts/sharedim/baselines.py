"""Closed-form baselines, stored as linear encoders so that they are scored like any model."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np

from sharedim.recipes import CCARecipe
from sharedim.retrieval import rivals, top_share_size, unit_length
from sharedim.splits import split_cells

logger = logging.getLogger(__name__)


def _inverse_square_root(covariance: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(covariance)
    return (vectors / np.sqrt(values)) @ vectors.T


def fit_cca(
    x: np.ndarray, y: np.ndarray, dim: int, ridge: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit correlation-weighted canonical correlation analysis in closed form.

    With ``K = Cxx^(-1/2) Cxy Cyy^(-1/2) = U S V^T`` the encoders are
    ``f(x) = S^(1/2) U^T Cxx^(-1/2) x`` and ``g(y) = S^(1/2) V^T Cyy^(-1/2) y``, cut to ``dim``
    directions. Their inner product is ``x^T A y`` with the A that minimises the population CLIP
    loss of linear encoders on Gaussian pairs (arXiv 2505.24134): canonical variates, each
    weighted by its correlation.

    Parameters
    ----------
    x : ndarray, shape (n, dx)
        First modality.
    y : ndarray, shape (n, dy)
        Second modality, the same cells.
    dim : int
        Directions kept. Beyond min(dx, dy) there are none: the rest are zero.
    ridge : float
        Added to each covariance, as a share of its mean variance.

    Returns
    -------
    x_weight : ndarray, shape (dim, dx)
    y_weight : ndarray, shape (dim, dy)
    correlations : ndarray, shape (min(dim, dx, dy),)
        Canonical correlations (shrunk by the ridge), in falling order.
    """
    x = x - x.mean(axis=0)
    y = y - y.mean(axis=0)
    cxx, cyy, cxy = x.T @ x / len(x), y.T @ y / len(y), x.T @ y / len(x)
    cxx += ridge * np.trace(cxx) / len(cxx) * np.eye(len(cxx))
    cyy += ridge * np.trace(cyy) / len(cyy) * np.eye(len(cyy))
    x_root, y_root = _inverse_square_root(cxx), _inverse_square_root(cyy)
    u, correlations, vt = np.linalg.svd(x_root @ cxy @ y_root, full_matrices=False)

    kept = min(dim, len(correlations))
    strength = np.sqrt(correlations[:kept])[:, None]
    x_weight = np.zeros((dim, x.shape[1]))
    y_weight = np.zeros((dim, y.shape[1]))
    x_weight[:kept] = strength * (u[:, :kept].T @ x_root)
    y_weight[:kept] = strength * (vt[:kept] @ y_root)
    return x_weight, y_weight, correlations[:kept]


def _validation_score(f: np.ndarray, g: np.ndarray) -> tuple[int, float]:
    """Return two-sided hits, and the mean cosine of true pairs to tell ties apart.

    At d = 1 every cosine is +1 or -1, so that nothing is ever a hit and the cosine alone decides.
    """
    f, g = unit_length(f), unit_length(g)
    k = top_share_size(len(f))
    hits = int((rivals(f, g) < k).sum() + (rivals(g, f) < k).sum())
    return hits, float((f * g).sum(axis=1).mean())


def fit_cca_seeds(
    rna: np.ndarray, prot: np.ndarray, *, recipe: CCARecipe, dim: int, seeds: list[int]
) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """Fit CCA on each seed's training cells, with the ridge that matches its normaliser cells best.

    Parameters
    ----------
    rna, prot : ndarray, shapes (n, dx) and (n, dy)
        Features of all paired cells.
    recipe : CCARecipe
        The ridges to choose from.
    dim : int
        Output dimension d.
    seeds : list of int
        The repetitions.

    Yields
    ------
    seed : int
    tensors : dict of str to ndarray
        One linear layer a modality, named as `sharedim.training.model_tensors` names them, with
        ``ridge`` and ``correlations`` beside.
    """
    rna, prot = rna.astype(np.float64), prot.astype(np.float64)
    for seed in seeds:
        split = split_cells(len(rna), seed)
        x, y = rna[split.train], prot[split.train]
        x_mean, y_mean = x.mean(axis=0), y.mean(axis=0)
        x_held, y_held = rna[split.normaliser] - x_mean, prot[split.normaliser] - y_mean

        best_score, best = (-1, 0.0), None
        for ridge in recipe.ridges:
            x_weight, y_weight, correlations = fit_cca(x, y, dim, ridge)
            f, g = x_held @ x_weight.T, y_held @ y_weight.T
            score = _validation_score(f, g)
            if score > best_score:
                best_score, best = score, (ridge, x_weight, y_weight, correlations, f, g)
        ridge, x_weight, y_weight, correlations, f, g = best
        logger.info("seed %d: ridge %g, correlations %s", seed, ridge, np.round(correlations, 2))
        tensors = {
            "rna.0.weight": x_weight,
            "rna.0.bias": -x_weight @ x_mean,
            "prot.0.weight": y_weight,
            "prot.0.bias": -y_weight @ y_mean,
            "mean_norm.rna": np.linalg.norm(f, axis=1).mean(),
            "mean_norm.prot": np.linalg.norm(g, axis=1).mean(),
            "ridge": np.array(ridge),
            "correlations": np.pad(correlations, (0, dim - len(correlations))),
        }
        yield seed, {name: np.asarray(t, dtype=np.float32) for name, t in tensors.items()}
