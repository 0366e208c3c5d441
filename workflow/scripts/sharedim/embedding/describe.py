"""Descriptions of cells by a saved model: of those it was made from, and of new ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypedDict

import numpy as np
import pandas as pd

from sharedim.embedding.annotate import Results
from sharedim.embedding.model import MISSING_FEATURES, MODALITIES, Model
from sharedim.embedding.model_output import Embedding
from sharedim.embedding.reference import OTHER
from sharedim.embedding.soft_matching import Answers
from sharedim.evaluation.retrieval import search
from sharedim.io.modalities import IN_WORDS
from sharedim.io.protein_values import AS_GIVEN
from sharedim.preprocessing.projection import FEATURE_WORDS
from sharedim.training.similarity import as_inner_products

if TYPE_CHECKING:
    from sharedim.io.unpaired import AnyCells

PREFIX = "shared_"
ONE_MODALITY = "one modality"
TABLE_COLUMNS = [
    "cell",
    "modality",
    "umap1",
    "umap2",
    "batch",
    "part",
    "match_rank",
    "match_share",
    "confidence",
]


def describe_own_cells(
    model: Model, cells: AnyCells, *, missing_features: float = MISSING_FEATURES
) -> Results:
    """Describe the cells of the file that a model was made from.

    Parameters
    ----------
    model : Model
        Of this file.
    cells : AnyCells
        All its cells. Those with both modalities have the representations that were compared in
        training; the others are taken through the saved preprocessing and encoders, unless Harmony
        corrected for the batch, which it cannot do for them.
    missing_features : float
        As `sharedim.embedding.model.Model.embed` takes it.

    Returns
    -------
    Results
        With a part, types transferred from other cells, the rank of the true match and the
        confidence of the best match.
    """
    embedding = _of_all(model, cells, missing_features)
    found = model.answers(embedding, itself=True)
    parts = model.reference["part"].reindex(embedding.joint.index).fillna(ONE_MODALITY)
    columns = pd.concat([parts.rename("part"), model.labels_from(found)], axis=1)
    of_modalities = {}
    for modality, rank in zip(MODALITIES, _ranks(model), strict=True):
        table = confidence_of(found[modality])
        table["match_rank"] = rank.reindex(table.index)
        table["match_share"] = table["match_rank"] / len(rank)
        of_modalities[modality] = table
    return _results(model, embedding, columns, of_modalities, "own cells")


def describe_new_cells(
    model: Model, cells: AnyCells, *, missing_features: float = MISSING_FEATURES
) -> tuple[Results, dict[str, tuple[pd.Index, Answers]]]:
    """Describe cells that a model has not seen, and predict the modality that they do not have.

    Parameters
    ----------
    model : Model
        Any.
    cells : AnyCells
        With RNA, protein or both.
    missing_features : float
        As `sharedim.embedding.model.Model.embed` takes it.

    Returns
    -------
    Results
    dict of str to (Index, Answers)
        As `sharedim.embedding.model.Model.answers` gives it, with five matches of each cell.
    """
    embedding = model.embed(cells, missing_features=missing_features)
    found = model.answers(embedding, best=5)
    predicted = {}
    for modality in embedding.modalities:
        if OTHER[modality] not in embedding.modalities:
            prediction = model.predict(embedding, OTHER[modality])
            predicted[modality] = {
                f"{PREFIX}{OTHER[modality]}_{name}": table
                for name, table in vars(prediction).items()
            }
    of_modalities = {modality: confidence_of(found[modality]) for modality in found}
    results = _results(
        model, embedding, model.labels_from(found), of_modalities, "new cells", predicted
    )
    return results, found


class Summary(TypedDict):
    """What became of new cells, as `summary_of` tells it."""

    sentence: str
    model: str
    recipe: str
    dim: int
    cells: dict[str, int]
    missing_features: dict[str, list[str]]
    predicted: list[str]


def summary_of(model: Model, results: Results) -> Summary:
    """Return what became of new cells in plain values, and in a sentence.

    Parameters
    ----------
    model : Model
        That they went through.
    results : Results
        As `describe_new_cells` gives them.

    Returns
    -------
    dict
        ``sentence``; ``model``, ``recipe`` and ``dim``; ``cells``, how many have a representation by
        modality; ``missing_features``, their names by modality; ``predicted``, what was.
    """
    cells = {
        name: int(table.notna().all(axis=1).sum())
        for name, table in results.representations.items()
    }
    missing = {name: _names(results.provenance.get(f"missing_{name}")) for name in cells}
    predicted = [OTHER[modality] for modality in results.predicted]
    # Models of precomputed features have words of their own.
    words = model.block.header.get("modalities", IN_WORDS)
    given = model.protein_transform == AS_GIVEN
    lacking = " and ".join(
        f"{len(missing[name])} of the {len(model.projections[name].used):,} "
        f"{f'features of {words[name]}' if given else FEATURE_WORDS[name]}"
        for name in cells
    )
    what = "rows" if given else "cells"
    counted = " and ".join(f"{count:,} {what} by {words[name]}" for name, count in cells.items())
    told = f"; {words[predicted[0]]} is predicted" if predicted else ""
    return {
        "sentence": (
            f"{counted} are in the shared space of {model.dataset} (d = {model.dim}), of whose features "
            f"{lacking} are missing{told}."
        ),
        "model": model.dataset,
        "recipe": model.block.header["recipe"]["name"],
        "dim": model.dim,
        "cells": cells,
        "missing_features": missing,
        "predicted": predicted,
    }


def _names(value: object) -> list[str]:
    return list(value) if isinstance(value, list) else []


def confidence_of(found: tuple[pd.Index, Answers]) -> pd.DataFrame:
    """Return how probable the best match of each cell is among all of the reference."""
    index, answers = found
    return pd.DataFrame({"confidence": answers.probabilities[:, 0]}, index)


def embedding_table(
    results: Results, umaps: Mapping[str, pd.DataFrame], cells: AnyCells
) -> pd.DataFrame:
    """Return one row per cell and modality, for figures.

    Parameters
    ----------
    results : Results
        As `describe_own_cells` gives them.
    umaps : dict of str to DataFrame, shape (cells, 2)
        Coordinates of each modality's cells in one UMAP.
    cells : AnyCells
        Their labels and batches.

    Returns
    -------
    DataFrame
        With the columns `TABLE_COLUMNS` and the label columns.
    """
    tables = []
    for modality, umap in umaps.items():
        table = pd.DataFrame({"cell": umap.index, "modality": modality}, umap.index)
        table[["umap1", "umap2"]] = umap.to_numpy()
        table["batch"] = None if cells.batch is None else cells.batch.reindex(umap.index)
        table["part"] = results.columns[f"{PREFIX}part"].reindex(umap.index)
        own = results.modality_columns[modality].reindex(umap.index)
        for name in ("match_rank", "match_share", "confidence"):
            table[name] = own[f"{PREFIX}{name}"]
        tables.append(table.join(cells.labels.reindex(umap.index)))
    return pd.concat(tables, ignore_index=True)


def _of_all(model: Model, cells: AnyCells, missing_features: float) -> Embedding:
    """Return the reference's own representations, and for all other cells what the model makes."""
    names = pd.Index(model.block.header["cells"])
    projected = None
    if not model.batch_corrected:
        projected = model.embed(cells, missing_features=missing_features)
    tables = {}
    for modality in MODALITIES:
        data = getattr(cells, modality)
        own = model.as_table(model.block.tensors[f"reference.{modality}"], names)
        table = own.reindex(data.obs_names)
        if projected is not None:
            table = table.fillna(projected.modalities[modality])
        tables[modality] = table
    return Embedding(**tables, missing={} if projected is None else projected.missing)


def _ranks(model: Model) -> list[pd.Series]:
    """Return the rank of each reference cell's true match, 1 for the best, from RNA and from protein."""
    first, second = (model.block.tensors[f"reference.{modality}"] for modality in MODALITIES)
    f, g = as_inner_products(first, second, model.similarity)
    names = pd.Index(model.block.header["cells"])
    return [
        pd.Series(search(*pair).ranks.rivals + 1, names, dtype=np.float64)
        for pair in ((f, g), (g, f))
    ]


def _results(
    model: Model,
    embedding: Embedding,
    columns: pd.DataFrame,
    of_modalities: dict[str, pd.DataFrame],
    what: str,
    predicted: dict[str, dict[str, pd.DataFrame]] | None = None,
) -> Results:
    missing = {f"missing_{modality}": names for modality, names in embedding.missing.items()}
    return Results(
        representations=embedding.modalities,
        joint=embedding.joint,
        columns=columns.add_prefix(PREFIX),
        modality_columns={name: table.add_prefix(PREFIX) for name, table in of_modalities.items()},
        predicted=predicted or {},
        provenance={
            "what": what,
            "model": model.dataset,
            "recipe": model.block.header["recipe"]["name"],
            "dim": model.dim,
            "temperature": model.temperature,
            **missing,
        },
        cosine=model.cosine,
    )
