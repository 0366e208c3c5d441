"""Time the training of one seed of every recipe and output dimension of one dataset."""

import torch

from experiments.evidence import DatasetEvidence
from experiments.training_times import training_times
from sharedim.jobs.job_log import counted, job
from sharedim.jobs.tables import write_table


def main():
    name, given = snakemake.wildcards.dataset, dict(snakemake.input.items())
    torch.set_num_threads(snakemake.threads)
    with job(snakemake.log[0], f"time training of {name}") as logger:
        dataset = DatasetEvidence(name, given, snakemake.input.models)
        logger.info(f"timing the training of {counted(len(dataset.fitted), 'model')}")
        write_table(snakemake.output.table, training_times(dataset))


main()
