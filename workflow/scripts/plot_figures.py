"""Draw the pictures of one dataset."""

from sharedim import durations
from sharedim.figures import plot_saturation, plot_training, save
from sharedim.files import read_json
from sharedim.log import job
from sharedim.tables import read_table


def main():
    with job(snakemake.log[0], f"figures {snakemake.wildcards.dataset}"):
        durations.announce("drawing the pictures, as PNG and SVG", 12)
        scores = read_table(snakemake.input.scores)
        history = read_table(snakemake.input.history)
        answer = read_json(snakemake.input.answer)
        check = read_json(snakemake.input.check)
        saturation = plot_saturation(scores, list(check["labels"]), answer)
        training = plot_training(history)
        save(saturation, snakemake.output.saturation_svg)
        save(saturation, snakemake.output.saturation_png)
        save(training, snakemake.output.training_svg)
        save(training, snakemake.output.training_png)


main()
