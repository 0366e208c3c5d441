"""Files with precomputed features: pairs of matrices as .npz, .npy or .parquet."""

from __future__ import annotations

import functools
import json
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sharedim.errors import InputError, some_of
from sharedim.io.modalities import FEATURES, CellFile, Modality
from sharedim.io.obs import BATCH_NAMES, FEATURE_LABEL_NAMES, fold

# What a file begins with.
BEGINNINGS = {b"PK\x03\x04": "npz", b"\x93NUMPY": "npy", b"PAR1": "parquet"}
PAIR_NAMES = ("first", "second")
# Arrays of text that name the pairs.
NAMING_ARRAYS = ("pair", "cells", "names")
# How NumPy begins to say that an array is none of numbers or text.
OBJECTS = "Object arrays"
NUMERIC = "fiub"
TEXT = "US"
NEEDED = (
    "a .npz file with two 2-D arrays of numbers, or a pair of .npy or .parquet files with one matrix "
    "each, one row per pair"
)


@dataclass(frozen=True)
class _Matrix:
    """One matrix as read: its word, values, names of its columns and rows, and what is about its rows."""

    word: str
    values: NDArray[np.floating]
    features: pd.Index
    names: pd.Index | None = None
    columns: pd.DataFrame = field(default_factory=pd.DataFrame)


def format_of_features(path: Path) -> str | None:
    """Recognise a file with features by how it begins.

    Returns
    -------
    str or None
        ``"npz"``, ``"npy"``, ``"parquet"``, or None for anything else.
    """
    if not path.is_file():
        return None
    with path.open("rb") as file:
        beginning = file.read(max(map(len, BEGINNINGS)))
    return next((name for start, name in BEGINNINGS.items() if beginning.startswith(start)), None)


def open_features(path: Path) -> CellFile:
    """Open one file with features: a pair of matrices, or one matrix, which is no dataset alone.

    Parameters
    ----------
    path : Path
        A .npz file with two 2-D arrays, called ``first`` and ``second`` or the only ones there are;
        1-D arrays of as many values are columns about the pairs. Or a file with one matrix.

    Returns
    -------
    CellFile
        Modalities by the names of arrays or files. ``simulation`` is the truth of a simulation, as
        the array ``truth`` has it in JSON.

    Raises
    ------
    InputError
        If there are no such arrays, or they are of different lengths.
    """
    kind = format_of_features(path)
    if kind == "npz":
        return _open_npz(path)
    matrix = _read_npy(path) if kind == "npy" else _read_parquet(path)
    return _alone(str(path), matrix, matrix.columns)


def open_feature_pair(paths: list[Path]) -> CellFile:
    """Open two files with one matrix each, of which the first holds the first modality.

    Rows are matched by their names where both files have names, else by their place.

    Parameters
    ----------
    paths : list of Path, of length 2

    Raises
    ------
    InputError
        If one of them holds no matrix, or their rows cannot be matched.
    """
    where = " and ".join(map(str, paths))
    kinds = [format_of_features(path) for path in paths]
    if not set(kinds) <= {"npy", "parquet"} or paths[0] == paths[1]:
        raise InputError(
            f"{where}: a pair of features is two files, .npy or .parquet, with one matrix each; a "
            ".npz file with both matrices is given alone"
        )
    first, second = (
        _read_npy(path) if kind == "npy" else _read_parquet(path)
        for path, kind in zip(paths, kinds, strict=True)
    )
    words = [first.word, second.word] if first.word != second.word else list(PAIR_NAMES)
    if first.names is not None and second.names is not None:
        modalities = {
            word: _modality(matrix, _index(where, 0, matrix.names), matrix.columns)
            for word, matrix in zip(words, (first, second), strict=True)
        }
        return CellFile(where, modalities, kind=FEATURES)
    _require_equal_rows(where, dict(zip(words, (first, second), strict=True)))
    names = first.names if second.names is None else second.names
    index = _index(where, len(first.values), names)
    modalities = {
        word: _modality(matrix, index, matrix.columns)
        for word, matrix in zip(words, (first, second), strict=True)
    }
    return CellFile(where, modalities, pd.DataFrame(index=index), kind=FEATURES)


def _open_npz(path: Path) -> CellFile:
    arrays = _arrays_of(path)
    chosen = _matrices_among(arrays, path)
    matrices = {name: _as_matrix(path, name, arrays.pop(name)) for name in chosen}
    _require_equal_rows(str(path), matrices)
    rows = len(next(iter(matrices.values())).values)
    columns, names = {}, None
    for name, array in arrays.items():
        if array.ndim != 1 or len(array) != rows or array.dtype.kind not in NUMERIC + TEXT:
            continue
        values = array
        if array.dtype.kind == "S":
            values = np.char.decode(array.astype(np.bytes_, copy=False), "utf-8")
        if name in NAMING_ARRAYS and array.dtype.kind in TEXT:
            names = pd.Index(values)
        else:
            columns[name] = values
    obs = pd.DataFrame(columns, index=_index(str(path), rows, names))
    if len(matrices) == 1:
        return _alone(str(path), next(iter(matrices.values())), obs)
    modalities = {name: _modality(matrix, obs.index) for name, matrix in matrices.items()}
    return CellFile(str(path), modalities, obs, _truth_of(arrays.get("truth")), kind=FEATURES)


def _arrays_of(path: Path) -> dict[str, NDArray[np.generic]]:
    """Read every array of a .npz file; NumPy runs nothing that is in it unless it is told to."""
    arrays = {}
    try:
        with np.load(path) as file:
            for name in file.files:
                try:
                    arrays[name] = file[name]
                except ValueError as error:
                    raise _unreadable(path, name, error) from None
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise InputError(
            f"{path}: the .npz file is cut short or damaged ({error}); copy or write it again"
        ) from None
    return {name: array for name, array in arrays.items() if isinstance(array, np.ndarray)}


def _unreadable(path: Path, name: str, error: ValueError) -> InputError:
    if OBJECTS in str(error):
        return InputError(
            f"{path}: the array {name} holds Python objects, which are not read since they may run "
            "code; write numbers, or text as np.array(values, dtype=str)"
        )
    return InputError(f"{path}: the array {name} is damaged ({error}); write the file again")


def _matrices_among(arrays: dict[str, NDArray[np.generic]], path: Path) -> tuple[str, ...]:
    """Return the names of the two matrices, or of the only one."""
    if set(PAIR_NAMES) <= set(arrays):
        return PAIR_NAMES
    matrices = tuple(
        name for name, array in arrays.items() if array.ndim == 2 and array.dtype.kind in NUMERIC
    )
    if len(matrices) in (1, 2):
        return matrices
    found = ", ".join(f"{name} {_shape(array)}" for name, array in arrays.items())
    raise InputError(
        f"{path}: {len(matrices) or 'no'} 2-D arrays of numbers, where two are needed, or two called "
        f"first and second (found {found or 'nothing'})"
    )


def _shape(array: NDArray[np.generic]) -> str:
    return f"({' x '.join(map(str, array.shape))})" if array.ndim else "(one value)"


def _as_matrix(path: Path, word: str, array: NDArray[np.generic]) -> _Matrix:
    if array.ndim != 2 or array.dtype.kind not in NUMERIC or not array.shape[1]:
        raise InputError(
            f"{path}: the array {word} {_shape(array)} of {array.dtype.name} is no matrix of features; "
            "a 2-D array of numbers is needed, one row per pair and one column per feature"
        )
    features = pd.Index([f"column{place}" for place in range(array.shape[1])])
    return _Matrix(word, _floats(array), features)


def _floats(values: NDArray[np.generic]) -> NDArray[np.floating]:
    """Return numbers in single precision where they were in that or less, else in double."""
    single = values.dtype.kind == "f" and values.dtype.itemsize <= 4
    return np.ascontiguousarray(values, dtype=np.float32 if single else np.float64)


def _read_npy(path: Path) -> _Matrix:
    try:
        array = np.load(path)
    except ValueError as error:
        if OBJECTS in str(error):
            raise _unreadable(path, path.stem, error) from None
        raise _cut_short(path, error) from None
    except (EOFError, OSError) as error:
        raise _cut_short(path, error) from None
    return _as_matrix(path, path.stem, array)


def _cut_short(path: Path, error: Exception) -> InputError:
    return InputError(f"{path}: the file is cut short or damaged ({error}); copy or write it again")


def _read_parquet(path: Path) -> _Matrix:
    try:
        table = pd.read_parquet(path)
    except MemoryError:
        raise
    except Exception as error:
        raise _cut_short(path, error) from None
    table.columns = table.columns.astype(str)
    numeric = [
        name
        for name in table.select_dtypes("number")
        # A number that names a class is no feature.
        if fold(name) not in (*FEATURE_LABEL_NAMES, *BATCH_NAMES)
    ]
    if not numeric:
        raise InputError(
            f"{path}: no column of numbers (found {some_of(list(table.columns)) or 'none'}); every feature "
            "needs a numeric column of its own"
        )
    values = table[numeric].to_numpy(dtype=None, na_value=np.nan)
    unnamed = table.index.equals(pd.RangeIndex(len(table)))
    names = None if unnamed else table.index.astype(str)
    columns = table.drop(columns=numeric)
    return _Matrix(path.stem, _floats(values), pd.Index(numeric), names, columns)


def _alone(where: str, matrix: _Matrix, columns: pd.DataFrame) -> CellFile:
    """Return a file of one matrix: new rows for a model, but no pairs."""
    names = columns.index if matrix.names is None and len(columns) else matrix.names
    names = None if isinstance(names, pd.RangeIndex) else names
    index = _index(where, len(matrix.values), names)
    return CellFile(
        where,
        {matrix.word: _modality(matrix, index, columns)},
        kind=FEATURES,
        unpaired=f"{where}: one matrix of features, where pairs are needed: {NEEDED}",
    )


def _modality(matrix: _Matrix, index: pd.Index, columns: pd.DataFrame | None = None) -> Modality:
    obs = pd.DataFrame(index=index)
    if columns is not None and len(columns.columns):
        obs = columns.set_axis(index)
    return Modality(obs, matrix.features, {"X": functools.partial(getattr, matrix, "values")})


def _index(where: str, rows: int, names: pd.Index | None) -> pd.Index:
    """Return a name for each pair."""
    if names is None:
        return pd.Index([f"pair{place:06d}" for place in range(rows)])
    names = names.astype(str)
    repeated = names[names.duplicated()]
    if len(repeated):
        raise InputError(
            f"{where}: {len(repeated):,} names of pairs repeat (such as '{repeated[0]}'); every pair "
            "needs a name of its own"
        )
    return names


def _require_equal_rows(where: str, matrices: dict[str, _Matrix]) -> None:
    rows = {name: len(matrix.values) for name, matrix in matrices.items()}
    if len(set(rows.values())) > 1:
        found = " and ".join(f"{count:,} rows of {name}" for name, count in rows.items())
        raise InputError(
            f"{where}: {found}; a row is a pair, so both matrices need equally many, or names that "
            "tell which belong together, as the index of two .parquet files"
        )


def _truth_of(array: NDArray[np.generic] | None) -> dict[str, object] | None:
    """Return what a simulation knows: the shared dimensions, and how it was made; else no truth of ours."""
    if array is None or array.ndim or array.dtype.kind != "U":
        return None
    try:
        truth = json.loads(str(array))
    except json.JSONDecodeError:
        return None
    known = isinstance(truth, dict) and type(truth.get("shared_dimensions")) is int
    return truth if known else None
