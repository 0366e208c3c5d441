"""Score every model of one dataset and recipe on its own training and test cells."""

import numpy as np
import pandas as pd
import torch

from sharedim.evaluation.scoring import BlockScores, score_block
from sharedim.jobs.checkpoints import read_block
from sharedim.jobs.files import read_json
from sharedim.jobs.job_log import counted, job
from sharedim.jobs.tables import read_labels, write_table
from sharedim.training.devices import choose_device


def main():
    wildcards = snakemake.wildcards
    torch.set_num_threads(snakemake.threads)
    with job(snakemake.log[0], f"score {wildcards.dataset} {wildcards.recipe}") as logger:
        rna, prot = np.load(snakemake.input.rna), np.load(snakemake.input.prot)
        test_cells = np.load(snakemake.input.test_cells)
        check = read_json(snakemake.input.check)
        labels = read_labels(snakemake.input.cells, list(check["labels"]))
        blocks = [read_block(path) for path in snakemake.input.models]
        models = sum(len(block.header["seeds"]) for block in blocks)
        logger.info(f"scoring {counted(models, 'model')} on {len(rna):,} cells")
        device, estimators = choose_device(), snakemake.params.estimators
        found = []
        for block in blocks:
            found.append(score_block(block, rna, prot, labels, test_cells, device, estimators))
            logger.info("d = %d: %d models", block.header["dim"], len(block.header["seeds"]))
        for table in BlockScores._fields:
            parts = [getattr(of_block, table) for of_block in found]
            write_table(snakemake.output[table], pd.concat(parts, ignore_index=True))


main()
