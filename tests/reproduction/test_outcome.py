"""Outcomes as tables."""

from __future__ import annotations

from experiments.outcome import Finding, Outcome


def test_findings_are_a_table():
    outcome = Outcome(
        [Finding("a", "b", "c 1", True), Finding("d", "e", "f", False, "g")], None, None
    )
    assert outcome.table()["agrees"].tolist() == ["yes", "no"]
    assert outcome.table()["note"].tolist() == ["", "g"]
