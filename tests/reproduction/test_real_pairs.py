"""Findings on real pairs, with and without labels."""

from __future__ import annotations

from tiny_evidence import tiny_evidence

from experiments.catalogue import EXPERIMENTS


def test_cells_without_types_are_judged_by_matching_and_dimension(tmp_path):
    evidence = tiny_evidence("drifters", tmp_path / "results", [3, 6])
    outcome = EXPERIMENTS["cite_seq"].measure(evidence)
    # Every recipe that is trained on right partners, whether the best or not.
    assert any(finding.source == "Figure 5, drifters, tuned" for finding in outcome.findings)
    assert not any("labels" in finding.expected for finding in outcome.findings)
    assert set(outcome.numbers["split"]) == {"train", "test"}
