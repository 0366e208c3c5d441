"""Canonical correlation analysis in closed form: a baseline, and a start for encoders."""

from __future__ import annotations

import numpy as np


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
