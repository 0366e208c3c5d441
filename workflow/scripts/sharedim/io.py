"""Paired cells, read from any file: the same cells in both modalities, raw counts, labels, batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import mudata
import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

from sharedim import checks
from sharedim.columns import find_batch, find_labels, fold
from sharedim.errors import InputError
from sharedim.formats import (
    PROTEIN_NAMES,
    RNA_NAMES,
    CellFile,
    Matrix,
    Modality,
    open_cells,
)

# Isotype controls by the names antibody panels give them; "IgG" alone may be a true marker.
ISOTYPE_CONTROLS = (
    r"(?i)isotype|(?<![a-z])(mouse|ms|rat|rag|hamster)[-_. ]*ig[gm]"
    r"|(?<![a-z])m?igg[12][abc]?k?(?![a-z0-9])"
)
# Protein values that a person has transformed already, and that are no counts.
TRANSFORMED = ("dsb", "none")


@dataclass(frozen=True)
class PairedCells:
    """Cells with both modalities, in one order.

    Attributes
    ----------
    where : str
        The file, for messages.
    rna, prot : AnnData
        Raw counts in ``X`` (CSR, float32), the same cells in the same order. Protein values as the
        file has them where they were transformed already.
    labels : DataFrame
        Cell-type columns, the coarsest first; missing where a cell's type is not known.
    batch : Series or None
        Batch, donor or lane of each cell.
    hold_out : Series or None
        The column whose whole batches may be held out: the batch unless another was named.
    n_rna, n_prot : int
        Cells with RNA and with protein in the file, paired or not.
    notes : list of str
        What was left out and why, and what is odd: one sentence each.
    truth : dict or None
        What a simulation knows: ``shared_dimensions`` and more. Never used by training.
    """

    where: str
    rna: AnnData
    prot: AnnData
    labels: pd.DataFrame
    batch: pd.Series | None
    hold_out: pd.Series | None
    n_rna: int
    n_prot: int
    notes: list[str]
    truth: dict | None


@dataclass(frozen=True)
class Pairs:
    """The cells of a file that have both modalities, before anything is left out.

    Attributes
    ----------
    where : str
        The file, for messages.
    rna, prot : AnnData
        The same cells in the same order, values in ``X``.
    columns : DataFrame
        Every column about these cells.
    n_rna, n_prot : int
        Cells with RNA and with protein in the file.
    notes : list of str
        What is odd about names and pairs, one sentence each.
    simulation : object
        What a simulation left in the file.
    """

    where: str
    rna: AnnData
    prot: AnnData
    columns: pd.DataFrame
    n_rna: int
    n_prot: int
    notes: list[str]
    simulation: object


def read_paired_cells(
    source: str | Path | list[str] | CellFile,
    *,
    rna_modality: str | None = None,
    protein_modality: str | None = None,
    labels: list[str] | None = None,
    batch: str | None = None,
    hold_out_column: str | None = None,
    counts_layer: str | None = None,
    protein_transform: str = "clr_per_cell",
    isotype_controls: str | None = ISOTYPE_CONTROLS,
) -> PairedCells:
    """Read the paired cells of a file and refuse what cannot be used.

    Parameters
    ----------
    source : path-like, list of path-like or CellFile
        As `sharedim.formats.open_cells` takes it, or what that returned.
    rna_modality, protein_modality : str, optional
        Names of the modalities; recognised by their usual names when not given.
    labels : list of str, optional
        Columns with cell types; recognised by their usual names when not given. An empty list
        means none.
    batch : str, optional
        Column with batches; recognised by its usual names when not given.
    hold_out_column : str, optional
        Column whose whole batches may be held out, where it is not the batch.
    counts_layer : str, optional
        Layer with raw counts; else one called ``counts``, else ``X``.
    protein_transform : str
        ``"dsb"`` and ``"none"`` take the protein's ``X`` as it is; all others need raw counts.
    isotype_controls : str, optional
        Regular expression; proteins with a match in their name are left out.

    Returns
    -------
    PairedCells

    Raises
    ------
    InputError
        One sentence that says what is wrong and what would be right.
    """
    counted = protein_transform not in TRANSFORMED
    pairs = pair_cells(
        source,
        rna_modality=rna_modality,
        protein_modality=protein_modality,
        counts_layer=counts_layer,
        counted=counted,
    )
    label_table = find_labels(pairs.columns, labels, pairs.where)
    batches = hold_out = find_batch(pairs.columns, batch, pairs.where)
    if hold_out_column is not None:
        hold_out = find_batch(pairs.columns, hold_out_column, pairs.where, "hold-out")
    usable = checks.choose_usable(
        pairs.rna, pairs.prot, isotype_controls, pairs.where, counts=counted
    )
    kept = usable.cells
    return PairedCells(
        where=pairs.where,
        rna=pairs.rna if kept.all() else pairs.rna[kept].copy(),
        prot=pairs.prot[kept][:, usable.proteins].copy(),
        labels=label_table[kept],
        batch=None if batches is None else batches[kept],
        hold_out=None if hold_out is None else hold_out[kept],
        n_rna=pairs.n_rna,
        n_prot=pairs.n_prot,
        notes=[*pairs.notes, *usable.notes],
        truth=_truth_of(pairs.simulation),
    )


def pair_cells(
    source: str | Path | list[str] | CellFile,
    *,
    rna_modality: str | None = None,
    protein_modality: str | None = None,
    counts_layer: str | None = None,
    counted: bool = True,
) -> Pairs:
    """Read the cells of a file that have both modalities, with everything known about them.

    Parameters and errors are those of `read_paired_cells`; ``counted`` tells whether the protein
    values are raw counts.
    """
    file = source if isinstance(source, CellFile) else open_cells(source)
    rna, prot, kind_notes = _find_modalities(file, rna_modality, protein_modality)
    _refuse_duplicated_names(file, {"RNA": rna, "protein": prot})
    cells = rna.obs.index.intersection(prot.obs.index, sort=False)
    checks.check_pairs(cells, rna.obs.index, prot.obs.index, file.where)
    _require_layer(file, (rna, prot), counts_layer)
    return Pairs(
        where=file.where,
        rna=_matrix_of(rna, cells, "RNA", file.where, counts_layer, counts=True),
        prot=_matrix_of(prot, cells, "protein", file.where, counts_layer, counts=counted),
        columns=_cell_columns(file, rna, prot, cells),
        n_rna=len(rna.obs),
        n_prot=len(prot.obs),
        notes=[
            *kind_notes,
            *checks.pairing_notes(len(cells), len(rna.obs), len(prot.obs)),
            *checks.name_notes(rna.features, prot.features),
        ],
        simulation=file.simulation,
    )


def as_mudata(pairs: Pairs) -> mudata.MuData:
    """Return pairs as one object with the modalities ``rna`` and ``prot`` and all columns."""
    # The new default of mudata: a modality's own columns stay in the modality.
    with mudata.set_options(pull_on_update=False):
        data = mudata.MuData({"rna": pairs.rna, "prot": pairs.prot})
    for name, column in pairs.columns.items():
        data.obs[name] = column
    return data


def cell_table(cells: PairedCells, test_cells: np.ndarray) -> pd.DataFrame:
    """Return one row a cell in the order of the features: name, batch, test cell, and labels.

    ``held_out`` is 1 for the test cells that are the same for every seed.
    """
    table = pd.DataFrame({"cell": cells.rna.obs_names})
    table["batch"] = "" if cells.batch is None else cells.batch.to_numpy()
    table["held_out"] = np.isin(np.arange(len(table)), test_cells).astype(int)
    for column in cells.labels:
        table[column] = cells.labels[column].to_numpy()
    return table


def _find_modalities(
    file: CellFile, rna_modality: str | None, protein_modality: str | None
) -> tuple[Modality, Modality, list[str]]:
    """Return both modalities, and a sentence where one holds features of the other's kind."""
    rna = _find_modality(file, rna_modality, RNA_NAMES, "RNA")
    prot = _find_modality(file, protein_modality, PROTEIN_NAMES, "protein")
    if rna == prot:
        raise InputError(f"{file.where}: modality '{rna}' cannot be both RNA and protein")
    notes: list[str] = []
    genes, proteins = (
        _only_its_kind(file.modalities[name], kinds, what, file.where, notes)
        for name, kinds, what in ((rna, RNA_NAMES, "RNA"), (prot, PROTEIN_NAMES, "protein"))
    )
    return genes, proteins, notes


def _only_its_kind(
    modality: Modality, kinds: tuple[str, ...], what: str, where: str, notes: list[str]
) -> Modality:
    """Leave out the features that a file says are of another kind: shared by both, they'd match."""
    if modality.types is None:
        return modality
    own = np.array([fold(kind) in kinds for kind in modality.types], dtype=bool)
    known = np.array([fold(kind) in RNA_NAMES + PROTEIN_NAMES for kind in modality.types])
    if own.all() or not known.any():
        return modality
    others = ", ".join(dict.fromkeys(modality.types[~own]))
    if not own.any():
        raise InputError(
            f"{where}: the {what} modality holds features of another kind ({others}); are the "
            "modalities or files the wrong way round?"
        )
    notes.append(
        f"{(~own).sum():,} features of another kind ({others}) are left out of the {what} modality."
    )
    return modality.only(np.flatnonzero(own))


def _find_modality(file: CellFile, named: str | None, usual: tuple[str, ...], what: str) -> str:
    found = ", ".join(file.modalities) or "none"
    option = "rna_modality" if what == "RNA" else "protein_modality"
    if named is not None:
        alike = [name for name in file.modalities if fold(name) == fold(named)]
        if named not in file.modalities and len(alike) == 1:
            return alike[0]
        if named not in file.modalities:
            raise InputError(f"{file.where}: no modality named '{named}' ({option}); found {found}")
        return named
    matches = [name for name in file.modalities if fold(name) in usual]
    if len(matches) != 1:
        how_many = "no" if not matches else "more than one"
        raise InputError(
            f"{file.where}: {how_many} {what} modality recognised among the modalities found "
            f"({found}); both RNA and protein are needed, under their usual names or named with "
            f"{option}="
        )
    return matches[0]


def _refuse_duplicated_names(file: CellFile, modalities: dict[str, Modality]) -> None:
    tables = {f"the {what} modality": modality.obs for what, modality in modalities.items()}
    for place, table in (tables | {"the table of cells": file.obs}).items():
        duplicated = table.index[table.index.duplicated()]
        if len(duplicated):
            raise InputError(
                f"{file.where}: {place} holds {len(duplicated):,} duplicated cell names (such as "
                f"'{duplicated[0]}'); every cell needs a name of its own"
            )


def _cell_columns(file: CellFile, rna: Modality, prot: Modality, cells: pd.Index) -> pd.DataFrame:
    """Collect the columns about cells: the object's own first, then RNA's, then the protein's."""
    columns: dict[str, pd.Series] = {}
    for table in (file.obs, rna.obs, prot.obs):
        for name in table.columns:
            columns.setdefault(name, table[name].reindex(cells))
    return pd.DataFrame(columns, index=cells)


def _require_layer(file: CellFile, modalities: tuple[Modality, ...], named: str | None) -> None:
    found = list(dict.fromkeys(name for modality in modalities for name in modality.layers))
    if named is not None and named not in found:
        raise InputError(
            f"{file.where}: no layer named '{named}' (counts_layer); found {', '.join(found)}"
        )


def _matrix_of(
    modality: Modality,
    cells: pd.Index,
    what: str,
    where: str,
    counts_layer: str | None,
    *,
    counts: bool,
) -> AnnData:
    """Read a modality's matrix for some of its cells, and refuse values that cannot be right."""
    # Where muon's dsb puts its values when asked for a layer.
    preferred = (counts_layer, "counts", "X") if counts else ("dsb", "X")
    layer = next((name for name in preferred if name in modality.layers), None)
    matrix = None if layer is None else modality.layers[layer]()
    if matrix is None:
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
        checks.check_counts(matrix, what, where, layer, list(modality.layers))
    else:
        checks.check_transformed(matrix, where, layer)
    data = AnnData(
        # Half the memory; counts are whole numbers and stay exact.
        X=matrix.astype(np.float32, copy=False) if counts else matrix,
        obs=pd.DataFrame(index=cells),
        var=pd.DataFrame(index=modality.features),
    )
    # Gene symbols repeat, and variable genes are chosen by name.
    data.var_names_make_unique()
    return data


def _dense(matrix: Matrix) -> np.ndarray:
    return matrix.toarray() if sparse.issparse(matrix) else np.asarray(matrix)


def _truth_of(truth: object) -> dict | None:
    """Return what a simulation of ours knows; somebody else's "simulation" is no truth."""
    if not isinstance(truth, Mapping) or "shared_dimensions" not in truth:
        return None
    plain = {name: np.asarray(value) for name, value in truth.items()}
    if any(value.ndim or value.dtype.kind != "i" for value in plain.values()):
        return None
    return {name: int(value) for name, value in plain.items()}
