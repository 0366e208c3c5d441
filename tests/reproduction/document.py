"""docs/reproduction.md, from what the experiments wrote."""

from __future__ import annotations

import html
from pathlib import Path

import pandas as pd

from sharedim.experiments.catalogue import EXPERIMENTS
from sharedim.files import read_json, replacing
from sharedim.tables import read_table

REPOSITORY = Path(__file__).resolve().parents[2]
SIZES = ("quick", "paper")
TEMPLATE = Path(__file__).with_name("reproduction.md.in")
DOCUMENT = REPOSITORY / "docs" / "reproduction.md"
COLUMNS = ["after", "expected", "ours", "same?", "command", "time", "device"]


def folder_of(name: str, size: str) -> Path:
    """Return where an experiment is run."""
    return REPOSITORY / "results" / "reproduction" / size / name


def configurations(name: str, size: str) -> list[str]:
    """Return the configurations of an experiment, as a person names them."""
    own = [f"config/experiments/{name}.yaml"]
    return own if size == "quick" else [*own, f"config/experiments/paper/{name}.yaml"]


def rows_of(name: str, size: str) -> pd.DataFrame | None:
    """Return what an experiment found, one row a finding; None where it has not run."""
    folder = folder_of(name, size)
    own = folder / "results" / "experiments" / name / size
    if not (folder / "run.json").exists():
        return None
    found = read_table(own / "findings.tsv").fillna("")
    run = read_json(folder / "run.json")
    files = configurations(name, size)
    if (folder / "real.yaml").exists():
        files.append("config/experiments/real.yaml")
    text = found.map(lambda value: str(value).replace("*", "\\*"))
    ours = text["found"] + text["note"].map(lambda note: f" _{note}_" if note else "")
    return pd.DataFrame(
        {
            "after": text["source"],
            "expected": text["expected"],
            "ours": ours,
            "same?": found["agrees"],
            "command": f"`snakemake --cores all --configfile {' '.join(files)}`",
            "time": f"{run['seconds'] / 60:.1f} min",
            "device": f"{', '.join(found['device'].unique())}, {run['cores']} cores",
        }
    )


def markdown(table: pd.DataFrame) -> str:
    """Write a table in Markdown, whatever its cells hold."""
    lines = [table.columns.tolist(), ["---"] * len(table.columns)]
    lines += [[html.escape(str(cell), quote=False) for cell in row] for row in table.to_numpy()]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in lines
    )


def write_document() -> None:
    """Write the document from all experiments that have run."""
    sections, agreeing, findings = [], 0, 0
    for size in SIZES:
        for name, experiment in EXPERIMENTS.items():
            rows = rows_of(name, size)
            if rows is None:
                continue
            agreeing, findings = agreeing + (rows["same?"] == "yes").sum(), findings + len(rows)
            sections.append(
                f"## {experiment.title} ({size})\n\n{experiment.question}\n\n{markdown(rows[COLUMNS])}\n"
            )
    text = TEMPLATE.read_text(encoding="utf-8")
    text = text.replace("{{agreeing}}", str(agreeing)).replace("{{findings}}", str(findings))
    with replacing(DOCUMENT) as temporary:
        temporary.write_text(text.replace("{{sections}}", "\n".join(sections)), encoding="utf-8")
