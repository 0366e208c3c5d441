"""Ranking of candidates for every query cell by similarity, exact where candidates nearly tie."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

# Similarities of queries to candidates held at once: 8 MiB of single precision, since a product of few rows
# takes longer, and 256 MiB on a GPU.
TILE = 2**21
GPU_TILE = 2**26
# Similarities that stay in a processor's own cache while they are passed over several times.
CACHED = 2**18
# Smaller odds would add nothing, and numbers that small slow a processor down by a factor of 50.
LEAST_LOG_ODDS = -80.0
# Products of fewer queries waste most of the processor.
LEAST_ROWS = 32
# Scores closer than this fraction of the largest that two rows could have are ties: the last bits of a
# matrix product depend on where in the matrix a cell stands.
TIE = 1e-12


class Comparison:
    """Inner products of queries and candidates: in single precision, in double where that matters.

    Parameters
    ----------
    queries, candidates : ndarray, shapes (n, d) and (m, d)
        Representations.
    device : torch.device or str
        Where to compute; the results are the same.
    """

    def __init__(
        self,
        queries: NDArray[np.floating],
        candidates: NDArray[np.floating],
        device: torch.device | str = "cpu",
    ) -> None:
        self.left, self.right = (
            torch.as_tensor(side, dtype=torch.float64, device=device)
            for side in (queries, candidates)
        )
        self.left_single, self.right_single = self.left.float(), self.right.T.float()
        # No inner product of a row is larger than this.
        magnitude = self.left.norm(dim=1) * self.right.norm(dim=1).amax()
        self.tie = TIE * magnitude
        # The error of an inner product of rounded numbers (Higham 2002, equation 3.5), and of a
        # threshold that is rounded too.
        unit = torch.finfo(torch.float32).eps / 2
        self.blur = (self.left.shape[1] + 6) * unit * magnitude
        self._odds: torch.Tensor | None = None

    def tiles(self) -> Iterator[tuple[slice, torch.Tensor]]:
        """Yield rows and their similarities with every candidate, each off by less than the blur.

        The similarities are overwritten by the next ones.
        """
        n, candidates = len(self.left), len(self.right)
        entries = TILE if _on_processor(self.left) else GPU_TILE
        height = max(LEAST_ROWS, entries // candidates)
        # A new matrix for each tile would cost more than its product.
        tile = self.left_single.new_empty(min(n, height), candidates)
        for first in range(0, n, height):
            rows = slice(first, min(first + height, n))
            similarity = tile[: rows.stop - first]
            torch.mm(self.left_single[rows], self.right_single, out=similarity)
            yield rows, similarity

    def places(
        self, match: torch.Tensor, rows: slice, similarity: torch.Tensor
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return how many candidates score higher than each row's true match, and how many the same.

        Parameters
        ----------
        match : Tensor of float64, shape (n,)
            Similarity of each query with its true match, which is one of the candidates.
        rows, similarity : slice, Tensor
            A tile.
        """
        own, blur = match[rows], self.blur[rows]
        higher = _count(similarity, (own + blur).float(), or_same=False)
        at_least = _count(similarity, (own - blur).float(), or_same=True)
        unclear = torch.nonzero(at_least - higher > 1).flatten()
        for part in torch.split(unclear, max(1, TILE // (2 * similarity.shape[1]))):
            again = part + rows.start
            exact = self.left[again] @ self.right.T
            own, tie = match[again][:, None], self.tie[again][:, None]
            higher[part] = (exact > own + tie).sum(dim=1)
            at_least[part] = (exact >= own - tie).sum(dim=1)
        return higher.cpu().numpy(), (at_least - higher - 1).cpu().numpy()

    def probabilities(
        self, rows: slice, similarity: torch.Tensor, temperature: float
    ) -> torch.Tensor:
        """Return the probability of each row's true match among all candidates.

        The softmax of similarities over temperature. Row i and candidate i are a pair.

        Parameters
        ----------
        rows, similarity : slice, Tensor
            A tile.
        temperature : float
            Divides the similarities.
        """
        own = similarity.diagonal(offset=rows.start)[:, None] / -temperature
        height = len(similarity)
        if _on_processor(similarity):
            height = min(height, max(1, CACHED // similarity.shape[1]))
        if self._odds is None:
            # The first tile is the largest.
            self._odds = torch.empty_like(similarity[:height])
        sums = []
        for part, less in zip(
            torch.split(similarity, height), torch.split(own, height), strict=True
        ):
            odds = torch.add(less, part, alpha=1 / temperature, out=self._odds[: len(part)])
            sums.append(odds.clamp_(min=LEAST_LOG_ODDS).exp_().sum(dim=1))
        # One over the sum of odds against the match; an infinite sum is a probability of 0.
        return torch.cat(sums).reciprocal_()

    def best(
        self,
        rows: slice,
        similarity: torch.Tensor,
        asking: NDArray[np.int64],
        among: NDArray[np.int64],
    ) -> tuple[NDArray[np.int64], dict[int, NDArray[np.int64]]]:
        """Find the best of some candidates for each asking row of a tile.

        Parameters
        ----------
        rows, similarity : slice, Tensor
            A tile. What is set to minus infinity in it is no candidate.
        asking : ndarray of int64
            Queries that ask, in increasing order.
        among : ndarray of int64
            Candidates that answer, in increasing order.

        Returns
        -------
        best : ndarray of int64
            Of each asking row in turn, as a place in `among`.
        tied : dict of int to ndarray of int64
            All of the best, where there are several, by the place of the asking row in `best`.
        """
        asking = asking[np.searchsorted(asking, rows.start) : np.searchsorted(asking, rows.stop)]
        if not len(asking):
            return np.empty(0, dtype=np.int64), {}
        device, scores = similarity.device, similarity
        queries, candidates = (torch.as_tensor(cells, device=device) for cells in (asking, among))
        if len(queries) < len(scores) or len(candidates) < scores.shape[1]:
            scores = scores[queries - rows.start][:, candidates]
        places, largest, second = _two_largest(scores)
        least = (largest.double() - 2 * self.blur[queries]).float()
        best: NDArray[np.int64] = places.cpu().numpy()
        tied: dict[int, NDArray[np.int64]] = {}
        for number in torch.nonzero(second >= least).flatten().tolist():
            near = torch.nonzero(scores[number] >= least[number]).flatten()
            exact = self.right[candidates[near]] @ self.left[queries[number]]
            alike = near[exact >= exact.max() - self.tie[queries[number]]].cpu().numpy()
            best[number] = alike[0]
            if len(alike) > 1:
                tied[number] = alike
        return best, tied


def _count(similarity: torch.Tensor, thresholds: torch.Tensor, *, or_same: bool) -> torch.Tensor:
    """Return how many of each row exceed its threshold, or are the same."""
    if not _on_processor(similarity):
        exceed = torch.ge if or_same else torch.gt
        return exceed(similarity, thresholds[:, None]).sum(dim=1)
    # NumPy compares and counts seven times as fast as PyTorch does on a processor.
    compare = np.greater_equal if or_same else np.greater
    found = compare(similarity.numpy(), thresholds.numpy()[:, None])
    return torch.tensor([np.count_nonzero(row) for row in found])


def _two_largest(scores: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return place and value of each row's largest score, and the value of the next."""
    if _on_processor(scores):
        # Several times as fast as PyTorch's.
        best = torch.from_numpy(scores.numpy().argmax(axis=1))
    else:
        best = scores.argmax(dim=1)
    row = torch.arange(len(scores), device=scores.device)
    largest = scores[row, best]
    scores[row, best] = -math.inf
    second = scores.amax(dim=1)
    scores[row, best] = largest
    return best, largest, second


def _on_processor(tensor: torch.Tensor) -> bool:
    return tensor.device.type == "cpu"
