"""Write the self-contained report of one dataset."""

from pathlib import Path

from sharedim.jobs.files import read_json, replacing
from sharedim.jobs.job_log import job
from sharedim.jobs.tables import read_table
from sharedim.report.figures.registry import FIGURES
from sharedim.report.page import Records, render_report
from sharedim.report.results import Results


def main():
    with job(snakemake.log[0], f"report {snakemake.wildcards.dataset}") as logger:
        logger.info(f"writing the report with {len(FIGURES)} figures")
        records = Records(
            saturation=read_table(snakemake.input.saturation),
            types=read_table(snakemake.input.types),
            preprocessing=read_json(snakemake.input.preprocessing),
            provenance=read_json(snakemake.input.provenance),
        )
        figures = {name: Path(snakemake.input[f"{name}_svg"]).read_bytes() for name in FIGURES}
        page = render_report(Results.read(snakemake.input), records, figures)
        with replacing(snakemake.output.report) as temporary:
            temporary.write_text(page, encoding="utf-8")
        logger.info("%s: %.1f MB", snakemake.output.report, len(page.encode()) / 1e6)


main()
