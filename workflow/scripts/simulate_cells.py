"""Simulate CITE-seq counts with a known answer."""

from sharedim.datasets.cite_seq import simulate_cite_seq
from sharedim.jobs.files import replacing
from sharedim.jobs.job_log import job


def main():
    with job(snakemake.log[0], "simulate") as logger:
        sizes = simulate_cite_seq.__kwdefaults__ | snakemake.params.simulation
        logger.info(f"simulating {sizes['cells']:,} cells with {sizes['genes']:,} genes")
        data = simulate_cite_seq(**snakemake.params.simulation)
        with replacing(snakemake.output.cells) as temporary:
            data.write_h5mu(temporary)
        logger.info(
            "%s: %d cells, %d genes, %d proteins, %d shared dimensions",
            snakemake.output.cells,
            data.n_obs,
            data["rna"].n_vars,
            data["prot"].n_vars,
            data.uns["simulation"]["shared_dimensions"],
        )


main()
