"""Turn the counts of paired cells into the features that are trained on."""

import numpy as np

from sharedim.files import replacing, write_json
from sharedim.io import cell_table, read_paired_cells
from sharedim.log import job
from sharedim.preprocess import preprocess, summarise
from sharedim.tables import write_table


def main():
    with job(snakemake.log[0], f"preprocess {snakemake.wildcards.dataset}") as logger:
        cells = read_paired_cells(snakemake.input.cells, **snakemake.params.reading)
        features = preprocess(cells.rna, cells.prot)
        for modality, path in (("rna", snakemake.output.rna), ("prot", snakemake.output.prot)):
            with replacing(path) as temporary:
                np.save(temporary, features[modality].components)
            logger.info(
                "%s: %d cells x %d components", modality, *features[modality].components.shape
            )
        write_table(snakemake.output.cells, cell_table(cells))
        write_json(snakemake.output.summary, summarise(features))


main()
