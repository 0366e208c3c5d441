"""Train one block: every seed of one dataset, recipe and output dimension."""

import time
from functools import partial
from pathlib import Path

import numpy as np
import torch

from sharedim.evaluation.history_table import write_history
from sharedim.jobs import checkpoints, progress
from sharedim.jobs.job_log import counted, job
from sharedim.jobs.provenance import engine_key, of_job
from sharedim.training.devices import choose_device, described
from sharedim.training.loop import train_seeds
from sharedim.training.precision import choose_precision
from sharedim.training.recipe_types import as_record, from_record
from sharedim.training.splits import split_cells


def main():
    wildcards, given, params = snakemake.wildcards, snakemake.input, snakemake.params
    recipe, dim, seeds = from_record(params.recipe), int(wildcards.dim), params.seeds
    engine = engine_key(params.engine)
    torch.set_num_threads(snakemake.threads)
    name = f"train {wildcards.dataset} {recipe.name} d={dim}"
    with job(snakemake.log[0], name) as logger, progress.shown(name) as observe:
        started = time.monotonic()
        rna, prot = np.load(given.rna, mmap_mode="r"), np.load(given.prot, mmap_mode="r")
        test_cells = np.load(given.test_cells)
        train = split_cells(len(rna), seeds[0], test_cells, recipe.validation_share).train
        logger.info(
            f"training {counted(len(seeds), 'model')} of {recipe.name} at d = {dim} on "
            f"{len(train):,} cells each"
        )
        device = choose_device()
        files = given.rna, given.prot, given.test_cells
        every = params.dimension_every
        settings = {"precision": choose_precision(), "dimension_every": every}
        fit = partial(train_seeds, rna, prot, recipe=recipe, dim=dim, test_cells=test_cells)
        block = checkpoints.complete_block(
            checkpoints.directory_beside(Path(snakemake.output.models)),
            checkpoints.block_header(as_record(recipe), dim, seeds, *files, **settings),
            engine,
            lambda missing, keeper: fit(
                seeds=missing, keeper=keeper, dimension_every=every, observe=observe
            ),
        )
        write_history(snakemake.output.history, block)
        making = of_job(described(device), time.monotonic() - started, engine)
        checkpoints.write_block(snakemake.output.models, block, making)
        logger.info("final temperatures %s", np.round(block.tensors["temperature"], 3))


main()
