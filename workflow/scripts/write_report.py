"""Write the self-contained page of one dataset."""

from pathlib import Path

from sharedim import durations
from sharedim.files import read_json, replacing
from sharedim.log import job
from sharedim.report import render_report
from sharedim.tables import read_table


def main():
    with job(snakemake.log[0], f"report {snakemake.wildcards.dataset}") as logger:
        durations.announce("writing the report", 2)
        page = render_report(
            answer=read_json(snakemake.input.answer),
            check=read_json(snakemake.input.check),
            preprocessing=read_json(snakemake.input.preprocessing),
            provenance=read_json(snakemake.input.provenance),
            scores=read_table(snakemake.input.scores),
            saturation=read_table(snakemake.input.saturation),
            saturation_svg=Path(snakemake.input.saturation_svg).read_bytes(),
            training_svg=Path(snakemake.input.training_svg).read_bytes(),
        )
        with replacing(snakemake.output.report) as temporary:
            temporary.write_text(page, encoding="utf-8")
        logger.info("%s", snakemake.output.report)


main()
