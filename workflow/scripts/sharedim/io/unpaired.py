"""Unpaired cells: all cells of a file, whichever modality they have, for embedding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray

from sharedim.errors import InputError
from sharedim.io import validation
from sharedim.io.empty_droplets import denoised, droplets_of
from sharedim.io.modalities import (
    FEATURES,
    IN_WORDS,
    OPTIONS,
    PROTEIN,
    RNA,
    UNNAMED,
    CellFile,
    Modality,
    cell_columns,
    listed,
    modalities_of,
    read_matrix,
    recognised,
)
from sharedim.io.obs import FEATURE_LABEL_NAMES, LABEL_NAMES, find_batch, find_labels
from sharedim.io.precomputed_pairs import feature_kinds, read_features, with_annotations
from sharedim.io.protein_values import AS_GIVEN, ISOTYPE_CONTROLS, TRANSFORMED
from sharedim.io.readers import open_cells


@dataclass(frozen=True)
class AnyCells:
    """All cells of a file, paired or not.

    Attributes
    ----------
    where : str
        The file, for messages.
    rna, prot : AnnData or None
        Raw counts in ``X`` (CSR, float32) of every cell with this modality, in the file's order;
        None where the file has none. Protein values as the file has them where they were
        transformed already.
    empty : dict of str to ndarray of bool, shape (cells,)
        For each modality there is, ``"rna"`` or ``"prot"``, which of its cells have no count at all
        and were not measured. None of a protein whose values are no counts.
    labels : DataFrame
        Cell-type columns, the coarsest first, of the cells of both modalities together: those with
        RNA, then those with protein alone.
    batch : Series or None
        Batch of the same cells.
    notes : list of str
        What is odd, one sentence each.
    """

    where: str
    rna: AnnData | None
    prot: AnnData | None
    empty: dict[str, NDArray[np.bool_]]
    labels: pd.DataFrame
    batch: pd.Series | None
    notes: list[str]


def read_cells(
    source: str | Path | list[str] | CellFile,
    *,
    rna_modality: str | None = None,
    protein_modality: str | None = None,
    counts_layer: str | None = None,
    protein_transform: str = "clr_per_cell",
    labels: list[str] | None = None,
    batch: str | None = None,
    modality: str | None = None,
    known: Mapping[str, pd.Index] | None = None,
    need: Sequence[str] = (),
    annotations: str | None = None,
    isotype_controls: str | None = ISOTYPE_CONTROLS,
    empty_droplets: str | None = None,
    empty_droplet_counts: int = 32,
) -> AnyCells:
    """Read every cell of a file that has RNA, protein or both; nothing is left out.

    Parameters
    ----------
    source : path-like, list of path-like or CellFile
        As `sharedim.io.readers.open_cells` takes it.
    rna_modality, protein_modality, counts_layer, protein_transform, labels, batch
        As `sharedim.io.paired.read_paired_cells` takes them.
    modality : str, optional
        ``"rna"`` or ``"prot"``: read this one alone, and take a file of one matrix for it.
    known : dict of str to Index, optional
        Features already known by kind, such as those a model was trained on. A .h5ad file that does
        not say what it holds is taken for the kind of which it has more.
    need : sequence of str
        Kinds that must be there.
    annotations : path-like, optional
        As `sharedim.io.paired.read_paired_cells` takes it.
    isotype_controls, empty_droplets, empty_droplet_counts
        As `sharedim.io.paired.read_paired_cells` takes them, for ``"dsb_from_droplets"`` alone.

    Returns
    -------
    AnyCells

    Raises
    ------
    InputError
        If neither RNA nor protein is found, one that is needed is not, or a matrix cannot be used.
    """
    file = open_cells(source)
    names = find_kinds(
        file,
        rna_modality=rna_modality,
        protein_modality=protein_modality,
        modality=modality,
        known=known,
        need=need,
    )
    given = protein_transform == AS_GIVEN or file.kind == FEATURES
    counted = {RNA: not given, PROTEIN: not given and protein_transform not in TRANSFORMED}
    if file.kind == FEATURES:
        file = with_annotations(file, annotations)
    found, notes = modalities_of(file, names, None if given else counts_layer)
    droplets = droplets_of(
        protein_transform, empty_droplets, empty_droplet_counts, isotype_controls
    )
    if given:
        read = {kind: read_features(file, name) for kind, name in names.items()}
    else:
        if droplets is not None and PROTEIN in found:
            found[PROTEIN], _ = denoised(found[PROTEIN], droplets, file.where, counts_layer)
        read = {
            kind: read_matrix(
                one, one.obs.index, kind, file.where, counts_layer, counts=counted[kind]
            )
            for kind, one in found.items()
        }
        if len(found) > 1:
            notes += validation.name_notes(found[RNA].features, found[PROTEIN].features)
    columns = cell_columns((file.obs, *(one.obs for one in found.values())), _union(found))
    return AnyCells(
        where=file.where,
        rna=read.get(RNA),
        prot=read.get(PROTEIN),
        empty={
            kind: without_counts(data) if counted[kind] else np.zeros(data.n_obs, dtype=bool)
            for kind, data in read.items()
        },
        labels=find_labels(
            columns, labels, file.where, FEATURE_LABEL_NAMES if given else LABEL_NAMES
        ),
        batch=find_batch(columns, batch, file.where),
        notes=notes,
    )


def without_counts(data: AnnData, features: Sequence[str] | None = None) -> NDArray[np.bool_]:
    """Tell which cells have no count, of some features or of all; bool, shape (cells,)."""
    counts = data.X if features is None else data[:, list(features)].X
    empty: NDArray[np.bool_] = np.asarray(counts.sum(axis=1)).ravel() == 0
    return empty


def find_kinds(
    file: CellFile,
    *,
    rna_modality: str | None = None,
    protein_modality: str | None = None,
    modality: str | None = None,
    known: Mapping[str, pd.Index] | None = None,
    need: Sequence[str] = (),
) -> dict[str, str]:
    """Find out what RNA and protein are called in a file that may have one of them alone.

    Parameters and errors are those of `read_cells`.

    Returns
    -------
    dict of str to str
        Names in the file by kind, RNA first; a kind that is not there is left out.
    """
    if modality is not None and modality not in IN_WORDS:
        raise ValueError(f"modality is '{modality}'; needed is one of {', '.join(IN_WORDS)}")
    named = {RNA: rna_modality, PROTEIN: protein_modality}
    if file.kind == FEATURES:
        names = feature_kinds(file, rna_modality, protein_modality, known)
        names = {kind: names[kind] for kind in names if modality in (None, kind)}
        _refuse_missing(file, names, need)
        return names
    if list(file.modalities) == [UNNAMED]:
        names = {modality or _kind_by_features(file, known or {}): UNNAMED}
    else:
        names = {}
        for kind in IN_WORDS if modality is None else [modality]:
            matches = recognised(file, kind, named[kind])
            if len(matches) > 1:
                raise InputError(
                    f"{file.where}: more than one {IN_WORDS[kind]} modality recognised among the "
                    f"modalities found ({listed(file)}); name one with {OPTIONS[kind]}="
                )
            if matches:
                names[kind] = matches[0]
    _refuse_missing(file, names, need if modality is None else [modality])
    return names


def _refuse_missing(file: CellFile, names: dict[str, str], need: Sequence[str]) -> None:
    if len(names) > 1 and names[RNA] == names[PROTEIN]:
        raise InputError(f"{file.where}: modality '{names[RNA]}' cannot be both RNA and protein")
    missing = [kind for kind in need if kind not in names]
    if missing or not names:
        what = " or ".join(IN_WORDS[kind] for kind in missing or IN_WORDS)
        options = " or ".join(f"{OPTIONS[kind]}=" for kind in missing or IN_WORDS)
        raise InputError(
            f"{file.where}: no {what} modality recognised among the modalities found "
            f"({listed(file)}); it is needed here, under its usual name or named with {options}"
        )


def _kind_by_features(file: CellFile, known: Mapping[str, pd.Index]) -> str:
    """Tell what a file of one matrix holds by the features it shares with those known."""
    features = file.modalities[UNNAMED].features
    shared = {kind: len(names.intersection(features)) for kind, names in known.items()}
    # Proteins called like their genes are found among both, but are all the proteins there are.
    score = {
        kind: (shared[kind], shared[kind] / max(len(names), 1)) for kind, names in known.items()
    }
    best = max(score, key=score.__getitem__, default=None)
    if best is None or not shared[best] or list(score.values()).count(score[best]) > 1:
        compared = "" if not known else ", nor do the names of its features"
        raise InputError(
            f"{file.where}: a .h5ad file of one matrix, and nothing in it tells whether it holds RNA "
            f"or protein{compared}; 'var' needs a column 'feature_types' with Gene Expression or "
            "Antibody Capture in it, or give a .h5mu file"
        )
    return best


def _union(found: Mapping[str, Modality]) -> pd.Index:
    """Return the names of all cells: those of the first modality, then those of the other alone."""
    first, *others = (one.obs.index for one in found.values())
    return first.append([other.difference(first, sort=False) for other in others])
