"""Simulated cells and droplets of one run, whose true protein levels and ambient counts are known."""

from __future__ import annotations

from pathlib import Path

import mudata
import numpy as np
import pandas as pd
from anndata import AnnData
from cell_files import write_10x_h5
from scipy import sparse

CELLS, DROPLETS, PROTEINS = 600, 900, 22
NAMES = [*(f"p{i}" for i in range(PROTEINS - 2)), "Mouse-IgG1", "Rat-IgG2b"]


def simulated_counts() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts of cells and droplets, and the true level of each protein on each cell."""
    rng = np.random.default_rng(0)
    types = rng.integers(0, 4, size=CELLS)
    # A type has some of the proteins, and none of the last two, the controls.
    on = rng.random((4, PROTEINS)) < 0.4
    on[:, -2:] = False
    level = on[types] * rng.lognormal(5, 0.5, size=(CELLS, PROTEINS))
    # Antibodies differ in how much of them floats, and cells in how much of it they come with.
    ambient = rng.lognormal(3, 1, size=PROTEINS)
    depth, background = (rng.lognormal(0, spread, size=(CELLS, 1)) for spread in (0.2, 0.7))
    counts = rng.poisson(level * depth + ambient * background)
    floating = rng.poisson(0.5 * ambient * rng.lognormal(0, 0.3, size=(DROPLETS, 1)))
    floating[: DROPLETS // 3] = rng.poisson(0.05, size=(DROPLETS // 3, PROTEINS))
    return level, counts, floating


def modalities_of(
    counts: np.ndarray, floating: np.ndarray
) -> tuple[AnnData, AnnData, AnnData, AnnData]:
    """Return RNA and protein of the cells, and both of all barcodes."""
    rng = np.random.default_rng(1)
    names = [f"cell{i}" for i in range(CELLS)]
    barcodes = [*names, *(f"droplet{i}" for i in range(DROPLETS))]
    rna = AnnData(
        sparse.csr_matrix(rng.poisson(2.0, size=(CELLS, 250)).astype(np.float32)),
        pd.DataFrame(index=names),
        pd.DataFrame(index=[f"g{i}" for i in range(250)]),
    )
    var = pd.DataFrame(index=NAMES)
    prot = AnnData(sparse.csr_matrix(counts.astype(np.float32)), pd.DataFrame(index=names), var)
    everything = np.vstack([counts, floating]).astype(np.float32)
    raw = AnnData(sparse.csr_matrix(everything), pd.DataFrame(index=barcodes), var)
    raw_rna = AnnData(
        sparse.csr_matrix((len(barcodes), 250), dtype=np.float32),
        pd.DataFrame(index=barcodes),
        rna.var,
    )
    return rna, prot, raw_rna, raw


def write_run(folder: Path) -> tuple[Path, Path]:
    """Write the cells and the raw matrix of the same run."""
    _, counts, floating = simulated_counts()
    rna, prot, raw_rna, raw = modalities_of(counts, floating)
    mudata.MuData({"rna": rna, "prot": prot}).write_h5mu(folder / "cells.h5mu")
    # Proteins in another order than the cells'.
    turned = raw[:, ::-1].copy()
    droplets = write_10x_h5(folder, raw_rna, turned, pd.DataFrame(index=raw.obs_names))
    return folder / "cells.h5mu", droplets.rename(folder / "raw_feature_bc_matrix.h5")
