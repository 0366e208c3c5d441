"""Measure an experiment on what was found in its datasets, draw it, and write its page."""

from pathlib import Path

from experiments.catalogue import EXPERIMENTS
from experiments.evidence import Evidence
from experiments.page import render_experiment
from sharedim.jobs.files import replacing
from sharedim.jobs.job_log import counted, job
from sharedim.jobs.tables import write_table
from sharedim.report.figures.style import save


def main():
    wildcards, output = snakemake.wildcards, snakemake.output
    with job(snakemake.log[0], f"experiment {wildcards.experiment}") as logger:
        experiment = EXPERIMENTS[wildcards.experiment]
        number = counted(len(snakemake.params.datasets), "dataset")
        logger.info(f"measuring '{experiment.title}' on {number}")
        evidence = Evidence.read(snakemake.params.datasets, snakemake.input)
        outcome = experiment.measure(evidence)
        for kind in ("svg", "png"):
            save(outcome.picture, output[kind])
        devices = "; ".join(evidence.devices)
        write_table(output.findings, outcome.table().assign(device=devices))
        write_table(output.numbers, outcome.numbers)
        svg = Path(output.svg).read_bytes()
        page = render_experiment(experiment, outcome, evidence, size=wildcards.size, svg=svg)
        with replacing(output.page) as temporary:
            temporary.write_text(page, encoding="utf-8")
        for finding in outcome.findings:
            logger.info("%s: %s", "as expected" if finding.agrees else "NOT", finding.found)


main()
