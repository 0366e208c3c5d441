"""Project new cells into the shared space of a model."""

import torch

from sharedim.embedding.annotate import annotate
from sharedim.embedding.describe import describe_new_cells, summary_of
from sharedim.embedding.model import load
from sharedim.io.unpaired import read_cells
from sharedim.io.user_object import open_object, write_object
from sharedim.jobs.files import megabytes, write_json
from sharedim.jobs.job_log import job
from sharedim.jobs.tables import write_table


def main():
    given, output, params = snakemake.input, snakemake.output, snakemake.params
    torch.set_num_threads(snakemake.threads)
    with job(snakemake.log[0], f"project {snakemake.wildcards.new}") as logger:
        size = megabytes(given.cells)
        logger.info(
            f"projecting new cells ({size:,.0f} MB) into the shared space, with neighbours and UMAPs"
        )
        model = load(given.model)
        names = {key: params.reading[key] for key in ("rna_modality", "protein_modality")}
        opened = open_object(given.cells, known=model.known_features, **names)
        cells = read_cells(
            given.cells,
            known=model.known_features,
            protein_transform=model.protein_transform,
            **params.reading,
        )
        results, found = describe_new_cells(model, cells, missing_features=params.missing_features)
        summary = summary_of(model, results)
        logger.info(summary["sentence"])
        for note in annotate(opened, results).notes:
            logger.warning(note)
        write_object(output.cells, opened.data)
        write_table(output.table, results.columns.rename_axis("cell").reset_index())
        write_table(output.matches, model.matches_from(found))
        write_json(output.summary, summary)


main()
