"""Training history as a table, written without pandas so that training jobs start fast."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from pathlib import Path

from sharedim.jobs.checkpoints import ModelBlock
from sharedim.jobs.files import replacing
from sharedim.training.history import HISTORY

COLUMNS = ["recipe", "dim", "seed", "epoch", *HISTORY, "chance_loss"]


def history_rows(block: ModelBlock) -> Iterator[tuple[str | float, ...]]:
    """Yield a block's training history in the order of `COLUMNS`.

    One row per seed and epoch: to the last epoch of a model that stopped early, to the last whole
    one of a model that failed.
    """
    recipe, dim = block.header["recipe"]["name"], block.header["dim"]
    for model, seed in enumerate(block.header["seeds"]):
        quantities = [block.tensors[f"history.{name}"][model] for name in HISTORY]
        chance = float(block.tensors["history.chance_loss"][model])
        for epoch, values in enumerate(zip(*quantities, strict=True), start=1):
            if not math.isnan(values[0]):
                yield recipe, dim, seed, epoch, *map(float, values), chance


def write_history(path: str | Path, block: ModelBlock) -> None:
    """Write a block's training history as tab-separated text, atomically."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in history_rows(block):
            # What was not seen is empty, as in every table.
            writer.writerow(
                "" if isinstance(value, float) and math.isnan(value) else value for value in row
            )
