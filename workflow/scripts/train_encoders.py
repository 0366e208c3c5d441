"""Train one block: every seed of one dataset, recipe and output dimension."""

from pathlib import Path

import numpy as np
import torch

from sharedim import checkpoints
from sharedim.history import write_history
from sharedim.log import job
from sharedim.recipes import RECIPES, as_record
from sharedim.training import train_seeds


def main():
    wildcards = snakemake.wildcards
    recipe, dim, seeds = RECIPES[wildcards.recipe], int(wildcards.dim), snakemake.params.seeds
    torch.set_num_threads(snakemake.threads)
    with job(snakemake.log[0], f"train {wildcards.dataset} {recipe.name} d={dim}") as logger:
        rna, prot = np.load(snakemake.input.rna), np.load(snakemake.input.prot)
        block = checkpoints.complete_block(
            checkpoints.directory_beside(Path(snakemake.output.models)),
            header={
                "recipe": as_record(recipe),
                "dim": dim,
                "seeds": seeds,
                "data": checkpoints.fingerprint(rna, prot),
            },
            engine=snakemake.params.engine,
            fit=lambda missing: train_seeds(rna, prot, recipe=recipe, dim=dim, seeds=missing),
        )
        write_history(snakemake.output.history, block)
        checkpoints.write_block(snakemake.output.models, block)
        logger.info("final temperatures %s", np.round(block.tensors["temperature"], 3))


main()
