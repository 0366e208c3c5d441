"""How much faster the engine is than plain training, on the CPU: ratios within one run.

Each round times the plain loop, the engine with all normaliser cells and the engine with 512 drawn
afresh in each step, one after the other, so that a machine that slows down does so for all three.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import replace

import torch
from naive import naive_step

from sharedim.training.engine import ThreadedEngine
from sharedim.training.initialisation import initial_models
from sharedim.training.recipe_types import ContrastiveRecipe
from sharedim.training.recipes import PAPER
from sharedim.training.splits import Split
from sharedim.training.stack_size import MODELS_PER_STACK
from sharedim.training.state import PairShape, StackCells, StackState

FEATURES = (200, 24)
TRAIN, NORMALISER, DIM = 10_000, 8_000, 10


def features() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(TRAIN + NORMALISER, width, generator=generator) for width in FEATURES]


def engine_of(recipe: ContrastiveRecipe, models: int, steps: int) -> ThreadedEngine:
    """Return an engine whose epoch has so many steps."""
    rows = torch.arange(TRAIN + NORMALISER).numpy()
    split = Split(train=rows[: steps * recipe.batch_size], normaliser=rows[TRAIN:], test=rows[:0])
    rna, prot = (side.numpy() for side in features())
    cells = StackCells.gather(rna, prot, [split] * models, torch.device("cpu"))
    shape = PairShape.of(*FEATURES, DIM, recipe)
    seeds = list(range(models))
    state = StackState.start(
        seeds, *initial_models(seeds, shape, cells, recipe), recipe.epochs, recipe
    )
    return ThreadedEngine(cells, state, shape, recipe)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--models", type=int, default=MODELS_PER_STACK["cpu"])
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    rna, prot = features()
    plain = naive_step(
        (rna[:TRAIN], prot[:TRAIN]), (rna[TRAIN:], prot[TRAIN:]), DIM, PAPER.batch_size
    )
    plain_steps, exact_steps, sampled_steps = 4, 2, 8
    exact = engine_of(PAPER, arguments.models, exact_steps)
    sampled = engine_of(replace(PAPER, normaliser_cells=512), arguments.models, sampled_steps)
    runs = {
        "plain": (lambda: plain(plain_steps), plain_steps),
        "exact": (lambda: exact.run_epoch(0), exact_steps * arguments.models),
        "sampled": (lambda: sampled.run_epoch(0), sampled_steps * arguments.models),
    }
    times = {name: [] for name in runs}
    for run, _ in runs.values():
        run()
    for _ in range(arguments.rounds):
        for name, (run, steps) in runs.items():
            started = time.perf_counter()
            run()
            times[name].append((time.perf_counter() - started) / steps * 1e3)

    print(
        f"PyTorch {torch.__version__}, {arguments.threads} threads, {arguments.models} models a "
        f"stack, {arguments.rounds} rounds; {FEATURES[0]} and {FEATURES[1]} features, "
        f"{NORMALISER} normaliser cells, d = {DIM}"
    )
    titles = {
        "plain": "plain loop, one model",
        "exact": "engine, all normaliser cells",
        "sampled": "engine, 512 normaliser cells",
    }
    for name, milliseconds in times.items():
        ratios = sorted(p / m for p, m in zip(times["plain"], milliseconds, strict=True))
        print(
            f"{titles[name]:30s} {statistics.median(milliseconds):7.2f} ms a model and step; "
            f"{statistics.median(ratios):5.2f} times as fast (rounds {ratios[0]:.2f} to {ratios[-1]:.2f})"
        )


main()
