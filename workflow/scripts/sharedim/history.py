"""The course of training as a table; standard library alone, so that training jobs start fast."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from sharedim.checkpoints import ModelBlock
from sharedim.files import replacing

COLUMNS = ["recipe", "dim", "seed", "epoch", "loss", "temperature", "chance_loss"]


def history_rows(block: ModelBlock) -> Iterator[tuple]:
    """Yield a block's training history, one row a seed and epoch, in the order of `COLUMNS`."""
    recipe, dim = block.header["recipe"]["name"], block.header["dim"]
    for model, seed in enumerate(block.header["seeds"]):
        losses = block.tensors["history.loss"][model]
        temperatures = block.tensors["history.temperature"][model]
        chance = float(block.tensors["history.chance_loss"][model])
        for epoch, (loss, tau) in enumerate(zip(losses, temperatures, strict=True), start=1):
            yield recipe, dim, seed, epoch, float(loss), float(tau), chance


def write_history(path: str | Path, block: ModelBlock) -> None:
    """Write a block's training history as tab-separated text, atomically."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(history_rows(block))
