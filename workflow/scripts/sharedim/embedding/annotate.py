"""Annotation of the user's object with results, beside what is there and never in its place."""

from __future__ import annotations

import json
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import mudata
import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray

from sharedim.embedding.umap import SharedSpace, lay_out
from sharedim.io.modalities import PROTEIN, RNA
from sharedim.io.user_object import UserObject, storable

RECORD = "sharedim"
REPRESENTATION = "X_shared"
UMAP = "X_shared_umap"
GRAPH = "shared"
# The slots that results are written to and, in the record, taken out of again.
SLOTS = ("obs", "obsm", "obsp", "uns")


@dataclass(frozen=True)
class Results:
    """Results to put into an object; every table has one row per cell, by name.

    Attributes
    ----------
    representations : dict of str to DataFrame, shape (cells, d)
        The shared representation of each modality, ``"rna"`` or ``"prot"``.
    joint : DataFrame, shape (cells, d)
        One representation of each cell, for the graph and the UMAP of the whole object.
    columns : DataFrame
        Columns about cells, under the names they are to have.
    modality_columns : dict of str to DataFrame
        Columns about the cells of one modality.
    predicted : dict of str to dict of str to DataFrame
        By the modality they were predicted from: tables of predicted values, cells x features.
    provenance : dict
        Where all this comes from: texts, numbers, truth values, lists and dictionaries of them.
    cosine : bool
        Whether representations are compared by their directions alone.
    """

    representations: Mapping[str, pd.DataFrame]
    joint: pd.DataFrame
    columns: pd.DataFrame = field(default_factory=pd.DataFrame)
    modality_columns: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    predicted: Mapping[str, Mapping[str, pd.DataFrame]] = field(default_factory=dict)
    provenance: Mapping[str, object] = field(default_factory=dict)
    cosine: bool = True


class Annotated(NamedTuple):
    """Outcome of putting results in.

    Attributes
    ----------
    notes : list of str
        One sentence for each name that was taken.
    umaps : dict of str to DataFrame, shape (cells, 2)
        Coordinates of each modality's cells in the UMAP of both.
    """

    notes: list[str]
    umaps: dict[str, pd.DataFrame]


class _Writer:
    """Puts results into one object under free names, and remembers which."""

    def __init__(self, holder: mudata.MuData | AnnData, where: str, notes: list[str]) -> None:
        self.holder, self.where, self.notes = holder, where, notes
        self.written: dict[str, list[str]] = {}

    def put(self, slot: str, name: str, value: object) -> str:
        """Put a value into a slot and return the name it got there."""
        taken = getattr(self.holder, slot)
        free = _free_name(name, taken)
        if free != name:
            self.notes.append(
                f"{self.where} has {slot} '{name}' of its own, which stays; ours is '{free}'."
            )
        taken[free] = value
        self.written.setdefault(slot, []).append(free)
        return free

    def put_columns(self, columns: pd.DataFrame) -> None:
        """Put columns about cells into ``obs``, missing for cells they do not list."""
        _require_cells(columns, self.holder.obs_names)
        for name in columns:
            column = storable(columns[name].reindex(self.holder.obs_names))
            self.put(
                "obs", str(name), column.astype("category") if column.dtype == object else column
            )

    def put_table(self, name: str, table: pd.DataFrame) -> None:
        """Put a table with names for its columns into ``obsm``."""
        _require_cells(table, self.holder.obs_names)
        # A file keeps each column under its name, in which a stroke would open a folder.
        columns = table.columns.astype(str).str.replace("/", "|", regex=False)
        if list(columns) != list(table.columns):
            self.notes.append(f"{self.where}: in the columns of '{name}' a '/' is written as '|'.")
        aligned = table.reindex(self.holder.obs_names).astype(np.float32)
        self.put("obsm", name, aligned.set_axis(columns, axis=1))

    def put_space(self, space: SharedSpace, representation: str) -> None:
        """Put a graph where scanpy looks for one called ``shared``, and its UMAP."""
        graphs = (re.sub("_(distances|connectivities)$", "", name) for name in self.holder.obsp)
        key = _free_name(GRAPH, {*self.holder.uns, *graphs})
        if key != GRAPH:
            self.notes.append(
                f"{self.where} has a graph '{GRAPH}' of its own, which stays; ours is '{key}'."
            )
        self.put("obsp", f"{key}_distances", space.distances)
        self.put("obsp", f"{key}_connectivities", space.connectivities)
        description = {
            "connectivities_key": f"{key}_connectivities",
            "distances_key": f"{key}_distances",
            "params": space.parameters | {"use_rep": representation},
        }
        self.put("uns", key, description)
        self.put("obsm", UMAP, space.umap)


def annotate(opened: UserObject, results: Results, *, seed: int = 0) -> Annotated:
    """Put results into a user's object, in place.

    Each modality gets its representation (``obsm["X_shared"]``), its points in one UMAP of both
    (``obsm["X_shared_umap"]``), its columns and its predicted tables. The whole gets the joint
    representation, its UMAP and its graph (``obsp["shared_distances"]``,
    ``obsp["shared_connectivities"]``, ``uns["shared"]``), the columns, and the provenance
    (``uns["sharedim"]``). Cells without a result have missing values. What an earlier call left is
    taken out first; a name that the user has is left to the user, and ours gets a number.

    Parameters
    ----------
    opened : UserObject
        What `sharedim.io.user_object.open_object` returned. Changed.
    results : Results
        What to put in.
    seed : int
        Of the UMAPs.

    Returns
    -------
    Annotated

    Raises
    ------
    ValueError
        If results are of a modality or of cells that the object does not have.
    """
    data = opened.data
    notes: list[str] = []
    for kind in {*results.representations, *results.modality_columns, *results.predicted}:
        if kind not in opened.names:
            raise ValueError(f"results of '{kind}', but the object has {', '.join(opened.names)}")
    record = _take_out_earlier(data)
    whole = _Writer(data, "The object", notes)
    parts = {
        kind: _Writer(data.mod[name], f"Modality '{name}'", notes)
        for kind, name in opened.names.items()
    }
    for kind, columns in results.modality_columns.items():
        parts[kind].put_columns(columns)
    umaps = _put_representations(parts, results, seed)
    for kind, tables in results.predicted.items():
        for name, table in tables.items():
            parts[kind].put_table(name, table)
    joint = _aligned(results.joint, data.obs_names)
    name = whole.put("obsm", REPRESENTATION, joint)
    whole.put_space(lay_out(joint, cosine=results.cosine, seed=seed), name)
    whole.put_columns(results.columns)
    data.uns[record] = {
        **_writable_record(results.provenance),
        "written": whole.written,
        "written_in": {opened.names[kind]: part.written for kind, part in parts.items()},
    }
    return Annotated(notes, umaps)


def _put_representations(
    parts: Mapping[str, _Writer], results: Results, seed: int
) -> dict[str, pd.DataFrame]:
    """Put each modality's representation, and its points in a UMAP of both, and return these."""
    points = {
        kind: _aligned(results.representations[kind], parts[kind].holder.obs_names)
        for kind in (RNA, PROTEIN)
        if kind in results.representations
    }
    if not points:
        return {}
    together = lay_out(np.concatenate(list(points.values())), cosine=results.cosine, seed=seed)
    ends = np.cumsum([len(own) for own in points.values()])
    umaps = {}
    for (kind, own), umap in zip(points.items(), np.split(together.umap, ends[:-1]), strict=True):
        parts[kind].put("obsm", REPRESENTATION, own)
        parts[kind].put("obsm", UMAP, umap)
        umaps[kind] = pd.DataFrame(umap, parts[kind].holder.obs_names)
    return umaps


def _aligned(table: pd.DataFrame, cells: pd.Index) -> NDArray[np.float32]:
    """Return a table's values in the order of cells, NaN for those it does not list."""
    _require_cells(table, cells)
    return table.reindex(cells).to_numpy(dtype=np.float32)


def _require_cells(table: pd.DataFrame, cells: pd.Index) -> None:
    unknown = table.index.difference(cells)
    if len(unknown):
        raise ValueError(
            f"{len(unknown):,} cells with results (such as '{unknown[0]}') are not in the object"
        )


def _take_out_earlier(data: mudata.MuData) -> str:
    """Take out what an earlier call left; return the name for the new record in ``uns``."""
    for key, record in list(data.uns.items()):
        if key.startswith(RECORD) and isinstance(record, Mapping) and "written_in" in record:
            _take_out(data, record.get("written", {}))
            for name, written in record["written_in"].items():
                if name in data.mod:
                    _take_out(data.mod[name], written)
            del data.uns[key]
    return _free_name(RECORD, data.uns)


def _take_out(holder: mudata.MuData | AnnData, written: Mapping[str, list[str]]) -> None:
    for slot in SLOTS:
        for name in written.get(slot, ()):
            if name in getattr(holder, slot):
                del getattr(holder, slot)[name]


def _free_name(name: str, taken: Container[str]) -> str:
    """Return the name, with the first number that makes it free where it is taken."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free


def _writable_record(values: Mapping[str, object]) -> dict[str, object]:
    return {str(key): _writable(one) for key, one in values.items() if one is not None}


def _writable(value: object) -> object:
    """Return a value as a file can hold it: what is not simple becomes text, None is left out."""
    if isinstance(value, Mapping):
        return _writable_record(value)
    if isinstance(value, list | tuple):
        kinds = {type(one) for one in value}
        simple = kinds <= {str} or kinds <= {int, float}
        return np.array(value) if value and simple else json.dumps(value, default=str)
    plain = isinstance(value, str | bool | int | float | np.generic | np.ndarray)
    return value if plain else str(value)
