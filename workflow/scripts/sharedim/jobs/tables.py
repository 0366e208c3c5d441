"""Tables that pass between rules: tab-separated text with a header line."""

from __future__ import annotations

from contextlib import ExitStack
from gzip import GzipFile
from pathlib import Path

import pandas as pd

from sharedim.jobs.files import replacing

SCORE_COLUMNS = ["recipe", "dim", "seed", "split", "metric", "value", "chance"]
TYPE_DIMENSION_COLUMNS = [
    "recipe",
    "dim",
    "seed",
    "column",
    "type",
    "cells",
    "modality",
    "estimator",
    "value",
    "status",
]
CONFUSION_COLUMNS = ["recipe", "dim", "column", "direction", "type", "given", "cells"]


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a table; only an empty field is missing, so that a type called NA stays a type."""
    return pd.read_csv(path, sep="\t", keep_default_na=False, na_values=[""])


def write_table(path: str | Path, table: pd.DataFrame) -> None:
    """Write a table atomically, compressed when the name ends in .gz; missing values are empty."""
    with replacing(path) as temporary, temporary.open("wb") as file, ExitStack() as packing:
        if Path(path).suffix == ".gz":
            # Without a time and the temporary name, so that equal tables are equal files.
            packed = GzipFile(filename="", mode="wb", fileobj=file, mtime=0)
            file = packing.enter_context(packed)  # type: ignore[arg-type]  # as good a file to write to
        table.to_csv(file, sep="\t", index=False, float_format="%.8g")


def read_labels(path: str | Path, columns: list[str]) -> pd.DataFrame:
    """Read the cell-type columns of ``features/cells.tsv.gz`` as text, missing where unknown."""
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, na_values=[""])
    return table[columns]


def concatenate(paths: list[str], dataset: str, columns: list[str]) -> pd.DataFrame:
    """Read tables with the same columns and stack them, with the dataset's name in a first column."""
    tables = [read_table(path) for path in paths]
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)
    table.insert(0, "dataset", dataset)
    return table
