"""Preprocess the counts of paired cells, or precomputed features, into features to train on."""

import numpy as np

from sharedim.io.modalities import CELLS
from sharedim.io.paired import cell_table, read_paired_cells
from sharedim.jobs.files import read_json, replacing, write_json
from sharedim.jobs.job_log import job
from sharedim.jobs.tables import write_table
from sharedim.preprocessing.holdout import fixed_test_cells
from sharedim.preprocessing.options import FeatureOptions
from sharedim.preprocessing.pipeline import preprocess, summarise
from sharedim.preprocessing.projection import write_projections


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
