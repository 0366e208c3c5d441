"""Matching and label transfer between two representations of the same cells."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

TOP_SHARE = 0.005
# Entries of the similarity matrix held at once: 128 MiB of double precision.
TILE = 2**24
# Scores closer than this share of a row's largest are ties: the last bits of a matrix product
# depend on where in the matrix a cell stands.
TIE = 1e-12


def top_share_size(n_cells: int) -> int:
    """Return k of top-0.5 % matching: ``max(1, int(0.005 n))`` cells."""
    return max(1, int(TOP_SHARE * n_cells))


def unit_length(representation: np.ndarray) -> np.ndarray:
    """Scale each row to length 1, so that inner products become cosines; zero rows stay zero."""
    norms = np.linalg.norm(representation, axis=1, keepdims=True)
    return representation / np.where(norms > 0, norms, 1)


def _similarity_tiles(
    queries: np.ndarray, candidates: np.ndarray
) -> Iterator[tuple[slice, torch.Tensor, torch.Tensor]]:
    """Yield rows, their inner products with every candidate, and the width of a tie in each row."""
    left = torch.as_tensor(queries, dtype=torch.float64)
    right = torch.as_tensor(candidates, dtype=torch.float64)
    height = max(1, TILE // max(1, len(right)))
    for first in range(0, len(left), height):
        rows = slice(first, min(first + height, len(left)))
        similarity = left[rows] @ right.T
        largest = similarity.amax(dim=1, keepdim=True)
        magnitude = torch.maximum(largest, -similarity.amin(dim=1, keepdim=True))
        yield rows, similarity, TIE * magnitude


def rivals(queries: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Count, for each cell, the other cells that score at least as high as its true partner.

    Parameters
    ----------
    queries, candidates : ndarray, shape (n, d)
        Representations of the same cells in two modalities; row i of one is the partner of row i
        of the other.

    Returns
    -------
    ndarray of int64, shape (n,)
        0 for a partner that is the single best match. Ties count against it.
    """
    counts = np.empty(len(queries), dtype=np.int64)
    for rows, similarity, tie in _similarity_tiles(queries, candidates):
        partner = similarity.diagonal(offset=rows.start)[:, None]
        counts[rows] = ((similarity >= partner - tie).sum(dim=1) - 1).numpy()
    return counts


def top_share_matching(queries: np.ndarray, candidates: np.ndarray) -> float:
    """Return the share of cells whose partner is among the best 0.5 % of all cells.

    A hit has fewer than k rivals, k as `top_share_size` gives it; see `rivals` for ties.
    """
    return float(np.mean(rivals(queries, candidates) < top_share_size(len(queries))))


def label_transfer(queries: np.ndarray, candidates: np.ndarray, labels: np.ndarray) -> float:
    """Return how often the most similar cell of the other modality has the cell's own label.

    Parameters
    ----------
    queries, candidates : ndarray, shape (n, d)
        Representations of the same cells in two modalities.
    labels : ndarray, shape (n,)
        Each cell's type; no missing values.

    Returns
    -------
    float
        Mean over cells. Where several candidates tie for the best, the share of them with the
        cell's label counts.
    """
    _, codes = np.unique(np.asarray(labels, dtype=str), return_inverse=True)
    own = torch.as_tensor(codes)
    agreement = np.empty(len(queries))
    for rows, similarity, tie in _similarity_tiles(queries, candidates):
        best = similarity >= similarity.amax(dim=1, keepdim=True) - tie
        same = own[None, :] == own[rows, None]
        agreement[rows] = ((best & same).sum(dim=1) / best.sum(dim=1)).numpy()
    return float(agreement.mean())


def label_chance(labels: np.ndarray) -> float:
    """Return the agreement of labels with those of cells drawn at random: the sum of squared shares."""
    _, counts = np.unique(np.asarray(labels, dtype=str), return_counts=True)
    return float(np.sum((counts / counts.sum()) ** 2))
