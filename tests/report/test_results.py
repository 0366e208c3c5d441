from __future__ import annotations

from sharedim.report.results import read_named


def test_names_that_look_like_numbers_stay_names(tmp_path):
    path = tmp_path / "table.tsv"
    path.write_text("pair\tcluster\tvalue\ntrue\t0\t1\nfalse\tNA\t\n")
    table = read_named(path, ["cluster"])
    assert table["pair"].tolist() == ["true", "false"]
    assert table["cluster"].tolist() == ["0", "NA"]
    assert table["value"].isna().tolist() == [False, True]
