"""User's object, opened whole with nothing lost or renamed, and written again."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import anndata
import mudata
import pandas as pd
from anndata import AnnData
from scipy import sparse

from sharedim.errors import InputError
from sharedim.io.modalities import (
    FEATURES,
    PROTEIN,
    RNA,
    UNNAMED,
    CellFile,
    Modality,
    cell_columns,
    refuse_duplicated_names,
)
from sharedim.io.precomputed_pairs import with_annotations
from sharedim.io.readers import (
    FEATURE_TYPE_COLUMNS,
    format_of,
    open_cells,
    read_table,
)
from sharedim.io.unpaired import find_kinds
from sharedim.jobs.files import replacing


@dataclass(frozen=True)
class UserObject:
    """A user's whole object.

    Attributes
    ----------
    data : MuData
        Everything there is, under the user's names.
    names : dict of str to str
        What its modalities of RNA (``"rna"``) and protein (``"prot"``) are called in ``data``; a
        kind that is not there is left out.
    notes : list of str
        What could not be kept, one sentence each.
    """

    data: mudata.MuData
    names: dict[str, str]
    notes: list[str]


def open_object(
    source: str | Path | list[str],
    *,
    rna_modality: str | None = None,
    protein_modality: str | None = None,
    modality: str | None = None,
    known: Mapping[str, pd.Index] | None = None,
    annotations: str | None = None,
) -> UserObject:
    """Open a file with cells as one object with all that is in it.

    A .h5mu file stays as it is. A .h5ad file with types of features is divided by them into ``rna``,
    ``prot`` and others under the names of their types, each with all columns about the cells; one
    with proteins in ``obsm`` becomes ``rna`` whole, with ``prot`` beside it; two .h5ad files become
    ``rna`` and ``prot``; a 10x file or folder is divided by type; a Seurat object gives its assays
    under their names, with raw counts and the columns of ``meta.data``. Features become ``rna``, the
    first modality, and ``prot``, the second, with all columns about the pairs.

    Parameters
    ----------
    source : path-like or list of path-like
        As `sharedim.io.readers.open_cells` takes it.
    rna_modality, protein_modality, modality, known, annotations
        As `sharedim.io.unpaired.read_cells` takes them.

    Returns
    -------
    UserObject

    Raises
    ------
    InputError
        If the file cannot be read, holds neither modality, or cells of one name.
    """
    sources = source if isinstance(source, list | tuple) else [source]
    paths = [Path(path) for path in dict.fromkeys(map(str, sources))]
    file = open_cells(list(map(str, paths)))
    kinds = find_kinds(
        file,
        rna_modality=rna_modality,
        protein_modality=protein_modality,
        modality=modality,
        known=known,
    )
    refuse_duplicated_names(file, {kind: file.modalities[name] for kind, name in kinds.items()})
    if file.kind == FEATURES:
        return _of_counts(with_annotations(file, annotations), kinds, keep_names=False)
    with _reading(file.where):
        if len(paths) == 2:
            pair = {
                name: anndata.read_h5ad(path)
                for name, path in zip((RNA, PROTEIN), paths, strict=True)
            }
            return _assemble(pair, file, {kind: kind for kind in kinds})
        [path] = paths
        form = format_of(path)
        if form == "h5mu":
            return _of_h5mu(path, file, kinds)
        if form == "h5ad":
            parts = _parts_of_h5ad(anndata.read_h5ad(path), file, kinds)
            return _assemble(parts, file, {kind: kind for kind in kinds})
    return _of_counts(file, kinds, keep_names=form == "Seurat")


def write_object(path: str | Path, data: mudata.MuData) -> None:
    """Write an object as a .h5mu file, whole or not at all.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    with _quiet(), replacing(path) as temporary:
        data.write_h5mu(temporary, compression="gzip")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep a modality's own columns in it, as mudata will by itself, and be silent about names."""
    with (
        mudata.set_options(pull_on_update=False),
        # Dividing an object would drop these, and their colours.
        anndata.settings.override(remove_unused_categories=False),
        warnings.catch_warnings(),
    ):
        # Genes and proteins share names, which the object bears as it is.
        warnings.filterwarnings("ignore", ".*(var|Variable)[_ ]names are not unique")
        warnings.filterwarnings("ignore", ".*var_names should not be present in different")
        yield


@contextmanager
def _reading(where: str) -> Iterator[None]:
    """Say which file is damaged where a library only says how."""
    try:
        with _quiet():
            yield
    except (InputError, MemoryError):
        raise
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"{where}: cannot be read whole ({reason}); write the file again with a current anndata "
            "or mudata"
        ) from error


def _of_h5mu(path: Path, file: CellFile, kinds: dict[str, str]) -> UserObject:
    data = mudata.read_h5mu(path)
    # Reading, mudata turns columns into other types of value where it can.
    for table, slot in ((file.obs, "obs"), (read_table(path, "var"), "var")):
        if table.index.equals(getattr(data, slot).index):
            setattr(data, slot, table)
    lost = len(file.obs.index.difference(data.obs_names))
    notes = [f"{lost:,} cells of the object are in no modality and are left out."] if lost else []
    return UserObject(data, kinds, notes)


def _parts_of_h5ad(whole: AnnData, file: CellFile, kinds: dict[str, str]) -> dict[str, AnnData]:
    """Divide an object by the types of its features, where it holds several."""
    if list(file.modalities) == [UNNAMED]:
        return dict.fromkeys(kinds, whole)
    column = next((name for name in FEATURE_TYPE_COLUMNS if name in whole.var), None)
    if column is None or set(whole.var[column].astype(str)) != set(file.modalities):
        return {RNA: whole, PROTEIN: _with_counts(file.modalities["protein"])}
    called = {name: kind for kind, name in kinds.items()}
    types = whole.var[column].astype(str).to_numpy()
    parts = {}
    for name in file.modalities:
        part = whole[:, types == name].copy()
        part.raw = _raw_of_type(whole, column, name)
        parts[called.get(name, name)] = part
    return parts


def _raw_of_type(whole: AnnData, column: str, kind: str) -> AnnData | None:
    """Return the features of one type in ``raw``, or all where nothing tells their types."""
    if whole.raw is None:
        return None
    raw = whole.raw.to_adata()
    return raw[:, raw.var[column].astype(str) == kind].copy() if column in raw.var else raw


def _with_counts(modality: Modality) -> AnnData:
    """Return a modality of a format that has a matrix and names alone."""
    var = pd.DataFrame(index=modality.features) if modality.var is None else modality.var
    data = AnnData(modality.layers["X"](), obs=modality.obs.copy(), var=var.copy())
    if sparse.issparse(data.X):
        data.X = sparse.csr_matrix(data.X)
    return data


def _of_counts(file: CellFile, kinds: dict[str, str], *, keep_names: bool) -> UserObject:
    called = {name: name if keep_names else kind for kind, name in kinds.items()}
    parts, notes = {}, []
    for name, modality in file.modalities.items():
        try:
            parts[called.get(name, name)] = _with_counts(modality)
        except InputError as error:
            # An assay without counts, such as an integrated one, does not prevent the use of the others.
            if name in called:
                raise
            notes.append(f"Left out: {error}.")
    names = {kind: called[name] for kind, name in kinds.items()}
    return _assemble(parts, file, names, notes)


def _assemble(
    parts: dict[str, AnnData], file: CellFile, names: dict[str, str], notes: Sequence[str] = ()
) -> UserObject:
    """Put modalities together, with the columns of all about the cells."""
    with _quiet():
        data = mudata.MuData(parts)
    tables = (file.obs, *(part.obs for part in parts.values()))
    for name, column in cell_columns(tables, data.obs_names).items():
        data.obs[name] = storable(column)
    return UserObject(data, names, list(notes))


def storable(column: pd.Series) -> pd.Series:
    """Return a column with values of one type, as a file can hold them."""
    if column.dtype != object:
        return column
    values = pd.api.types.infer_dtype(column, skipna=True)
    if values == "boolean":
        return column.astype("boolean")
    if values in ("integer", "floating", "mixed-integer-float"):
        return pd.to_numeric(column)
    return column if values == "string" else column.where(column.isna(), column.astype(str))
