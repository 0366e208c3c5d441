"""Write the index over all datasets."""

from sharedim.jobs.files import read_json, replacing
from sharedim.jobs.job_log import counted, job
from sharedim.report.index import render_index


def main():
    with job(snakemake.log[0], "index") as logger:
        number = counted(len(snakemake.input.answers), "dataset")
        logger.info(f"writing the index of {number}")
        answers = [read_json(path) for path in snakemake.input.answers]
        checks = [read_json(path) for path in snakemake.input.checks]
        with replacing(snakemake.output.index) as temporary:
            temporary.write_text(render_index(answers, checks), encoding="utf-8")
        logger.info("%s: %d datasets", snakemake.output.index, len(answers))


main()
