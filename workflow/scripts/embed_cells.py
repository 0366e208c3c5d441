"""Write the shared space into the user's own object."""

import pandas as pd
import torch

from sharedim.embedding.annotate import annotate
from sharedim.embedding.describe import TABLE_COLUMNS, describe_own_cells, embedding_table
from sharedim.embedding.model import is_there, load
from sharedim.io.unpaired import read_cells
from sharedim.io.user_object import open_object, write_object
from sharedim.jobs.files import megabytes
from sharedim.jobs.job_log import job
from sharedim.jobs.tables import write_table


def main():
    given, output, params = snakemake.input, snakemake.output, snakemake.params
    torch.set_num_threads(snakemake.threads)
    with job(snakemake.log[0], f"embed {snakemake.wildcards.dataset}") as logger:
        size = megabytes(given.cells)
        named = ("rna_modality", "protein_modality", "annotations")
        names = {key: params.reading[key] for key in named}
        if not is_there(given.model):
            logger.info(
                f"copying your object ({size:,.0f} MB) as it is, since nothing shared was found"
            )
            write_object(output.embeddings, open_object(given.cells, **names).data)
            write_table(output.table, pd.DataFrame(columns=TABLE_COLUMNS))
            return
        model = load(given.model)
        number = len(model.reference)
        logger.info(
            f"adding the shared space of {number:,} paired cells to your object ({size:,.0f} MB), "
            "with neighbours, UMAPs and transferred labels"
        )
        opened = open_object(given.cells, **names)
        cells = read_cells(given.cells, need=("rna", "prot"), **params.reading)
        results = describe_own_cells(model, cells)
        logger.info("%d cells are embedded at d = %d", len(results.joint), model.dim)
        annotated = annotate(opened, results)
        for note in annotated.notes:
            logger.warning(note)
        write_object(output.embeddings, opened.data)
        write_table(output.table, embedding_table(results, annotated.umaps, cells))


main()
