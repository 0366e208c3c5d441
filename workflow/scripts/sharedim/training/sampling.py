"""Random draws of an epoch: order of the cells, normaliser cells, dropout and noise.

They depend on the seed and the epoch alone, so that a model is the same in any company and training
goes on after an interruption as if there had been none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from sharedim.training.recipe_types import ContrastiveRecipe
from sharedim.training.similarity import OVER_MEAN_NORMS

DROPOUT_LEVELS = 256


@dataclass(frozen=True)
class EpochDraws:
    """The draws of one epoch of S models; None where the recipe leaves nothing to chance.

    Attributes
    ----------
    order : Tensor of int64, shape (S, n_train)
        Rows of the training cells in the order of the batches.
    normaliser : Tensor of int64, shape (batches, S, m)
        Rows of the normaliser cells of each step, drawn with replacement.
    dropout : Tensor of uint8, shape (batches, 2, layers, S, width, B)
        Uniform on 0 to 255, for both modalities.
    noise : list of torch.Generator, length S, or None
        Where each model's noise comes from, step by step and RNA before protein: too many numbers
        to draw before they are needed.
    """

    order: torch.Tensor | None
    normaliser: torch.Tensor | None
    dropout: torch.Tensor | None
    noise: list[torch.Generator] | None


def draw_epoch(
    seeds: list[int],
    epoch: int,
    recipe: ContrastiveRecipe,
    *,
    train_cells: int,
    normaliser_cells: int,
    batch_size: int,
    device: torch.device,
) -> EpochDraws:
    """Draw one epoch's order, normaliser cells and dropout for each seed."""
    batches = train_cells // batch_size
    sampled = samples_normaliser(recipe, normaliser_cells)
    orders, samples, dropouts, generators = [], [], [], []
    for seed in seeds:
        rng = np.random.default_rng([seed, epoch])
        if recipe.reshuffle:
            orders.append(torch.from_numpy(rng.permutation(train_cells)))
        if sampled and recipe.normaliser_cells is not None:
            size = (batches, recipe.normaliser_cells)
            samples.append(torch.from_numpy(rng.integers(normaliser_cells, size=size)))
        if recipe.dropout and recipe.hidden_layers:
            shape = (batches, 2, recipe.hidden_layers, recipe.hidden_width, batch_size)
            dropouts.append(_bytes(shape, int(rng.integers(2**63)), device))
        if recipe.input_noise:
            generators.append(torch.Generator(device).manual_seed(int(rng.integers(2**63))))
    return EpochDraws(
        order=torch.stack(orders).to(device) if orders else None,
        normaliser=torch.stack(samples, dim=1).to(device) if samples else None,
        dropout=torch.stack(dropouts, dim=3) if dropouts else None,
        noise=generators or None,
    )


def samples_normaliser(recipe: ContrastiveRecipe, normaliser_cells: int) -> bool:
    """Whether each step draws its normaliser cells rather than taking all there are."""
    wanted = recipe.normaliser_cells
    needed = recipe.similarity in OVER_MEAN_NORMS
    return needed and wanted is not None and wanted < normaliser_cells


def dropout_threshold(recipe: ContrastiveRecipe) -> int:
    """Return the least byte that stays: the share dropped is this over 256."""
    return min(DROPOUT_LEVELS - 1, round(recipe.dropout * DROPOUT_LEVELS))


def _bytes(shape: tuple[int, ...], seed: int, device: torch.device) -> torch.Tensor:
    # Eight bytes a draw; drawing single bytes takes as long for each.
    count = int(np.prod(shape))
    generator = torch.Generator(device).manual_seed(seed)
    words = torch.empty(-(-count // 8), dtype=torch.int64, device=device)
    words.random_(-(2**63), 2**63 - 1, generator=generator)
    return words.view(torch.uint8)[:count].view(shape)
