"""Paired cells or features, read from any file: the same cells in both modalities, labels, batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import mudata
import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray

from sharedim.errors import InputError
from sharedim.io import validation
from sharedim.io.empty_droplets import EmptyDroplets, denoised, droplets_of
from sharedim.io.modalities import (
    CELLS,
    FEATURES,
    IN_WORDS,
    OPTIONS,
    PROTEIN,
    RNA,
    CellFile,
    cell_columns,
    listed,
    modalities_of,
    read_matrix,
    recognised,
)
from sharedim.io.obs import FEATURE_LABEL_NAMES, LABEL_NAMES, find_batch, find_labels
from sharedim.io.precomputed_pairs import feature_kinds, pair_features, with_annotations
from sharedim.io.protein_values import ISOTYPE_CONTROLS, TRANSFORMED
from sharedim.io.readers import open_cells


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
    kind : str
        ``"cells"``, or ``"features"`` where pairs of precomputed features stand in their place.
    words : dict of str to str
        What people call the modalities ``"rna"`` and ``"prot"``.
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
    truth: dict[str, object] | None
    kind: str = CELLS
    words: dict[str, str] = field(default_factory=lambda: dict(IN_WORDS))


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
    kind, words
        As in `PairedCells`.
    """

    where: str
    rna: AnnData
    prot: AnnData
    columns: pd.DataFrame
    n_rna: int
    n_prot: int
    notes: list[str]
    simulation: object
    kind: str = CELLS
    words: dict[str, str] = field(default_factory=lambda: dict(IN_WORDS))


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
    annotations: str | None = None,
    empty_droplets: str | None = None,
    empty_droplet_counts: int = 32,
    denoise: bool = True,
) -> PairedCells:
    """Read the paired cells, or pairs of features, of a file and refuse what cannot be used.

    Parameters
    ----------
    source : path-like, list of path-like or CellFile
        As `sharedim.io.readers.open_cells` takes it.
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
        ``"dsb"`` and ``"none"`` take the protein's ``X`` as it is; all others need raw counts, which
        ``"dsb_from_droplets"`` denoises.
    isotype_controls : str, optional
        Regular expression; proteins with a match in their name are left out.
    annotations : path-like, optional
        Of features a table of columns about the pairs, as `sharedim.io.precomputed_pairs.with_annotations`
        takes it.
    empty_droplets, empty_droplet_counts, denoise
        For ``"dsb_from_droplets"`` the path of the raw matrix, the smallest number of counts of a
        droplet, and whether to denoise each cell, as `sharedim.io.empty_droplets.EmptyDroplets` has them.

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
        annotations=annotations,
        droplets=droplets_of(
            protein_transform, empty_droplets, empty_droplet_counts, isotype_controls, denoise
        ),
    )
    usual = FEATURE_LABEL_NAMES if pairs.kind == FEATURES else LABEL_NAMES
    label_table = find_labels(pairs.columns, labels, pairs.where, usual)
    batches = hold_out = find_batch(pairs.columns, batch, pairs.where)
    if hold_out_column is not None:
        hold_out = find_batch(pairs.columns, hold_out_column, pairs.where, "hold-out")
    usable = validation.all_usable(pairs.rna, pairs.prot)
    if pairs.kind == CELLS:
        usable = validation.choose_usable(
            pairs.rna, pairs.prot, isotype_controls, pairs.where, counts=counted
        )
    kept = usable.cells
    if pairs.kind == CELLS:
        truth = _truth_of(pairs.simulation)
    else:
        truth = pairs.simulation if isinstance(pairs.simulation, dict) else None
    return PairedCells(
        where=pairs.where,
        rna=pairs.rna if kept.all() else pairs.rna[kept].copy(),
        prot=_only(pairs.prot, kept, usable.proteins),
        labels=label_table[kept],
        batch=None if batches is None else batches[kept],
        hold_out=None if hold_out is None else hold_out[kept],
        n_rna=pairs.n_rna,
        n_prot=pairs.n_prot,
        notes=[*pairs.notes, *usable.notes],
        truth=truth,
        kind=pairs.kind,
        words=pairs.words,
    )


def _only(data: AnnData, cells: NDArray[np.bool_], features: NDArray[np.bool_]) -> AnnData:
    """Return some cells and features, given by truth values; the data themselves where all are kept."""
    return data if cells.all() and features.all() else data[cells][:, features].copy()


def pair_cells(
    source: str | Path | list[str] | CellFile,
    *,
    rna_modality: str | None = None,
    protein_modality: str | None = None,
    counts_layer: str | None = None,
    counted: bool = True,
    annotations: str | None = None,
    droplets: EmptyDroplets | None = None,
) -> Pairs:
    """Read the cells of a file that have both modalities, with everything known about them.

    Parameters and errors are those of `read_paired_cells`; ``counted`` tells whether the protein
    values are raw counts, ``droplets`` against which droplets they are denoised.
    """
    file = open_cells(source)
    if file.unpaired:
        raise InputError(file.unpaired)
    if file.kind == FEATURES:
        words = feature_kinds(file, rna_modality, protein_modality)
        return _feature_pairs(with_annotations(file, annotations), words)
    if annotations is not None:
        raise InputError(
            f"{file.where}: annotations are for precomputed features; the columns about cells stand in "
            "their own file"
        )
    names = _names_of_both(file, rna_modality, protein_modality)
    found, notes = modalities_of(file, names, counts_layer)
    rna, prot = found[RNA], found[PROTEIN]
    if droplets is not None:
        prot, sentence = denoised(prot, droplets, file.where, counts_layer)
        notes.append(sentence)
    cells = rna.obs.index.intersection(prot.obs.index, sort=False)
    validation.check_pairs(cells, rna.obs.index, prot.obs.index, file.where)
    return Pairs(
        where=file.where,
        rna=read_matrix(rna, cells, RNA, file.where, counts_layer, counts=True),
        prot=read_matrix(prot, cells, PROTEIN, file.where, counts_layer, counts=counted),
        columns=cell_columns((file.obs, rna.obs, prot.obs), cells),
        n_rna=len(rna.obs),
        n_prot=len(prot.obs),
        notes=[
            *notes,
            *validation.pairing_notes(len(cells), len(rna.obs), len(prot.obs)),
            *validation.name_notes(rna.features, prot.features),
        ],
        simulation=file.simulation,
    )


def _feature_pairs(file: CellFile, words: dict[str, str]) -> Pairs:
    """Read pairs of features, as `pair_cells` reads cells."""
    read, pairs, notes = pair_features(file, words)
    modalities = {kind: file.modalities[name] for kind, name in words.items()}
    return Pairs(
        where=file.where,
        rna=read[RNA],
        prot=read[PROTEIN],
        columns=cell_columns((file.obs, *(one.obs for one in modalities.values())), pairs),
        n_rna=len(modalities[RNA].obs),
        n_prot=len(modalities[PROTEIN].obs),
        notes=notes,
        simulation=file.simulation,
        kind=FEATURES,
        words=words,
    )


def as_mudata(pairs: Pairs) -> mudata.MuData:
    """Return pairs as one object with the modalities ``rna`` and ``prot`` and all columns."""
    # The new default of mudata: a modality's own columns stay in the modality.
    with mudata.set_options(pull_on_update=False):
        data = mudata.MuData({"rna": pairs.rna, "prot": pairs.prot})
    for name, column in pairs.columns.items():
        data.obs[name] = column
    return data


def cell_table(cells: PairedCells, test_cells: NDArray[np.int64]) -> pd.DataFrame:
    """Return one row per cell in the order of the features: name, batch, test cell, and labels.

    ``held_out`` is 1 for the test cells that are the same for every seed.
    """
    table = pd.DataFrame({"cell": cells.rna.obs_names})
    table["batch"] = "" if cells.batch is None else cells.batch.to_numpy()
    table["held_out"] = np.isin(np.arange(len(table)), test_cells).astype(int)
    for column in cells.labels:
        table[column] = cells.labels[column].to_numpy()
    return table


def _names_of_both(
    file: CellFile, rna_modality: str | None, protein_modality: str | None
) -> dict[str, str]:
    """Return what both modalities are called in a file."""
    names = {}
    for kind, named in ((RNA, rna_modality), (PROTEIN, protein_modality)):
        matches = recognised(file, kind, named)
        if len(matches) != 1:
            how_many = "no" if not matches else "more than one"
            raise InputError(
                f"{file.where}: {how_many} {IN_WORDS[kind]} modality recognised among the modalities "
                f"found ({listed(file)}); both RNA and protein are needed, under their usual names or "
                f"named with {OPTIONS[kind]}="
            )
        names[kind] = matches[0]
    if names[RNA] == names[PROTEIN]:
        raise InputError(f"{file.where}: modality '{names[RNA]}' cannot be both RNA and protein")
    return names


def _truth_of(truth: object) -> dict[str, object] | None:
    """Return the truth of a simulation of this workflow; any other "simulation" is none."""
    if not isinstance(truth, Mapping) or "shared_dimensions" not in truth:
        return None
    plain = {name: np.asarray(value) for name, value in truth.items()}
    if any(value.ndim or value.dtype.kind != "i" for value in plain.values()):
        return None
    return {name: int(value) for name, value in plain.items()}
