"""Blocks of models without files, for benchmarks and tests."""

from __future__ import annotations

import numpy as np

from sharedim.jobs.checkpoints import ModelBlock
from sharedim.training.baselines import fit_linear_seeds
from sharedim.training.loop import train_seeds
from sharedim.training.recipe_types import ContrastiveRecipe, Recipe, as_record


def train_block(
    recipe: Recipe, rna: np.ndarray, prot: np.ndarray, dim: int, seeds: list[int]
) -> ModelBlock:
    """Train one model a seed."""
    train = train_seeds if isinstance(recipe, ContrastiveRecipe) else fit_linear_seeds
    # Models come as they finish, which is not the order of the seeds.
    models = dict(train(rna, prot, recipe=recipe, dim=dim, seeds=seeds))
    stacked = {name: np.stack([models[seed][name] for seed in seeds]) for name in models[seeds[0]]}
    return ModelBlock(stacked, {"recipe": as_record(recipe), "dim": dim, "seeds": seeds})
