"""Compare true and false held-out pairs, and predict protein from RNA, with the recommended models."""

import numpy as np
import torch

from sharedim.embedding.held_out import examine
from sharedim.jobs.checkpoints import read_block, read_making
from sharedim.jobs.files import read_json
from sharedim.jobs.job_log import counted, job
from sharedim.jobs.tables import write_table
from sharedim.preprocessing.projection import read_projections


def main():
    given, output = snakemake.input, snakemake.output
    torch.set_num_threads(snakemake.threads)
    with job(snakemake.log[0], f"chosen models {snakemake.wildcards.dataset}") as logger:
        answer = read_json(given.answer)
        chosen = answer["recipe"], answer["recommended_d"]["value"]
        blocks = []
        for path in given.models:
            header, _ = read_making(path)
            if (header["recipe"]["name"], header["dim"]) == chosen:
                blocks.append(read_block(path))
        rna = np.load(given.rna)
        models = sum(len(block.header["seeds"]) for block in blocks)
        logger.info(
            "comparing true and false pairs, and predicting proteins from RNA, with "
            f"{counted(models, 'model')} of {len(rna):,} cells"
        )
        logger.info("%d blocks of recipe %s at d = %s", len(blocks), *chosen)
        found = examine(
            blocks,
            rna,
            np.load(given.prot),
            np.load(given.protein_values),
            read_projections(given.projection)["prot"].predicted_features,
            np.load(given.test_cells),
        )
        write_table(output.similarities, found.similarities)
        write_table(output.prediction, found.predictions)
        quality = found.predictions.groupby("method")["correlation"].mean()
        for method, correlation in quality.items():
            logger.info(
                "%s: proteins predicted with a mean correlation of %.3f", method, correlation
            )


main()
