"""Simulate pairs of features with a known answer."""

from sharedim.datasets.simulated_pairs import simulate_pairs, write_pairs
from sharedim.jobs.job_log import job


def main():
    with job(snakemake.log[0], "simulate") as logger:
        options = snakemake.params.simulation
        # The number of handwritten digits is no option.
        number = f"{options['pairs']:,}" if "pairs" in options else "all"
        logger.info(f"simulating {number} pairs of the kind {options['kind']}")
        pairs = simulate_pairs(options)
        write_pairs(snakemake.output.cells, pairs, options)
        logger.info(
            "%s: %d pairs of %d and %d features, shared dimensions: %s",
            snakemake.output.cells,
            len(pairs.first),
            pairs.first.shape[1],
            pairs.second.shape[1],
            pairs.shared_dimensions if pairs.shared_dimensions is not None else "not known",
        )


main()
