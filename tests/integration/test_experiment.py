"""An experiment goes from its configuration to its page, through the workflow."""

from __future__ import annotations

import pandas as pd
from checkout import copy_of_the_workflow

CONFIG = """
experiment: norms
datasets:
  few:
    pairs: {kind: linear, pairs: 560, shared_dimensions: 2}
test_pairs: 100
dims: [3]
seeds: 2
recipes: [brief]
variants:
  brief: {of: paper_sampled, epochs: 3, learning_rate: 1e-3}
"""


def test_an_experiment_ends_with_its_page_and_without_reports(tmp_path):
    checkout = copy_of_the_workflow(tmp_path / "a checkout")
    (checkout.path / "norms.yaml").write_text(CONFIG)
    asked = ("--cores", "2", "--configfile", "norms.yaml", "--config", "size=paper")
    done = checkout.snakemake(*asked)
    assert done.code == 0, done.text
    made = checkout.path / "results" / "experiments" / "norms" / "paper"
    assert f"The experiment: {made.relative_to(checkout.path)}/index.html" in done.text
    findings = pd.read_csv(made / "findings.tsv", sep="\t")
    spread, sphere = findings["found"]
    assert spread.startswith("k* = 2: 0.")
    assert sphere.startswith("after 3 epochs 0.")
    assert set(findings["device"]) == {"CPU, 1 thread"}
    page = (made / "index.html").read_text()
    assert "in the paper size" in page
    # 560 pairs less 100, of which the recipe trains on ten in eighteen.
    assert ">256</td>" in page
    assert not (checkout.path / "results" / "few" / "report.html").exists()
    assert checkout.snakemake(*asked, "-n").jobs == {}
