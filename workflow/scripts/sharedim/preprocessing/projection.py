"""Projection of cells to the fitted components: the saved preprocessing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
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
    used: np.ndarray
    transform: str
    log_means: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    limit: float
    centre: np.ndarray
    loadings: np.ndarray
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

    def scale(self, values: np.ndarray) -> np.ndarray:
        """Centre, scale and clip values of the features; missing ones become their mean, 0."""
        scaled = np.clip((values - self.mean) / self.deviation, -self.limit, self.limit)
        return np.nan_to_num(scaled, copy=False, nan=0.0)

    def rotate(self, scaled: np.ndarray) -> np.ndarray:
        """Return the components of scaled values."""
        if self.transform == AS_GIVEN:
            return scaled
        return (scaled - self.centre) @ self.loadings.T

    def restore(self, components: np.ndarray, columns: slice = slice(None)) -> np.ndarray:
        """Return transformed values of some features from components, as far as these hold them."""
        if self.transform == AS_GIVEN:
            return components[:, columns]
        scaled = components @ self.loadings[:, columns] + self.centre[columns]
        return scaled * self.deviation[columns] + self.mean[columns]

    def project(self, matched: Matched) -> np.ndarray:
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

    def transformed(self, matched: Matched) -> Iterator[np.ndarray]:
        """Yield transformed values of the features, some cells at a time, nan where missing."""
        here = matched.places[self.used] >= 0
        for first in range(0, max(1, matched.matrix.shape[0]), ROWS_AT_ONCE):
            part = matched.matrix[first : first + ROWS_AT_ONCE]
            values = np.full((part.shape[0], len(self.used)), np.nan)
            values[:, here] = self._transformed(part, matched.places, here)
            yield values

    def _transformed(
        self, part: np.ndarray | sparse.csr_matrix, places: np.ndarray, here: np.ndarray
    ) -> np.ndarray:
        chosen = places[self.used[here]]
        if self.transform == AS_GIVEN:
            return part[:, chosen]
        if self.transform == LOG_NORMALISE:
            part = sparse.csr_matrix(part)
            depth = depths(part[:, places[places >= 0]])
            return log_normalised(part[:, chosen], depth).toarray()
        part = part.toarray() if sparse.issparse(part) else part
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

    matrix: np.ndarray | sparse.csr_matrix
    places: np.ndarray
    missing: list[str]


def match_features(
    projection: Projection,
    matrix: np.ndarray | sparse.csr_matrix,
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


def _places(wanted: pd.Index, names: pd.Index) -> np.ndarray:
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


def depths(counts: sparse.csr_matrix) -> np.ndarray:
    """Return the number of counts of each cell."""
    return np.asarray(counts.sum(axis=1, dtype=np.float64)).ravel()


def log_normalised(counts: sparse.csr_matrix, depth: np.ndarray) -> sparse.csr_matrix:
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


def tensors_of(projections: dict[str, Projection]) -> dict[str, np.ndarray]:
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


def projections_from(tensors: dict[str, np.ndarray], header: Header) -> dict[str, Projection]:
    """Put projections together from `tensors_of` and `header_of`."""
    return {
        modality: Projection(
            **plain, **{name: tensors[f"projection.{modality}.{name}"] for name in ARRAYS}
        )
        for modality, plain in header["projections"].items()
    }
