"""Draw the pictures of one dataset."""

import json
from pathlib import Path

from sharedim.figures import plot_saturation, plot_training, save
from sharedim.log import job
from sharedim.tables import read_table


def main():
    with job(snakemake.log[0], f"figures {snakemake.wildcards.dataset}"):
        scores = read_table(snakemake.input.scores)
        history = read_table(snakemake.input.history)
        answer = json.loads(Path(snakemake.input.answer).read_text(encoding="utf-8"))
        check = json.loads(Path(snakemake.input.check).read_text(encoding="utf-8"))
        saturation = plot_saturation(scores, list(check["labels"]), answer)
        training = plot_training(history)
        save(saturation, snakemake.output.saturation_svg)
        save(saturation, snakemake.output.saturation_png)
        save(training, snakemake.output.training_svg)
        save(training, snakemake.output.training_png)


main()
