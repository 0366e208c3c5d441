"""Columns about cells: cell types, batches, and labels of unknown type."""

from __future__ import annotations

import re
from collections.abc import Hashable

import pandas as pd

from sharedim.errors import InputError

LABEL_NAMES = (
    "celltypel1",
    "predictedcelltypel1",
    "predictedcelltypel2",
    "celltypel2",
    "celltypelevel1",
    "celltypelevel2",
    "celltype1",
    "celltype2",
    "celltype",
    "celltypes",
    "majorcelltype",
    "annotation",
    "annotations",
)
# Of pairs that are no cells.
FEATURE_LABEL_NAMES = (*LABEL_NAMES, "label", "labels", "class", "classes", "category")
BATCH_NAMES = ("batch", "lane", "donor", "donorid", "sample", "sampleid")
UNKNOWN_LABELS = (
    "",
    "unknown",
    "unassigned",
    "unlabeled",
    "unlabelled",
    "undefined",
    "undetermined",
    "unclassified",
    "not assigned",
    "none",
    "na",
    "n/a",
    "nan",
)
# The report shows two levels of cell types, as the paper does.
LABEL_LEVELS = 2
# Columns that the table of cells beside the features has for itself.
TABLE_COLUMNS = ("cell", "batch", "held_out")
NO_BATCH = "not named"


def fold(name: object) -> str:
    """Fold a name to lower-case letters and digits, so that cell_type equals CellType."""
    return re.sub(r"[^a-z0-9]", "", str(name).lower())


def find_labels(
    columns: pd.DataFrame,
    named: list[str] | None,
    where: str,
    usual: tuple[str, ...] = LABEL_NAMES,
) -> pd.DataFrame:
    """Choose the columns with cell types.

    Parameters
    ----------
    columns : DataFrame
        Every column about the cells.
    named : list of str or None
        Columns that the user named; None recognises them by their usual names, at most two of them.
    where : str
        The file, for messages.
    usual : tuple of str
        The usual names, folded.

    Returns
    -------
    DataFrame
        Cell types as text, the coarsest column first; missing where a type is not known.

    Raises
    ------
    InputError
        If a named column is absent or holds fewer than two types.
    """
    candidates: list[Hashable]
    if named is None:
        candidates = [name for name in columns if fold(name) in usual]
    else:
        candidates = [_column_named(columns, name, "label", where) for name in named]
        taken = [name for name in candidates if name in TABLE_COLUMNS]
        if taken:
            raise InputError(
                f"{where}: a label column cannot be called '{taken[0]}', which the table of cells has "
                "for itself; copy it under another name"
            )

    levels: dict[Hashable, pd.Series] = {}
    for name in candidates:
        label = _known(columns[name])
        types = label.nunique()
        if named is not None and types < 2:
            raise InputError(
                f"{where}: label column '{name}' holds {types} known types; at least 2 are needed"
            )
        same = any(_same_partition(label, other) for other in levels.values())
        # Nearly as many types as cells is an identifier or a score, no annotation.
        if named is None and (types < 2 or types > len(label) / 10 or same):
            continue
        levels[name] = label
    coarsest_first = sorted(levels, key=lambda name: levels[name].nunique())
    chosen = coarsest_first if named is not None else coarsest_first[:LABEL_LEVELS]
    return pd.DataFrame({name: levels[name] for name in chosen}, index=columns.index)


def find_batch(
    columns: pd.DataFrame, named: str | None, where: str, option: str = "batch"
) -> pd.Series | None:
    """Return the column with batches as text: the one that the user named, or one with a usual name."""
    if named is not None:
        return _batches(columns[_column_named(columns, named, option, where)])
    for usual in BATCH_NAMES:
        for name in columns:
            if fold(name) == usual:
                return _batches(columns[name])
    return None


def _batches(column: pd.Series) -> pd.Series:
    return column.astype(object).where(column.notna(), NO_BATCH).astype(str)


def _known(column: pd.Series) -> pd.Series:
    """Return labels as text, missing where a label says that the type is not known."""
    text = column.astype(object).where(column.notna(), None)  # type: ignore[call-overload] # pandas-stubs know no None here
    folded = text.map(lambda label: label if label is None else str(label).strip())
    known: pd.Series = folded.map(
        lambda label: None if str(label).lower() in UNKNOWN_LABELS else label
    )
    return known


def _same_partition(first: pd.Series, second: pd.Series) -> bool:
    return bool((pd.factorize(first)[0] == pd.factorize(second)[0]).all())


def _column_named(columns: pd.DataFrame, named: str, what: str, where: str) -> Hashable:
    """Return the column of a name, or the only one whose name is the same but for its spelling."""
    if named in columns:
        return named
    alike = [name for name in columns if fold(name) == fold(named)]
    if len(alike) != 1:
        raise InputError(
            f"{where}: no {what} column named '{named}'; found {', '.join(map(str, columns)) or 'none'}"
        )
    return alike[0]
