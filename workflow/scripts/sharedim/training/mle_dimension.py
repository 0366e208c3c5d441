"""Maximum-likelihood intrinsic dimension in PyTorch, for models in training."""

from __future__ import annotations

import torch

NEIGHBOURS = 20
# Logarithms of ratios of distances that add up to less than this are rounding.
TIED = 1e-9


def likelihood_dimensions(
    representations: torch.Tensor, neighbours: int = NEIGHBOURS
) -> torch.Tensor:
    """Estimate the intrinsic dimension of each of several representations.

    The mean over cells of (k - 1) / sum_j log(R_k / R_j), R_j being the distance to the j-th of k
    neighbours (Levina and Bickel 2005, equation 8): what `sharedim.evaluation.intrinsic_dimension` calls ``mle``.
    Holds the distances of all cells at once, so it is meant for a few thousand of them.

    Parameters
    ----------
    representations : Tensor, shape (S, n, d)
        Before any length normalisation.
    neighbours : int
        k.

    Returns
    -------
    Tensor, shape (S,)
        1 for a single column, by definition; nan for fewer than k + 2 cells and where cells
        coincide or a value is not finite.
    """
    models, n, dim = representations.shape
    if dim == 1:
        return torch.ones_like(representations[:, 0, 0])
    found = torch.full_like(representations[:, 0, 0], torch.nan)
    if n < neighbours + 2:
        return found
    for model in range(models):
        points = representations[model].double()
        apart = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")
        apart.fill_diagonal_(torch.inf)
        nearest = apart.topk(neighbours, dim=1, largest=False).values
        sums = (nearest[:, -1:] / nearest[:, :-1]).log().sum(dim=1)
        if torch.isfinite(sums).all() and sums.min() > TIED:
            found[model] = ((neighbours - 1) / sums).mean()
    return found
