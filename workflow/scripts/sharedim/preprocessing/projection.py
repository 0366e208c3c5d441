"""Projection of cells to the fitted components: the saved preprocessing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from sharedim.errors import InputError, some_of
from sharedim.io.protein_values import AS_GIVEN
from sharedim.jobs.checkpoints import Header, ModelBlock, read_block, write_block
from sharedim.preprocessing.protein_transforms import transform_proteins

RNA_TARGET_SUM = 1e4
LOG_NORMALISE = "log_normalise"
# Rows made dense or projected together.
ROWS_AT_ONCE = 20_000
PLACES = {"rna": "first", "prot": "second"}
FEATURE_WORDS = {"rna": "genes", "prot": "proteins"}
ARRAYS = ("used", "log_means", "mean", "deviation", "centre", "loadings")


@dataclass(frozen=True)
class Projection:
    """How counts of one modality become principal components, as fitted on some cells.

    Attributes
    ----------
    names : list of str
        All genes or proteins that were there: the depth of a cell's RNA counts all of them.
    used : ndarray of int64, shape (features,)
        Places in `names` of those that components are computed from.
    transform : str
        ``"log_normalise"`` for RNA, ``"as_given"`` for precomputed features, which are scaled at
        most and not rotated, or as
        `sharedim.preprocessing.protein_transforms.transform_proteins` names it.
    log_means : ndarray, shape (features,) or (0,)
        Mean logarithms of the proteins, which ``clr_per_protein`` needs.
    mean, deviation : ndarray, shape (features,)
        By which values are centred and scaled.
    limit : float
        Where scaled values are clipped.
    centre : ndarray, shape (features,)
        Subtracted from scaled values before they are multiplied by the loadings.
    loadings : ndarray, shape (components, features)
        Principal axes; of given features none.
    batch_corrected : bool
        Whether Harmony changed the components afterwards, which it cannot do for other cells.
    predicted : list of int, or None
        Places in `used` of the features whose values the reference of a model keeps and that are
        predicted; None for all.
    """

    names: list[str]
    used: NDArray[np.int64]
    transform: str
    log_means: NDArray[np.float64]
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    limit: float
    centre: NDArray[np.floating]
    loadings: NDArray[np.floating]
    batch_corrected: bool = False
    predicted: list[int] | None = None

    @property
    def features(self) -> list[str]:
        """The genes or proteins that components are computed from."""
        return [self.names[place] for place in self.used]

    @property
    def predicted_features(self) -> list[str]:
        """Those whose values are predicted."""
        features = self.features
        return features if self.predicted is None else [features[place] for place in self.predicted]

    def scale(self, values: NDArray[np.floating]) -> NDArray[np.floating]:
        """Centre, scale and clip values of the features; missing ones become their mean, 0."""
        scaled = np.clip((values - self.mean) / self.deviation, -self.limit, self.limit)
        finite: NDArray[np.floating] = np.nan_to_num(scaled, copy=False, nan=0.0)
        return finite

    def rotate(self, scaled: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the components of scaled values."""
        if self.transform == AS_GIVEN:
            return scaled
        components: NDArray[np.floating] = (scaled - self.centre) @ self.loadings.T
        return components

    def restore(
        self, components: NDArray[np.floating], columns: slice = slice(None)
    ) -> NDArray[np.floating]:
        """Return transformed values of some features from components, as far as these hold them."""
        if self.transform == AS_GIVEN:
            return components[:, columns]
        scaled = components @ self.loadings[:, columns] + self.centre[columns]
        restored: NDArray[np.floating] = scaled * self.deviation[columns] + self.mean[columns]
        return restored

    def project(self, matched: Matched) -> NDArray[np.float32]:
        """Return the components of cells.

        Parameters
        ----------
        matched : Matched
            As `match_features` gives it.

        Returns
        -------
        ndarray of float32, shape (n, components)
        """
        parts = [self.rotate(self.scale(values)) for values in self.transformed(matched)]
        return np.concatenate(parts).astype(np.float32)

    def transformed(self, matched: Matched) -> Iterator[NDArray[np.float64]]:
        """Yield transformed values of the features, some cells at a time, nan where missing."""
        here = matched.places[self.used] >= 0
        for first in range(0, max(1, matched.matrix.shape[0]), ROWS_AT_ONCE):
            part = matched.matrix[first : first + ROWS_AT_ONCE]
            values = np.full((part.shape[0], len(self.used)), np.nan)
            values[:, here] = self._transformed(part, matched.places, here)
            yield values

    def _transformed(
        self,
        part: NDArray[np.floating] | sparse.csr_matrix,
        places: NDArray[np.int64],
        here: NDArray[np.bool_],
    ) -> NDArray[np.floating]:
        chosen = places[self.used[here]]
        if self.transform == AS_GIVEN:
            return part[:, chosen]
        if self.transform == LOG_NORMALISE:
            part = sparse.csr_matrix(part)
            depth = depths(part[:, places[places >= 0]])
            values: NDArray[np.float64] = log_normalised(part[:, chosen], depth).toarray()
            return values
        part = part if isinstance(part, np.ndarray) else part.toarray()
        means = self.log_means[here] if len(self.log_means) else None
        return transform_proteins(part[:, chosen], self.transform, means)


@dataclass(frozen=True)
class Matched:
    """Values of cells, their features matched by name with those of a projection.

    Attributes
    ----------
    matrix : ndarray or csr_matrix, shape (n, features of the file)
        As read.
    places : ndarray of int64, shape (names of the projection,)
        Column of each; -1 where the file has none.
    missing : list of str
        Features used by the projection that the file has not.
    """

    matrix: NDArray[np.floating] | sparse.csr_matrix
    places: NDArray[np.int64]
    missing: list[str]


def match_features(
    projection: Projection,
    matrix: NDArray[np.floating] | sparse.csr_matrix,
    names: pd.Index,
    *,
    modality: str,
    where: str,
    limit: float,
) -> Matched:
    """Match the features of a file by name with those that a model knows.

    Names that differ in case, dots, dashes and underscores only are the same where that leaves no
    doubt, since Seurat turns underscores into dashes.

    Parameters
    ----------
    projection : Projection
        Of the model.
    matrix : ndarray or csr_matrix, shape (n, features)
        Counts, or protein values transformed before where the model's were.
    names : Index
        Of the features.
    modality, where : str
        ``"rna"`` or ``"prot"``, and the file: for messages.
    limit : float
        Largest fraction of the features used that may be missing.

    Raises
    ------
    InputError
        If more than that are missing, or given features are more or fewer than the model's.
    """
    if projection.transform == AS_GIVEN and len(names) != len(projection.names):
        raise InputError(
            f"{where}: {len(names):,} features of the {PLACES[modality]} modality, where "
            f"the model has {len(projection.names):,}; precomputed features must be of the same kind"
        )
    places = _places(pd.Index(projection.names), names)
    used = projection.features
    missing = [name for name, place in zip(used, places[projection.used], strict=True) if place < 0]
    if len(missing) > limit * len(used):
        kind = FEATURE_WORDS[modality]
        raise InputError(
            f"{where}: {len(missing):,} of the {len(used):,} {kind} that the model uses are missing "
            f"({some_of(missing)}; the file has {some_of(list(names))}), more than {limit:.0%}; name "
            f"{kind} as the model's data do, or set missing_features higher"
        )
    return Matched(matrix, places, missing)


def _places(wanted: pd.Index, names: pd.Index) -> NDArray[np.int64]:
    """Return the column of each wanted name, by its very name first, then but for spelling."""
    names = pd.Index([str(name) for name in names])
    first = ~names.duplicated()
    places = np.full(len(wanted), -1)
    found = names[first].get_indexer(wanted)
    places[found >= 0] = np.flatnonzero(first)[found[found >= 0]]
    left, free = np.flatnonzero(places < 0), np.setdiff1d(np.flatnonzero(first), places)
    ours, theirs = (
        index.str.replace(r"[-_. ]+", "", regex=True).str.lower()
        for index in (wanted[left], names[free])
    )
    clear = ~theirs.duplicated(keep=False)
    found = theirs[clear].get_indexer(ours)
    sure = (found >= 0) & ~ours.duplicated(keep=False)
    places[left[sure]] = free[clear][found[sure]]
    return places


def depths(counts: sparse.csr_matrix) -> NDArray[np.float64]:
    """Return the number of counts of each cell."""
    return np.asarray(counts.sum(axis=1, dtype=np.float64)).ravel()


def log_normalised(counts: sparse.csr_matrix, depth: NDArray[np.float64]) -> sparse.csr_matrix:
    """Return the logarithm of one plus counts scaled to 10,000 a cell; 0 for a depth of 0.

    Parameters
    ----------
    counts : csr_matrix, shape (n, features)
        Raw counts of some features.
    depth : ndarray, shape (n,)
        Counts of each cell over all features.
    """
    scale = sparse.diags(RNA_TARGET_SUM / np.where(depth > 0, depth, 1))
    return (scale @ counts.astype(np.float64)).log1p()


def write_projections(path: str | Path, projections: dict[str, Projection]) -> None:
    """Write the projections of both modalities as one safetensors file, atomically."""
    write_block(path, ModelBlock(tensors_of(projections), header_of(projections)))


def read_projections(path: str | Path) -> dict[str, Projection]:
    """Read what `write_projections` wrote."""
    block = read_block(path)
    return projections_from(block.tensors, block.header)


def tensors_of(projections: dict[str, Projection]) -> dict[str, NDArray[np.generic]]:
    """Return the arrays of projections, named ``projection.<modality>.<array>``."""
    return {
        f"projection.{modality}.{name}": np.ascontiguousarray(getattr(projection, name))
        for modality, projection in projections.items()
        for name in ARRAYS
    }


def header_of(projections: dict[str, Projection]) -> Header:
    """Return all of projections that are no arrays, as plain values."""
    return {
        "projections": {
            modality: {
                "names": projection.names,
                "transform": projection.transform,
                "limit": float(projection.limit),
                "batch_corrected": projection.batch_corrected,
                "predicted": projection.predicted,
            }
            for modality, projection in projections.items()
        }
    }


def projections_from(
    tensors: Mapping[str, NDArray[np.generic]], header: Mapping[str, object]
) -> dict[str, Projection]:
    """Put projections together from `tensors_of` and `header_of`."""
    # Of the types that a projection has, which differ by name.
    plain: Mapping[str, Any] = header
    arrays: Mapping[str, Any] = tensors
    return {
        modality: Projection(
            **own, **{name: arrays[f"projection.{modality}.{name}"] for name in ARRAYS}
        )
        for modality, own in plain["projections"].items()
    }
