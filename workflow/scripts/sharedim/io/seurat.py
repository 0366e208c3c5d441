"""Seurat objects in R's files, read without R."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from anndata import AnnData
from anndata.utils import make_index_unique
from numpy.typing import NDArray
from rdata.parser import CharFlags, RData, RObject, RObjectType, parse_data
from rdata.parser._parser import Parser
from scipy import sparse

from sharedim.errors import InputError

DECOMPRESSORS: dict[bytes, Callable[[io.BufferedReader[Any]], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}
BYTE_ORDERS = {b"X\n": ">", b"B\n": "<"}
CHUNK_BYTES = 1 << 20
# Together several times the size of the counts; what holds layers is refused anyway.
UNUSED_SLOTS = {
    "data",
    "graphs",
    "images",
    "layers",
    "misc",
    "neighbors",
    "reductions",
    "scale.data",
    "tools",
}
# R describes some vectors by a few numbers, without which these cannot be expanded.
LONGEST_KEPT = 100
NAMED_OBJECTS = 10
IMPLICIT_CLASSES = {
    RObjectType.CLO: "function",
    RObjectType.ENV: "environment",
    RObjectType.INT: "integer",
    RObjectType.NILVALUE: "NULL",
    RObjectType.REAL: "numeric",
    RObjectType.STR: "character",
    RObjectType.VEC: "list",
}
SAVE_ALONE = 'save the Seurat object alone in R, with saveRDS(object, "cells.rds")'


@dataclass(frozen=True)
class SeuratCells:
    """Content of a Seurat object.

    Attributes
    ----------
    modalities : dict of str to AnnData
        The assays with counts, in their order: ``X`` holds them as they are, cells x features in
        CSR as float32.
    obs : DataFrame
        ``meta.data``, one row per cell. A factor is a categorical, and missing values are missing.
        Columns that are no vectors are left out.
    without_counts : dict of str to str
        For each assay with normalised data alone, the sentence to refuse it with when it is asked
        for. An integrated assay is one, and does not keep anybody from using the others.
    """

    modalities: dict[str, AnnData]
    obs: pd.DataFrame
    without_counts: dict[str, str]


class _NoCountsError(InputError):
    pass


def read_seurat(path: str | Path) -> SeuratCells:
    """Read the counts and ``meta.data`` of the Seurat object in a file.

    Parameters
    ----------
    path : path-like
        A file written by R's ``saveRDS()`` or ``save()``, with one Seurat object of version 3 or 4
        among whatever else. Compression and format are recognised by the content.

    Returns
    -------
    SeuratCells

    Raises
    ------
    InputError
        If the file is no R data, damaged, or without exactly one Seurat object, if an assay is of
        Seurat 5 or its cells have no names of their own, or if no assay has counts; one sentence
        says what is wrong and what would be right.
    """
    path = Path(path)
    with _refusing(path):
        with (
            io.BufferedReader(path.open("rb", buffering=0), CHUNK_BYTES) as file,
            _decompressed(file) as stream,
        ):
            parsed = _parse(stream, path)
        encoding = parsed.extra.encoding or "utf-8"
        seurat = _find_seurat(parsed.object, encoding, path)
        return _read_cells(_pairs(seurat.attributes), encoding, path)


class _SlotParser(Parser):
    """Parse R's binary format from a stream, and forget the bulk of what is not used.

    By itself, rdata holds the decompressed file twice beside all that Seurat derives from the
    counts, several times the memory; no public class of its reads a stream.
    """

    def __init__(self, stream: io.BufferedReader, byte_order: str, *, named: bool) -> None:
        super().__init__()
        self._stream = stream
        self._byte_order = byte_order
        # An object in an .rda file may be called like a slot.
        self._slot_depth = 1 if named else 0
        self._tags: list[str] = []
        self._next_tag: str | None = None
        self._forgetting = False

    def parse_int(self) -> int:
        order: Literal["big", "little"] = "big" if self._byte_order == ">" else "little"
        return int.from_bytes(self.parse_string(4), order, signed=True)

    def parse_string(self, length: int) -> bytes:
        content = self._stream.read(length)
        if len(content) < length:
            raise EOFError
        return content

    def _parse_array_values(self, dtype: Any, length: int) -> NDArray[np.generic]:
        dtype = np.dtype(dtype)
        if self._forgetting and length > LONGEST_KEPT:
            for start in range(0, length * dtype.itemsize, CHUNK_BYTES):
                self.parse_string(min(CHUNK_BYTES, length * dtype.itemsize - start))
            return np.empty(0, dtype)
        values = np.empty(length, dtype.newbyteorder(self._byte_order))
        content = values.data.cast("B")
        for start in range(0, len(content), CHUNK_BYTES):
            part = content[start : start + CHUNK_BYTES]
            if self._stream.readinto(part) < len(part):
                raise EOFError
        return values if values.dtype.isnative else values.byteswap(inplace=True).view(dtype)

    def _parse_vector_value(self, *references: Any) -> list[RObject]:
        length = self.parse_int()
        if not self._forgetting or length <= LONGEST_KEPT:
            return [self.parse_R_object(*references) for _ in range(length)]
        for _ in range(length):
            self.parse_R_object(*references)
        return []

    def parse_R_object(self, *arguments: Any, **options: Any) -> RObject:  # noqa: N802
        tag, self._next_tag = self._next_tag, None
        around = self._forgetting
        if tag is not None:
            if tag in UNUSED_SLOTS and len(self._tags) >= self._slot_depth:
                self._forgetting = True
            self._tags.append(tag)
        parsed = super().parse_R_object(*arguments, **options)
        if tag is not None:
            self._tags.pop()
        self._forgetting = around
        # A slot's name comes right before its value.
        self._next_tag = _symbol(parsed)
        return parsed


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Turn whatever reading a file can raise into a sentence."""
    try:
        yield
    except (InputError, MemoryError):
        raise
    except EOFError:
        raise InputError(
            f"{path}: ends before its R data does, so it is truncated; copy or save it again"
        ) from None
    except (OSError, lzma.LZMAError, zlib.error) as error:
        problem = getattr(error, "strerror", None) or error
        raise InputError(
            f"{path}: cannot be read ({problem}); give the path of an undamaged file that R's "
            "saveRDS() or save() wrote"
        ) from None
    # The parser asserts, indexes and looks up as it goes, whatever the bytes are.
    except Exception as error:
        raise InputError(
            f"{path}: holds R data that cannot be understood ({error!r}); {SAVE_ALONE}"
        ) from error


def _decompressed(file: io.BufferedReader[Any]) -> io.BufferedReader[Any]:
    head = file.peek(max(map(len, DECOMPRESSORS)))
    for magic, decompress in DECOMPRESSORS.items():
        if head.startswith(magic):
            return io.BufferedReader(decompress(file), CHUNK_BYTES)
    return file


def _parse(stream: io.BufferedReader, path: Path) -> RData:
    magic = stream.read(2)
    named = magic == b"RD"
    if named:
        magic = stream.read(5)[3:]
    if magic[:1] == b"A":
        return parse_data(magic + stream.read(), extension=".rds")
    if magic not in BYTE_ORDERS:
        raise InputError(
            f"{path}: no R data in it; give a file that R's saveRDS() or save() wrote, with a "
            "Seurat object in it"
        )
    parsed = _SlotParser(stream, BYTE_ORDERS[magic], named=named).parse_all()
    # Compressed files have a checksum at their end.
    if stream.read(1):
        raise ValueError("more follows than one object")
    return parsed


def _symbol(parsed: RObject | None) -> str | None:
    """Return the name that a symbol, or a reference to one, stands for."""
    while parsed is not None and parsed.info.type is RObjectType.REF:
        parsed = parsed.referenced_object
    if parsed is None or parsed.info.type is not RObjectType.SYM:
        return None
    name: str = parsed.value.value.decode("utf-8", "replace")
    return name


def _pairs(link: RObject | None) -> dict[str, RObject]:
    """Return the values of a pairlist by name; these are the slots of an S4 object."""
    pairs = {}
    while link is not None and link.info.type is RObjectType.LIST:
        # What has no name is no slot.
        if (name := _symbol(link.tag)) is not None:
            pairs[name] = link.value[0]
        link = link.value[1]
    return pairs


def _strings(vector: RObject | None, encoding: str) -> list[str | None]:
    if vector is None or vector.info.type is not RObjectType.STR:
        return []
    return [_text(element, encoding) for element in vector.value]


def _text(element: RObject, encoding: str) -> str | None:
    if element.value is None:
        return None
    latin = element.info.gp & CharFlags.LATIN1
    text: str = element.value.decode("latin-1" if latin else encoding, "replace")
    return text


def _class(parsed: RObject, encoding: str) -> str:
    attributes = _pairs(parsed.attributes)
    implicit = "matrix" if "dim" in attributes else IMPLICIT_CLASSES.get(parsed.info.type)
    named = _strings(attributes.get("class"), encoding)
    return (named[0] if named else implicit) or parsed.info.type.name


def _find_seurat(content: RObject, encoding: str, path: Path) -> RObject:
    named = content.info.type is RObjectType.LIST and content.tag is not None
    objects = _pairs(content) if named else {"": content}
    classes = {name: _class(parsed, encoding) for name, parsed in objects.items()}
    found = [name for name, kind in classes.items() if kind == "Seurat"]
    if len(found) == 1:
        return objects[found[0]]
    if found:
        raise InputError(
            f"{path}: {len(found)} Seurat objects in it ({', '.join(found)}); {SAVE_ALONE}"
        )
    if "seurat" in classes.values():
        raise InputError(
            f"{path}: a Seurat object of version 2 (class 'seurat'); update it in R with "
            "object <- UpdateSeuratObject(object) and save it again"
        )
    kinds = [f"{name} ({kind})" if name else kind for name, kind in classes.items()]
    more = f" and {len(kinds) - NAMED_OBJECTS:,} more" if len(kinds) > NAMED_OBJECTS else ""
    raise InputError(
        f"{path}: no Seurat object in it (found {', '.join(kinds[:NAMED_OBJECTS])}{more}); "
        f"{SAVE_ALONE}"
    )


def _read_cells(slots: dict[str, RObject], encoding: str, path: Path) -> SeuratCells:
    assays = slots["assays"]
    modalities: dict[str, AnnData] = {}
    without_counts: dict[str, str] = {}
    names = _strings(_pairs(assays.attributes).get("names"), encoding)
    for name, assay in zip(map(str, names), assays.value, strict=True):
        try:
            modalities[name] = _read_assay(assay, encoding, f"{path}: assay '{name}'")
        except _NoCountsError as error:
            without_counts[name] = str(error)
    if not modalities:
        nothing = f"{path}: the Seurat object has no assays; raw counts are needed"
        raise InputError(next(iter(without_counts.values()), nothing))
    obs = _read_table(slots["meta.data"], encoding, path)
    return SeuratCells(modalities, obs, without_counts)


def _read_assay(assay: RObject, encoding: str, what: str) -> AnnData:
    slots = _pairs(assay.attributes)
    if "layers" in slots:
        raise InputError(
            f"{what} is a Seurat v5 assay (class '{_class(assay, encoding)}'); convert every such "
            'assay in R with Seurat 5, object[["RNA"]] <- as(object[["RNA"]], Class = "Assay") for '
            'one called RNA, and save the object again with saveRDS(object, "cells.rds")'
        )
    counts, dimnames = _read_counts(slots["counts"], encoding, what)
    features, cells = (pd.Index(_strings(names, encoding), dtype=object) for names in dimnames)
    if counts.shape != (len(cells), len(features)) or cells.hasnans or features.hasnans:
        raise InputError(
            f"{what} has counts without names for all its cells and features; give its matrix row "
            "names (features) and column names (cells) in R and save it again"
        )
    if duplicated := list(cells[cells.duplicated()]):
        raise InputError(
            f"{what} holds {len(duplicated):,} duplicated cell names (such as '{duplicated[0]}'); "
            "every cell needs a name of its own"
        )
    # Gene symbols repeat.
    features = make_index_unique(features)
    return AnnData(X=counts, obs=pd.DataFrame(index=cells), var=pd.DataFrame(index=features))


def _read_counts(
    matrix: RObject, encoding: str, what: str
) -> tuple[sparse.csr_matrix, list[RObject | None]]:
    """Return counts as cells x features, and the names of features and cells."""
    slots = _pairs(matrix.attributes)
    kind = _class(matrix, encoding)
    dimensions = slots.get("Dim", slots.get("dim"))
    if dimensions is None or kind not in ("dgCMatrix", "matrix"):
        raise InputError(
            f"{what} keeps its counts as '{kind}'; convert them to a dgCMatrix in R and save the "
            "object again"
        )
    n_features, n_cells = dimensions.value
    if n_features == 0 or n_cells == 0:
        raise _NoCountsError(
            f"{what} has no counts but only normalised data; raw counts are needed, so save the "
            "object with its slot 'counts' kept"
        )
    names = slots.get("Dimnames", slots.get("dimnames"))
    # What R stores column by column is, transposed, stored row by row.
    if kind == "matrix":
        values = np.ma.filled(matrix.value.astype(np.float32), np.nan)
        counts = sparse.csr_matrix(values.reshape(n_cells, n_features))
    else:
        compressed = (slots["x"].value.astype(np.float32), slots["i"].value, slots["p"].value)
        counts = sparse.csr_matrix(compressed, shape=(n_cells, n_features))
    return counts, [None, None] if names is None or names.value is None else names.value


def _read_table(frame: RObject, encoding: str, path: Path) -> pd.DataFrame:
    attributes = _pairs(frame.attributes)
    index = _strings(attributes["row.names"], encoding)
    if not index:
        raise InputError(
            f"{path}: the meta.data of the Seurat object has no cell names as its row names; in R, "
            "give it row.names(object@meta.data) <- colnames(object) and save the object again"
        )
    columns = {}
    for name, vector in zip(_strings(attributes["names"], encoding), frame.value, strict=True):
        column = _read_column(vector, encoding)
        if column is not None and len(column) == len(index):
            columns[name] = column
    return pd.DataFrame(columns, index=index)


def _read_column(vector: RObject, encoding: str) -> Any:
    """Return a column's values, or None for a list or anything else without one value a cell."""
    attributes = _pairs(vector.attributes)
    if "levels" in attributes:
        levels = _strings(attributes["levels"], encoding)
        # R counts levels from 1, and a missing value finds the None at the end.
        codes = np.ma.filled(vector.value, 0) - 1
        return pd.Categorical(
            np.array([*levels, None], dtype=object)[codes],
            categories=[level for level in levels if level is not None],
            ordered="ordered" in _strings(attributes.get("class"), encoding),
        )
    if vector.info.type is RObjectType.STR:
        return np.array(_strings(vector, encoding), dtype=object)
    if vector.info.type in (RObjectType.LGL, RObjectType.INT, RObjectType.REAL):
        return pd.array(vector.value.tolist()) if np.ma.is_masked(vector.value) else vector.value
    return None
