"""Summary of a dataset before any training, in plain values for `check.json` and for users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from sharedim.io.modalities import FEATURES, PROTEIN, RNA
from sharedim.io.validation import SMALLEST_BATCH, batch_notes, check_batches, label_notes
from sharedim.preprocessing.holdout import fixed_test_cells
from sharedim.preprocessing.precomputed import feature_notes, refuse_options
from sharedim.training.splits import TRAIN_CELLS, split_cells
from sharedim.vocabulary import words_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sharedim.io.paired import PairedCells
    from sharedim.training.splits import Split


class SplitSizes(TypedDict):
    """Numbers of cells that train, estimate the norm, and are held out."""

    train: int
    normaliser: int
    test: int


class LabelSizes(TypedDict):
    """Numbers of cells of each type and of unknown type, by one label column."""

    types: dict[str, int]
    unknown: int


class Check(TypedDict):
    """Content of ``check.json``, as `describe` says it."""

    dataset: str
    file: str
    kind: str
    modalities: dict[str, str]
    summary: str
    paired_cells: int
    rna_cells: int
    prot_cells: int
    genes: int
    proteins: int
    split: SplitSizes
    test_cells: str
    labels: dict[str, LabelSizes]
    batches: dict[str, int]
    warnings: list[str]
    truth: dict[str, object] | None


def describe(
    cells: PairedCells,
    dataset: str,
    *,
    splitting: Mapping[str, object] | None = None,
    features: Mapping[str, object] | None = None,
) -> Check:
    """Say what the workflow sees in a dataset, and refuse what it could not do with it later.

    Parameters
    ----------
    cells : PairedCells
        As read.
    dataset : str
        Its name.
    splitting : dict, optional
        Options of `sharedim.preprocessing.holdout.fixed_test_cells`.
    features : dict, optional
        Options of `sharedim.preprocessing.options.FeatureOptions`, some of which need batches.

    Returns
    -------
    Check
        Plain values: what the modalities are called and what kind of data they are, sizes, split,
        label columns (coarsest first) with the number of cells of each type and of unknown type,
        batches, warnings, the truth of a simulation, and a summary in one sentence.

    Raises
    ------
    InputError
        If batches are needed and there are none, options are not for such data, or too few cells
        would train or be held out.
    """
    # Of the types that the options have, which differ by name.
    holding_out: dict[str, Any] = dict(splitting or {})
    features = features or {}
    refuse_options(cells, features)
    for option, smallest in (("harmony", 1), ("variable_genes_by_batch", SMALLEST_BATCH)):
        if features.get(option):
            check_batches(cells.batch, option, cells.where, smallest=smallest)
    test_cells = fixed_test_cells(cells, **holding_out)
    n_paired = cells.rna.n_obs
    split = split_cells(n_paired, 0, test_cells)
    labels, batches = _labels(cells), _batches(cells)
    return {
        "dataset": dataset,
        "file": cells.where,
        "kind": cells.kind,
        "modalities": {kind: cells.words[kind] for kind in (RNA, PROTEIN)},
        "summary": _sentence(cells, labels, batches),
        "paired_cells": n_paired,
        "rna_cells": cells.n_rna,
        "prot_cells": cells.n_prot,
        "genes": cells.rna.n_vars,
        "proteins": cells.prot.n_vars,
        "split": {
            "train": len(split.train),
            "normaliser": len(split.normaliser),
            "test": len(split.test),
        },
        "test_cells": _in_words(test_cells, cells, holding_out),
        "labels": labels,
        "batches": batches,
        "warnings": _warnings(cells, features, split),
        "truth": cells.truth,
    }


def _labels(cells: PairedCells) -> dict[str, LabelSizes]:
    """Return for each label column the number of cells of each type and of unknown type."""
    return {
        str(column): {
            "types": {str(k): int(n) for k, n in cells.labels[column].value_counts().items()},
            "unknown": int(cells.labels[column].isna().sum()),
        }
        for column in cells.labels
    }


def _batches(cells: PairedCells) -> dict[str, int]:
    """Return the number of cells of each batch, the largest first."""
    if cells.batch is None:
        return {}
    return {str(name): int(number) for name, number in cells.batch.value_counts().items()}


def _sentence(cells: PairedCells, labels: dict[str, LabelSizes], batches: dict[str, int]) -> str:
    levels = ", ".join(
        f"{column} ({len(level['types'])} types)" for column, level in labels.items()
    )
    return (
        f"{_sizes(cells)}; labels: {levels or 'none, so no label transfer'}; "
        f"batches: {len(batches) or 'none named'}"
    )


def _warnings(cells: PairedCells, features: Mapping[str, object], split: Split) -> list[str]:
    pairs = words_of(cells.kind, cells.words).pairs
    return [
        *cells.notes,
        *(feature_notes(cells, features) if cells.kind == FEATURES else []),
        *label_notes(cells.labels, pairs),
        *batch_notes(cells.batch, pairs),
        *_split_notes(split, cells.rna.n_obs, pairs),
    ]


def _sizes(cells: PairedCells) -> str:
    n_paired, first, second = cells.rna.n_obs, cells.rna.n_vars, cells.prot.n_vars
    if cells.kind == FEATURES:
        words = cells.words
        return (
            f"{n_paired:,} pairs of {words[RNA]} ({first:,} features) and {words[PROTEIN]} "
            f"({second:,} features)"
        )
    return f"{n_paired:,} paired cells, {first:,} genes, {second:,} proteins"


def _in_words(
    test_cells: NDArray[np.int64], cells: PairedCells, splitting: Mapping[str, object]
) -> str:
    if not len(test_cells):
        return "drawn by each seed"
    if splitting.get("hold_out") != "batches" or cells.hold_out is None:
        return "the same for every seed"
    held_out = sorted(cells.hold_out.iloc[test_cells].unique())
    return f"the same for every seed, all of {cells.hold_out.name}: {', '.join(held_out)}"


def _split_notes(split: Split, n_cells: int, pairs: str) -> list[str]:
    notes = []
    n_train = len(split.train)
    if n_train < TRAIN_CELLS // 2:
        notes.append(
            f"Only {n_train:,} {pairs} are left for training; contrastive training as published was made "
            f"for {TRAIN_CELLS:,} and memorises so few: trust the held-out curves, and have the cca "
            "baseline beside them."
        )
    idle = n_cells - np.sum([len(part) for part in (split.train, split.normaliser, split.test)])
    if idle:
        notes.append(
            f"{idle:,} {pairs} have no part in a seed of a recipe that divides them as published: beside the "
            f"{pairs} held out, the paper's split has room for 18,000."
        )
    return notes
