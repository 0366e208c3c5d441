"""Write a downloaded dataset as a .h5mu file with raw counts of both modalities."""

from pathlib import Path
from tempfile import TemporaryDirectory

from sharedim.catalogue import BUILT_IN, unpack
from sharedim.download import verify
from sharedim.files import replacing
from sharedim.io import as_mudata, pair_cells
from sharedim.log import job


def main():
    built_in = BUILT_IN[snakemake.wildcards.built_in]
    download, output = Path(snakemake.input.file), Path(snakemake.output.cells)
    with job(snakemake.log[0], f"convert {snakemake.wildcards.built_in}") as logger:
        # A file put there by hand was never looked at.
        verify(download, built_in.sha256)
        with TemporaryDirectory(dir=output.parent) as directory:
            pairs = pair_cells(unpack(download, Path(directory)))
            data = as_mudata(pairs)
            data.uns["origin"] = {"dataset": built_in.origin, "url": built_in.url}
            with replacing(output) as temporary:
                data.write_h5mu(temporary, compression="gzip")
        logger.info("%s: %d cells", output, data.n_obs)


main()
