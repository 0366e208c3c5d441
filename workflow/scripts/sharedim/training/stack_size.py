"""Sizes of stacks: how many models a device trains at once, and seeds divided accordingly."""

from __future__ import annotations

import logging

import numpy as np
import torch

from sharedim.errors import InputError
from sharedim.training.recipe_types import ContrastiveRecipe
from sharedim.training.splits import Split
from sharedim.training.state import PairShape, StackState, StateKeeper

logger = logging.getLogger(__name__)

# Small enough that training goes on in the caches; a GPU fills only with many, of which a block of
# the workflow has up to 25.
MODELS_PER_STACK = {"cpu": 8, "cuda": 50}
# Of the memory that is free on a GPU; the rest is for PyTorch's own reserves.
USABLE_MEMORY = 0.8


def models_per_stack(device: torch.device, bytes_per_model: int) -> int:
    """Return how many models to train at once: what the device fills with, if its memory allows."""
    most = MODELS_PER_STACK[device.type]
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        most = min(most, int(USABLE_MEMORY * free / bytes_per_model))
    return max(1, most)


def memory_of_model(shape: PairShape, split: Split, recipe: ContrastiveRecipe) -> int:
    """Estimate the bytes that one model of a stack needs in training, in single precision."""
    widths = [side.inputs + 1 for side in (shape.rna, shape.prot)]
    hidden = sum(shape.rna.hidden) + sum(shape.prot.hidden) + 2 * shape.rna.outputs
    batch = recipe.cells_a_step(len(split.train))
    # A GPU keeps normaliser cells in a second layout too.
    cells = sum(widths) * (len(split.train) + 2 * len(split.normaliser))
    passes = 2 * hidden * (len(split.normaliser) + batch)
    # Similarities, their exponentials and two temporaries.
    # Weights, gradient, moments, average, best, and what the optimiser and evaluation copy.
    return 4 * (cells + passes + 4 * batch**2 + 10 * shape.parameters)


def stacks_to_train(
    seeds: list[int], size: int, keeper: StateKeeper | None, device: torch.device
) -> list[list[int] | StackState]:
    """Divide seeds into stacks: first those that were interrupted, then the others in even parts.

    The first part is never smaller than the next, so that the parts stay the same when the first
    is finished and the rest are divided again.
    """
    stacks, rest = [], list(seeds)
    for arrays in keeper.unfinished() if keeper else []:
        state = StackState.from_arrays(arrays, device)
        wanted = [model for model, seed in enumerate(state.seeds) if seed in rest]
        for part in even_parts(wanted, size):
            stacks.append(state.take(part))
            logger.info("seeds %s go on after epoch %d", stacks[-1].seeds, state.epoch)
        rest = [seed for seed in rest if seed not in state.seeds]
    return stacks + even_parts(rest, size)


def even_parts(items: list[int], size: int) -> list[list[int]]:
    """Divide a list into as few parts of at most a size as there can be, each as long as the next."""
    parts = -(-len(items) // size)
    return [part.tolist() for part in np.array_split(items, parts)] if items else []


def smaller_size(stack: list[int] | StackState, error: Exception) -> int:
    """Return how many models to train at once where a stack was too many for the GPU's memory."""
    models = len(stack.seeds if isinstance(stack, StackState) else stack)
    if models == 1:
        raise InputError(
            "the GPU's memory cannot hold even one model; free it, or set SHAREDIM_DEVICE=cpu"
        ) from error
    logger.warning("out of GPU memory with %d models at once: trying half as many", models)
    return (models + 1) // 2
