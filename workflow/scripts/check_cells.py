"""Read the cells, refuse what cannot be used, and say what was found."""

from sharedim import durations
from sharedim.description import describe
from sharedim.files import write_json
from sharedim.io import read_paired_cells
from sharedim.log import job


def main():
    dataset, given = snakemake.wildcards.dataset, snakemake.params
    with job(snakemake.log[0], f"check {dataset}") as logger:
        size = durations.megabytes(snakemake.input.cells)
        durations.announce(
            f"reading the cells ({size:,.0f} MB) and looking for what cannot be used",
            durations.of_reading(size),
        )
        cells = read_paired_cells(snakemake.input.cells, **given.reading, denoise=False)
        found = describe(cells, dataset, splitting=given.splitting, features=given.features)
        for line in found["warnings"]:
            logger.warning(line)
        logger.info(found["summary"])
        write_json(snakemake.output.check, found)


main()
