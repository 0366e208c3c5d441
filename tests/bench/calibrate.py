"""Simulate pairs whose shared dimension is known, and keep the scores of every recipe on them.

    python tests/bench/calibrate.py [--processes 2] [--folder FOLDER]

Each recipe on each dataset goes into a file of its own, so that a run that is stopped goes on where it
was.
`tests/bench/calibration_report.py` puts the answers beside the truth.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from blocks import train_block

from sharedim.datasets.cite_seq import simulate_cite_seq, simulate_features
from sharedim.evaluation.scoring import score_block
from sharedim.jobs.files import replacing
from sharedim.preprocessing.pipeline import preprocess
from sharedim.training.recipe_types import Recipe, as_record
from sharedim.training.recipes import CCA, TUNED

DIMS = (2, 3, 4, 6, 9, 13)
SEEDS = list(range(5))
KINDS = ("linear", "curved", "counts")
CELLS, NOISE = 2000, 0.3


def default_folder() -> Path:
    """Return where datasets scored with these recipes, dimensions and seeds are kept."""
    what = json.dumps([as_record(CCA), as_record(TUNED), DIMS, SEEDS])
    return Path("results/calibration") / hashlib.sha256(what.encode()).hexdigest()[:8]


@dataclass(frozen=True)
class Pair:
    """One simulated dataset: what it is made of, and with which draws."""

    kind: str
    shared: int
    repetition: int
    cells: int = CELLS
    noise: float = NOISE

    @property
    def name(self) -> str:
        """Name of its file."""
        return f"{self.kind}_k{self.shared}_n{self.cells}_noise{self.noise}_{self.repetition}"

    def features(self) -> tuple[np.ndarray, np.ndarray]:
        """Simulate the features of both modalities."""
        seed = 1000 * self.shared + self.repetition
        if self.kind != "counts":
            return simulate_features(
                cells=self.cells,
                shared_dimensions=self.shared,
                curved=self.kind == "curved",
                noise=self.noise,
                seed=seed,
            )
        data = simulate_cite_seq(cells=self.cells, shared_dimensions=self.shared, seed=seed)
        made = preprocess(data["rna"], data["prot"])
        return made["rna"].components, made["prot"].components

    @property
    def with_tuned(self) -> bool:
        """Whether the recipe that takes most of the time is run too: once with each kind."""
        return self.repetition in {0, 1, 2, 10, 20}


def design() -> Iterator[Pair]:
    """Yield ten repetitions of each k*, the kinds in turn, then other sizes and noise at k* = 3."""
    for repetition in range(10):
        for shared in (0, 1, 2, 3, 5, 8):
            yield Pair(KINDS[repetition % 3], shared, repetition)
    for repetition in range(5):
        for cells in (1000, 4000):
            yield Pair(KINDS[repetition % 3], 3, 10 + repetition, cells=cells)
        for noise in (0.1, 1.0):
            yield Pair(KINDS[repetition % 2], 3, 20 + repetition, noise=noise)


def work() -> Iterator[tuple[Pair, Recipe]]:
    """Yield what is to be scored: `cca`, which k-hat is taken from, on every dataset, then `tuned`."""
    pairs = list(design())
    yield from ((pair, CCA) for pair in pairs)
    yield from ((pair, TUNED) for pair in pairs if pair.with_tuned)


def file_of(folder: Path, dataset: str, recipe: Recipe) -> Path:
    """Return where the scores of one recipe on one dataset are kept."""
    return folder / f"{dataset}.{recipe.name}.tsv.gz"


def score(pair: Pair, recipe: Recipe, folder: Path) -> str:
    """Train a recipe over the grid on one dataset and score it; return what was done."""
    torch.set_num_threads(1)
    start = time.perf_counter()
    rna, prot = pair.features()
    labels = pd.DataFrame(index=range(len(rna)))
    blocks = (train_block(recipe, rna, prot, dim, SEEDS) for dim in DIMS)
    scores = pd.concat([score_block(block, rna, prot, labels).scores for block in blocks])
    scores.insert(0, "directions", min(rna.shape[1], prot.shape[1]))
    for name, value in vars(pair).items():
        scores.insert(0, name, value)
    with replacing(file_of(folder, pair.name, recipe)) as written:
        scores.to_csv(written, sep="\t", index=False, compression="gzip")
    return f"{pair.name} {recipe.name}: {time.perf_counter() - start:.0f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=default_folder())
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    missing = [
        (pair, recipe)
        for pair, recipe in work()
        if not file_of(arguments.folder, pair.name, recipe).exists()
    ]
    with get_context("spawn").Pool(arguments.processes) as pool:
        jobs = [pool.apply_async(score, (*own, arguments.folder)) for own in missing]
        for number, done in enumerate(jobs, 1):
            print(f"{number} of {len(missing)}: {done.get()}", flush=True)


if __name__ == "__main__":
    main()
