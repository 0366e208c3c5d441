"""Download the file that a built-in dataset is made from."""

from pathlib import Path

from sharedim import durations
from sharedim.catalogue import BUILT_IN
from sharedim.download import download, verify
from sharedim.log import job


def main():
    target = Path(snakemake.output.file)
    [built_in] = [entry for entry in BUILT_IN.values() if entry.file == target.name]
    with job(snakemake.log[0], f"download {target.name}") as logger:
        logger.info("%s", built_in.origin)
        if target.exists():
            durations.announce(
                "comparing the file that is there with its checksum",
                durations.of_hashing(durations.megabytes(target)),
            )
            verify(target, built_in.sha256)
            logger.info("%s is already there", target)
        else:
            durations.announce(
                f"downloading {built_in.cells:,} cells", durations.of_downloading(built_in.cells)
            )
            download(built_in.url, target, sha256=built_in.sha256)


main()
