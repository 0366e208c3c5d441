"""Protein background of empty droplets, against which dsb denoises counts (Mulè et al. 2022)."""

from __future__ import annotations

import functools
import logging
import re
import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray

from sharedim.errors import InputError, some_of
from sharedim.io.modalities import (
    PROTEIN,
    UNNAMED,
    CellFile,
    Modality,
    listed,
    only_its_kind,
    read_matrix,
    recognised,
)
from sharedim.io.protein_values import FROM_DROPLETS, muon_proteins
from sharedim.io.readers import open_cells

logger = logging.getLogger(__name__)

# Fewer do not tell the mean and standard deviation of a protein's background.
FEWEST_DROPLETS = 100
# With fewer of the cells among its barcodes, the raw matrix is of another run.
LEAST_KNOWN = 0.5


@dataclass(frozen=True)
class EmptyDroplets:
    """The file with empty droplets, and the options of dsb.

    Attributes
    ----------
    path : str
        The raw matrix, in any format that `sharedim.io.readers.open_cells` reads.
    smallest : int
        Barcodes with fewer protein counts are no droplets and are removed.
    isotype_controls : str or None
        Regular expression; proteins with a match in their name are used as isotype controls.
    denoise : bool
        Whether to fit the background of every cell too, which takes milliseconds per cell; a check
        does without.
    """

    path: str
    smallest: int
    isotype_controls: str | None
    denoise: bool = True


def droplets_of(
    protein_transform: str,
    empty_droplets: str | None,
    empty_droplet_counts: int,
    isotype_controls: str | None,
    denoise: bool = True,
) -> EmptyDroplets | None:
    """Return the droplets that proteins are denoised against, None where they are not.

    Raises
    ------
    InputError
        If proteins are to be denoised and no empty droplets are given.
    """
    if protein_transform != FROM_DROPLETS:
        return None
    if empty_droplets is None:
        raise InputError(
            f"protein_transform={FROM_DROPLETS} needs the empty droplets; name the raw matrix, such as "
            "empty_droplets=raw_feature_bc_matrix.h5, or use clr_per_cell"
        )
    return EmptyDroplets(empty_droplets, empty_droplet_counts, isotype_controls, denoise)


def denoised(
    protein: Modality, droplets: EmptyDroplets, where: str, counts_layer: str | None
) -> tuple[Modality, str]:
    """Denoise the protein counts of a file against empty droplets, by ``muon.prot.pp.dsb``.

    Every cell of the modality takes part, whether it has RNA or not, so that a cell's values are the
    same wherever the file is read. Cells without any protein count were not measured and are left
    out.

    Parameters
    ----------
    protein : Modality
        Raw counts of cells.
    droplets : EmptyDroplets
        Where the empty droplets are.
    where : str
        The file, for messages.
    counts_layer : str or None
        As `sharedim.io.modalities.read_matrix` takes it.

    Returns
    -------
    Modality
        With the single layer ``"dsb"``, in units of the background's standard deviation.
    str
        A sentence about the droplets.

    Raises
    ------
    InputError
        If the raw matrix lacks proteins, cells or empty droplets.
    """
    cells = read_matrix(protein, protein.obs.index, PROTEIN, where, counts_layer, counts=True)
    cells = cells[np.asarray(cells.X.sum(axis=1)).ravel() > 0].copy()
    empty = _background(cells, droplets, where)
    sentence = (
        f"Proteins are denoised by dsb against {empty.n_obs:,} empty droplets: barcodes of "
        f"{droplets.path} that are no cell and have {droplets.smallest} protein counts or more."
    )
    pattern = re.compile(droplets.isotype_controls or "(?!)")
    controls = [name for name in cells.var_names if pattern.search(name)]
    values = functools.cache(functools.partial(_dsb, cells, empty, controls, droplets.denoise))
    obs = protein.obs.loc[cells.obs_names]
    return Modality(obs, protein.features, {"dsb": values}, protein.types, protein.var), sentence


def _background(cells: AnnData, droplets: EmptyDroplets, where: str) -> AnnData:
    """Return the droplets without a cell, proteins in the order of the cells'."""
    raw = _raw_proteins(open_cells(droplets.path))
    path = droplets.path
    missing = cells.var_names.difference(raw.var_names, sort=False)
    if len(missing):
        raise InputError(
            f"{path}: {len(missing)} of the {cells.n_vars} proteins of {where} are missing "
            f"({some_of(missing)}); give the raw matrix of the same run"
        )
    known = raw.obs_names.intersection(cells.obs_names)
    if len(known) < LEAST_KNOWN * cells.n_obs:
        raise InputError(
            f"{path}: only {len(known):,} of the {cells.n_obs:,} cells of {where} are among its "
            f"barcodes (such as '{raw.obs_names[0]}', where cells are called "
            f"'{cells.obs_names[0]}'); give the raw matrix of the same run, with the same names"
        )
    counts = np.asarray(raw.X.sum(axis=1)).ravel()
    empty = raw[(counts >= droplets.smallest) & ~raw.obs_names.isin(known), cells.var_names]
    if empty.n_obs < FEWEST_DROPLETS:
        raise InputError(
            f"{path}: only {empty.n_obs:,} barcodes that are no cell have {droplets.smallest} protein "
            f"counts or more, and at least {FEWEST_DROPLETS} empty droplets are needed; give the raw "
            "matrix, such as Cell Ranger's raw_feature_bc_matrix, or set empty_droplet_counts lower"
        )
    varies = np.asarray((empty.X.max(axis=0) - empty.X.min(axis=0)).todense()).ravel() > 0
    if not varies.all():
        raise InputError(
            f"{path}: {some_of(empty.var_names[~varies])} has the same count in all "
            f"{empty.n_obs:,} empty droplets, so that its background has no standard deviation; set "
            "empty_droplet_counts lower, or use protein_transform=clr_per_cell"
        )
    return empty.copy()


def _raw_proteins(file: CellFile) -> AnnData:
    names = recognised(file, PROTEIN, None) or [name for name in file.modalities if name == UNNAMED]
    if len(names) != 1:
        raise InputError(
            f"{file.where}: no protein modality recognised among the modalities found "
            f"({listed(file)}); empty_droplets names the raw matrix of the protein counts"
        )
    protein = only_its_kind(file, names[0], PROTEIN, [])
    return read_matrix(protein, protein.obs.index, PROTEIN, file.where, None, counts=True)


def _dsb(cells: AnnData, empty: AnnData, controls: list[str], denoise: bool) -> NDArray[np.float64]:
    if denoise:
        logger.info("denoising %d cells against %d empty droplets", cells.n_obs, empty.n_obs)
    values = AnnData(cells.X.toarray().astype(np.float64), var=pd.DataFrame(index=cells.var_names))
    values.obs_names = cells.obs_names
    with warnings.catch_warnings():
        # That all barcodes given are taken for empty droplets, as they are.
        warnings.simplefilter("ignore")
        muon_proteins().pp.dsb(
            values,
            empty,
            denoise_counts=denoise,
            isotype_controls=controls or None,
            random_state=0,
        )
    denoised_counts: NDArray[np.float64] = values.X
    return denoised_counts
