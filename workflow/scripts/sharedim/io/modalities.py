"""Modalities of a file with cells: their recognition, their features and their matrices."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import pandas as pd
from anndata import AnnData
from mudata import MuData
from numpy.typing import NDArray
from scipy import sparse

from sharedim.errors import InputError
from sharedim.io import validation
from sharedim.io.obs import fold

Matrix: TypeAlias = NDArray[np.number] | sparse.spmatrix
RNA, PROTEIN = "rna", "prot"
# What a file holds: counts of cells, or features that were computed elsewhere.
CELLS, FEATURES = "cells", "features"
IN_WORDS = {RNA: "RNA", PROTEIN: "protein"}
# The option that names a modality where its name is unusual.
OPTIONS = {RNA: "rna_modality", PROTEIN: "protein_modality"}
# The modality of a file that does not say what it holds.
UNNAMED = "unnamed"
USUAL_NAMES = {
    RNA: ("rna", "gex", "geneexpression", "transcriptome"),
    PROTEIN: ("prot", "protein", "proteins", "adt", "ab", "antibodycapture"),
}


@dataclass(frozen=True)
class Modality:
    """One modality of a file.

    Attributes
    ----------
    obs : DataFrame
        Columns about its cells; the index holds their names.
    features : Index
        Names of the genes or proteins.
    layers : dict of str to callable
        Each reads a matrix of shape (cells, features) when it is called. ``"X"`` is the main one.
    types : ndarray of str, shape (features,), or None
        What kind of feature each is, where the file says.
    var : DataFrame or None
        Columns about the features in their order, where the file has them and they were read.
    """

    obs: pd.DataFrame
    features: pd.Index
    layers: dict[str, Callable[[], Matrix]]
    types: NDArray[np.object_] | None = None
    var: pd.DataFrame | None = None

    def only(self, wanted: NDArray[np.int64]) -> Modality:
        """Return the modality with some of its features, given by their numbers."""
        layers = {name: _columns_of(read, wanted) for name, read in self.layers.items()}
        types = None if self.types is None else self.types[wanted]
        var = None if self.var is None else self.var.iloc[wanted]
        return Modality(self.obs, self.features[wanted], layers, types, var)


def _columns_of(read: Callable[[], Matrix], wanted: NDArray[np.int64]) -> Callable[[], Matrix]:
    return lambda: read()[:, wanted]


@dataclass(frozen=True)
class CellFile:
    """An opened file.

    Attributes
    ----------
    where : str
        Its path, for messages.
    modalities : dict of str to Modality
        By the names they have in the file.
    obs : DataFrame
        Columns about cells that belong to no single modality; the index holds the cells' names.
    simulation : object
        What a simulation left in ``uns["simulation"]``, None elsewhere.
    unpaired : str
        Why a file of one modality cannot be used where pairs are needed, in one sentence; empty
        where it may.
    kind : str
        ``"cells"`` or ``"features"``.
    """

    where: str
    modalities: dict[str, Modality]
    obs: pd.DataFrame = field(default_factory=pd.DataFrame)
    simulation: object = None
    unpaired: str = ""
    kind: str = CELLS


def in_memory(data: MuData | AnnData) -> CellFile:
    """Return an object as if it had been opened from a file."""
    parts = data.mod if isinstance(data, MuData) else {UNNAMED: data}
    modalities = {
        name: Modality(one.obs, one.var_names, _layers_of(one)) for name, one in parts.items()
    }
    return CellFile("the object given", modalities, data.obs)


def _layers_of(data: AnnData) -> dict[str, Callable[[], Matrix]]:
    layers = {name: functools.partial(data.layers.__getitem__, name) for name in data.layers}
    return {"X": lambda: data.X, **layers}


def by_feature_type(where: str, whole: Modality, *, unpaired: str = "") -> CellFile:
    """Divide one matrix into modalities by the type of each feature."""
    if whole.types is None:
        raise ValueError(f"{where}: types is None; the type of each feature is needed")
    # Read once for all modalities.
    layers: dict[str, Callable[[], Matrix]] = {
        name: functools.cache(read) for name, read in whole.layers.items()
    }
    cached = Modality(whole.obs[[]], whole.features, layers, var=whole.var)
    modalities = {
        kind: cached.only(np.flatnonzero(whole.types == kind))
        for kind in dict.fromkeys(whole.types)
    }
    return CellFile(where, modalities, whole.obs, unpaired=unpaired)


def recognised(file: CellFile, kind: str, named: str | None) -> list[str]:
    """Return the modalities of a kind, by their names in the file.

    Parameters
    ----------
    file : CellFile
        An opened file.
    kind : str
        ``"rna"`` or ``"prot"``.
    named : str or None
        The name that the user gave, whatever its spelling; None recognises the usual names.

    Returns
    -------
    list of str
        The one named, or all that are called as such modalities usually are.

    Raises
    ------
    InputError
        If the one named is not there.
    """
    if named is None:
        return [name for name in file.modalities if fold(name) in USUAL_NAMES[kind]]
    if named in file.modalities:
        return [named]
    alike = [name for name in file.modalities if fold(name) == fold(named)]
    if len(alike) != 1:
        raise InputError(
            f"{file.where}: no modality named '{named}' ({OPTIONS[kind]}); found {listed(file)}"
        )
    return alike


def listed(file: CellFile) -> str:
    """Return the names of the modalities in a file, for a message."""
    return ", ".join(file.modalities) or "none"


def only_its_kind(file: CellFile, name: str, kind: str, notes: list[str]) -> Modality:
    """Leave out the features that a file says are of another kind: shared by both, they'd match.

    Parameters
    ----------
    file : CellFile
        An opened file.
    name : str
        One of its modalities.
    kind : str
        What it is taken for, ``"rna"`` or ``"prot"``.
    notes : list of str
        A sentence is added where features are left out.

    Raises
    ------
    InputError
        If all features are of another kind.
    """
    modality = file.modalities[name]
    if modality.types is None:
        return modality
    own = np.array([fold(one) in USUAL_NAMES[kind] for one in modality.types], dtype=bool)
    known = np.array(
        [any(fold(one) in names for names in USUAL_NAMES.values()) for one in modality.types]
    )
    if own.all() or not known.any():
        return modality
    others = ", ".join(dict.fromkeys(modality.types[~own]))
    what = IN_WORDS[kind]
    if not own.any():
        raise InputError(
            f"{file.where}: the {what} modality holds features of another kind ({others}); are the "
            "modalities or files the wrong way round?"
        )
    notes.append(
        f"{(~own).sum():,} features of another kind ({others}) are left out of the {what} modality."
    )
    return modality.only(np.flatnonzero(own))


def refuse_duplicated_names(file: CellFile, modalities: dict[str, Modality]) -> None:
    """Refuse cells of one name; ``modalities`` are those looked at, by kind."""
    tables = {
        f"the {IN_WORDS[kind]} modality": modality.obs for kind, modality in modalities.items()
    }
    for place, table in (tables | {"the table of cells": file.obs}).items():
        duplicated = table.index[table.index.duplicated()]
        if len(duplicated):
            raise InputError(
                f"{file.where}: {place} holds {len(duplicated):,} duplicated cell names (such as "
                f"'{duplicated[0]}'); every cell needs a name of its own"
            )


def modalities_of(
    file: CellFile, names: Mapping[str, str], counts_layer: str | None
) -> tuple[dict[str, Modality], list[str]]:
    """Return the modalities of a file by kind, without features of another kind, and notes on these.

    Parameters
    ----------
    file : CellFile
        An opened file.
    names : dict of str to str
        The names of its modalities, by the kinds ``"rna"`` and ``"prot"``.
    counts_layer : str or None
        Layer with raw counts that the user named.

    Raises
    ------
    InputError
        If cell names repeat, no modality has the layer, or all features of one are of another kind.
    """
    notes: list[str] = []
    found = {kind: only_its_kind(file, name, kind, notes) for kind, name in names.items()}
    refuse_duplicated_names(file, found)
    require_layer(file, found.values(), counts_layer)
    return found, notes


def cell_columns(tables: Iterable[pd.DataFrame], cells: pd.Index) -> pd.DataFrame:
    """Collect the columns about cells.

    Parameters
    ----------
    tables : iterable of DataFrame
        The object's own first, then RNA's, then the protein's. A cell's value is that of the first
        table with the column that lists the cell, also where it is missing there.
    cells : Index
        The cells wanted.

    Returns
    -------
    DataFrame
        One row per cell.
    """
    columns: dict[str, pd.Series] = {}
    listing: dict[str, NDArray[np.bool_]] = {}
    for table in tables:
        listed_here = cells.isin(table.index)
        for name in table.columns:
            column = table[name].reindex(cells)
            if name not in columns:
                columns[name], listing[name] = column, listed_here
            elif (more := listed_here & ~listing[name]).any():
                columns[name] = columns[name].astype(object).where(~more, column.astype(object))
                listing[name] = listing[name] | more
    return pd.DataFrame(columns, index=cells)


def require_layer(file: CellFile, modalities: Iterable[Modality], named: str | None) -> None:
    """Refuse a layer that the user named and none of these modalities has."""
    found = list(dict.fromkeys(name for modality in modalities for name in modality.layers))
    if named is not None and named not in found:
        raise InputError(
            f"{file.where}: no layer named '{named}' (counts_layer); found {', '.join(found)}"
        )


def read_matrix(
    modality: Modality,
    cells: pd.Index,
    kind: str,
    where: str,
    counts_layer: str | None,
    *,
    counts: bool,
) -> AnnData:
    """Read a modality's matrix for some of its cells, and refuse values that cannot be right.

    Parameters
    ----------
    modality : Modality
        Where to read it.
    cells : Index
        Names of the cells wanted.
    kind : str
        ``"rna"`` or ``"prot"``.
    where : str
        The file, for messages.
    counts_layer : str or None
        Layer with raw counts; else one called ``counts``, else ``X``.
    counts : bool
        Whether the values are raw counts; else they are taken as they are.

    Returns
    -------
    AnnData
        Counts as CSR in float32, other values dense as they are.

    Raises
    ------
    InputError
        If there is no matrix, if it is of another size, or if it cannot hold what it should.
    """
    what = IN_WORDS[kind]
    # Where muon's dsb puts its values when asked for a layer.
    preferred = (counts_layer, "counts", "X") if counts else ("dsb", "X")
    layer = next((name for name in preferred if name in modality.layers), None)
    matrix = None if layer is None else modality.layers[layer]()
    if layer is None or matrix is None:
        raise InputError(f"{where}: the {what} modality has no matrix X; raw counts are needed")
    shape = len(modality.obs), len(modality.features)
    if matrix.shape != shape:
        raise InputError(
            f"{where}: the {what} matrix {layer} has {matrix.shape[0]:,} cells and "
            f"{matrix.shape[1]:,} features where {shape[0]:,} and {shape[1]:,} are named; write the "
            "file again"
        )
    rows = modality.obs.index.get_indexer(cells)
    # Half precision is not for sparse matrices.
    matrix = matrix.astype(np.float32) if matrix.dtype == np.float16 else matrix
    matrix = sparse.csr_matrix(matrix) if counts else _dense(matrix)
    if not np.array_equal(rows, np.arange(len(modality.obs))):
        matrix = matrix[rows]
    if counts:
        validation.check_counts(matrix, what, where, layer, list(modality.layers))
    else:
        validation.check_transformed(matrix, where, layer)
    data = AnnData(
        # Half the memory; counts are whole numbers and stay exact.
        X=matrix.astype(np.float32, copy=False) if counts else matrix,
        obs=pd.DataFrame(index=cells),
        var=pd.DataFrame(index=modality.features),
    )
    # Gene symbols repeat, and variable genes are chosen by name.
    data.var_names_make_unique()
    return data


def _dense(matrix: Matrix) -> NDArray[np.number]:
    return matrix.toarray() if hasattr(matrix, "toarray") else np.asarray(matrix)
