"""Seurat objects in files as R saves them, made without R."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rdata.conversion.to_r import (
    DEFAULT_CLASS_MAP,
    ConverterFromPythonToR,
    build_r_object,
    convert_python_to_r_data,
)
from rdata.parser import RObject, RObjectType
from rdata.unparser._ascii import UnparserASCII
from rdata.unparser._binary import UnparserBinary
from rdata.unparser._unparser import Unparser, pack_r_object_info
from rdata.unparser._xdr import UnparserXDR
from scipy import sparse

# Without it, R does not take a value of type S4 for one.
S4_BIT = 1 << 4


@dataclass
class RValue:
    """A value with R's attributes; an S4 object has no value, and its slots are attributes."""

    attributes: dict[str, Any]
    value: Any = None


def _convert(described: RValue, converter: ConverterFromPythonToR) -> RObject:
    if described.value is None:
        converted = build_r_object(RObjectType.S4, gp=S4_BIT)
    else:
        converted = converter.convert_to_r_object(described.value)
    # Symbols are numbered in the order in which they are written, so the attributes come last.
    converted.attributes = converter.convert_to_r_attributes(described.attributes)
    converted.info.attributes = True
    converted.info.object = "class" in described.attributes
    return converted


class _S4Writer(Unparser):
    """What rdata's own writers lack."""

    def unparse_r_object(self, obj: RObject) -> None:
        if obj.info.type is not RObjectType.S4:
            super().unparse_r_object(obj)
            return
        self.unparse_int(pack_r_object_info(obj.info))
        self.unparse_r_object(obj.attributes)


class _XDRWriter(_S4Writer, UnparserXDR):
    pass


class _BinaryWriter(_S4Writer, UnparserBinary):
    pass


class _ASCIIWriter(_S4Writer, UnparserASCII):
    pass


WRITERS = {"X": _XDRWriter, "B": _BinaryWriter, "A": _ASCIIWriter}
COMPRESSORS = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress, None: bytes}


def _save(
    path: Path, described: Any, kind: str, *, compression: str | None, form: str, version: int
) -> Path:
    constructors = {**DEFAULT_CLASS_MAP, RValue: _convert}
    data = convert_python_to_r_data(
        described, format_version=version, constructor_dict=constructors, file_type=kind
    )
    content = io.BytesIO()
    if kind == "rda":
        content.write(f"RD{form}{version}\n".encode())
    WRITERS[form](content).unparse_r_data(data)
    path.write_bytes(COMPRESSORS[compression](content.getvalue()))
    return path


def save_rds(
    path: Path,
    described: Any,
    *,
    compression: str | None = "gzip",
    form: str = "X",
    version: int = 3,
) -> Path:
    """Write one object as R's ``saveRDS()`` does, in a form that R calls X, B (native) or A."""
    return _save(path, described, "rds", compression=compression, form=form, version=version)


def save_rda(
    path: Path, objects: dict[str, Any], *, compression: str | None = "gzip", form: str = "X"
) -> Path:
    """Write objects with their names as R's ``save()`` does."""
    return _save(path, objects, "rda", compression=compression, form=form, version=3)


def s4(kind: str, **slots: Any) -> RValue:
    return RValue({name.replace("_", "."): slot for name, slot in slots.items()} | {"class": kind})


def texts(values: list[str | None]) -> np.ndarray:
    return np.array(values, dtype=object)


def factor(values: list[str | None], levels: list[str], *, ordered: bool = False) -> RValue:
    missing = np.array([value is None for value in values])
    codes = np.array([0 if value is None else levels.index(value) + 1 for value in values])
    kinds = ["ordered", "factor"] if ordered else ["factor"]
    return RValue(
        {"levels": texts(levels), "class": texts(kinds)},
        np.ma.array(codes.astype(np.int32), mask=missing),
    )


def data_frame(columns: dict[str, Any], row_names: Any) -> RValue:
    attributes = {"names": texts(list(columns)), "class": "data.frame", "row.names": row_names}
    return RValue(attributes, list(columns.values()))


def dgc_matrix(table: pd.DataFrame) -> RValue:
    """Describe a table of cells x features as the sparse features x cells matrix of Seurat."""
    columns = sparse.csc_matrix(table.to_numpy(dtype=float).T)
    return RValue(
        {
            "i": columns.indices,
            "p": columns.indptr,
            "Dim": np.array(columns.shape),
            "Dimnames": [texts(list(table.columns)), texts(list(table.index))],
            "x": columns.data,
            "factors": [],
            "class": "dgCMatrix",
        }
    )


def dense_matrix(values: np.ndarray, names: list[Any] | None = None) -> RValue:
    """Describe an array of features x cells as R's own matrix."""
    attributes = {"dim": np.array(values.shape)}
    if names is not None:
        attributes["dimnames"] = names
    return RValue(attributes, values.ravel(order="F"))


def assay(counts: RValue, *, kind: str = "Assay", **others: Any) -> RValue:
    nothing = dense_matrix(np.zeros((0, 0)))
    slots = {"counts": counts, "data": nothing, "scale_data": nothing}
    return s4(kind, **slots | others, key="key_", misc=[])


def seurat(assays: dict[str, RValue], meta_data: RValue, **others: Any) -> RValue:
    return s4(
        "Seurat",
        assays=assays,
        meta_data=meta_data,
        active_assay=next(iter(assays), "RNA"),
        **others,
        version=RValue({"class": "package_version"}, [np.array([4, 1, 3])]),
    )
