"""Table of recorded findings, docs/reproduction.tsv, and the document made of it, docs/reproduction.md."""

from __future__ import annotations

import html
from pathlib import Path

import pandas as pd

from experiments.catalogue import EXPERIMENTS
from sharedim.jobs.files import replacing
from sharedim.jobs.tables import read_table, write_table

REPOSITORY = Path(__file__).resolve().parents[1]
# As a user names them from the root of the repository.
SNAKEFILE, CONFIGURATIONS = "reproduction/Snakefile", "reproduction/config"
SIZES = ("quick", "paper")
TEMPLATE = Path(__file__).with_name("reproduction.md.in")
DOCUMENT = REPOSITORY / "docs" / "reproduction.md"
# Findings of runs on any machine, kept when another experiment runs.
FINDINGS = REPOSITORY / "docs" / "reproduction.tsv"
# Experiments whose features must first be computed elsewhere.
NOT_HERE = ("imagenetv2", "yfcc")


def configurations(name: str, size: str) -> list[str]:
    """Return the configurations of an experiment, relative to the repository."""
    own = [f"{CONFIGURATIONS}/{name}.yaml"]
    return own if size == "quick" else [*own, f"{CONFIGURATIONS}/paper/{name}.yaml"]


def command_of(files: list[str]) -> str:
    """Return the command that runs some configurations."""
    return f"snakemake --cores all -s {SNAKEFILE} --configfile {' '.join(files)}"


def recorded(name: str, size: str) -> pd.DataFrame:
    """Return what is kept of an experiment in a size, one row a finding; none where it has not run."""
    if not FINDINGS.exists():
        return pd.DataFrame()
    table = read_table(FINDINGS)
    return table[(table["experiment"] == name) & (table["size"] == size)]


def record(name: str, size: str, found: pd.DataFrame, run: dict[str, object]) -> None:
    """Keep what an experiment found, in place of what it found before.

    Parameters
    ----------
    name, size : str
    found : DataFrame
        As ``findings.tsv``.
    run : dict
        ``command``, ``seconds`` and ``cores``.
    """
    own = found.assign(experiment=name, size=size, **run)
    table = own
    if FINDINGS.exists():
        kept = read_table(FINDINGS)
        kept = kept[(kept["experiment"] != name) | (kept["size"] != size)]
        table = pd.concat([kept, own], ignore_index=True)
    # In the order of the document, so that a change is seen where it is.
    place = table["experiment"].map({known: at for at, known in enumerate(EXPERIMENTS)})
    table = table.assign(place=place, larger=table["size"].map(SIZES.index))
    table = table.sort_values(["larger", "place"], kind="stable").drop(columns=["larger", "place"])
    write_table(FINDINGS, table)


def escaped(text: str) -> str:
    """Return text in which k* is not taken for the beginning of italics."""
    return text.replace("*", "\\*")


def rows_of(name: str, size: str) -> pd.DataFrame:
    """Return the findings of an experiment as they stand in the document."""
    found = recorded(name, size).fillna("")
    if found.empty:
        return found
    text = found[["source", "expected", "found", "note"]].map(escaped)
    ours = text["found"] + text["note"].map(lambda note: f" _{note}_" if note else "")
    return pd.DataFrame(
        {
            "after": text["source"],
            "expected": text["expected"],
            "ours": ours,
            "same?": found["agrees"],
            "command": found["command"].map("`{}`".format),
            "time": (found["seconds"] / 60).map("{:.1f} min".format),
            "device": found["device"] + found["cores"].map(", {} cores".format),
        }
    )


def outcome_of(name: str, size: str) -> str:
    """Say in a few words what became of an experiment in a size."""
    found = recorded(name, size)
    if len(found):
        return f"{(found['agrees'] == 'yes').sum()} of {len(found)} as expected"
    if not (REPOSITORY / configurations(name, size)[-1]).exists():
        return "has one size"
    return f"not run yet{': its features have to be computed first' * (name in NOT_HERE)}"


def overview() -> pd.DataFrame:
    """Return every experiment beside what it is after and what became of it."""
    return pd.DataFrame(
        [
            {
                "after": experiment.source,
                "experiment": experiment.title,
                **{f"{size} size": outcome_of(name, size) for size in SIZES},
                "command": f"`{command_of(configurations(name, 'quick'))}`",
            }
            for name, experiment in EXPERIMENTS.items()
        ]
    )


def markdown(table: pd.DataFrame) -> str:
    """Write a table in Markdown, whatever its cells hold."""
    lines = [table.columns.tolist(), ["---"] * len(table.columns)]
    lines += [[html.escape(str(cell), quote=False) for cell in row] for row in table.to_numpy()]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in lines
    )


def write_document() -> None:
    """Write the document from what is kept of all experiments."""
    sections, agreeing, findings = [], 0, 0
    for size in SIZES:
        for name, experiment in EXPERIMENTS.items():
            rows = rows_of(name, size)
            if rows.empty:
                continue
            agreeing, findings = agreeing + (rows["same?"] == "yes").sum(), findings + len(rows)
            asked = escaped(f"{experiment.question} It follows {experiment.source}.")
            sections.append(f"## {experiment.title} ({size})\n\n{asked}\n\n{markdown(rows)}\n")
    text = TEMPLATE.read_text(encoding="utf-8")
    for key, value in {
        "overview": markdown(overview()),
        "agreeing": str(agreeing),
        "findings": str(findings),
        "sections": "\n".join(sections),
    }.items():
        text = text.replace(f"{{{{{key}}}}}", value)
    with replacing(DOCUMENT) as temporary:
        temporary.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
