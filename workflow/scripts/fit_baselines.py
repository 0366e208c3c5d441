"""Fit a linear baseline of one dataset at several output dimensions, for every seed of a block."""

import time
from pathlib import Path

import numpy as np
import torch

from sharedim.jobs import checkpoints
from sharedim.jobs.job_log import counted, job
from sharedim.jobs.provenance import engine_key, of_job
from sharedim.training.baselines import fit_linear_seeds
from sharedim.training.recipe_types import as_record, from_record


def main():
    wildcards, given, params = snakemake.wildcards, snakemake.input, snakemake.params
    recipe = from_record(params.recipe)
    engine = engine_key(params.engine)
    torch.set_num_threads(snakemake.threads)
    with job(snakemake.log[0], f"{recipe.name} {wildcards.dataset}") as logger:
        rna, prot = np.load(given.rna, mmap_mode="r"), np.load(given.prot, mmap_mode="r")
        test_cells = np.load(given.test_cells)
        models = len(params.seeds) * len(params.dims)
        logger.info(
            f"fitting {counted(models, 'linear model')} "
            f"({counted(len(params.dims), 'output dimension')}, "
            f"{counted(len(params.seeds), 'seed')}) to {len(rna):,} cells"
        )
        files = given.rna, given.prot, given.test_cells
        for dim, path in zip(params.dims, snakemake.output, strict=True):
            logger.info("d = %d", dim)
            started = time.monotonic()
            block = checkpoints.complete_block(
                checkpoints.directory_beside(Path(path)),
                checkpoints.block_header(as_record(recipe), dim, params.seeds, *files),
                engine,
                lambda missing, _, dim=dim: fit_linear_seeds(
                    rna, prot, recipe=recipe, dim=dim, seeds=missing, test_cells=test_cells
                ),
            )
            making = of_job("CPU", time.monotonic() - started, engine)
            checkpoints.write_block(path, block, making)


main()
