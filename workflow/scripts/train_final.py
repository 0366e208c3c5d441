"""Train the final model of one dataset, at its recommended dimension."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from sharedim.embedding.final_model import SEED, assemble, fit_final, nothing_to_use
from sharedim.jobs import checkpoints, progress
from sharedim.jobs.files import read_json
from sharedim.jobs.job_log import job
from sharedim.jobs.provenance import engine_key, of_job
from sharedim.jobs.tables import read_labels
from sharedim.preprocessing.projection import read_projections
from sharedim.training.devices import choose_device, described
from sharedim.training.precision import choose_precision
from sharedim.training.recipe_types import as_record, from_record


def main():
    given, engine = snakemake.input, engine_key(snakemake.params.engine)
    dataset, output = snakemake.wildcards.dataset, Path(snakemake.output.model)
    torch.set_num_threads(snakemake.threads)
    name = f"final model {dataset}"
    with job(snakemake.log[0], name) as logger, progress.shown(name) as observe:
        answer = read_json(given.answer)
        dim = answer["recommended_d"]["value"]
        if dim is None:
            logger.info("nothing shared was found: there is no model to train")
            checkpoints.write_block(output, nothing_to_use(dataset))
            return
        started = time.monotonic()
        recipe = from_record(snakemake.params.recipes[answer["recipe"]])
        rna, prot = np.load(given.rna), np.load(given.prot)
        logger.info(
            f"training the final model ({recipe.name}, d = {dim}) on {len(rna):,} cells, less those "
            "it validates on"
        )
        fitted = checkpoints.complete_block(
            output.parent / "checkpoints" / "final",
            checkpoints.block_header(
                as_record(recipe), dim, [SEED], given.rna, given.prot, precision=choose_precision()
            ),
            engine,
            fit_final(rna, prot, recipe, dim, observe),
        )
        check = read_json(given.check)
        model = assemble(
            dataset,
            fitted,
            features=(rna, prot),
            protein_values=np.load(given.protein_values),
            projections=read_projections(given.projection),
            cells=pd.Index(read_labels(given.cells, ["cell"])["cell"]),
            labels=read_labels(given.cells, list(check["labels"])),
            words=check["modalities"],
        )
        making = of_job(described(choose_device()), time.monotonic() - started, engine)
        checkpoints.write_block(output, model, making)
        logger.info("temperature %.3f", model.tensors["temperature"][0])


main()
