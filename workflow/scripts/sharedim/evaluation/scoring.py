"""Scores of trained models, in sample and held out, as one long table."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from sharedim.evaluation.alignment import alignment, norms, uniformity
from sharedim.evaluation.intrinsic_dimension import (
    DEFAULT,
    Dimensions,
    dimensions_by_type,
    intrinsic_dimensions,
)
from sharedim.evaluation.mutual_information import best_temperature, infonce_nats
from sharedim.evaluation.probes import probe
from sharedim.evaluation.representations import encoded_pair, similarity_of
from sharedim.evaluation.retrieval import (
    TOP_SHARE,
    UNKNOWN,
    Ranks,
    Search,
    accuracy,
    confusion,
    label_chance,
    macro_f1,
    search,
    top_size,
)
from sharedim.evaluation.shared_directions import shared_directions
from sharedim.jobs.checkpoints import ModelBlock
from sharedim.jobs.tables import CONFUSION_COLUMNS, SCORE_COLUMNS, TYPE_DIMENSION_COLUMNS
from sharedim.training.engine import in_threads
from sharedim.training.similarity import at_length, comparable
from sharedim.training.splits import split_cells

logger = logging.getLogger(__name__)

RECALLS = (1, 5, 10)


class BlockScores(NamedTuple):
    """Scores of the models of a block.

    Attributes
    ----------
    scores : DataFrame
        Long, with the columns `SCORE_COLUMNS`; ``chance`` is missing where there is no chance
        level. A model whose weights are not finite has missing values only.
    confusions : DataFrame
        Long, with the columns `CONFUSION_COLUMNS`: of the test cells of all seeds together,
        how many of each type were given each type, where there was any.
    type_dimensions : DataFrame
        Long, with the columns `TYPE_DIMENSION_COLUMNS`: the intrinsic dimension of each
        type's test cells, at the coarsest label level; missing where the status is not ``ok``.
    """

    scores: pd.DataFrame
    confusions: pd.DataFrame
    type_dimensions: pd.DataFrame


class Level(NamedTuple):
    """Cell types of one label column, as names and as a number per cell, `UNKNOWN` where missing."""

    names: list[str]
    codes: NDArray[np.int64]

    @classmethod
    def of(cls, labels: pd.Series) -> Level:
        """Return types numbered in alphabetical order."""
        codes, names = pd.factorize(labels, sort=True)
        return cls([str(name) for name in names], codes.astype(np.int64))


def score_block(
    block: ModelBlock,
    rna: NDArray[np.floating],
    prot: NDArray[np.floating],
    labels: pd.DataFrame,
    test_cells: NDArray[np.int64] | None = None,
    device: torch.device | str = "cpu",
    estimators: Sequence[str] = DEFAULT,
) -> BlockScores:
    """Score every model of a block on its own training and test cells.

    Parameters
    ----------
    block : ModelBlock
        Trained models.
    rna, prot : ndarray, shapes (n, dx) and (n, dy)
        Features of all paired cells.
    labels : DataFrame, n rows
        Cell types, one column per level; missing where unknown.
    test_cells : ndarray of int64, optional
        Test cells that are the same for every seed, as `sharedim.training.splits.split_cells` takes them.
    device : torch.device or str
        Where cells are compared with each other.
    estimators : sequence of str
        Of the intrinsic dimension, some of `sharedim.evaluation.intrinsic_dimension.ESTIMATORS`.

    Returns
    -------
    BlockScores
    """
    rows: list[tuple[object, ...]] = []
    confusions: list[tuple[str, str, str, str, float]] = []
    type_dimensions: list[tuple[object, ...]] = []
    levels = {str(column): Level.of(labels[column]) for column in labels}
    recipe, dim = block.header["recipe"], block.header["dim"]
    for model, seed in enumerate(block.header["seeds"]):
        split = split_cells(len(rna), seed, test_cells, recipe["validation_share"])
        cells = vars(split)
        pairs = {
            part: encoded_pair(block, model, rna[own], prot[own]) for part, own in cells.items()
        }
        codes = {
            part: {column: level.codes[own] for column, level in levels.items()}
            for part, own in cells.items()
        }
        similarity = similarity_of(block, model)
        scores, found = _scores_of_model(
            pairs, codes, similarity=similarity, device=device, estimators=estimators
        )
        if "temperature" in block.tensors:
            temperature = float(block.tensors["temperature"][model])
            scores.append(("train", "temperature", temperature, math.nan))
        rows.extend((recipe["name"], dim, seed, *score) for score in scores)
        confusions += _confusions_of(found, codes["test"], levels)
        of_types = _type_dimensions_of(*pairs["test"], labels.iloc[split.test], estimators)
        type_dimensions.extend((recipe["name"], dim, seed, *row) for row in of_types)
    return BlockScores(
        pd.DataFrame(rows, columns=SCORE_COLUMNS),
        _all_seeds(confusions, recipe["name"], dim),
        pd.DataFrame(type_dimensions, columns=TYPE_DIMENSION_COLUMNS),
    )


def _scores_of_model(
    pairs: dict[str, tuple[NDArray[np.floating], NDArray[np.floating]]],
    codes: dict[str, dict[str, NDArray[np.int64]]],
    *,
    similarity: str,
    device: torch.device | str,
    estimators: Sequence[str],
) -> tuple[list[tuple[str, str, float, float]], dict[str, Search]]:
    """Return split, metric, value and chance level of every score, and what the test cells found.

    Representations and types are given by part of the split.
    """
    # Chosen on cells whose pairs are neither trained on nor scored.
    temperature = best_temperature(*comparable(*pairs["normaliser"], similarity))
    scores: list[tuple[str, str, float, float]] = []
    for part in ("train", "test"):
        f, g = pairs[part]
        found = search_both_ways(*comparable(f, g, similarity), codes[part], temperature, device)
        own = score_pair(
            f,
            g,
            found,
            codes[part],
            similarity=similarity,
            temperature=temperature,
            estimators=estimators,
        )
        scores.extend((part, *score) for score in own)
    return [*scores, *_probes(pairs, codes, similarity=similarity, device=device)], found


def _type_dimensions_of(
    f: NDArray[np.floating],
    g: NDArray[np.floating],
    labels: pd.DataFrame,
    estimators: Sequence[str],
) -> Iterator[tuple[str, str, int, str, str, float, str]]:
    """Yield column, type, cells, modality, estimator, value and status, at the coarsest level."""
    for column in map(str, list(labels)[:1]):
        of_types = partial(
            dimensions_by_type,
            labels=labels[column].to_numpy(),
            estimators=estimators,
            errors=False,
        )
        both = in_threads(of_types, (f, g))
        for modality, by_type in zip(("rna", "prot"), both, strict=True):
            for name, found in by_type.items():
                for estimator, estimate in found.estimates.items():
                    told = (modality, estimator, estimate.value, estimate.status)
                    yield column, name, found.cells, *told


def _confusions_of(
    found: dict[str, Search], codes: dict[str, NDArray[np.int64]], levels: dict[str, Level]
) -> Iterator[tuple[str, str, str, str, float]]:
    """Yield column, direction, type, type given and cells, where there are any."""
    for direction, search_found in found.items():
        for (column, own), votes in zip(codes.items(), search_found.votes, strict=True):
            names = levels[column].names
            table = confusion(votes, own[own != UNKNOWN])
            for true, given in zip(*np.nonzero(table), strict=True):
                yield column, direction, names[true], names[given], float(table[true, given])


def _all_seeds(
    confusions: list[tuple[str, str, str, str, float]], recipe: str, dim: int
) -> pd.DataFrame:
    keys = ["column", "direction", "type", "given"]
    table = pd.DataFrame(confusions, columns=[*keys, "cells"])
    table = table.groupby(keys, as_index=False, sort=False)[["cells"]].sum()
    return table.assign(recipe=recipe, dim=dim)[CONFUSION_COLUMNS]


def search_both_ways(
    rna: NDArray[np.floating],
    prot: NDArray[np.floating],
    codes: dict[str, NDArray[np.int64]],
    temperature: float,
    device: torch.device | str = "cpu",
) -> dict[str, Search]:
    """Rank every cell's true match in the other modality, and transfer its type, both ways.

    Parameters
    ----------
    rna, prot : ndarray, shape (n, d)
        Representations as they are compared by inner product.
    codes : dict of str to ndarray of int64, shape (n,)
        Types of the cells, by label column; `UNKNOWN` where missing.
    temperature : float
        Divides the similarities in the probabilities of true matches.
    device : torch.device or str
        Where cells are compared.
    """
    own = list(codes.values())
    pairs = [(rna, prot), (prot, rna)]
    found = in_threads(lambda pair: search(*pair, own, device, temperature), pairs)
    return dict(zip(("rna_to_prot", "prot_to_rna"), found, strict=True))


def _probes(
    pairs: dict[str, tuple[NDArray[np.floating], NDArray[np.floating]]],
    codes: dict[str, dict[str, NDArray[np.int64]]],
    *,
    similarity: str,
    device: torch.device | str,
) -> Iterator[tuple[str, str, float, float]]:
    """Yield split, metric, value and chance level of what classifiers read of the cell types."""
    train, test = ([at_length(side, similarity) for side in pairs[p]] for p in ("train", "test"))
    found = in_threads(
        lambda sides: list(probe(*sides, codes["train"], codes["test"], device)),
        zip(train, test, strict=True),
    )
    for modality, scores in zip(("rna", "prot"), found, strict=True):
        for split, name, column, value, chance in scores:
            yield split, f"probe_{name}_{column}_{modality}", value, chance


def score_pair(
    f: NDArray[np.floating],
    g: NDArray[np.floating],
    found: dict[str, Search],
    codes: dict[str, NDArray[np.int64]],
    *,
    similarity: str,
    temperature: float,
    estimators: Sequence[str] = DEFAULT,
) -> Iterator[tuple[str, float, float]]:
    """Yield metric, value and chance level of a pair of representations of the same cells.

    Parameters
    ----------
    f, g : ndarray, shape (n, d)
        RNA and protein representations.
    found : dict of str to Search
        As `search_both_ways` finds it.
    codes : dict of str to ndarray of int64, shape (n,)
        Cell types by label column; cells of unknown type take no part in label transfer.
    similarity : str
        What they are compared by.
    temperature : float
        Divides the similarities in the bound on shared information.
    estimators : sequence of str
        Of the intrinsic dimension.
    """
    finite = bool(np.isfinite(f).all() and np.isfinite(g).all())
    if not finite:
        logger.warning("a model gives values that are not finite; it has no scores")
    scores = [*_dimensions(f, g, estimators), *_geometry(f, g)]
    rna, prot = comparable(f, g, similarity)
    closer = []
    for direction, (ranks, all_votes, probability) in found.items():
        closer.append(ranks.fraction_closer)
        scores += _matching(ranks, direction)
        scores.append((f"match_score_{direction}", probability, 1 / len(f)))
        for (column, own), votes in zip(codes.items(), all_votes, strict=True):
            scores += _transfer(column, direction, votes, own[own != UNKNOWN])
    scores.append(("foscttm", float(np.mean(closer)), 0.5))
    scores.append(("infonce_nats", infonce_nats(rna, prot, temperature), 0.0))
    for metric, value, chance in scores:
        yield metric, value if finite else math.nan, chance


def _dimensions(
    f: NDArray[np.floating], g: NDArray[np.floating], estimators: Sequence[str]
) -> Iterator[tuple[str, float, float]]:
    both = in_threads(partial(intrinsic_dimensions, estimators=estimators), (f, g))
    for modality, found in zip(("rna", "prot"), both, strict=True):
        _log_missing(modality, found)
        for estimator, estimate in found.estimates.items():
            yield f"id_{estimator}_{modality}", estimate.value, math.nan
            yield f"error_{estimator}_{modality}", estimate.error, math.nan
    directions = shared_directions(f, g)
    yield "shared_count", directions.count, 0.0
    yield "shared_effective", directions.effective, math.nan


def _log_missing(modality: str, found: Dimensions) -> None:
    """Log why estimates are missing: the table of scores has no room for a reason."""
    reasons: dict[str, list[str]] = {}
    for estimator, estimate in found.estimates.items():
        if estimate.status != "ok":
            reasons.setdefault(estimate.status, []).append(estimator)
    for reason, names in reasons.items():
        logger.info("%s: no intrinsic dimension by %s (%s)", modality, ", ".join(names), reason)


def _geometry(
    f: NDArray[np.floating], g: NDArray[np.floating]
) -> Iterator[tuple[str, float, float]]:
    yield "alignment", alignment(f, g), math.nan
    for modality, representation in (("rna", f), ("prot", g)):
        mean, variation = norms(representation)
        yield f"uniformity_{modality}", uniformity(representation), math.nan
        yield f"norm_mean_{modality}", mean, math.nan
        yield f"norm_spread_{modality}", variation, math.nan


def _matching(ranks: Ranks, direction: str) -> Iterator[tuple[str, float, float]]:
    n_cells = len(ranks.better)
    chance = top_size(TOP_SHARE, n_cells) / n_cells
    yield f"match_top0.5pct_{direction}", ranks.share_within(TOP_SHARE), chance
    for k in RECALLS:
        yield f"match_recall{k}_{direction}", ranks.share_within(k), min(1.0, k / n_cells)
    yield f"match_median_rank_{direction}", ranks.median_rank, (n_cells + 1) / 2


def _transfer(
    column: str, direction: str, votes: NDArray[np.floating], types: NDArray[np.int64]
) -> Iterator[tuple[str, float, float]]:
    """Yield accuracy and macro-F1 of label transfer; both missing where no type is known."""
    table = confusion(votes, types)
    shares = table.sum(axis=1) / max(1, len(types))
    there = int((shares > 0).sum())
    yield f"label_{column}_{direction}", accuracy(table), label_chance(shares)
    # Labels drawn at random have the precision and recall of their type's share.
    yield f"labelf1_{column}_{direction}", macro_f1(table), 1 / there if there else math.nan
