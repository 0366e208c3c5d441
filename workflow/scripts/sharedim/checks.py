"""What makes an input unusable, and what a person should know about a usable one, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from sharedim.errors import InputError
from sharedim.splits import TRAIN_CELLS, split_cells

if TYPE_CHECKING:
    from sharedim.io import PairedCells

MINIMUM_CELLS = 500
MINIMUM_PROTEINS = 3


def check_counts(matrix: np.ndarray | sparse.spmatrix, what: str, where: str) -> None:
    """Refuse a matrix that cannot be raw counts.

    Parameters
    ----------
    matrix : ndarray or sparse matrix, shape (cells, features)
        Supposed raw counts.
    what : str
        The modality in words, such as ``"RNA"``.
    where : str
        The file, for the message.

    Raises
    ------
    InputError
        If a value is not finite, negative, or not a whole number.
    """
    values = matrix.data if sparse.issparse(matrix) else np.asarray(matrix).ravel()
    remedy = "raw counts are needed (in X or in a layer named 'counts')"
    if not np.all(np.isfinite(values)):
        raise InputError(f"{where}: the {what} matrix holds NaN or infinite values; {remedy}")
    if values.size and values.min() < 0:
        raise InputError(
            f"{where}: the {what} matrix holds negative values (lowest {values.min():.3g}); {remedy}"
        )
    fractional = values[values != np.round(values)]
    if fractional.size:
        raise InputError(
            f"{where}: the {what} matrix holds values that are not whole numbers "
            f"(such as {fractional[0]:.4g}); {remedy}"
        )


def check_sizes(n_paired: int, n_rna: int, n_prot: int, n_proteins: int, where: str) -> None:
    """Refuse data with no or too few paired cells, or too few proteins.

    Parameters
    ----------
    n_paired, n_rna, n_prot : int
        Cells with both modalities, with RNA, with protein.
    n_proteins : int
        Proteins measured.
    where : str
        The file, for the message.

    Raises
    ------
    InputError
        With what was found and what is needed.
    """
    if n_paired == 0:
        raise InputError(
            f"{where}: no cell has both RNA and protein ({n_rna:,} cells with RNA, {n_prot:,} with "
            "protein, no name in common); both modalities need the same cell names"
        )
    if n_paired < MINIMUM_CELLS:
        raise InputError(
            f"{where}: only {n_paired:,} cells have both RNA and protein; "
            f"at least {MINIMUM_CELLS} are needed to train and to hold cells out"
        )
    if n_proteins < MINIMUM_PROTEINS:
        raise InputError(
            f"{where}: only {n_proteins} proteins; at least {MINIMUM_PROTEINS} are needed"
        )


def warnings_for(n_paired: int, n_rna: int, n_prot: int) -> list[str]:
    """Return what a person should know before trusting the answer, one sentence each."""
    warnings = []
    unpaired = max(n_rna, n_prot) - n_paired
    if n_rna != n_paired or n_prot != n_paired:
        warnings.append(
            f"{n_paired:,} cells have both modalities ({n_rna:,} have RNA, {n_prot:,} protein); "
            f"only these are used, up to {unpaired:,} are left out."
        )
    n_train = len(split_cells(n_paired, seed=0).train)
    if n_train < TRAIN_CELLS // 2:
        warnings.append(
            f"Only {n_train:,} cells are left for training; contrastive training as published was made "
            f"for {TRAIN_CELLS:,} and memorises so few: trust the held-out curves, and have the cca "
            "baseline beside them."
        )
    return warnings


def describe(cells: PairedCells, dataset: str, source: str) -> dict:
    """Say what the workflow sees in a dataset.

    Parameters
    ----------
    cells : PairedCells
        As read.
    dataset : str
        Its name.
    source : str
        The file.

    Returns
    -------
    dict
        Plain values for ``check.json``: sizes, split, label columns (coarsest first) with the
        number of cells of each type and of unknown type, batches, warnings, the truth of a
        simulation, and a summary in one sentence.
    """
    n_paired, split = cells.rna.n_obs, split_cells(cells.rna.n_obs, seed=0)
    labels = {
        column: {
            "types": {str(k): int(n) for k, n in cells.labels[column].value_counts().items()},
            "unknown": int(cells.labels[column].isna().sum()),
        }
        for column in cells.labels
    }
    levels = ", ".join(
        f"{column} ({len(found['types'])} types)" for column, found in labels.items()
    )
    batches = {} if cells.batch is None else cells.batch.value_counts()
    return {
        "dataset": dataset,
        "file": source,
        "summary": (
            f"{n_paired:,} paired cells, {cells.rna.n_vars:,} genes, {cells.prot.n_vars:,} proteins; "
            f"labels: {levels or 'none, so no label transfer'}; batches: {len(batches) or 'none named'}"
        ),
        "paired_cells": n_paired,
        "rna_cells": cells.n_rna,
        "prot_cells": cells.n_prot,
        "genes": cells.rna.n_vars,
        "proteins": cells.prot.n_vars,
        "split": {
            "train": len(split.train),
            "normaliser": len(split.normaliser),
            "test": len(split.test),
        },
        "labels": labels,
        "batches": {str(k): int(n) for k, n in batches.items()},
        "warnings": warnings_for(n_paired, cells.n_rna, cells.n_prot),
        "truth": cells.truth,
    }
