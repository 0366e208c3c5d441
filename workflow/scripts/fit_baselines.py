"""Fit one block of a linear baseline: every seed of one dataset and output dimension."""

from pathlib import Path

import numpy as np
import torch

from sharedim import checkpoints
from sharedim.baselines import fit_linear_seeds
from sharedim.log import job
from sharedim.processes import end_with_snakemake
from sharedim.recipes import RECIPES, as_record


def main():
    wildcards, given = snakemake.wildcards, snakemake.input
    recipe, dim, seeds = RECIPES[wildcards.recipe], int(wildcards.dim), snakemake.params.seeds
    torch.set_num_threads(snakemake.threads)
    with job(snakemake.log[0], f"{recipe.name} {wildcards.dataset} d={dim}"):
        end_with_snakemake()
        rna, prot = np.load(given.rna, mmap_mode="r"), np.load(given.prot, mmap_mode="r")
        test_cells = np.load(given.test_cells)
        files = given.rna, given.prot, given.test_cells
        block = checkpoints.complete_block(
            checkpoints.directory_beside(Path(snakemake.output.models)),
            checkpoints.block_header(as_record(recipe), dim, seeds, *files),
            snakemake.params.engine,
            lambda missing, _: fit_linear_seeds(
                rna, prot, recipe=recipe, dim=dim, seeds=missing, test_cells=test_cells
            ),
        )
        checkpoints.write_block(snakemake.output.models, block)


main()
