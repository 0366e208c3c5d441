"""Page of an experiment: expectations, measurements, and a figure."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from experiments.catalogue import Experiment
from experiments.evidence import Evidence
from experiments.outcome import Outcome
from sharedim.report.attachments import data_uri, of_table
from sharedim.report.html import render

TEMPLATES = Path(__file__).parent / "templates"


def render_experiment(
    experiment: Experiment, outcome: Outcome, evidence: Evidence, *, size: str, svg: bytes
) -> str:
    """Render the page.

    Parameters
    ----------
    experiment : Experiment
    outcome : Outcome
    evidence : Evidence
        Of which datasets and devices are named.
    size : str
        ``"quick"`` or ``"paper"``.
    svg : bytes
        The picture.

    Returns
    -------
    str
        HTML that needs nothing from outside.
    """
    datasets = [
        {
            "name": own.name,
            "summary": own.check["summary"],
            "train": len(next(own.trained(own.recipes[0], own.dims[0])).split.train),
            "test": own.check["split"]["test"],
            "dims": own.dims,
            "recipes": own.recipes,
            "seeds": own.scores["seed"].nunique(),
        }
        for own in evidence.datasets.values()
    ]
    return render(
        "experiment.html.j2",
        TEMPLATES,
        title=experiment.title,
        source=experiment.source,
        question=experiment.question,
        findings=outcome.findings,
        agreeing=sum(finding.agrees for finding in outcome.findings),
        picture=data_uri(svg, "image/svg+xml"),
        size=size,
        datasets=datasets,
        devices=evidence.devices,
        downloads=[
            of_table("findings.tsv", outcome.table(), "what was expected and what was found"),
            of_table("numbers.tsv", outcome.numbers, "the numbers behind them and the picture"),
        ],
        today=date.today().isoformat(),
    )
