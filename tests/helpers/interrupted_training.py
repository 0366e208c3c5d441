"""Train a small block, as a job would; run by the tests, which kill it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

from sharedim.jobs.checkpoints import block_header, complete_block, write_block
from sharedim.training import loop, stack_size
from sharedim.training.recipe_types import ContrastiveRecipe, as_record

SEEDS = [0, 1, 2, 3, 4]
# With everything that could depend on where training was interrupted.
RECIPE = ContrastiveRecipe(
    name="interrupted", epochs=80, learning_rate=1e-3, batch_size=64, normaliser_cells=40,
    reshuffle=True, dropout=0.2, schedule="cosine", warmup_steps=30, patience=70,
)  # fmt: skip


def main(directory: Path) -> None:
    torch.set_num_threads(1)
    stack_size.MODELS_PER_STACK["cpu"] = 2
    rna, prot = (np.load(directory / f"{side}.npy") for side in ("rna", "prot"))
    print("ready", flush=True)
    block = complete_block(
        directory / "checkpoints",
        block_header(as_record(RECIPE), 3, SEEDS, directory / "rna.npy", directory / "prot.npy"),
        "engine",
        lambda missing, keeper: loop.train_seeds(
            rna, prot, recipe=RECIPE, dim=3, seeds=missing, keeper=keeper
        ),
        every=0,
    )
    write_block(directory / "models.safetensors", block)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
