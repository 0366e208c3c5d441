"""Held-out pairs of the recommended models: their similarities, and proteins predicted from RNA."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sharedim.embedding.prediction import compare_predictions
from sharedim.evaluation.representations import encoded_pair, similarity_of, temperature_of
from sharedim.jobs.checkpoints import ModelBlock
from sharedim.training.similarity import comparable
from sharedim.training.splits import split_cells

SIMILARITY_COLUMNS = ["pair", "low", "high", "share"]
PREDICTION_COLUMNS = ["protein", "method", "seed", "correlation", "coverage"]
BINS = 60
# False pairs that each cell is compared in.
FALSE_PAIRS = 20


class ChosenScores(NamedTuple):
    """Scores of the recommended models.

    Attributes
    ----------
    similarities : DataFrame
        With the columns `SIMILARITY_COLUMNS`: of true and of false pairs of held-out cells of all
        seeds, the share whose similarity is in a bin.
    predictions : DataFrame
        With the columns `PREDICTION_COLUMNS`: how well each protein is predicted from RNA.
    """

    similarities: pd.DataFrame
    predictions: pd.DataFrame


def examine(
    blocks: list[ModelBlock],
    rna: NDArray[np.float32],
    prot: NDArray[np.float32],
    protein_values: NDArray[np.floating],
    proteins: list[str],
    test_cells: NDArray[np.int64] | None = None,
) -> ChosenScores:
    """Compare true with false pairs, and predict proteins from RNA, on the test cells of each seed.

    Parameters
    ----------
    blocks : list of ModelBlock
        All models of the chosen recipe and output dimension; none where nothing is shared.
    rna, prot : ndarray, shapes (n, dx) and (n, dy)
        Features of all paired cells.
    protein_values : ndarray, shape (n, proteins)
        Transformed values of the proteins.
    proteins : list of str
        Their names.
    test_cells : ndarray of int64, optional
        Test cells that are the same for every seed, as `sharedim.training.splits.split_cells` takes them.

    Returns
    -------
    ChosenScores
        Models that failed have no part.
    """
    similar: dict[str, list[NDArray[np.floating]]] = {"true": [], "false": []}
    predictions = []
    for block in blocks:
        for model, seed in enumerate(block.header["seeds"]):
            split = split_cells(
                len(rna), seed, test_cells, block.header["recipe"]["validation_share"]
            )
            pair = encoded_pair(block, model, rna, prot)
            pair = comparable(*pair, similarity_of(block, model))
            if not all(np.isfinite(side).all() for side in pair):
                continue
            for kind, found in _similarities(
                pair[0][split.test], pair[1][split.test], seed
            ).items():
                similar[kind].append(found)
            parts = split.train, split.normaliser, split.test
            temperature = temperature_of(block, model, *(side[split.normaliser] for side in pair))
            for method, correlation, coverage in compare_predictions(
                pair, temperature, rna, protein_values, parts
            ):
                rows = zip(proteins, correlation, coverage, strict=True)
                predictions += [(protein, method, seed, *quality) for protein, *quality in rows]
    return ChosenScores(_histogram(similar), pd.DataFrame(predictions, columns=PREDICTION_COLUMNS))


def _similarities(
    f: NDArray[np.floating], g: NDArray[np.floating], seed: int
) -> dict[str, NDArray[np.floating]]:
    shifts = np.random.default_rng(seed).integers(1, len(f), size=FALSE_PAIRS)
    false = [np.sum(f * np.roll(g, shift, axis=0), axis=1) for shift in shifts]
    return {"true": np.sum(f * g, axis=1), "false": np.concatenate(false)}


def _histogram(similar: dict[str, list[NDArray[np.floating]]]) -> pd.DataFrame:
    if not similar["true"]:
        return pd.DataFrame(columns=SIMILARITY_COLUMNS)
    values = {kind: np.concatenate(found) for kind, found in similar.items()}
    edges = np.histogram_bin_edges(np.concatenate(list(values.values())), BINS)
    tables = []
    for kind, own in values.items():
        share = np.histogram(own, edges)[0] / len(own)
        tables.append(
            pd.DataFrame({"pair": kind, "low": edges[:-1], "high": edges[1:], "share": share})
        )
    return pd.concat(tables, ignore_index=True)
