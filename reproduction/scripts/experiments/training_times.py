"""Training time of one seed of each recipe and output dimension, extrapolated from a few epochs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from experiments.evidence import DatasetEvidence
from experiments.timing import seconds
from sharedim.training.loop import train_seeds
from sharedim.training.recipe_types import ContrastiveRecipe, from_record

TIMED_EPOCHS = 3


def training_times(dataset: DatasetEvidence) -> pd.DataFrame:
    """Time the training of every contrastive recipe at every output dimension.

    Parameters
    ----------
    dataset : DatasetEvidence
        Of which the features, the test cells and the models are read.

    Returns
    -------
    DataFrame
        Columns ``recipe``, ``dim`` and ``seconds``.
    """
    rows = []
    for recipe, dim in dataset.fitted:
        record = dataset.recipe(recipe)
        if "method" not in record:
            rows.append((recipe, dim, seconds_of_training(dataset, from_record(record), dim)))
    return pd.DataFrame(rows, columns=["recipe", "dim", "seconds"])


def seconds_of_training(dataset: DatasetEvidence, recipe: ContrastiveRecipe, dim: int) -> float:
    """Return how long one seed of a recipe trains at an output dimension."""
    part = replace(recipe, epochs=TIMED_EPOCHS)
    rna, prot = (np.array(side) for side in dataset.features)
    test_cells = np.load(dataset.files["test_cells"])

    def train() -> None:
        list(train_seeds(rna, prot, recipe=part, dim=dim, seeds=[0], test_cells=test_cells))

    return seconds(train) * recipe.epochs / TIMED_EPOCHS
