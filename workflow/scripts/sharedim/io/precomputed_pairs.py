"""Pairs of precomputed features: modalities recognised, rows matched, unusable values refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray

from sharedim.errors import InputError, some_of
from sharedim.io.modalities import (
    OPTIONS,
    PROTEIN,
    RNA,
    USUAL_NAMES,
    CellFile,
    listed,
    recognised,
)
from sharedim.io.obs import fold
from sharedim.io.validation import MINIMUM_CELLS

SEPARATORS = {".tsv": "\t", ".txt": "\t", ".csv": ","}


def feature_kinds(
    file: CellFile,
    rna_modality: str | None = None,
    protein_modality: str | None = None,
    known: Mapping[str, pd.Index] | None = None,
) -> dict[str, str]:
    """Find out which matrix stands where RNA stands, the first one, and which where protein does.

    Parameters
    ----------
    file : CellFile
        Of the kind ``"features"``.
    rna_modality, protein_modality : str, optional
        Names of the first and of the second, where the order in the file is another.
    known : dict of str to Index, optional
        Columns of each modality of a model, by whose number one matrix alone is recognised.

    Returns
    -------
    dict of str to str
        Names in the file, of ``"rna"`` and ``"prot"`` or of one of them.

    Raises
    ------
    InputError
        If a name is not there, or nothing tells what one matrix alone is.
    """
    named = {
        kind: recognised(file, kind, name)[0]
        for kind, name in ((RNA, rna_modality), (PROTEIN, protein_modality))
        if name is not None
    }
    names = list(file.modalities)
    if len(names) == 1:
        return named or {_kind_of(file, names[0], known or {}): names[0]}
    usual = {kind: [n for n in names if fold(n) in USUAL_NAMES[kind]] for kind in (RNA, PROTEIN)}
    if not named and all(usual.values()):
        named = {kind: found[0] for kind, found in usual.items()}
    for kind, other in ((RNA, PROTEIN), (PROTEIN, RNA)):
        if kind not in named:
            named[kind] = next(name for name in names if name != named.get(other))
    if named[RNA] == named[PROTEIN]:
        raise InputError(
            f"{file.where}: '{named[RNA]}' cannot be both modalities; found {listed(file)}"
        )
    return {kind: named[kind] for kind in (RNA, PROTEIN)}


def _kind_of(file: CellFile, name: str, known: Mapping[str, pd.Index]) -> str:
    """Tell which of a model's modalities one matrix is."""
    if name in ("first", "second"):
        return RNA if name == "first" else PROTEIN
    columns = len(file.modalities[name].features)
    fitting = [kind for kind, features in known.items() if len(features) == columns]
    if len(fitting) != 1:
        widths = " and ".join(f"{len(features):,}" for features in known.values())
        compared = f"; the model's have {widths}" if known else ""
        raise InputError(
            f"{file.where}: one matrix of {columns:,} columns, and nothing tells which modality it "
            f"is{compared}; name it with {OPTIONS[RNA]}={name} or {OPTIONS[PROTEIN]}={name}"
        )
    return fitting[0]


def pair_features(
    file: CellFile, words: Mapping[str, str]
) -> tuple[dict[str, AnnData], pd.Index, list[str]]:
    """Read the pairs of a file with features.

    Parameters
    ----------
    file : CellFile
        Of the kind ``"features"``, with two modalities.
    words : dict of str to str
        As `feature_kinds` gives them.

    Returns
    -------
    dict of str to AnnData
        The same pairs in the same order, as ``"rna"`` and ``"prot"``; float32 or float64.
    Index
        Names of the pairs.
    list of str
        What is left out or odd, one sentence each.

    Raises
    ------
    InputError
        If too few rows belong together, or values cannot be features.
    """
    first, second = (file.modalities[words[kind]].obs.index for kind in (RNA, PROTEIN))
    pairs = first.intersection(second, sort=False)
    notes = []
    counted = f"{len(first):,} in {words[RNA]}, {len(second):,} in {words[PROTEIN]}"
    if not len(pairs):
        raise InputError(
            f"{file.where}: no row of {words[RNA]} has the name of a row of {words[PROTEIN]} "
            f"({some_of(list(first))}; {some_of(list(second))}); both need the same names, or none"
        )
    if len(pairs) < max(len(first), len(second)):
        notes.append(
            f"{len(pairs):,} names are in both modalities ({counted}); only these are used."
        )
    if len(pairs) < MINIMUM_CELLS:
        raise InputError(
            f"{file.where}: only {len(pairs):,} pairs; at least {MINIMUM_CELLS} are needed to train "
            "and to hold pairs out"
        )
    read = {kind: read_features(file, name, pairs) for kind, name in words.items()}
    for kind, data in read.items():
        constant = int((data.X.min(axis=0) == data.X.max(axis=0)).sum())
        if constant == data.n_vars:
            raise InputError(
                f"{file.where}: {words[kind]} has the same values in every pair; features that vary "
                "are needed"
            )
        if constant:
            notes.append(f"{words[kind]}: {constant:,} of {data.n_vars:,} columns are constant.")
    return read, pairs, notes


def read_features(file: CellFile, name: str, rows: pd.Index | None = None) -> AnnData:
    """Read one matrix, all rows or those named, and refuse values that are not finite."""
    modality = file.modalities[name]
    layer = next((layer for layer in ("X", *modality.layers) if layer in modality.layers), None)
    if layer is None:
        raise InputError(f"{file.where}: {name} has no matrix X; features are needed")
    read = modality.layers[layer]()
    values: NDArray[np.number] = read.toarray() if hasattr(read, "toarray") else np.asarray(read)
    finite: NDArray[np.bool_] = np.isfinite(values).all(axis=1)
    if not finite.all():
        raise InputError(
            f"{file.where}: {name} holds NaN or infinite values in {(~finite).sum():,} of "
            f"{len(finite):,} rows (such as row {np.flatnonzero(~finite)[0]}); leave these pairs out"
        )
    if rows is not None and not rows.equals(modality.obs.index):
        values = values[modality.obs.index.get_indexer(rows)]
    index = modality.obs.index if rows is None else rows
    return AnnData(values, pd.DataFrame(index=index), pd.DataFrame(index=modality.features))


def with_annotations(file: CellFile, annotations: str | Path | None) -> CellFile:
    """Add a table of columns about the pairs, its rows matched by name or by place.

    Parameters
    ----------
    file : CellFile
        Of the kind ``"features"``.
    annotations : path-like or None
        A table as .tsv, .csv (packed or not) or .parquet. If its first column, or its index, holds
        names of pairs, rows are matched by them; else row i is about pair i.

    Raises
    ------
    InputError
        If the table cannot be read, or its rows cannot be matched.
    """
    if annotations is None:
        return file
    path = Path(annotations)
    table = _read_table(path)
    indexes = [modality.obs.index for modality in file.modalities.values()]
    names = indexes[0].union(indexes[-1], sort=False)
    labels = pd.Index(table.iloc[:, 0].astype(str))
    if labels.isin(names).any():
        if labels.has_duplicates:
            again = labels[labels.duplicated()][0]
            raise InputError(f"{path}: more than one row is about '{again}'; one a pair is needed")
        table = table.iloc[:, 1:].set_axis(labels)
    elif len(table) == len(names) and all(index.equals(names) for index in indexes):
        table = table.set_axis(names)
    else:
        raise InputError(
            f"{path}: {len(table):,} rows for {len(names):,} pairs, and its first column "
            f"'{table.columns[0]}' holds no names of pairs; one row per pair is needed, in their order or "
            "with their names first"
        )
    others = file.obs[[name for name in file.obs if name not in table]]
    return replace(file, obs=table.reindex(names).join(others))


def _read_table(path: Path) -> pd.DataFrame:
    endings = [ending.lower() for ending in path.suffixes if ending.lower() != ".gz"]
    separator = SEPARATORS.get(endings[-1] if endings else "")
    if separator is None and endings[-1:] != [".parquet"]:
        raise InputError(
            f"{path}: annotations are a .tsv, .csv or .parquet file with one row per pair"
        )
    try:
        table = pd.read_csv(path, sep=separator) if separator else pd.read_parquet(path)
    except MemoryError:
        raise
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: cannot be read as a table ({reason})") from None
    if not table.index.equals(pd.RangeIndex(len(table))):
        table = table.reset_index()
    if not len(table.columns):
        raise InputError(f"{path}: a table without columns; one row per pair is needed")
    return table.set_axis(table.columns.astype(str), axis=1)
