"""The calibration in small: it can be stopped, and its report says what the runs say."""

from __future__ import annotations

import sys
from dataclasses import replace

import calibrate
import calibration_report
import numpy as np
import pandas as pd
import pytest

from sharedim.training.recipes import TUNED


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three small datasets, scored as the whole design is."""
    folder = tmp_path_factory.mktemp("calibration")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibrate, "DIMS", (2, 5))
        patch.setattr(calibrate, "SEEDS", [0, 1])
        patch.setattr(calibrate, "TUNED", replace(TUNED, steps=40))
        patch.setattr(calibrate, "CELLS", 900)
        pairs = [
            calibrate.Pair(kind, shared, 0, cells=900)
            for kind, shared in (("linear", 0), ("curved", 2), ("counts", 2))
        ]
        for pair in pairs:
            for recipe in (calibrate.CCA, calibrate.TUNED):
                told = calibrate.score(pair, recipe, folder)
                assert told.startswith(f"{pair.kind}_k{pair.shared}_n900")
    return folder


def test_the_design_is_the_one_that_is_said():
    pairs = list(calibrate.design())
    assert len({pair.name for pair in pairs}) == len(pairs) == 80
    core = [p for p in pairs if p.cells == calibrate.CELLS and p.noise == calibrate.NOISE]
    counts = pd.Series([pair.shared for pair in core]).value_counts()
    assert counts.to_dict() == dict.fromkeys((0, 1, 2, 3, 5, 8), 10)
    assert {p.kind for p in core if p.shared == 5} == {"linear", "curved", "counts"}


def test_a_dataset_has_the_features_and_truth_it_is_named_for():
    rna, prot = calibrate.Pair("curved", 3, 1, cells=300).features()
    assert len(rna) == len(prot) == 300
    again, _ = calibrate.Pair("curved", 3, 1, cells=300).features()
    np.testing.assert_array_equal(rna, again)
    other, _ = calibrate.Pair("curved", 3, 2, cells=300).features()
    assert not np.allclose(rna, other)


def test_the_report_counts_what_the_runs_say(folder, tmp_path, monkeypatch, capsys):
    answers, candidates = calibration_report.collect(folder)
    assert len(answers) == 3
    nothing = answers[answers["shared"] == 0]
    assert nothing["status"].tolist() == ["nothing_shared"]
    found = answers[answers["shared"] == 2]
    assert found["k_hat"].astype(float).tolist() == pytest.approx([2, 2], abs=0.5)
    assert calibration_report.holds(found.astype({"low": float, "high": float})).all()
    assert set(candidates["recipe"]) == {"cca", "tuned"}

    into = tmp_path / "calibration.md"
    monkeypatch.setattr(sys, "argv", ["report", "--folder", str(folder), "--into", str(into)])
    calibration_report.main()
    text = into.read_text()
    assert "{{" not in text
    assert "(2 runs), the 90 % interval of k-hat holds k* in\n  **100% ± 0%**" in text
    assert "Something shared is said at k* = 0 in **0 of 1** runs" in text
    assert "interval holds k* in 100%" in capsys.readouterr().out


def test_an_empty_folder_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["report", "--folder", str(tmp_path)])
    with pytest.raises(SystemExit, match="no simulated datasets; run make calibrate"):
        calibration_report.main()
