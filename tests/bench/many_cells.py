"""Memory and time a step of training on features mapped from disk: python many_cells.py CELLS ..."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

FEATURES = (200, 24)
EPOCHS, MODELS, DIM = 4, 4, 10


def write_features(folder: Path, cells: int) -> None:
    """Write random features, a part at a time."""
    rng = np.random.default_rng(0)
    for name, width in zip(("rna", "prot"), FEATURES, strict=True):
        path, shape = folder / f"{name}.npy", (cells, width)
        on_disk = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
        for start in range(0, cells, 50_000):
            part = on_disk[start : start + 50_000]
            part[:] = rng.standard_normal(part.shape, dtype=np.float32)
        on_disk.flush()


def train(folder: Path) -> None:
    """Train as a job does; print the seconds a step takes and the peak memory in MB."""
    import resource

    import torch

    from sharedim.jobs.checkpoints import block_header
    from sharedim.training.loop import train_seeds
    from sharedim.training.recipe_types import as_record
    from sharedim.training.recipes import PAPER_SAMPLED

    torch.set_num_threads(1)
    recipe = replace(PAPER_SAMPLED, epochs=EPOCHS)
    files = [folder / "rna.npy", folder / "prot.npy"]
    block_header(as_record(recipe), DIM, list(range(MODELS)), *files)
    rna, prot = (np.load(file, mmap_mode="r") for file in files)
    moments = []
    list(
        train_seeds(
            rna, prot, recipe=recipe, dim=DIM, seeds=list(range(MODELS)),
            observe=lambda progress: moments.append(time.perf_counter()),
        )
    )  # fmt: skip
    steps = 39 * (EPOCHS - 1) * MODELS
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print((moments[-1] - moments[0]) / steps, peak)


def measure(cells: int) -> tuple[float, float]:
    """Return seconds a model and step, and peak memory in MB, of training in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        write_features(Path(folder), cells)
        done = subprocess.run(
            [sys.executable, __file__, "--train", folder],
            check=True,
            capture_output=True,
            text=True,
        )
    seconds, peak = map(float, done.stdout.split())
    return seconds, peak


def main() -> None:
    if sys.argv[1] == "--train":
        train(Path(sys.argv[2]))
        return
    for cells in map(int, sys.argv[1:]):
        seconds, peak = measure(cells)
        print(
            f"{cells:>9,} cells: {seconds * 1e3:.2f} ms a model and step, peak memory {peak:.0f} MB"
        )


if __name__ == "__main__":
    main()
