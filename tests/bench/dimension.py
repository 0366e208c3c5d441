"""Local PCA of our own against scikit-dimension's: python dimension.py [--cells N] [--dim D].

Times the whole scoring of one model with either, in turn, within one run.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import numpy as np
import skdim
import torch
from blocks import train_block
from scoring import labels_of

from sharedim.datasets.cite_seq import simulate_features
from sharedim.evaluation import intrinsic_dimension
from sharedim.evaluation.scoring import score_block
from sharedim.training.recipes import CCA

ROUNDS = 3
OWN = intrinsic_dimension._local_pca


def of_library(points: np.ndarray, indices: np.ndarray) -> float:
    """Return the mean over neighbourhoods as the library computes it."""
    # It counts cells although it is given their neighbours.
    return skdim.id.lPCA().fit_transform_pw(points, indices, n_neighbors=2).mean()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=3000)
    parser.add_argument("--dim", type=int, default=6)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rna, prot = simulate_features(cells=arguments.cells, shared_dimensions=8, curved=True, seed=0)
    labels = labels_of(rna)
    block = train_block(replace(CCA, validation_share=None), rna, prot, arguments.dim, [0])
    seconds: dict[str, list[float]] = {"own": [], "library": []}
    for round_ in range(ROUNDS + 1):
        for name, function in (("own", OWN), ("library", of_library)):
            intrinsic_dimension._local_pca = function
            start = time.perf_counter()
            score_block(block, rna, prot, labels)
            if round_:  # The first of each is slower once.
                seconds[name].append(time.perf_counter() - start)
    own, library = (np.median(found) for found in seconds.values())
    print(
        f"{arguments.cells:,} cells, d = {arguments.dim}: scoring one model takes {own:.2f} s with "
        f"own local PCA, {library:.2f} s with the library's, {library / own:.1f} times as long"
    )


if __name__ == "__main__":
    main()
