"""Write a downloaded dataset as a .h5mu file with raw counts of both modalities."""

from pathlib import Path

from sharedim.datasets.builtin import read_built_in
from sharedim.datasets.catalogue import BUILT_IN
from sharedim.io.paired import as_mudata
from sharedim.jobs.files import folder_beside, megabytes, replacing
from sharedim.jobs.job_log import job


def main():
    built_in = BUILT_IN[snakemake.wildcards.built_in]
    download, output = Path(snakemake.input.file), Path(snakemake.output.cells)
    with job(snakemake.log[0], f"convert {snakemake.wildcards.built_in}") as logger:
        size = megabytes(download)
        logger.info(f"converting {built_in.cells:,} cells ({size:,.0f} MB) to {output.name}")
        with folder_beside(output) as folder:
            data = as_mudata(read_built_in(built_in, download, folder))
            data.uns["origin"] = {"dataset": built_in.origin, "url": built_in.url}
            with replacing(output) as temporary:
                data.write_h5mu(temporary, compression="gzip")
        logger.info("%s: %d cells", output, data.n_obs)


main()
