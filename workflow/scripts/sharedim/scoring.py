"""Scores of trained models, in sample and held out, as one long table."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch

from sharedim.checkpoints import ModelBlock
from sharedim.dimension import mle_dimension
from sharedim.encoders import EncoderStack
from sharedim.retrieval import (
    label_chance,
    label_transfer,
    top_share_matching,
    top_share_size,
    unit_length,
)
from sharedim.splits import split_cells
from sharedim.tables import SCORE_COLUMNS

logger = logging.getLogger(__name__)


def representations(block: ModelBlock, model: int, modality: str, cells: np.ndarray) -> np.ndarray:
    """Encode cells with one model of a block.

    Parameters
    ----------
    block : ModelBlock
        Trained models.
    model : int
        Position in the block.
    modality : str
        ``"rna"`` or ``"prot"``.
    cells : ndarray of float32, shape (n, features)
        Features of the cells.

    Returns
    -------
    ndarray of float32, shape (n, d)
        Divided by the mean norm over the model's normaliser cells.
    """
    prefix = f"{modality}."
    tensors = {
        name.removeprefix(prefix): torch.from_numpy(tensor[model : model + 1])
        for name, tensor in block.tensors.items()
        if name.startswith(prefix)
    }
    encoder = EncoderStack.from_tensors(tensors)
    encoded = encoder.encode(torch.from_numpy(np.array(cells))[None])[0].numpy()
    return encoded / block.tensors[f"mean_norm.{modality}"][model]


def score_block(
    block: ModelBlock,
    rna: np.ndarray,
    prot: np.ndarray,
    labels: pd.DataFrame,
    test_cells: np.ndarray | None = None,
) -> pd.DataFrame:
    """Score every model of a block on its own training and test cells.

    Parameters
    ----------
    block : ModelBlock
        Trained models.
    rna, prot : ndarray, shapes (n, dx) and (n, dy)
        Features of all paired cells.
    labels : DataFrame, n rows
        Cell types, one column a level; missing where unknown.
    test_cells : ndarray of int64, optional
        Test cells that are the same for every seed, as `sharedim.splits.split_cells` takes them.

    Returns
    -------
    DataFrame
        Long, with the columns `tables.SCORE_COLUMNS`; ``chance`` is missing where there is no chance level.
        A model whose weights are not finite has missing values only.
    """
    rows = []
    recipe, dim = block.header["recipe"], block.header["dim"]
    for model, seed in enumerate(block.header["seeds"]):
        split = split_cells(len(rna), seed, test_cells)
        for name, cells in (("train", split.train), ("test", split.test)):
            f = representations(block, model, "rna", rna[cells])
            g = representations(block, model, "prot", prot[cells])
            known = labels.iloc[cells].reset_index(drop=True)
            for score in score_pair(f, g, known, cosine=recipe["similarity"] == "cosine"):
                rows.append((recipe["name"], dim, seed, name, *score))
        if "temperature" in block.tensors:
            temperature = float(block.tensors["temperature"][model])
            rows.append((recipe["name"], dim, seed, "train", "temperature", temperature, math.nan))
    return pd.DataFrame(rows, columns=SCORE_COLUMNS)


def score_pair(
    f: np.ndarray, g: np.ndarray, labels: pd.DataFrame, *, cosine: bool
) -> Iterator[tuple[str, float, float]]:
    """Yield metric, value and chance level of a pair of representations of the same cells.

    Parameters
    ----------
    f, g : ndarray, shape (n, d)
        RNA and protein representations.
    labels : DataFrame, n rows
        Cell types; cells with a missing type take no part in label transfer.
    cosine : bool
        Whether similarity is the cosine rather than the inner product.
    """
    finite = bool(np.isfinite(f).all() and np.isfinite(g).all())
    if not finite:
        logger.warning("a model gives values that are not finite; it has no scores")

    for modality, representation in (("rna", f), ("prot", g)):
        dimension = mle_dimension(representation)
        yield f"id_mle_{modality}", dimension.mean, math.nan
        yield f"id_mle_harmonic_{modality}", dimension.harmonic, math.nan

    rna, prot = (unit_length(f), unit_length(g)) if cosine else (f, g)
    directions = {"rna_to_prot": (rna, prot), "prot_to_rna": (prot, rna)}
    chance = top_share_size(len(f)) / len(f)
    for direction, (queries, candidates) in directions.items():
        value = top_share_matching(queries, candidates) if finite else math.nan
        yield f"match_top0.5pct_{direction}", value, chance
    for column in labels:
        known = labels[column].notna().to_numpy()
        types = labels[column].to_numpy()[known]
        chance = label_chance(types)
        for direction, (queries, candidates) in directions.items():
            value = math.nan
            if finite and known.any():
                value = label_transfer(queries[known], candidates[known], types)
            yield f"label_{column}_{direction}", value, chance
