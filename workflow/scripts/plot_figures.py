"""Draw the pictures of one dataset."""

from sharedim import durations
from sharedim.figure_style import save
from sharedim.figures import PICTURES
from sharedim.log import job
from sharedim.results import Results


def main():
    with job(snakemake.log[0], f"figures {snakemake.wildcards.dataset}") as logger:
        durations.announce(f"drawing {len(PICTURES)} pictures, as PNG and SVG", 2.5 * len(PICTURES))
        results = Results.read(snakemake.input)
        for name, draw in PICTURES.items():
            figure = draw(results)
            for kind in ("svg", "png"):
                save(figure, snakemake.output[f"{name}_{kind}"])
            logger.info("%s", snakemake.output[f"{name}_png"])


main()
