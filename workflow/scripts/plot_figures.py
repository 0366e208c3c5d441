"""Plot the figures of one dataset."""

from sharedim.jobs.job_log import job
from sharedim.report.figures.registry import FIGURES
from sharedim.report.figures.style import save
from sharedim.report.results import Results


def main():
    with job(snakemake.log[0], f"figures {snakemake.wildcards.dataset}") as logger:
        logger.info(f"drawing {len(FIGURES)} figures, as PNG and SVG")
        results = Results.read(snakemake.input)
        for name, draw in FIGURES.items():
            figure = draw(results)
            for kind in ("svg", "png"):
                save(figure, snakemake.output[f"{name}_{kind}"])
            logger.info("%s", snakemake.output[f"{name}_png"])


main()
