"""FOSCTTM: the fraction of samples closer than the true match (Liu et al. 2019)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

# Cells by whose pairs a ridge is chosen: similarities grow with their square.
COMPARED_CELLS = 2000


def foscttm(f: NDArray[np.floating], g: NDArray[np.floating]) -> float:
    """Return the fraction of cells that are more similar than the true match, ties counted half.

    The mean of both directions, by inner product, on the first `COMPARED_CELLS` cells at most: a
    smooth score to choose by, where few cells make the fraction of hits jump.

    Parameters
    ----------
    f, g : ndarray, shape (n, d)
        Representations of the same cells.
    """
    left, right = (torch.as_tensor(side[:COMPARED_CELLS], dtype=torch.float32) for side in (f, g))
    return foscttm_of_similarities((left @ right.T)[None]).item()


def foscttm_of_similarities(similarity: torch.Tensor) -> torch.Tensor:
    """Return the same for similarities of several pairs of representations.

    Parameters
    ----------
    similarity : Tensor, shape (S, n, n)

    Returns
    -------
    Tensor of float64, shape (S,)
    """
    n = similarity.shape[1]
    matches = similarity.diagonal(dim1=1, dim2=2)
    closer = torch.zeros(len(similarity), dtype=torch.int64, device=similarity.device)
    for match in (matches[:, :, None], matches[:, None, :]):
        # The true match itself ties, and is no other cell.
        closer += (similarity > match).sum(dim=(1, 2)) + (similarity >= match).sum(dim=(1, 2)) - n
    return closer.double() / (4 * n * max(1, n - 1))
