"""Experiments, from their configuration to their page, through the workflow of the reproduction."""

from __future__ import annotations

import pandas as pd
import pytest
from checkout import copy_of_the_workflow

ENTRY = ("-s", "reproduction/Snakefile")
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
LABELS = """
experiment: digit_labels
datasets:
  digits:
    pairs: {kind: digit_labels}
test_pairs: 400
dims: [4]
seeds: 2
recipes: [brief]
variants:
  brief: {of: paper_sampled, epochs: 3, learning_rate: 1e-3}
"""


def test_an_experiment_ends_with_its_page_and_without_reports(tmp_path):
    checkout = copy_of_the_workflow(tmp_path / "a checkout")
    (checkout.path / "norms.yaml").write_text(CONFIG)
    asked = (*ENTRY, "--cores", "2", "--configfile", "norms.yaml", "--config", "size=paper")
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
    code = checkout.path / "reproduction" / "scripts" / "experiments" / "outcome.py"
    code.touch()
    assert checkout.snakemake(*asked, "-n").jobs == {}
    code.write_text(code.read_text() + "\nTWO = 2\n")
    assert checkout.snakemake(*asked, "-n").jobs == {"write_experiment": 1, "all": 1}


def test_training_beyond_the_workflow_has_rules_of_its_own(tmp_path):
    checkout = copy_of_the_workflow(tmp_path / "a checkout")
    (checkout.path / "labels.yaml").write_text(LABELS)
    tables = [f"results/digits/{name}.tsv" for name in ("training_times", "fine_tuning")]
    asked = (*ENTRY, "--cores", "2", "--configfile", "labels.yaml", "--directory", "elsewhere")
    done = checkout.snakemake(*asked, *tables)
    assert done.code == 0, done.text
    times, tuned = (pd.read_csv(checkout.path / "elsewhere" / path, sep="\t") for path in tables)
    assert times.columns.tolist() == ["recipe", "dim", "seconds"]
    assert (times["seconds"] > 0).all()
    assert tuned["steps"].tolist() == [0, 300, 0, 300]
    assert tuned["accuracy"].between(0, 1).all()


@pytest.mark.parametrize(
    ("name", "trained"), [("two_stages", "time_training"), ("digit_labels", "fine_tune_encoders")]
)
def test_an_experiment_waits_for_what_is_trained_for_it(checkout, name, trained):
    planned = checkout.snakemake(*ENTRY, "--configfile", f"reproduction/config/{name}.yaml", "-n")
    assert planned.jobs[trained] == 1
    assert planned.jobs["write_experiment"] == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (ENTRY, "configuration: experiment: None is not one of ['linear', "),
        ((*ENTRY, "--config", "experiment=linea"), "experiment: 'linea' is not one of ['linear', "),
        ((*ENTRY, "--config", "experiment=linear", "size=small"), "size: 'small' is not one of ["),
        (("--config", "experiment=linear"), "--configfile reproduction/config/linear.yaml"),
    ],
)
def test_unknown_experiments_are_refused_in_a_sentence(checkout, arguments, sentence):
    done = checkout.refused(*arguments)
    assert sentence in done.text
    assert "Traceback" not in done.text
