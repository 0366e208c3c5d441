"""Options of preprocessing, and the features that it makes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.sparsefuncs import mean_variance_axis

from sharedim.preprocessing.projection import Projection


@dataclass(frozen=True)
class FeatureOptions:
    """How features are made; the defaults are the paper's.

    Attributes
    ----------
    protein_transform : str
        As `sharedim.preprocessing.protein_transforms.transform_proteins` names them.
    variable_genes : int
        Genes kept for the components of RNA.
    variable_genes_by_batch : bool
        Rank genes within each batch and keep those that are variable in most batches.
    rna_components : int
        Components of RNA, fewer where the data allow fewer.
    scaled_limit : float
        Scaled values are clipped at this many standard deviations.
    harmony : bool
        Correct the components of both modalities for the batch.
    feature_scaling : str
        Of features that are given, in place of all the above: ``"none"``, ``"centred"`` or
        ``"standardised"``.
    feature_noise : float or list of two float
        Standard deviation of the noise added to given features, of both modalities or of each.
    repeated_noise : float
        The same for those that several pairs have alike.
    """

    protein_transform: str = "clr_per_cell"
    variable_genes: int = 2000
    variable_genes_by_batch: bool = False
    rna_components: int = 200
    scaled_limit: float = 10.0
    harmony: bool = False
    feature_scaling: str = "none"
    feature_noise: float | list[float] = 0
    repeated_noise: float = 0


PAPER = FeatureOptions()


@dataclass(frozen=True)
class Features:
    """Principal components of one modality, or the features that were given in their place.

    Attributes
    ----------
    components : ndarray of float32, shape (cells, components)
        Scores, not scaled to unit variance; or given features.
    standard_deviations : ndarray, shape (components,)
        Standard deviation of each component over the cells it was fitted on, the spectrum.
    projection : Projection
        How they were computed, so that it can be done for other cells.
    transformed : ndarray of float32, shape (cells, features), or None
        Of proteins the transformed values, before they were scaled; of given features those that are
        predicted.
    """

    components: NDArray[np.float32]
    standard_deviations: NDArray[np.floating]
    projection: Projection
    transformed: NDArray[np.float32] | None = None

    @property
    def features(self) -> list[str]:
        """The genes or proteins they were computed from."""
        return self.projection.features


def moments(
    values: NDArray[np.float64] | sparse.csr_matrix, rows: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and standard deviation of each column over some rows; 1 for one that is constant."""
    fitted = values if len(rows) == values.shape[0] else values[rows]
    if sparse.issparse(fitted):
        mean, variance = mean_variance_axis(fitted, axis=0)
    else:
        mean, variance = fitted.mean(axis=0), fitted.var(axis=0)
    # The sample's variance, as Seurat has it.
    deviation = np.sqrt(variance * len(rows) / (len(rows) - 1))
    return mean, np.where(deviation > 0, deviation, 1.0)
