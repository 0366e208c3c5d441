"""Readers of files with cells or features: modalities, matrices and columns of any format.

Nothing is chosen or checked here beyond that the file can be read; `sharedim.io.paired` does the rest.
"""

from __future__ import annotations

import csv
import functools
import os
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import pandas as pd
from anndata.io import read_elem
from scipy import io as matrix_market
from scipy import sparse

from sharedim.errors import InputError
from sharedim.io.modalities import (
    PROTEIN,
    RNA,
    UNNAMED,
    USUAL_NAMES,
    CellFile,
    Matrix,
    Modality,
    by_feature_type,
)
from sharedim.io.obs import fold
from sharedim.io.precomputed_files import format_of_features, open_feature_pair, open_features

FORMATS = (
    "a .h5mu file, a .h5ad file with the column 'feature_types', a pair of .h5ad files, a 10x .h5 "
    "file or matrix folder, a Seurat object as .rds or .rda, or features as a .npz file or a pair of "
    ".npy or .parquet files"
)
# As Cell Ranger calls them since it counts other features too.
GENES = "Gene Expression"
GZIP = b"\x1f\x8b"
R_ENDINGS = (".rds", ".rda", ".rdata")
FEATURE_TYPE_COLUMNS = ("feature_types", "feature_type", "modality")
# Where totalVI's users keep the proteins of a .h5ad.
PROTEIN_TABLES = ("protein_expression", "protein_counts", "proteins", "protein", "adt")


def open_cells(source: str | Path | list[str] | CellFile) -> CellFile:
    """Open a file with cells, recognising its format by what is in it.

    Parameters
    ----------
    source : path-like, list of path-like or CellFile
        A file, a 10x matrix folder, or two .h5ad files of which the first holds RNA and the second
        protein. Or features: a .npz file, or two .npy or .parquet files. A file that is open
        already is returned.

    Returns
    -------
    CellFile
        Matrices of HDF5 files are read only when they are asked for.

    Raises
    ------
    InputError
        If the path does not exist, cannot be read, or is of no known format.
    """
    if isinstance(source, CellFile):
        return source
    if isinstance(source, list | tuple):
        if len(source) == 1:
            return open_cells(source[0])
        return _open_pair([Path(path) for path in source])
    path = Path(source)
    openers = {
        "10x folder": _open_10x_folder,
        "10x h5": _open_10x_h5,
        "Seurat": _open_seurat,
        "h5ad": _open_h5ad,
        "h5mu": _open_h5mu,
        "npz": open_features,
        "npy": open_features,
        "parquet": open_features,
    }
    return openers[format_of(path)](path)


def format_of(path: Path) -> str:
    """Recognise the format of a file or folder by what is in it.

    Returns
    -------
    str
        ``"10x folder"``, ``"10x h5"``, ``"Seurat"``, ``"h5ad"``, ``"h5mu"``, or, of features,
        ``"npz"``, ``"npy"`` or ``"parquet"``.

    Raises
    ------
    InputError
        As `open_cells`.
    """
    _require_readable(path)
    if path.is_dir():
        return "10x folder"
    if path.suffix.lower() in R_ENDINGS:
        return "Seurat"
    if found := format_of_features(path):
        return found
    groups = _groups_of(path)
    for name, needed in (("h5mu", {"mod"}), ("h5ad", {"obs", "var"}), ("10x h5", {"matrix"})):
        if needed <= groups:
            return name
    raise InputError(
        f"{path}: HDF5 of no known kind (found {', '.join(sorted(groups)) or 'nothing'}); needed is "
        f"{FORMATS}"
    )


def _require_readable(path: Path) -> None:
    if not path.exists():
        raise InputError(f"{path}: no such file; give the path of {FORMATS}")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path}: not readable with your permissions; allow reading it")


def _groups_of(path: Path) -> set[str]:
    """Return what stands at the top of an HDF5 file."""
    try:
        with h5py.File(path) as file:
            return set(file)
    except OSError as error:
        if h5py.is_hdf5(path) and "truncated" not in str(error):
            raise InputError(
                f"{path}: cannot be opened ({_first_line(error)}), as while another program writes "
                "it; close it there and try again"
            ) from None
        with path.open("rb") as file:
            packed = file.read(len(GZIP)) == GZIP
        if packed:
            if ".mtx" in path.name:
                raise InputError(f"{path}: one file of a matrix folder; give the folder") from None
            raise InputError(
                f"{path}: compressed as a whole; unpack it first, with gunzip"
            ) from None
        if "truncated" in str(error):
            raise InputError(
                f"{path}: the HDF5 file is cut short, as by an interrupted copy or download; copy "
                "or download it again"
            ) from None
        raise InputError(f"{path}: not an HDF5 file; needed is {FORMATS}") from None


def _read(path: Path, element: str) -> object:
    """Read one element of an AnnData or MuData file."""
    try:
        with h5py.File(path) as file:
            return read_elem(file[element])
    except MemoryError:
        raise
    except Exception as error:
        raise InputError(
            f"{path}: '{element.strip('/')}' is damaged or missing ({_first_line(error)}); write or copy the "
            "file again"
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].strip()


def read_table(path: Path, element: str) -> pd.DataFrame:
    """Read a table of an AnnData or MuData file, its index as text."""
    table = _read(path, element)
    if not isinstance(table, pd.DataFrame):
        raise InputError(
            f"{path}: '{element.strip('/')}' was written by an unsupported anndata version; re-save "
            "it with a current one"
        )
    return table.set_index(table.index.astype(str))


def _layers(path: Path, group: str) -> dict[str, Callable[[], Matrix]]:
    """Return readers of the matrices in a group of AnnData's layout."""
    with h5py.File(path) as file:
        inside = file[group or "/"]
        names = {"X": "X"} if "X" in inside else {}
        names |= {name: f"layers/{name}" for name in inside.get("layers", ())}
        if "raw/X" in inside and _same_features(inside):
            names.setdefault("raw", "raw/X")
    return {
        name: functools.partial(_read, path, f"{group}/{place}") for name, place in names.items()
    }


def _same_features(group: h5py.Group) -> bool:
    """Tell whether ``raw`` of an AnnData has the features of its matrix."""
    names = [read_elem(group[place]).index for place in ("var", "raw/var")]
    return bool(names[0].equals(names[1]))


def _modality(path: Path, group: str) -> Modality:
    """Return a modality in AnnData's layout."""
    var = read_table(path, f"{group}/var")
    column = next((name for name in FEATURE_TYPE_COLUMNS if name in var), None)
    return Modality(
        read_table(path, f"{group}/obs"),
        var.index,
        _layers(path, group),
        None if column is None else var[column].astype(str).to_numpy(),
    )


def _open_h5mu(path: Path) -> CellFile:
    with h5py.File(path) as file:
        names = list(file["mod"])
        top = set(file)
        simulated = "simulation" in file.get("uns", ())
    modalities = {name: _modality(path, f"mod/{name}") for name in names}
    return CellFile(
        str(path),
        modalities,
        read_table(path, "obs") if "obs" in top else pd.DataFrame(),
        _read(path, "uns/simulation") if simulated else None,
    )


def _open_h5ad(path: Path) -> CellFile:
    whole = _modality(path, "")
    kinds = set() if whole.types is None else {fold(kind) for kind in whole.types}
    if not kinds.isdisjoint(USUAL_NAMES[PROTEIN]):
        return by_feature_type(str(path), whole)
    with h5py.File(path) as file:
        tables = [name for name in file.get("obsm", ()) if name.lower() in PROTEIN_TABLES]
    proteins = [(name, _read(path, f"obsm/{name}")) for name in tables]
    named = [table for _, table in proteins if isinstance(table, pd.DataFrame)]
    if not named:
        found = "there is none" if whole.types is None else ", ".join(sorted(set(whole.types)))
        nameless = f" and obsm '{tables[0]}' is no table with names" if tables else ""
        unpaired = (
            f"{path}: a .h5ad file in which nothing tells proteins from genes: 'var' needs a column "
            f"'feature_types' with Antibody Capture or ADT in it (found {found}{nameless}); or give a "
            ".h5mu file, or RNA and protein as a pair of .h5ad files"
        )
        if not kinds.isdisjoint(USUAL_NAMES[RNA]):
            return by_feature_type(str(path), whole, unpaired=unpaired)
        return CellFile(str(path), {UNNAMED: whole}, unpaired=unpaired)
    protein = Modality(whole.obs[[]], named[0].columns.astype(str), {"X": named[0].to_numpy})
    return CellFile(str(path), {"rna": whole, "protein": protein})


def _open_pair(paths: list[Path]) -> CellFile:
    if len(paths) != 2:
        raise InputError(
            f"{', '.join(map(str, paths))}: {len(paths)} files; a pair is two .h5ad files, RNA's "
            "first and the protein's second"
        )
    for path in paths:
        _require_readable(path)
    if any(format_of_features(path) for path in paths):
        return open_feature_pair(paths)
    modalities = {}
    for name, path in zip(("rna", "protein"), paths, strict=True):
        groups = _groups_of(path)
        if not {"obs", "var"} <= groups or "mod" in groups:
            raise InputError(f"{path}: not a .h5ad file; a pair is two .h5ad files, RNA's first")
        modalities[name] = _modality(path, "")
    return CellFile(" and ".join(map(str, paths)), modalities)


def _open_10x_h5(path: Path) -> CellFile:
    # Takes seconds to import, which only readers of this format should wait for.
    import scanpy as sc

    try:
        with warnings.catch_warnings():
            # Repeated names are told apart, and said, later.
            warnings.filterwarnings("ignore", "Variable names are not unique")
            data = sc.read_10x_h5(path, gex_only=False)
    except Exception as error:
        raise InputError(
            f"{path}: cannot be read as a 10x .h5 file ({_first_line(error)}); needed is Cell "
            "Ranger's filtered_feature_bc_matrix.h5"
        ) from error
    types = data.var["feature_types"].astype(str).to_numpy()
    return by_feature_type(
        str(path), Modality(data.obs, data.var_names, {"X": lambda: data.X}, types, data.var)
    )


def _open_10x_folder(path: Path) -> CellFile:
    matrices = sorted([*path.glob("*matrix.mtx.gz"), *path.glob("*matrix.mtx")])
    if len(matrices) != 1:
        raise InputError(
            f"{path}: a folder with {len(matrices)} files called matrix.mtx or matrix.mtx.gz; a 10x "
            "matrix folder has one, beside barcodes.tsv and features.tsv"
        )
    [matrix] = matrices
    prefix = matrix.name.split("matrix.mtx")[0]
    unpaired, named_in = "", "features.tsv"
    if not _beside(matrix, prefix, "features.tsv") and _beside(matrix, prefix, "genes.tsv"):
        named_in = "genes.tsv"
        unpaired = (
            f"{path}: a matrix folder of Cell Ranger 2, which holds genes alone (genes.tsv); protein "
            "needs a features.tsv with the type of each feature"
        )
    features, barcodes = (_tsv_beside(matrix, prefix, name) for name in (named_in, "barcodes.tsv"))
    if unpaired:
        features[2] = GENES
    if features.shape[1] < 3:
        raise InputError(
            f"{path}: features.tsv has {features.shape[1]} columns; the third holds the type of each "
            "feature, Gene Expression or Antibody Capture"
        )
    read = functools.cache(functools.partial(_read_matrix_market, matrix))
    cells, found = len(barcodes), read().shape
    if found != (cells, len(features)):
        raise InputError(
            f"{matrix}: {found[1]:,} features and {found[0]:,} cells, but {named_in} names "
            f"{len(features):,} and barcodes.tsv {cells:,}; all three must be of one run"
        )
    obs = pd.DataFrame(index=pd.Index(barcodes[0].to_numpy()))
    names = pd.Index(features[1].to_numpy())
    types = features[2].to_numpy()
    var = pd.DataFrame({"gene_ids": features[0].to_numpy(), "feature_types": types}, index=names)
    return by_feature_type(
        str(path), Modality(obs, names, {"X": read}, types, var), unpaired=unpaired
    )


def _beside(matrix: Path, prefix: str, name: str) -> Path | None:
    candidates = [matrix.with_name(f"{prefix}{name}{ending}") for ending in (".gz", "")]
    return next((file for file in candidates if file.exists()), None)


def _tsv_beside(matrix: Path, prefix: str, name: str) -> pd.DataFrame:
    file = _beside(matrix, prefix, name)
    if file is None:
        raise InputError(
            f"{matrix.parent}: no {prefix}{name} or {prefix}{name}.gz beside the matrix"
        )
    try:
        return pd.read_csv(
            file,
            sep="\t",
            header=None,
            dtype=str,
            keep_default_na=False,
            # A quote is part of a name.
            quoting=csv.QUOTE_NONE,
        )
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise InputError(f"{file}: cannot be read ({_first_line(error)}); copy it again") from error


def _read_matrix_market(path: Path) -> sparse.csr_matrix:
    try:
        # A file of features by cells, turned without another copy of it.
        return sparse.csc_matrix(matrix_market.mmread(path)).T
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise InputError(
            f"{path}: cannot be read as a Matrix Market file ({_first_line(error)}); copy it again"
        ) from error


def _open_seurat(path: Path) -> CellFile:
    # Takes a second to import, which only readers of this format should wait for.
    from sharedim.io.seurat import read_seurat

    found = read_seurat(path)
    modalities = {
        name: Modality(data.obs, data.var_names, {"X": functools.partial(getattr, data, "X")})
        for name, data in found.modalities.items()
    }
    for name, sentence in found.without_counts.items():
        nameless = pd.DataFrame(index=found.obs.index)
        refuse = functools.partial(_refuse, sentence)
        modalities[name] = Modality(nameless, pd.Index([]), {"X": refuse})
    return CellFile(str(path), modalities, found.obs)


def _refuse(sentence: str) -> Matrix:
    """Stand for a matrix that is not there, until it is read."""
    raise InputError(sentence)
