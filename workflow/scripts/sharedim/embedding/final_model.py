"""Final model of a dataset: the recommended dimension, fitted to all but validation cells."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sharedim.embedding.prediction import interval_factors, predict
from sharedim.embedding.reference import KIND, OTHER, reference_values
from sharedim.evaluation.representations import encoded_pair, similarity_of, temperature_of
from sharedim.jobs.checkpoints import Header, ModelBlock, StackFiles
from sharedim.preprocessing.projection import Projection, header_of, tensors_of
from sharedim.training.baselines import fit_linear_seeds
from sharedim.training.loop import TrainingProgress, train_seeds
from sharedim.training.recipe_types import LinearRecipe, Recipe
from sharedim.training.similarity import as_inner_products, at_length
from sharedim.training.splits import Split, split_cells

SEED = 0


def fit_final(
    rna: NDArray[np.float32],
    prot: NDArray[np.float32],
    recipe: Recipe,
    dim: int,
    observe: Callable[[TrainingProgress], None] | None = None,
) -> Callable[[list[int], StackFiles], Iterator[tuple[int, dict[str, NDArray[np.float32]]]]]:
    """Return what fits a recipe on all cells but those it validates by.

    Parameters
    ----------
    rna, prot : ndarray, shapes (n, dx) and (n, dy)
        Features of all paired cells.
    recipe : Recipe
        The one that matches held-out cells best.
    dim : int
        The recommended output dimension.
    observe : callable, optional
        Told of the progress of training.

    Returns
    -------
    callable
        As `sharedim.jobs.checkpoints.complete_block` takes it.
    """
    if isinstance(recipe, LinearRecipe):
        linear = partial(fit_linear_seeds, rna, prot, recipe=recipe, dim=dim, hold_out=False)
        return lambda seeds, keeper: linear(seeds=seeds)
    trained = partial(
        train_seeds, rna, prot, recipe=recipe, dim=dim, hold_out=False, observe=observe
    )
    return lambda seeds, keeper: trained(seeds=seeds, keeper=keeper)


def nothing_to_use(dataset: str) -> ModelBlock:
    """Return what stands for a model where nothing shared was found."""
    return ModelBlock({}, {"kind": KIND, "status": "nothing_shared", "dataset": dataset})


def assemble(
    dataset: str,
    model: ModelBlock,
    *,
    features: tuple[NDArray[np.float32], NDArray[np.float32]],
    protein_values: NDArray[np.floating],
    projections: dict[str, Projection],
    cells: pd.Index,
    labels: pd.DataFrame,
    words: dict[str, str] | None = None,
) -> ModelBlock:
    """Put a model together with its preprocessing and its reference cells.

    Parameters
    ----------
    dataset : str
        Its name.
    model : ModelBlock
        One model, fitted by `fit_final`.
    features : tuple of ndarray, shapes (n, dx) and (n, dy)
        RNA and protein components of all paired cells.
    protein_values : ndarray, shape (n, proteins)
        Transformed values of the proteins.
    projections : dict of str to Projection
        The preprocessing of both modalities.
    cells : Index, of n names
    labels : DataFrame, n rows
        Cell types, one column per level; missing where unknown.
    words : dict of str to str, optional
        What people call both modalities, where they are not RNA and protein.

    Returns
    -------
    ModelBlock
        As `sharedim.embedding.model.Model` uses it: the encoders, ``temperature``, ``projection.*`` and, of
        the reference, the representations of both modalities at the length that counts, which cells
        validated, types, values, and ``interval.*``, the reach of the intervals.
    """
    split = _split(len(cells), model)
    similarity = similarity_of(model, 0)
    f, g = (at_length(side, similarity) for side in encoded_pair(model, 0, *features))
    validating = as_inner_products(f[split.normaliser], g[split.normaliser], similarity)
    temperature = temperature_of(model, 0, *validating)
    tensors = {
        name: tensor for name, tensor in model.tensors.items() if not name.startswith("history.")
    }
    tensors |= tensors_of(projections)
    tensors |= {
        "temperature": np.array([temperature], dtype=np.float32),
        "reference.rna": f.astype(np.float32),
        "reference.prot": g.astype(np.float32),
        "reference.validation": np.isin(np.arange(len(cells)), split.normaliser).astype(np.uint8),
        "reference.values.prot": protein_values.astype(np.float32),
        "reference.components.rna": features[0],
    }
    header: Header = {**model.header, "kind": KIND, "status": "ok", "dataset": dataset}
    header |= {**header_of(projections), "cells": [str(cell) for cell in cells], "labels": {}}
    if words:
        header["modalities"] = words
    for column in labels:
        codes, names = pd.factorize(labels[column], sort=True)
        tensors[f"reference.label.{column}"] = codes.astype(np.int64)
        header["labels"][str(column)] = [str(name) for name in names]
    block = ModelBlock(tensors, header)
    for modality in OTHER:
        tensors[f"interval.{modality}"] = _reach(block, projections, modality, split, temperature)
    return block


def _split(cells: int, model: ModelBlock) -> Split:
    share = model.header["recipe"]["validation_share"]
    return split_cells(cells, SEED, None, share, hold_out=False)


def _reach(
    block: ModelBlock,
    projections: dict[str, Projection],
    modality: str,
    split: Split,
    temperature: float,
) -> NDArray[np.floating]:
    """Return by how many deviations the interval of each feature reaches out, by validation cells."""
    queries, candidates = as_inner_products(
        block.tensors[f"reference.{OTHER[modality]}"][split.normaliser],
        block.tensors[f"reference.{modality}"][split.train],
        similarity_of(block, 0),
    )
    factors = []
    for values in reference_values(block, projections, modality):
        found = predict(queries, candidates, temperature, values[split.train])
        factors.append(interval_factors(values[split.normaliser], *found))
    return np.concatenate(factors).astype(np.float32)
