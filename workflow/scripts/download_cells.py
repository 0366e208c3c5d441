"""Download the file that a built-in dataset is made from."""

from pathlib import Path

from sharedim.catalogue import BUILT_IN
from sharedim.download import download, verify
from sharedim.log import job


def main():
    target = Path(snakemake.output.file)
    [built_in] = [entry for entry in BUILT_IN.values() if entry.file == target.name]
    with job(snakemake.log[0], f"download {target.name}") as logger:
        logger.info("%s", built_in.origin)
        if target.exists():
            verify(target, built_in.sha256)
            logger.info("%s is already there", target)
        else:
            download(built_in.url, target, sha256=built_in.sha256)


main()
