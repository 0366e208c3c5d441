"""Validation of input: reasons to refuse it, and notes on what is odd about a usable one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from sharedim.errors import InputError, some_of
from sharedim.io.obs import NO_BATCH

if TYPE_CHECKING:
    from anndata import AnnData

MINIMUM_CELLS = 500
MINIMUM_PROTEINS = 3
MINIMUM_GENES = 3
FEW_GENES = 200
FEW_CELLS_OF_A_TYPE = 10
# A droplet without a cell has some tens of RNA counts.
EMPTY_DROPLET = 50
MANY_EMPTY_DROPLETS = 0.1
SMALLEST_BATCH = 50
HASHTAG = re.compile(r"(?i)hash[-_. ]?tag|(?<![a-z])hto(?![a-z])")
# Values looked at together, so that a check of many counts takes no memory of their number.
VALUES_AT_ONCE = 2**22


@dataclass(frozen=True)
class Usable:
    """Cells and proteins of two paired matrices that can be used.

    Attributes
    ----------
    cells : ndarray of bool, shape (cells,)
        Cells with counts in both modalities.
    proteins : ndarray of bool, shape (proteins,)
        Proteins that vary and are no isotype controls.
    notes : list of str
        What was left out, one sentence each.
    """

    cells: NDArray[np.bool_]
    proteins: NDArray[np.bool_]
    notes: list[str]


def check_pairs(paired: pd.Index, rna: pd.Index, prot: pd.Index, where: str) -> None:
    """Refuse data with no or too few cells that have both modalities.

    Parameters
    ----------
    paired, rna, prot : Index
        Names of the cells with both modalities, with RNA, with protein.
    where : str
        The file, for the message.

    Raises
    ------
    InputError
        With what was found and what is needed.
    """
    if len(paired) == 0:
        without_endings = [
            pd.Index([re.sub(r"[-_]\d+$", "", name) for name in names]) for names in (rna, prot)
        ]
        agreeing = len(without_endings[0].intersection(without_endings[1]))
        hint = f"; without endings such as -1, {agreeing:,} names would agree" if agreeing else ""
        raise InputError(
            f"{where}: no cell has both RNA and protein ({len(rna):,} cells with RNA, {len(prot):,} "
            f"with protein, no name in common{hint}); both modalities need the same cell names"
        )
    _check_number_of_cells(len(paired), where)


def _check_number_of_cells(cells: int, where: str) -> None:
    if cells < MINIMUM_CELLS:
        raise InputError(
            f"{where}: only {cells:,} cells have both RNA and protein; "
            f"at least {MINIMUM_CELLS} are needed to train and to hold cells out"
        )


def check_counts(
    matrix: NDArray[np.number] | sparse.spmatrix,
    what: str,
    where: str,
    layer: str,
    layers: list[str],
) -> None:
    """Refuse a matrix that cannot be raw counts.

    Parameters
    ----------
    matrix : ndarray or sparse matrix, shape (cells, features)
        Supposed raw counts.
    what : str
        The modality in words, such as ``"RNA"``.
    where : str
        The file, for the message.
    layer : str
        The layer it was taken from.
    layers : list of str
        All layers there are.

    Raises
    ------
    InputError
        If a value is not finite, negative, or not a whole number.
    """
    remedy = (
        f"raw counts are needed, in X, in a layer named 'counts' or in one named with counts_layer= "
        f"(taken from {layer}, found {', '.join(layers)})"
    )
    if what == "protein":
        remedy += "; for values transformed already say protein_transform=dsb or none"
    for values in _parts(matrix):
        if not np.all(np.isfinite(values)):
            raise InputError(f"{where}: the {what} matrix holds NaN or infinite values; {remedy}")
        if values.min() < 0:
            raise InputError(
                f"{where}: the {what} matrix holds negative values (such as {values.min():.3g}), so "
                f"it was scaled or denoised; {remedy}"
            )
        fractional = values[values != np.round(values)]
        if fractional.size:
            raise InputError(
                f"{where}: the {what} matrix holds values that are not whole numbers (such as "
                f"{fractional[0]:.4g}), so it was normalised; {remedy}"
            )


def check_transformed(matrix: NDArray[np.number], where: str, layer: str) -> None:
    """Refuse supposedly transformed protein values that are not finite, or that are raw counts."""
    whole = True
    for values in _parts(matrix):
        if not np.all(np.isfinite(values)):
            raise InputError(f"{where}: the protein matrix holds NaN or infinite values")
        whole &= bool((values == np.round(values)).all() and values.min() >= 0)
    if whole:
        raise InputError(
            f"{where}: the protein matrix {layer} holds whole numbers only, as raw counts do, but "
            "protein_transform says that it was transformed already; use clr_per_cell for counts"
        )


def _parts(matrix: NDArray[np.number] | sparse.spmatrix) -> Iterator[NDArray[np.number]]:
    """Yield the values of a matrix, or the non-zero ones of a sparse one, some at a time."""
    values = np.asarray(matrix).ravel() if isinstance(matrix, np.ndarray) else matrix.data
    for first in range(0, values.size, VALUES_AT_ONCE):
        yield values[first : first + VALUES_AT_ONCE]


def choose_usable(
    rna: AnnData, prot: AnnData, isotype_controls: str | None, where: str, *, counts: bool
) -> Usable:
    """Find the proteins and cells that can be used, and refuse the data when too few can.

    Parameters
    ----------
    rna, prot : AnnData
        The same cells in the same order.
    isotype_controls : str or None
        Regular expression; proteins with a match in their name are left out.
    where : str
        The file, for messages.
    counts : bool
        Whether the protein values are counts, so that a cell of zeros was not measured.

    Returns
    -------
    Usable

    Raises
    ------
    InputError
        If too few genes, proteins or cells remain.
    """
    proteins, protein_notes = _usable_proteins(prot, isotype_controls)
    left = (
        ""
        if proteins.all()
        else f" of {prot.n_vars} can be used (the others are constant or isotype controls)"
    )
    if proteins.sum() < MINIMUM_PROTEINS:
        raise InputError(
            f"{where}: only {proteins.sum()} proteins{left}; at least {MINIMUM_PROTEINS} are needed"
        )
    if rna.n_vars < MINIMUM_GENES:
        raise InputError(f"{where}: only {rna.n_vars} genes; at least {MINIMUM_GENES} are needed")

    depths = {"RNA": _dense_row(rna.X.sum(axis=1))}
    if not depths["RNA"].any():
        raise InputError(f"{where}: the RNA matrix holds zeros only; raw counts are needed")
    if counts:
        depths["protein"] = _dense_row(prot.X[:, proteins].sum(axis=1))
    cells, cell_notes = _measured_cells(depths)
    _check_number_of_cells(int(cells.sum()), where)
    return Usable(cells, proteins, [*protein_notes, *cell_notes])


def _usable_proteins(
    prot: AnnData, isotype_controls: str | None
) -> tuple[NDArray[np.bool_], list[str]]:
    """Return which proteins vary and are no isotype controls, and notes on the others."""
    notes = []
    proteins = np.ones(prot.n_vars, dtype=bool)
    if isotype_controls:
        pattern = re.compile(isotype_controls)
        isotype = np.array([bool(pattern.search(name)) for name in prot.var_names], dtype=bool)
        if isotype.any():
            notes.append(f"Isotype controls are left out: {some_of(prot.var_names[isotype])}.")
        proteins &= ~isotype
    lowest, highest = (_dense_row(edge(axis=0)) for edge in (prot.X.min, prot.X.max))
    constant = proteins & (lowest == highest)
    if constant.any():
        notes.append(
            f"Proteins with the same value in every cell are left out: "
            f"{some_of(prot.var_names[constant])}."
        )
    return proteins & ~constant, notes


def _measured_cells(depths: dict[str, NDArray[np.number]]) -> tuple[NDArray[np.bool_], list[str]]:
    """Return which cells have counts in every modality, by depths of each, and notes on cells."""
    notes = []
    for what, depth in depths.items():
        empty = int((depth == 0).sum())
        if empty:
            have = "has" if empty == 1 else "have"
            notes.append(f"{_number(empty, 'cell')} left out, which {have} no {what} counts.")
    kept = np.logical_and.reduce([depth != 0 for depth in depths.values()])
    droplets = int((kept & (depths["RNA"] < EMPTY_DROPLET)).sum())
    if droplets > MANY_EMPTY_DROPLETS * kept.sum():
        notes.append(
            f"{droplets:,} cells have fewer than {EMPTY_DROPLET} RNA counts, as empty droplets do; "
            "give the filtered matrix."
        )
    return kept, notes


def all_usable(rna: AnnData, prot: AnnData) -> Usable:
    """Leave nothing out, as of features, of which none is a count or a control."""
    return Usable(np.ones(rna.n_obs, dtype=bool), np.ones(prot.n_vars, dtype=bool), [])


def _dense_row(row: NDArray[np.number] | sparse.spmatrix) -> NDArray[np.number]:
    return np.asarray(row if isinstance(row, np.ndarray) else row.todense()).ravel()


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{' is' if count == 1 else 's are'}"


def pairing_notes(n_paired: int, n_rna: int, n_prot: int) -> list[str]:
    """Say how many cells have only one modality."""
    if n_rna == n_paired == n_prot:
        return []
    return [
        f"{n_paired:,} cells have both modalities ({n_rna:,} have RNA, {n_prot:,} protein); only "
        f"these are used, {n_rna + n_prot - 2 * n_paired:,} are left out."
    ]


def name_notes(genes: pd.Index, proteins: pd.Index) -> list[str]:
    """Say what is odd about the names of genes and proteins."""
    notes = []
    for what, names in (("Gene", genes), ("Protein", proteins)):
        repeated = names[names.duplicated()].unique()
        if len(repeated):
            notes.append(
                f"{what} names that repeat are told apart by a number: {some_of(repeated)}."
            )
    shared = proteins.intersection(genes)
    if len(shared):
        notes.append(
            f"{_number(len(shared), 'protein')} called like a gene ({some_of(shared)}); they stay in "
            "their own modality."
        )
    hashtags = pd.Index([name for name in proteins if HASHTAG.search(name)])
    if len(hashtags):
        notes.append(
            f"{_number(len(hashtags), 'protein')} named like hashtags ({some_of(hashtags)}); a pattern "
            "in isotype_controls can leave them out too."
        )
    if len(proteins) > len(genes):
        notes.append(
            f"There are more proteins ({len(proteins):,}) than genes ({len(genes):,}); if the "
            "modalities are the wrong way round, name them with rna_modality and protein_modality, or "
            "give RNA's file first."
        )
    if len(genes) < FEW_GENES:
        notes.append(
            f"Only {len(genes):,} genes: a whole transcriptome is wanted, so that a cell's depth and "
            "the variable genes can be judged."
        )
    return notes


def label_notes(labels: pd.DataFrame, pairs: str) -> list[str]:
    """Say which cells, called ``pairs``, and which types label transfer cannot judge."""
    notes = []
    for column in labels:
        unknown = int(labels[column].isna().sum())
        if unknown:
            notes.append(
                f"{column}: {unknown:,} of {len(labels):,} {pairs} are of no known type; they take "
                "part in matching but not in label transfer."
            )
        sizes = labels[column].value_counts()
        few = sizes[sizes < FEW_CELLS_OF_A_TYPE]
        if len(few):
            named = ", ".join(f"{name} ({n})" for name, n in few.items())
            notes.append(
                f"{column}: types with fewer than {FEW_CELLS_OF_A_TYPE} {pairs}, for which label "
                f"transfer says little: {named}."
            )
    return notes


def batch_notes(batch: pd.Series | None, pairs: str) -> list[str]:
    """Say how many cells, called ``pairs``, name no batch."""
    nameless = 0 if batch is None else int((batch == NO_BATCH).sum())
    if batch is None or not nameless:
        return []
    return [
        f"{nameless:,} of {len(batch):,} {pairs} name no batch; together they count as one, "
        f"'{NO_BATCH}'."
    ]


def check_batches(
    batch: pd.Series | None,
    wanted_by: str,
    where: str,
    *,
    smallest: int = 1,
    option: str = "batch",
) -> pd.Series:
    """Return the batches that a choice needs; refuse none, a single one, or one that is too small."""
    found = [] if batch is None else list(batch.unique())
    if batch is None or len(found) < 2:
        has = f"only one ({found[0]})" if found else "no batch column"
        raise InputError(
            f"{where}: {wanted_by} needs at least two batches, and there is {has}; name a column "
            f"with {option}="
        )
    sizes = batch.value_counts()
    if sizes.min() < smallest:
        raise InputError(
            f"{where}: {wanted_by} needs at least {smallest} cells in each batch, and "
            f"'{sizes.index[-1]}' has {sizes.min()}; leave it off, or leave these cells out"
        )
    return batch
