"""Encoders of length 1 in one dimension, which are signs (arXiv 2505.24134, Section 5): Figure 6."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from experiments.evidence import DatasetEvidence, TrainedModel
from experiments.outcome import Finding, several

NORMALISED = "normalised"
# Of the training pairs, every one of which is taken with every other.
PAIRS = 2000
# Share by which variances of the marginals, and the correlation, may differ.
CLOSE = 0.02
# Of two standard normal numbers whose signs are tilted towards each other: E|x| E|y| tanh(1).
CORRELATION = 2 / np.pi * np.tanh(1)


class Moments(NamedTuple):
    """Of a distribution over pairs of numbers.

    Attributes
    ----------
    variances : ndarray, shape (2,)
        Of the marginals.
    correlation : float
    """

    variances: np.ndarray
    correlation: float


def moments(weights: np.ndarray, x: np.ndarray, y: np.ndarray) -> Moments:
    """Return the moments of a distribution over all pairs of some numbers.

    Parameters
    ----------
    weights : ndarray, shape (n, m)
        Of each pair; they need not add up to 1.
    x, y : ndarray, shapes (n,) and (m,)
    """
    weights = weights / weights.sum()
    x = x - weights.sum(axis=1) @ x
    y = y - weights.sum(axis=0) @ y
    variances = np.array([weights.sum(axis=1) @ x**2, weights.sum(axis=0) @ y**2])
    return Moments(variances, float(x @ weights @ y / np.sqrt(variances.prod())))


def of_signs(datasets: list[DatasetEvidence]) -> Finding:
    """Say what signs make of the correlation and of the marginals, where each side has one feature.

    The model's distribution is that of all training pairs, right and wrong ones, tilted.
    """
    said, agrees = {}, []
    for own in datasets:
        if any(side.shape[1] > 1 for side in own.features):
            continue
        for model in own.trained(NORMALISED, 1):
            found, exact = of_model(own, model)
            off = np.abs(found.variances / exact.variances - 1).max()
            near = abs(found.correlation / CORRELATION - 1) < CLOSE
            agrees.append(off < CLOSE and near and found.correlation < exact.correlation)
            said[f"{own.name}, seed {model.seed}"] = (
                f"correlation {found.correlation:.3f}, of the pairs {exact.correlation:.3f}; variances off by "
                f"at most {100 * off:.2f} %"
            )
    return Finding(
        "Figure 6",
        "of encoders of length 1 in one dimension nothing is left but signs: with those of CCA the model's "
        f"correlation is 2 tanh(1) / pi = {CORRELATION:.3f} and too small, and marginal variances stay (within "
        f"{100 * CLOSE:.0f} %)",
        several(said),
        bool(agrees) and all(agrees),
        "Signs have no gradient, so that the encoders are those of CCA.",
    )


def of_model(dataset: DatasetEvidence, model: TrainedModel) -> tuple[Moments, Moments]:
    """Return the moments of the distribution that a model stands for, and of its training pairs."""
    f, g, temperature = dataset.compared(model)
    chosen = model.split.train[:PAIRS]
    x, y = (side[chosen, 0].astype(np.float64) for side in dataset.features)
    found = moments(np.exp(f[chosen].astype(np.float64) @ g[chosen].T / temperature), x, y)
    return found, moments(np.eye(len(x)), x, y)
