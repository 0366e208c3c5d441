"""Contrastive losses of stacks of models, exact, in tiles, with memory linear in the batch."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch

Loss = Literal["two_sided", "rna_to_prot", "prot_to_rna", "joint"]

# What the three log-partition sums weigh in each loss: over a row, over a column, over all pairs.
WEIGHTS: dict[str, tuple[float, float, float]] = {
    "two_sided": (0.5, 0.5, 0.0),
    "rna_to_prot": (1.0, 0.0, 0.0),
    "prot_to_rna": (0.0, 1.0, 0.0),
    "joint": (0.0, 0.0, 1.0),
}
# Similarities held at once: what stays in the caches of a CPU, what fills a GPU.
TILE = {"cpu": 2**20, "cuda": 2**26}


def infonce(
    first: torch.Tensor,
    second: torch.Tensor,
    temperature: torch.Tensor,
    loss: Loss = "two_sided",
    *,
    tile: int | None = None,
) -> torch.Tensor:
    """Contrastive loss of each model in a stack, differentiable in every tensor.

    With similarities ``s_ij = <first_i, second_j> / temperature``:

    - ``"two_sided"``: mean of the cross-entropies of both directions (CLIP's; arXiv 2505.12473,
      equation 1);
    - ``"rna_to_prot"``: the partner among the second modality's cells, given the first's;
      ``"prot_to_rna"``: the other way (the one-sided conditional losses of arXiv 2505.24134);
    - ``"joint"``: ``log mean_ij exp(s_ij) - mean_i s_ii`` (arXiv 2505.24134), raised by log(B) so
      that its level of chance is that of the others.

    The similarities are computed in tiles of rows and never kept: where they do not fit one tile
    they are computed a second time for the gradient.

    Parameters
    ----------
    first, second : Tensor, shape (S, B, d)
        Representations of the same B cells in two modalities, row i of one the partner of row i
        of the other. Similarity is their inner product; any normalisation comes before.
    temperature : Tensor, shape (S,)
        Temperature of each model, positive.
    loss : str
        Which loss.
    tile : int, optional
        Similarities held at once, at least one row of each model's; by default what suits the
        device.

    Returns
    -------
    Tensor, shape (S,)
        In nats. A model that tells nothing apart has log(B).
    """
    tile = tile or TILE[first.device.type]
    of_models: torch.Tensor = _TiledLoss.apply(  # type: ignore[no-untyped-call]  # PyTorch types no function of its own
        first, second, temperature, WEIGHTS[loss], tile
    )
    return of_models


class _TiledLoss(torch.autograd.Function):
    """The gradient is finished in the forward pass: each model's loss is one scalar to scale it by."""

    @staticmethod
    def forward(
        ctx: Any,
        first: torch.Tensor,
        second: torch.Tensor,
        temperature: torch.Tensor,
        weights: tuple[float, float, float],
        tile: int,
    ) -> torch.Tensor:
        # Dividing the representations rather than the similarities spares passes over the latter.
        scaled = first / temperature[:, None, None]
        partner = (scaled * second).sum(dim=2)
        tiles = _tiles(scaled, second, tile)
        kept, rows, columns = _partition_sums(scaled, second, tiles)

        on_rows, on_columns, on_all = weights
        n = first.shape[1]
        loss = -partner.mean(dim=1)
        if on_rows:
            loss = loss + on_rows * rows.mean(dim=1)
        if on_columns:
            loss = loss + on_columns * columns.mean(dim=1)
        if on_all:
            everything = rows.logsumexp(dim=1)
            loss = loss + on_all * (everything - math.log(n))
        if not any(ctx.needs_input_grad):
            return loss

        to_scaled, to_second = second / -n, scaled / -n
        for tile_rows in tiles:
            similarity = kept if kept is not None else scaled[:, tile_rows] @ second.mT
            pull = torch.zeros_like(similarity)
            if on_rows:
                pull.add_(_exp(similarity - rows[:, tile_rows, None]), alpha=on_rows / n)
            if on_columns:
                pull.add_(_exp(similarity - columns[:, None, :]), alpha=on_columns / n)
            if on_all:
                pull.add_(_exp(similarity - everything[:, None, None]), alpha=on_all)
            to_scaled[:, tile_rows] += pull @ second
            to_second += pull.mT @ scaled[:, tile_rows]
        to_temperature = -(to_scaled * scaled).sum(dim=(1, 2)) / temperature
        ctx.save_for_backward(to_scaled / temperature[:, None, None], to_second, to_temperature)
        return loss

    @staticmethod
    def backward(
        ctx: Any, upstream: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, None, None]:
        to_first, to_second, to_temperature = ctx.saved_tensors
        per_cell = upstream[:, None, None]
        return to_first * per_cell, to_second * per_cell, to_temperature * upstream, None, None


def _exp(exponents: torch.Tensor) -> torch.Tensor:
    """Return exponentials in place, none so small that it or a product with it underflows.

    Once a model tells cells apart most would, which takes a CPU several times as long and adds
    nothing to a sum that is at least 1.
    """
    return exponents.clamp_(min=0.7 * math.log(torch.finfo(exponents.dtype).tiny)).exp_()


def _logsumexp(similarity: torch.Tensor, dim: int) -> torch.Tensor:
    largest = similarity.amax(dim=dim, keepdim=True)
    return _exp(similarity - largest).sum(dim=dim).log_() + largest.squeeze(dim)


def _tiles(scaled: torch.Tensor, second: torch.Tensor, tile: int) -> list[slice]:
    models, n = scaled.shape[:2]
    height = max(1, tile // (models * second.shape[1]))
    return [slice(start, min(start + height, n)) for start in range(0, n, height)]


def _partition_sums(
    scaled: torch.Tensor, second: torch.Tensor, tiles: list[slice]
) -> tuple[torch.Tensor | None, torch.Tensor, torch.Tensor]:
    """Return the similarities if one tile holds them, and their log-sum-exp by row and by column."""
    if len(tiles) == 1:
        similarity = scaled @ second.mT
        return similarity, _logsumexp(similarity, 2), _logsumexp(similarity, 1)
    rows = scaled.new_empty(scaled.shape[:2])
    columns = scaled.new_full(scaled.shape[:2], -math.inf)
    for tile_rows in tiles:
        similarity = scaled[:, tile_rows] @ second.mT
        rows[:, tile_rows] = _logsumexp(similarity, 2)
        columns = torch.logaddexp(columns, _logsumexp(similarity, 1))
    return None, rows, columns
