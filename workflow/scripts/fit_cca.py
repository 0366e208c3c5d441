"""Fit one block of the linear baseline: every seed of one dataset and output dimension."""

from pathlib import Path

import numpy as np
import torch

from sharedim import checkpoints
from sharedim.baselines import fit_cca_seeds
from sharedim.log import job
from sharedim.recipes import CCA, as_record


def main():
    wildcards = snakemake.wildcards
    dim, seeds = int(wildcards.dim), snakemake.params.seeds
    torch.set_num_threads(snakemake.threads)
    with job(snakemake.log[0], f"cca {wildcards.dataset} d={dim}"):
        rna, prot = np.load(snakemake.input.rna), np.load(snakemake.input.prot)
        block = checkpoints.complete_block(
            checkpoints.directory_beside(Path(snakemake.output.models)),
            header={
                "recipe": as_record(CCA),
                "dim": dim,
                "seeds": seeds,
                "data": checkpoints.fingerprint(rna, prot),
            },
            engine=snakemake.params.engine,
            fit=lambda missing: fit_cca_seeds(rna, prot, recipe=CCA, dim=dim, seeds=missing),
        )
        checkpoints.write_block(snakemake.output.models, block)


main()
