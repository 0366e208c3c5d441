"""Recorded findings, and docs/reproduction.md, which is generated from them."""

from __future__ import annotations

import pandas as pd
import pytest
import reproduction_table

from experiments.catalogue import EXPERIMENTS
from sharedim.jobs.tables import read_table

RUN = {"command": "snakemake", "seconds": 90.0, "cores": 2}


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Keep table and document in a folder of the test."""
    monkeypatch.setattr(reproduction_table, "FINDINGS", tmp_path / "found.tsv")
    monkeypatch.setattr(reproduction_table, "DOCUMENT", tmp_path / "found.md")
    return tmp_path


def found(text: str, agrees: str = "yes") -> pd.DataFrame:
    """Return one finding, as an experiment writes it."""
    own = {"source": "Figure 3", "expected": "k* = 2", "found": text, "agrees": agrees}
    return pd.DataFrame([own | {"note": "", "device": "CPU"}])


def test_the_document_is_what_was_recorded(elsewhere):
    written = reproduction_table.DOCUMENT
    committed = reproduction_table.REPOSITORY / "docs"
    reproduction_table.FINDINGS.write_bytes((committed / "reproduction.tsv").read_bytes())
    reproduction_table.write_document()
    assert written.read_text() == (committed / "reproduction.md").read_text()


def test_an_experiment_that_runs_again_leaves_what_others_found(elsewhere):
    reproduction_table.record("gaussian", "quick", found("0.1 %"), RUN)
    reproduction_table.record("linear", "quick", found("2.1"), RUN)
    reproduction_table.record("gaussian", "paper", found("0.2 %"), RUN)
    reproduction_table.record("gaussian", "quick", found("0.3 %", "no"), RUN)
    kept = read_table(reproduction_table.FINDINGS)
    # Small sizes first, in the order of the experiments.
    assert kept["found"].tolist() == ["2.1", "0.3 %", "0.2 %"]
    assert kept["agrees"].tolist() == ["yes", "no", "yes"]


def test_the_document_has_a_row_a_finding_and_one_an_experiment(elsewhere):
    reproduction_table.record("linear", "quick", found("2.1 | 2 * 3", "no"), RUN)
    reproduction_table.write_document()
    text = reproduction_table.DOCUMENT.read_text()
    assert "\n0 of 1 findings agree with the expectation." in text
    row = "| Figure 3 | k\\* = 2 | 2.1 \\| 2 \\* 3 | no | `snakemake` | 1.5 min | CPU, 2 cores |"
    assert row in text
    for experiment in EXPERIMENTS.values():
        assert f"| {experiment.source} | {experiment.title} | " in text
    assert "| 0 of 1 as expected | not run yet |" in text
    assert "| not run yet: its features have to be computed first |" in text
    assert "{{" not in text
