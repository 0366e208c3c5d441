"""Fine-tune the first encoder of every model of one dataset to its labels."""

import torch

from experiments.evidence import DatasetEvidence
from experiments.fine_tuning import classification
from sharedim.jobs.job_log import counted, job
from sharedim.jobs.tables import write_table


def main():
    name, given = snakemake.wildcards.dataset, dict(snakemake.input.items())
    torch.set_num_threads(snakemake.threads)
    with job(snakemake.log[0], f"fine-tune {name}") as logger:
        dataset = DatasetEvidence(name, given, snakemake.input.models)
        number = sum(len(list(dataset.trained(*fitted))) for fitted in dataset.fitted)
        logger.info(f"tuning {counted(number, 'encoder')} to labels")
        write_table(snakemake.output.table, classification(dataset))


main()
