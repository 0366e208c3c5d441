"""InfoNCE bound on mutual information, in nats, and the temperature that maximises it."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

# Pairs that are contrasted at once, the same for every recipe and dataset: the bound cannot exceed log of it.
PAIRS = 200
LOWEST_LOG_TEMPERATURE, HIGHEST_LOG_TEMPERATURE = -8.0, 4.0


def infonce_nats(f: NDArray[np.floating], g: NDArray[np.floating], temperature: float) -> float:
    """Return a lower bound on the information that two representations share.

    ``log N - loss``, the loss being the two-sided InfoNCE of van den Oord et al. (2018) over groups
    of N = `PAIRS` cells: a lower bound on mutual information for any temperature that was not
    chosen on these cells, and never above log N.

    Parameters
    ----------
    f, g : ndarray, shape (n, d)
        Representations of the same cells. Cells beyond the last whole group have no part.
    temperature : float
        Divides the similarities.

    Returns
    -------
    float
        In nats; nan for fewer than `PAIRS` cells.
    """
    if len(f) < PAIRS:
        return math.nan
    return math.log(PAIRS) - _loss(*_groups(f, g, PAIRS), temperature)


def best_temperature(f: NDArray[np.floating], g: NDArray[np.floating]) -> float:
    """Return the temperature at which `infonce_nats` is highest, over smaller groups of few cells."""
    groups = _groups(f, g, min(PAIRS, len(f)))
    found = minimize_scalar(
        lambda log_temperature: _loss(*groups, math.exp(log_temperature)),
        bounds=(LOWEST_LOG_TEMPERATURE, HIGHEST_LOG_TEMPERATURE),
        method="bounded",
        options={"xatol": 1e-2},
    )
    return math.exp(found.x)


def _groups(
    f: NDArray[np.floating], g: NDArray[np.floating], size: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Divide cells into groups of a size, in an order that says nothing of them."""
    n_groups = len(f) // size
    order = np.random.default_rng(0).permutation(len(f))[: n_groups * size]
    first, second = (
        torch.as_tensor(side[order], dtype=torch.float32).reshape(n_groups, size, -1)
        for side in (f, g)
    )
    return first, second


def _loss(f: torch.Tensor, g: torch.Tensor, temperature: float) -> float:
    logits = f @ g.transpose(1, 2) / temperature
    matches = logits.diagonal(dim1=1, dim2=2)
    forward, backward = (logits.logsumexp(dim=side) - matches for side in (2, 1))
    return float((forward + backward).mean() / 2)
