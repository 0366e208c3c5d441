"""Turn the counts of paired cells, or features that are given, into what is trained on."""

import numpy as np

from sharedim.features import FeatureOptions
from sharedim.files import read_json, replacing, write_json
from sharedim.holdout import fixed_test_cells
from sharedim.io import cell_table, read_paired_cells
from sharedim.log import job
from sharedim.modalities import CELLS
from sharedim.preprocess import preprocess, summarise
from sharedim.projection import write_projections
from sharedim.tables import write_table


def main():
    given, output = snakemake.params, snakemake.output
    with job(snakemake.log[0], f"preprocess {snakemake.wildcards.dataset}") as logger:
        number = read_json(snakemake.input.check)["paired_cells"]
        logger.info(f"turning the counts of {number:,} cells into features")
        cells = read_paired_cells(snakemake.input.cells, **given.reading)
        test_cells = fixed_test_cells(cells, **given.splitting)
        options = FeatureOptions(**given.features)
        left_out = (
            test_cells if given.splitting["fit_features_on"] == "without_test_cells" else None
        )
        features = preprocess(
            cells.rna,
            cells.prot,
            options=options,
            batch=cells.batch,
            left_out=left_out,
            counted=cells.kind == CELLS,
        )
        arrays = {name: found.components for name, found in features.items()}
        arrays |= {"test_cells": test_cells, "protein_values": features["prot"].transformed}
        for name, array in arrays.items():
            with replacing(output[name]) as temporary:
                np.save(temporary, array)
            logger.info("%s: %s", name, " x ".join(map(str, array.shape)))
        write_projections(
            output.projection, {name: found.projection for name, found in features.items()}
        )
        write_table(output.cells, cell_table(cells, test_cells))
        write_json(output.summary, summarise(features, options, left_out))


main()
