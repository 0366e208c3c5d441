"""Download the file that a built-in dataset is made from."""

from pathlib import Path

from sharedim.datasets.catalogue import BUILT_IN
from sharedim.datasets.download import download, verify
from sharedim.jobs.files import megabytes
from sharedim.jobs.job_log import job


def main():
    target = Path(snakemake.output.file)
    [built_in] = [entry for entry in BUILT_IN.values() if entry.file == target.name]
    with job(snakemake.log[0], f"download {target.name}") as logger:
        if target.exists():
            size = megabytes(target)
            logger.info(f"comparing the existing file ({size:,.0f} MB) with its checksum")
            verify(target, built_in.sha256)
            logger.info("%s is already there", target)
        else:
            logger.info(f"downloading {built_in.origin}")
            download(built_in.url, target, sha256=built_in.sha256)


main()
