"""Check the cells of a file: refuse what cannot be used, and summarise what was found."""

from sharedim.io.paired import read_paired_cells
from sharedim.jobs.files import megabytes, write_json
from sharedim.jobs.job_log import job
from sharedim.preprocessing.summary import describe


def main():
    dataset, given = snakemake.wildcards.dataset, snakemake.params
    with job(snakemake.log[0], f"check {dataset}") as logger:
        size = megabytes(snakemake.input.cells)
        logger.info(f"reading the cells ({size:,.0f} MB) and checking that they can be used")
        cells = read_paired_cells(snakemake.input.cells, **given.reading, denoise=False)
        found = describe(cells, dataset, splitting=given.splitting, features=given.features)
        for line in found["warnings"]:
            logger.warning(line)
        logger.info(found["summary"])
        write_json(snakemake.output.check, found)


main()
