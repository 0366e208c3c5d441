"""Write the index over all datasets."""

from sharedim import durations
from sharedim.dataset_index import render_index
from sharedim.files import read_json, replacing
from sharedim.log import job


def main():
    with job(snakemake.log[0], "index") as logger:
        number = durations.counted(len(snakemake.input.answers), "dataset")
        durations.announce(f"writing the index over {number}", 1)
        answers = [read_json(path) for path in snakemake.input.answers]
        checks = [read_json(path) for path in snakemake.input.checks]
        with replacing(snakemake.output.index) as temporary:
            temporary.write_text(render_index(answers, checks), encoding="utf-8")
        logger.info("%s: %d datasets", snakemake.output.index, len(answers))


main()
