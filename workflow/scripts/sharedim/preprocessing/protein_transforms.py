"""Transforms of protein counts before centring and scaling, by name."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sharedim.io.protein_values import muon_proteins

# By the names of the configuration; what they are, for a methods section.
IN_WORDS = {
    "clr_per_cell": "centred log-ratio within each cell, across its proteins",
    "clr_per_protein": "centred log-ratio within each protein, across the cells",
    "log_center": "logarithm of counts plus one, less its mean over the cell's proteins",
    "dsb": "values denoised by dsb before",
    "dsb_from_droplets": "denoised by dsb against empty droplets",
    "none": "values transformed before, taken as they are",
}
TRANSFORMS = tuple(IN_WORDS)
# In units of the background's standard deviation.
DENOISED = ("dsb", "dsb_from_droplets")


def mean_logarithms(values: NDArray[np.number]) -> NDArray[np.float64]:
    """Return the mean of log1p of each protein over some cells, which ``clr_per_protein`` needs."""
    means: NDArray[np.float64] = np.log1p(np.asarray(values, dtype=np.float64)).mean(axis=0)
    return means


def transform_proteins(
    values: NDArray[np.number], name: str, log_means: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Transform protein values.

    Parameters
    ----------
    values : ndarray, shape (cells, proteins)
        Raw counts; for ``none`` and those of `DENOISED` values that were transformed already.
    name : str
        ``clr_per_cell`` is the centred log-ratio of each cell across its proteins (Seurat's margin
        2), ``log1p(x / exp(mean(log1p(x))))``; ``clr_per_protein`` the same of each protein across
        the cells (Seurat's margin 1); ``log_center`` the logarithm ``log1p(x)`` less its mean over
        the cell's proteins; all others leave the values as they are.
    log_means : ndarray, shape (proteins,), optional
        As `mean_logarithms` gives it of the cells that ``clr_per_protein`` is fitted on; without,
        it is fitted on these cells.

    Returns
    -------
    ndarray of float64, shape (cells, proteins)

    Notes
    -----
    Seurat sums the logarithms over positive counts and divides by the number of all; zeros have
    the logarithm log1p(0) = 0, so that this is the mean. Both directions are
    ``muon.prot.pp.clr``'s, which knows them as axis 1 and axis 0 and cannot take means that were
    fitted on other cells.
    """
    exact = np.asarray(values, dtype=np.float64)
    if name == "clr_per_cell":
        return _centred_log_ratio(exact, axis=1)
    if name == "clr_per_protein":
        if log_means is None:
            return _centred_log_ratio(exact, axis=0)
        ratio: NDArray[np.float64] = np.log1p(exact / np.exp(log_means))
        return ratio
    if name == "log_center":
        logarithm = np.log1p(exact)
        centred: NDArray[np.float64] = logarithm - logarithm.mean(axis=1, keepdims=True)
        return centred
    if name in (*DENOISED, "none"):
        return exact
    raise ValueError(f"protein_transform '{name}' is none of {', '.join(TRANSFORMS)}")


def _centred_log_ratio(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    from anndata import AnnData

    # It writes into what it is given.
    data = AnnData(values.copy())
    muon_proteins().pp.clr(data, axis=axis)
    ratio: NDArray[np.float64] = data.X
    return ratio
