"""Record the provenance of one dataset's results."""

from pathlib import Path

from sharedim.jobs.checkpoints import read_making
from sharedim.jobs.files import megabytes, write_json
from sharedim.jobs.job_log import job
from sharedim.jobs.provenance import of_dataset


def main():
    given = snakemake.input
    with job(snakemake.log[0], f"provenance {snakemake.wildcards.dataset}") as logger:
        cells = [given.cells] if isinstance(given.cells, str) else given.cells
        # A folder is told by the files in it.
        files = [file for file in [*cells, *given.inside] if Path(file).is_file()]
        size = megabytes(files)
        logger.info(
            f"recording where the results come from, with checksums of {size:,.0f} MB of input"
        )
        blocks = [read_making(path) for path in given.models]
        record = of_dataset(snakemake.params.configuration, files, blocks)
        write_json(snakemake.output.provenance, record)


main()
