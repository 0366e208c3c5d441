"""Reading and writing paired cells as .h5mu."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import mudata
import numpy as np
import pandas as pd
from anndata import AnnData

from sharedim.checks import check_counts, check_sizes
from sharedim.errors import InputError

RNA_NAMES = ("rna", "gex", "geneexpression", "transcriptome")
PROTEIN_NAMES = ("prot", "protein", "proteins", "adt", "ab", "antibodycapture")
LABEL_NAMES = (
    "celltypel1",
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


@dataclass(frozen=True)
class PairedCells:
    """Cells with both modalities, in one order.

    Attributes
    ----------
    rna, prot : AnnData
        Raw counts in ``X``, the same cells in the same order.
    labels : DataFrame
        Cell-type columns, the coarsest first; missing where a cell's type is not known.
    batch : Series or None
        Batch, donor or lane of each cell.
    n_rna, n_prot : int
        Cells with RNA and with protein in the file, paired or not.
    truth : dict or None
        What a simulation knows: ``shared_dimensions`` and more. Never used by training.
    """

    rna: AnnData
    prot: AnnData
    labels: pd.DataFrame
    batch: pd.Series | None
    n_rna: int
    n_prot: int
    truth: dict | None


def read_paired_cells(
    path: str | Path,
    *,
    rna_modality: str | None = None,
    protein_modality: str | None = None,
    labels: list[str] | None = None,
    batch: str | None = None,
) -> PairedCells:
    """Read the paired cells of a .h5mu file and refuse what cannot be used.

    Parameters
    ----------
    path : path-like
        A .h5mu file with raw counts in ``X`` or in a layer named ``counts``.
    rna_modality, protein_modality : str, optional
        Names of the modalities; recognised by their usual names when not given.
    labels : list of str, optional
        Columns with cell types; recognised by their usual names when not given. An empty list
        means none.
    batch : str, optional
        Column with batches; recognised by its usual names when not given.

    Returns
    -------
    PairedCells

    Raises
    ------
    InputError
        One sentence that says what is wrong and what would be right.
    """
    where = str(path)
    data = _read_h5mu(Path(path))
    rna_name = _find_modality(data, rna_modality, RNA_NAMES, "RNA", where)
    prot_name = _find_modality(data, protein_modality, PROTEIN_NAMES, "protein", where)
    if rna_name == prot_name:
        raise InputError(f"{where}: modality '{rna_name}' cannot be both RNA and protein")
    n_rna, n_prot = data[rna_name].n_obs, data[prot_name].n_obs
    for name in (rna_name, prot_name):
        duplicated = data[name].obs_names[data[name].obs_names.duplicated()]
        if len(duplicated):
            raise InputError(
                f"{where}: modality '{name}' holds {len(duplicated):,} duplicated cell names "
                f"(such as '{duplicated[0]}'); every cell needs a name of its own"
            )

    cells = data[rna_name].obs_names.intersection(data[prot_name].obs_names, sort=False)
    check_sizes(len(cells), n_rna, n_prot, data[prot_name].n_vars, where)
    columns = _cell_columns(data, rna_name, prot_name, cells)
    return PairedCells(
        rna=_counts_of(data[rna_name][cells], "RNA", where),
        prot=_counts_of(data[prot_name][cells], "protein", where),
        labels=_find_labels(columns, labels, where),
        batch=_find_batch(columns, batch, where),
        n_rna=n_rna,
        n_prot=n_prot,
        truth=_truth_of(data),
    )


def cell_table(cells: PairedCells) -> pd.DataFrame:
    """Return one row a cell in the order of the features: name, batch and labels."""
    table = pd.DataFrame({"cell": cells.rna.obs_names})
    table["batch"] = "" if cells.batch is None else cells.batch.to_numpy()
    for column in cells.labels:
        table[column] = cells.labels[column].to_numpy()
    return table


def _read_h5mu(path: Path) -> mudata.MuData:
    if not path.exists():
        raise InputError(f"{path}: no such file; give the path of a .h5mu file")
    if not path.is_file():
        raise InputError(f"{path}: not a file; give the path of a .h5mu file")
    try:
        with h5py.File(path) as file:
            groups = list(file)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read as HDF5, so it is no .h5mu file or a truncated one ({error})"
        ) from None
    if "mod" not in groups:
        hint = "it looks like a .h5ad file; " if {"X", "obs", "var"} <= set(groups) else ""
        raise InputError(
            f"{path}: no modalities in it ({hint}found {', '.join(groups) or 'nothing'}); "
            "a .h5mu file has a group 'mod' with one group a modality"
        )
    # The new default of mudata: a modality's own columns stay in the modality.
    with mudata.set_options(pull_on_update=False):
        return mudata.read_h5mu(path)


def _normal(name: str) -> str:
    """Fold a name to lower-case letters and digits, so that cell_type equals CellType."""
    return re.sub(r"[^a-z0-9]", "", str(name).lower())


def _find_modality(
    data: mudata.MuData, named: str | None, usual: tuple[str, ...], what: str, where: str
) -> str:
    found = ", ".join(data.mod)
    option = "rna_modality" if what == "RNA" else "protein_modality"
    if named is not None:
        if named not in data.mod:
            raise InputError(f"{where}: no modality named '{named}' ({option}); found {found}")
        return named
    matches = [name for name in data.mod if _normal(name) in usual]
    if len(matches) != 1:
        how_many = "no" if not matches else "more than one"
        raise InputError(
            f"{where}: {how_many} {what} modality recognised among the modalities found ({found}); "
            f"both RNA and protein are needed, under their usual names or named with {option}="
        )
    return matches[0]


def _cell_columns(
    data: mudata.MuData, rna_name: str, prot_name: str, cells: pd.Index
) -> pd.DataFrame:
    """Collect the columns about cells: the object's own first, then RNA's, then the protein's."""
    columns: dict[str, pd.Series] = {}
    for table in (data.obs, data[rna_name].obs, data[prot_name].obs):
        for name in table.columns:
            columns.setdefault(name, table[name].reindex(cells))
    return pd.DataFrame(columns, index=cells)


def _counts_of(modality: AnnData, what: str, where: str) -> AnnData:
    counts = modality.layers.get("counts", modality.X)
    if counts is None:
        raise InputError(f"{where}: the {what} modality has no matrix X; raw counts are needed")
    check_counts(counts, what, where)
    raw = AnnData(
        X=counts.astype(np.float32),
        obs=pd.DataFrame(index=modality.obs_names),
        var=pd.DataFrame(index=modality.var_names),
    )
    # Gene symbols repeat, and variable genes are chosen by name.
    raw.var_names_make_unique()
    return raw


def _known(column: pd.Series) -> pd.Series:
    """Return labels as text, missing where a label says that the type is not known."""
    text = column.astype(object).where(column.notna(), None)
    folded = text.map(lambda label: label if label is None else str(label).strip())
    return folded.map(lambda label: None if str(label).lower() in UNKNOWN_LABELS else label)


def _find_labels(columns: pd.DataFrame, named: list[str] | None, where: str) -> pd.DataFrame:
    if named is None:
        candidates = [name for name in columns if _normal(name) in LABEL_NAMES]
    else:
        candidates = named
        _require_columns(columns, named, "label", where)

    levels: dict[str, pd.Series] = {}
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


def _same_partition(first: pd.Series, second: pd.Series) -> bool:
    return bool((pd.factorize(first)[0] == pd.factorize(second)[0]).all())


def _find_batch(columns: pd.DataFrame, named: str | None, where: str) -> pd.Series | None:
    if named is not None:
        _require_columns(columns, [named], "batch", where)
        return columns[named].astype(str)
    for usual in BATCH_NAMES:
        for name in columns:
            if _normal(name) == usual:
                return columns[name].astype(str)
    return None


def _require_columns(columns: pd.DataFrame, named: list[str], what: str, where: str) -> None:
    for name in named:
        if name not in columns:
            raise InputError(
                f"{where}: no {what} column named '{name}'; found {', '.join(columns) or 'none'}"
            )


def _truth_of(data: mudata.MuData) -> dict | None:
    """Return what a simulation of ours knows; somebody else's "simulation" is no truth."""
    truth = data.uns.get("simulation")
    if not isinstance(truth, Mapping) or "shared_dimensions" not in truth:
        return None
    plain = {name: np.asarray(value) for name, value in truth.items()}
    if any(value.ndim or value.dtype.kind != "i" for value in plain.values()):
        return None
    return {name: int(value) for name, value in plain.items()}
