"""Soft nearest-neighbour retrieval over reference cells: the softmax of similarities.

A model trained with the contrastive loss holds the density of the other modality given a cell:
``p(y | x) = p(y) exp(<f(x), g(y)> / temperature)``, normalised (Baptista, Stuart and Tran, arXiv
2505.24134). Over reference cells, which are draws of p(y), that is the softmax of similarities over
temperature.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from sharedim.evaluation.retrieval import UNKNOWN

# Weights held at once: 64 MiB of single precision.
TILE = 2**24


@dataclass(frozen=True)
class Answers:
    """Matches of each of n cells in a reference, and averages over it.

    Attributes
    ----------
    matches : ndarray of int64, shape (n, k)
        The most probable reference cells, the best first.
    probabilities : ndarray of float32, shape (n, k)
        Of these matches, among all reference cells.
    votes : list of ndarray of float32, each of shape (n, types)
        For each level of labels, the probability of each type, among reference cells of known type.
    means, deviations : ndarray of float32, shape (n, features)
        Conditional mean and standard deviation of the reference's values.
    covariances : ndarray of float32, shape (n, features, features)
        Conditional covariance of these values.
    """

    matches: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    votes: list[NDArray[np.float32]] = field(default_factory=list)
    means: NDArray[np.float32] | None = None
    deviations: NDArray[np.float32] | None = None
    covariances: NDArray[np.float32] | None = None


def ask(
    queries: NDArray[np.floating],
    candidates: NDArray[np.floating],
    temperature: float,
    *,
    best: int = 1,
    levels: list[NDArray[np.int64]] | None = None,
    values: NDArray[np.floating] | None = None,
    covariances: bool = False,
    own: NDArray[np.int64] | None = None,
    device: torch.device | str = "cpu",
) -> Answers:
    """Ask a reference about cells.

    Parameters
    ----------
    queries : ndarray, shape (n, d)
        Representations of the cells, as they are compared by inner product.
    candidates : ndarray, shape (m, d)
        Representations of the reference's cells in the other modality.
    temperature : float
        Divides the similarities.
    best : int
        How many matches are named of each cell; no more than there are candidates.
    levels : list of ndarray of int64, each of shape (m,), optional
        For each level of labels, the number of each candidate's type, `UNKNOWN` where missing.
    values : ndarray, shape (m, features), optional
        Of which conditional means and deviations are taken.
    covariances : bool
        Whether to take conditional covariances of them too.
    own : ndarray of int64, shape (n,), optional
        The candidate that is the cell itself and has no say; -1 where there is none.
    device : torch.device or str
        Where to compute.

    Returns
    -------
    Answers
    """
    levels, best = levels or [], min(best, len(candidates))
    types = [_indicators(codes, device) for codes in levels]
    centred: torch.Tensor | None = None
    if values is not None:
        # The deviation of values far from 0 would be lost in single precision.
        centre = values.mean(axis=0)
        centred = torch.as_tensor(values - centre, dtype=torch.float32, device=device)
    tiles = []
    for weights in _weights(queries, candidates, temperature, own, device):
        matches, probabilities = _largest(weights, best)
        shares = [weights @ indicators for indicators in types]
        votes = [(share / share.sum(dim=1, keepdim=True)).cpu().numpy() for share in shares]
        moments = []
        if centred is not None:
            moments = [moment.cpu().numpy() for moment in _moments(weights, centred, covariances)]
            moments[0] = moments[0] + centre
        tiles.append((matches, probabilities, *votes, *moments))
    columns = [np.concatenate(column) for column in zip(*tiles, strict=True)]
    votes, moments = columns[2 : 2 + len(types)], columns[2 + len(types) :]
    return Answers(
        columns[0], columns[1], votes, *(moment.astype(np.float32) for moment in moments)
    )


def _moments(weights: torch.Tensor, values: torch.Tensor, covariances: bool) -> list[torch.Tensor]:
    """Return weighted means and standard deviations and, if asked for, covariances."""
    means = weights @ values
    variances = (weights @ values.square() - means.square()).clamp_(min=0)
    moments = [means, variances.sqrt_()]
    if covariances:
        # One feature at a time: products of all features for all candidates would not fit.
        products = [weights @ (values * column[:, None]) for column in values.T]
        moments.append(torch.stack(products, dim=1) - means[:, :, None] * means[:, None, :])
    return moments


def _weights(
    queries: NDArray[np.floating],
    candidates: NDArray[np.floating],
    temperature: float,
    own: NDArray[np.int64] | None,
    device: torch.device | str,
) -> Iterator[torch.Tensor]:
    """Yield the probabilities of all candidates, some queries at a time."""
    left, right = (
        torch.as_tensor(side, dtype=torch.float32, device=device) for side in (queries, candidates)
    )
    height = max(1, TILE // len(right))
    for first in range(0, max(1, len(left)), height):
        logits = left[first : first + height] @ (right / temperature).T
        if own is not None:
            there = np.flatnonzero(own[first : first + height] >= 0)
            logits[there, own[first : first + height][there]] = -torch.inf
        yield logits.softmax(dim=1)


def _largest(weights: torch.Tensor, number: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the places and values of the largest of each row, the largest first."""
    values, places = weights.topk(number, dim=1)
    return places.cpu().numpy(), values.cpu().numpy()


def _indicators(codes: NDArray[np.int64], device: torch.device | str) -> torch.Tensor:
    """Return one column per type, 1 where a cell is of it."""
    known = np.flatnonzero(codes != UNKNOWN)
    indicators = torch.zeros(len(codes), int(codes.max(initial=UNKNOWN)) + 1, device=device)
    indicators[known, codes[known]] = 1
    return indicators
