"""Time and memory from a file to features: python preprocessing.py CELLS ... [--genes GENES]."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

GENES, PROTEINS, LATENT = 17_000, 25, 8
NON_ZERO = 0.07
CELLS_AT_ONCE = 1_000


def write_cells(path: Path, cells: int, genes: int) -> None:
    """Write simulated counts, of which a share of 7 % is not zero, a part at a time."""
    import mudata
    import pandas as pd
    from anndata import AnnData
    from scipy import sparse

    rng = np.random.default_rng(0)
    loadings = rng.normal(scale=0.25, size=(LATENT, genes)).astype(np.float32)
    level = rng.normal(scale=1.6, size=genes).astype(np.float32)
    # What makes the share of genes that are found in a cell come out right.
    level -= _shift(level + rng.normal(scale=0.25 * LATENT**0.5, size=genes))
    parts = []
    for first in range(0, cells, CELLS_AT_ONCE):
        latent = rng.standard_normal((min(CELLS_AT_ONCE, cells - first), LATENT), dtype=np.float32)
        rate = np.exp(level + latent @ loadings)
        parts.append(sparse.csr_matrix(rng.poisson(rate).astype(np.float32)))
    names = pd.Index([f"cell{i}" for i in range(cells)])
    counts = {"rna": sparse.vstack(parts, format="csr")}
    parts.clear()
    counts["prot"] = sparse.csr_matrix(rng.poisson(50.0, size=(cells, PROTEINS)).astype(np.float32))
    modalities = {
        name: AnnData(
            matrix,
            obs=pd.DataFrame(index=names),
            var=pd.DataFrame(index=[f"{name}{i}" for i in range(matrix.shape[1])]),
        )
        for name, matrix in counts.items()
    }
    with mudata.set_options(pull_on_update=False):
        mudata.MuData(modalities).write_h5mu(path)


def _shift(level: np.ndarray) -> float:
    """Return by how much to lower log rates for the wanted share of non-zero counts."""
    low, high = -10.0, 20.0
    for _ in range(50):
        middle = (low + high) / 2
        share = 1 - np.exp(-np.exp(level - middle)).mean()
        low, high = (middle, high) if share > NON_ZERO else (low, middle)
    return high


def preprocess(path: Path) -> None:
    """Read and preprocess as the two jobs do; print seconds, peak memory in MB and what came."""
    import resource

    from sharedim.io.paired import read_paired_cells
    from sharedim.preprocessing.pipeline import preprocess

    started = time.perf_counter()
    cells = read_paired_cells(path)
    read = time.perf_counter() - started
    features = preprocess(cells.rna, cells.prot)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    non_zero = cells.rna.X.nnz / np.prod(cells.rna.shape)
    print(read, seconds, peak, non_zero, features["rna"].components.shape[1])


def measure(cells: int, genes: int, threads: int) -> str:
    """Preprocess in a process of its own, and return the figures as a sentence."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cells.h5mu"
        # In a process of its own too: what a parent once held counts as its child's peak.
        this = [sys.executable, __file__, "--write", str(path), str(cells), "--genes", str(genes)]
        subprocess.run(this, check=True)
        threaded = {
            **os.environ,
            "OMP_NUM_THREADS": str(threads),
            "NUMBA_NUM_THREADS": str(threads),
        }
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, __file__, "--read", str(path)],
            check=True, capture_output=True, text=True, env=threaded,
        )  # fmt: skip
        whole = time.perf_counter() - started
    read, seconds, peak, non_zero, components = map(float, done.stdout.split())
    return (
        f"{cells:,} cells x {genes:,} genes, {non_zero:.1%} not zero, {threads} threads: "
        f"{whole:.1f} s with imports, {seconds:.1f} s without ({read:.1f} s of it reading), peak "
        f"{peak / 1024:.2f} GB, {components:.0f} components"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cells", type=int, nargs="*")
    parser.add_argument("--genes", type=int, default=GENES)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--read", type=Path)
    given = parser.parse_args()
    if given.write:
        write_cells(given.write, given.cells[0], given.genes)
    elif given.read:
        preprocess(given.read)
    else:
        for cells in given.cells:
            print(measure(cells, given.genes, given.threads), flush=True)


if __name__ == "__main__":
    main()
