"""What a representation says of its partner in nats, and how likely it makes the true pair."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.optimize import minimize_scalar

# Pairs told apart at once, the same for every recipe and dataset: the bound cannot exceed log of it.
PAIRS = 200
LOWEST_LOG_TEMPERATURE, HIGHEST_LOG_TEMPERATURE = -8.0, 4.0
# Rows of similarities held at once: so few stay in the caches.
ROWS = 100


def infonce_nats(f: np.ndarray, g: np.ndarray, temperature: float) -> float:
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


def best_temperature(f: np.ndarray, g: np.ndarray) -> float:
    """Return the temperature at which `infonce_nats` is highest, over smaller groups of few cells."""
    groups = _groups(f, g, min(PAIRS, len(f)))
    found = minimize_scalar(
        lambda log_temperature: _loss(*groups, math.exp(log_temperature)),
        bounds=(LOWEST_LOG_TEMPERATURE, HIGHEST_LOG_TEMPERATURE),
        method="bounded",
        options={"xatol": 1e-2},
    )
    return math.exp(found.x)


def match_score(
    queries: np.ndarray,
    candidates: np.ndarray,
    temperature: float,
    device: torch.device | str = "cpu",
) -> float:
    """Return the mean probability that is given to the true partner among all candidates.

    The score of the NeurIPS 2021 competition (Lance et al. 2022) for matches whose weights are the
    softmax of similarities over temperature. Chance is 1 / n.

    Parameters
    ----------
    queries, candidates : ndarray, shape (n, d)
        Representations of the same cells in two modalities.
    temperature : float
        Divides the similarities.
    device : torch.device or str
        Where similarities are computed.
    """
    left, right = (
        torch.as_tensor(side, dtype=torch.float32, device=device) for side in (queries, candidates)
    )
    left = left / temperature
    logits = left.new_empty(min(ROWS, len(left)), len(right))
    total = 0.0
    for first in range(0, len(left), ROWS):
        rows = left[first : first + ROWS]
        own = logits[: len(rows)]
        torch.mm(rows, right.T, out=own)
        partner = own.diagonal(offset=first).clone()
        # One over the sum of odds against the partner; an infinite sum is a probability of 0.
        total += float(own.sub_(partner[:, None]).exp_().sum(dim=1).reciprocal().sum())
    return total / len(left)


def _groups(f: np.ndarray, g: np.ndarray, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Divide cells into groups of a size, in an order that says nothing of them."""
    n_groups = len(f) // size
    order = np.random.default_rng(0).permutation(len(f))[: n_groups * size]
    f, g = (
        torch.as_tensor(side[order], dtype=torch.float32).reshape(n_groups, size, -1)
        for side in (f, g)
    )
    return f, g


def _loss(f: torch.Tensor, g: torch.Tensor, temperature: float) -> float:
    logits = f @ g.transpose(1, 2) / temperature
    partners = logits.diagonal(dim1=1, dim2=2)
    forward, backward = (logits.logsumexp(dim=side) - partners for side in (2, 1))
    return float((forward + backward).mean() / 2)
