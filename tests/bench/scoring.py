"""Seconds and memory of scoring one model: python scoring.py [--dim D] [--threads N] CELLS ...

Of so many simulated cells 10,000 train, up to 8,000 estimate the norm and the rest are held out; two
label levels of 8 and 27 types.
"""

from __future__ import annotations

import argparse
import resource
import time
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
import pandas as pd
import torch
from blocks import train_block

from sharedim.datasets.cite_seq import simulate_features
from sharedim.evaluation.scoring import score_block
from sharedim.training.recipes import CCA
from sharedim.training.splits import split_cells

TYPES = {"coarse": 8, "fine": 27}


def labels_of(rna: np.ndarray) -> pd.DataFrame:
    """Return types that the features tell, for the most part."""
    rng = np.random.default_rng(0)
    columns = {}
    for name, types in TYPES.items():
        scores = rna @ rng.normal(size=(rna.shape[1], types))
        scores += scores.std() * 0.3 * rng.gumbel(size=scores.shape)
        columns[name] = scores.argmax(axis=1).astype(str)
    return pd.DataFrame(columns)


def measure(cells: int, dim: int, threads: int) -> tuple[float, float, int]:
    """Return seconds of scoring one model, peak memory in MB, and how many cells are held out."""
    torch.set_num_threads(threads)
    rna, prot = simulate_features(cells=cells, shared_dimensions=8, curved=True, seed=0)
    labels = labels_of(rna)
    # In the paper's proportions.
    block = train_block(replace(CCA, validation_share=None), rna, prot, dim, [0])
    # What a scoring job does first is slower once.
    warm_up = np.arange(600)
    score_block(block, rna[warm_up], prot[warm_up], labels.iloc[warm_up])
    start = time.perf_counter()
    score_block(block, rna, prot, labels)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return seconds, peak, len(split_cells(cells, 0).test)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cells", type=int, nargs="+")
    parser.add_argument("--dim", type=int, default=13)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    for cells in arguments.cells:
        # A process of its own, for its own peak memory.
        with get_context("spawn").Pool(1) as pool:
            seconds, peak, test = pool.apply(measure, (cells, arguments.dim, arguments.threads))
        print(
            f"{cells:>9,} cells, {test:,} of them held out: {seconds:.1f} s a model at d = "
            f"{arguments.dim}, {arguments.threads} threads, peak memory {peak:.0f} MB"
        )


if __name__ == "__main__":
    main()
