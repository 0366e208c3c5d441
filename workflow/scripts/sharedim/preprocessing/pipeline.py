"""Pipeline from raw counts to features: Seurat's WNN recipe, as in the paper."""

from __future__ import annotations

import logging
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import scanpy as sc
from anndata import AnnData
from numpy.typing import NDArray
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.utils.sparsefuncs import mean_variance_axis

from sharedim.errors import InputError
from sharedim.io.protein_values import AS_GIVEN
from sharedim.preprocessing.options import PAPER, FeatureOptions, Features, moments
from sharedim.preprocessing.precomputed import given_features, steps_of
from sharedim.preprocessing.projection import (
    LOG_NORMALISE,
    RNA_TARGET_SUM,
    ROWS_AT_ONCE,
    Projection,
    depths,
    log_normalised,
)
from sharedim.preprocessing.protein_transforms import (
    DENOISED,
    IN_WORDS,
    mean_logarithms,
    transform_proteins,
)

logger = logging.getLogger(__name__)

# A local curve of second degree through a third of the genes needs some.
FEWEST_VARYING_GENES = 50
TOO_FEW_TO_TELL = "variable genes cannot be told from so few cells or counts"
WITHOUT_TELLING = (
    "leave variable_genes_by_batch off, or set variable_genes to at least the number of genes"
)


def preprocess(
    rna: AnnData,
    prot: AnnData,
    *,
    options: FeatureOptions = PAPER,
    batch: pd.Series | None = None,
    left_out: NDArray[np.int64] | None = None,
    counted: bool = True,
) -> dict[str, Features]:
    """Return the features of both modalities as ``rna`` and ``prot``.

    Parameters
    ----------
    rna, prot : AnnData
        Raw counts of the same cells, or features of the same pairs. Not changed.
    options : FeatureOptions
        The paper's by default.
    batch : Series, optional
        Batch of each cell, for the options that need it.
    left_out : ndarray of int64, optional
        Row numbers of cells on which nothing is fitted; they get features all the same.
    counted : bool
        Whether there are counts; else there are features already.
    """
    fitted = np.setdiff1d(np.arange(rna.n_obs), [] if left_out is None else left_out)
    if not counted:
        return given_features(rna, prot, options, fitted)
    features = {
        "rna": rna_features(rna, options=options, batch=batch, fitted_rows=fitted),
        "prot": protein_features(prot, options=options, fitted_rows=fitted),
    }
    if options.harmony:
        batches = _needed(batch, "harmony")
        features = {name: _without_batch(found, batches) for name, found in features.items()}
    return features


def rna_features(
    rna: AnnData,
    *,
    options: FeatureOptions = PAPER,
    batch: pd.Series | None = None,
    fitted_rows: NDArray[np.int64] | None = None,
) -> Features:
    """Log-normalise, choose variable genes, scale, and take principal components.

    Counts are scaled to 10,000 a cell and log1p-transformed; the most variable genes (Seurat's vst,
    on the counts) are centred, scaled and clipped; components are kept as far as the data allow.

    Parameters
    ----------
    rna : AnnData
        Raw counts as CSR, shape (cells, genes). Not changed.
    options : FeatureOptions
        Numbers of genes and components, and where to clip.
    batch : Series, optional
        Batch of each cell, where variable genes are ranked within batches.
    fitted_rows : ndarray of int64, optional
        Cells that choose the genes and fit scale and components; all of them by default.

    Returns
    -------
    Features
    """
    counts = sparse.csr_matrix(rna.X)
    rows = np.arange(rna.n_obs) if fitted_rows is None else fitted_rows
    variable = _variable_genes(counts, rna.var_names, rows, options, batch)
    # Depth counts every gene, the block only the variable ones: nothing else is ever normalised.
    block = log_normalised(counts[:, variable], depths(counts))
    mean, deviation = moments(block, rows)
    block = _scaled(block, mean, deviation, options.scaled_limit)
    pca = _principal_components(block, options.rna_components, rows, "RNA")
    return Features(
        components=_rotated(pca, block),
        standard_deviations=np.sqrt(pca.explained_variance_),
        projection=Projection(
            names=list(rna.var_names),
            used=variable,
            transform=LOG_NORMALISE,
            log_means=np.empty(0),
            mean=mean,
            deviation=deviation,
            limit=options.scaled_limit,
            centre=pca.mean_,
            loadings=pca.components_,
        ),
    )


def protein_features(
    prot: AnnData, *, options: FeatureOptions = PAPER, fitted_rows: NDArray[np.int64] | None = None
) -> Features:
    """Transform protein values, scale, and take all but one of the principal components.

    Proteins are centred, scaled and clipped after the transform; values denoised by dsb are
    centred only, as they are in units of their background's standard deviation.

    Parameters
    ----------
    prot : AnnData
        Raw counts, or values already transformed, shape (cells, proteins). Not changed.
    options : FeatureOptions
        The transform, and where to clip.
    fitted_rows : ndarray of int64, optional
        Cells that fit scale and components; all of them by default.

    Returns
    -------
    Features
        With ``proteins - 1`` components.
    """
    rows = np.arange(prot.n_obs) if fitted_rows is None else fitted_rows
    values = prot.X.toarray() if sparse.issparse(prot.X) else prot.X
    name, limit = options.protein_transform, options.scaled_limit
    log_means = mean_logarithms(values[rows]) if name == "clr_per_protein" else None
    fitted_on_all = len(rows) == len(values)
    values = transform_proteins(values, name, None if fitted_on_all else log_means)
    mean, deviation = moments(values, rows)
    if name in DENOISED:
        deviation, limit = np.ones_like(deviation), np.inf
    block = _scaled(values, mean, deviation, limit)
    pca = _principal_components(block, prot.n_vars - 1, rows, "protein")
    return Features(
        components=_rotated(pca, block),
        standard_deviations=np.sqrt(pca.explained_variance_),
        projection=Projection(
            names=list(prot.var_names),
            used=np.arange(prot.n_vars),
            # New cells have droplets of their own: their values have to be denoised before.
            transform="dsb" if name in DENOISED else name,
            log_means=np.empty(0) if log_means is None else log_means,
            mean=mean,
            deviation=deviation,
            limit=limit,
            centre=pca.mean_,
            loadings=pca.components_,
        ),
        transformed=values.astype(np.float32),
    )


def summarise(
    features: dict[str, Features],
    options: FeatureOptions = PAPER,
    left_out: NDArray[np.int64] | None = None,
) -> dict[str, object]:
    """Return what was done, as plain values for ``preprocessing.json``."""
    steps = _in_words(features, options)
    done = {
        modality: {
            "steps": steps[modality],
            "components": found.components.shape[1],
            "standard_deviations": [round(float(sd), 6) for sd in found.standard_deviations],
            "features": found.features,
        }
        for modality, found in features.items()
    }
    cells = len(features["rna"].components)
    unfitted = 0 if left_out is None else len(left_out)
    given = features["rna"].projection.transform == AS_GIVEN
    if given and options.feature_scaling == "none":
        return {
            **done,
            "fitted_on": "no pairs, since nothing is fitted",
            "options": asdict(options),
        }
    pairs = "pairs" if given else "cells"
    fitted_on = (
        f"{cells - unfitted:,} of {cells:,} {pairs}, without the held-out ones"
        if unfitted
        else f"all {pairs}, held-out {pairs} included, as in the paper"
    )
    return {**done, "fitted_on": fitted_on, "options": asdict(options)}


def _in_words(features: dict[str, Features], options: FeatureOptions) -> dict[str, str]:
    """Return what was done to each modality, for a methods section."""
    if features["rna"].projection.transform == AS_GIVEN:
        return {
            name: steps_of(found, options, place)
            for place, (name, found) in enumerate(features.items())
        }
    counts = {name: len(found.projection.used) for name, found in features.items()}
    scaled = f"scaled and clipped at {options.scaled_limit:g} standard deviations"
    ranked = ", ranked within batches" if options.variable_genes_by_batch else ""
    denoised = options.protein_transform in DENOISED
    corrected = ", corrected for the batch by Harmony" if options.harmony else ""
    kept = {
        name: f"{found.components.shape[1]} principal components{corrected}"
        for name, found in features.items()
    }
    return {
        "rna": (
            f"log-normalised to {RNA_TARGET_SUM:,.0f} counts, {counts['rna']:,} variable genes{ranked}, "
            f"{scaled}, {kept['rna']}"
        ),
        "prot": (
            f"{IN_WORDS[options.protein_transform]}, {counts['prot']} proteins, "
            f"{'centred' if denoised else scaled}, {kept['prot']}"
        ),
    }


def _variable_genes(
    counts: sparse.csr_matrix,
    names: pd.Index,
    rows: NDArray[np.int64],
    options: FeatureOptions,
    batch: pd.Series | None,
) -> NDArray[np.int64]:
    """Return the column numbers of the most variable genes, in the order of the columns."""
    fitted = counts if len(rows) == counts.shape[0] else counts[rows]
    expressed = np.flatnonzero(np.bincount(fitted.indices, fitted.data > 0, counts.shape[1]))
    if len(expressed) < counts.shape[1]:
        logger.info("%d genes are zero in every cell", counts.shape[1] - len(expressed))
    if len(expressed) <= options.variable_genes:
        logger.info("only %d genes: all of them are used as variable genes", len(expressed))
        return expressed
    data = AnnData(X=fitted, var=pd.DataFrame(index=names))
    data.obs["batch"] = "all"
    if options.variable_genes_by_batch:
        data.obs["batch"] = _needed(batch, "variable_genes_by_batch").to_numpy()[rows]
    _refuse_too_few_varying_genes(data)
    try:
        sc.pp.highly_variable_genes(
            data,
            # Of several batches it takes the genes that are variable in most, as Seurat does.
            flavor="seurat_v3_paper",
            n_top_genes=options.variable_genes,
            batch_key="batch" if options.variable_genes_by_batch else None,
            # They were checked when the file was read.
            check_values=False,
        )
    except ValueError as error:
        # The curve of variance against mean cannot be drawn through too few cells.
        raise InputError(f"{TOO_FEW_TO_TELL}; {WITHOUT_TELLING}") from error
    return np.flatnonzero(data.var["highly_variable"].to_numpy())


def _needed(batch: pd.Series | None, option: str) -> pd.Series:
    """Return the batches, which an option does not go without."""
    if batch is None:
        raise ValueError(f"batch is None; {option} needs the batch of each cell")
    return batch


def _refuse_too_few_varying_genes(data: AnnData) -> None:
    """Refuse counts through which the curve of variance against mean cannot be drawn.

    The library that draws it ends the whole process where there are no points to draw it through.
    """
    for name, rows in data.obs.groupby("batch").indices.items():
        part = data.X if len(rows) == data.n_obs else data.X[rows]
        varying = int((mean_variance_axis(part, axis=0)[1] > 0).sum())
        if varying < FEWEST_VARYING_GENES:
            raise InputError(
                f"{TOO_FEW_TO_TELL} (batch {name}: {varying} genes vary among {len(rows)} cells); "
                f"{WITHOUT_TELLING}"
            )


def _scaled(
    values: NDArray[np.float64] | sparse.csr_matrix,
    mean: NDArray[np.float64],
    deviation: NDArray[np.float64],
    limit: float,
) -> NDArray[np.floating]:
    """Centre and scale each column, clip, and return a dense block.

    A sparse block becomes dense in single precision, part by part; a dense one stays in double.
    """
    block = np.empty(values.shape, dtype=np.float32 if sparse.issparse(values) else np.float64)
    for first in range(0, len(block), ROWS_AT_ONCE):
        part = values[first : first + ROWS_AT_ONCE]
        part = part if isinstance(part, np.ndarray) else part.toarray()
        block[first : first + len(part)] = np.clip((part - mean) / deviation, -limit, limit)
    return block


def _principal_components(
    block: NDArray[np.floating], wanted: int, rows: NDArray[np.int64], what: str
) -> PCA:
    components = min(wanted, block.shape[1] - 1, len(rows) - 1)
    if components < wanted:
        logger.info("%s: the data allow %d components, not %d", what, components, wanted)
    # Exact and repeatable; it centres again, which clipping has made necessary.
    pca = PCA(n_components=components, svd_solver="covariance_eigh")
    return pca.fit(block if len(rows) == len(block) else block[rows])


def _rotated(pca: PCA, block: NDArray[np.floating]) -> NDArray[np.float32]:
    parts = [
        pca.transform(block[first : first + ROWS_AT_ONCE])
        for first in range(0, len(block), ROWS_AT_ONCE)
    ]
    return np.concatenate(parts).astype(np.float32)


def _without_batch(features: Features, batch: pd.Series) -> Features:
    """Correct components for the batch with Harmony (Korsunsky et al. 2019)."""
    # Only those who ask for it wait for its import.
    import harmonypy

    table = pd.DataFrame({"batch": batch.to_numpy()})
    corrected = harmonypy.run_harmony(
        features.components.astype(np.float64), table, "batch", verbose=False, ncores=1
    ).Z_corr
    return replace(
        features,
        components=corrected.astype(np.float32),
        standard_deviations=corrected.std(axis=0, ddof=1),
        projection=replace(features.projection, batch_corrected=True),
    )
