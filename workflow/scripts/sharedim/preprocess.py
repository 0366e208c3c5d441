"""From raw counts to the features that are trained on: Seurat's WNN recipe, as the paper has it."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import muon
import numpy as np
import scanpy as sc
from anndata import AnnData

logger = logging.getLogger(__name__)

RNA_TARGET_SUM = 1e4
VARIABLE_GENES = 2000
RNA_COMPONENTS = 200
SCALED_LIMIT = 10.0


@dataclass(frozen=True)
class Features:
    """Principal components of one modality.

    Attributes
    ----------
    components : ndarray of float32, shape (cells, components)
        Scores, not scaled to unit variance.
    standard_deviations : ndarray, shape (components,)
        Standard deviation of each component, the spectrum.
    features : list of str
        The genes or proteins they were computed from.
    """

    components: np.ndarray
    standard_deviations: np.ndarray
    features: list[str]


def rna_features(rna: AnnData) -> Features:
    """Log-normalise, choose variable genes, scale, and take principal components.

    Counts are scaled to 10,000 a cell and log1p-transformed; the 2,000 most variable genes
    (Seurat's vst, on the counts) are centred, scaled and clipped at 10; 200 components are kept,
    fewer where the data allow fewer. Fitted on all cells, as in the paper.

    Parameters
    ----------
    rna : AnnData
        Raw counts, shape (cells, genes). Not changed.

    Returns
    -------
    Features
    """
    expressed = np.asarray((rna.X > 0).sum(axis=0)).ravel() > 0
    if not expressed.all():
        logger.info("%d genes are zero in every cell and are left out", (~expressed).sum())
    rna = rna[:, expressed].copy()
    if rna.n_vars > VARIABLE_GENES:
        sc.pp.highly_variable_genes(rna, flavor="seurat_v3", n_top_genes=VARIABLE_GENES)
        variable = rna.var["highly_variable"].to_numpy()
    else:
        logger.info("only %d genes: all of them are used as variable genes", rna.n_vars)
        variable = np.ones(rna.n_vars, dtype=bool)
    # Depth counts every gene, the scaled block only the variable ones.
    sc.pp.normalize_total(rna, target_sum=RNA_TARGET_SUM)
    sc.pp.log1p(rna)
    return _principal_components(rna[:, variable].copy(), RNA_COMPONENTS, "RNA")


def protein_features(prot: AnnData) -> Features:
    """Centre log-ratios within each cell, scale, and take principal components.

    The centred log-ratio is taken **per cell across its proteins** (what Seurat calls margin 2):
    ``log1p(x / exp(sum over positive x of log1p(x) / n_proteins))``. Proteins are then centred,
    scaled and clipped at 10, and ``n_proteins - 1`` components are kept.

    Parameters
    ----------
    prot : AnnData
        Raw counts, shape (cells, proteins). Not changed.

    Returns
    -------
    Features
    """
    prot = prot.copy()
    prot.X = prot.X.astype(np.float64)
    # muon's axis=1 works within each cell; its default, axis=0, within each protein.
    muon.prot.pp.clr(prot, axis=1)
    return _principal_components(prot, prot.n_vars - 1, "protein")


def preprocess(rna: AnnData, prot: AnnData) -> dict[str, Features]:
    """Return the features of both modalities as ``rna`` and ``prot``."""
    return {"rna": rna_features(rna), "prot": protein_features(prot)}


def summarise(features: dict[str, Features]) -> dict:
    """Return what was done, as plain values for ``preprocessing.json``."""
    return {
        modality: {
            "components": found.components.shape[1],
            "standard_deviations": [round(float(sd), 6) for sd in found.standard_deviations],
            "features": found.features,
        }
        for modality, found in features.items()
    }


def _principal_components(data: AnnData, wanted: int, what: str) -> Features:
    # Scaling makes the block dense, which sparse input would only announce as a warning.
    data.X = data.X.toarray() if hasattr(data.X, "toarray") else data.X
    sc.pp.scale(data, max_value=SCALED_LIMIT)
    components = min(wanted, data.n_vars - 1, data.n_obs - 1)
    if components < wanted:
        logger.info("%s: the data allow %d components, not %d", what, components, wanted)
    # Exact and repeatable; it centres again, which clipping has made necessary.
    sc.pp.pca(data, n_comps=components, svd_solver="covariance_eigh")
    return Features(
        components=np.ascontiguousarray(data.obsm["X_pca"], dtype=np.float32),
        standard_deviations=np.sqrt(data.uns["pca"]["variance"]),
        features=list(data.var_names),
    )
