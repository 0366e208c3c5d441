"""Experiments in miniature: each has a configuration, and can be measured, drawn and told."""

from __future__ import annotations

import re

import pytest
import yaml
from places import REPOSITORY
from tiny_evidence import SEEDS, tiny_evidence

from experiments.catalogue import EXPERIMENTS
from experiments.page import render_experiment
from sharedim import configuration
from sharedim.report.figures.style import save
from sharedim.training.variants import recipes_of

REPRODUCTION = REPOSITORY / "reproduction"
CONFIGURATIONS = sorted((REPRODUCTION / "config").glob("*.yaml"))
OWN_SCHEMA = yaml.safe_load((REPRODUCTION / "schemas/config.schema.yaml").read_text())
SCHEMA = yaml.safe_load((REPOSITORY / "workflow/schemas/config.schema.yaml").read_text())
# The output dimensions at which an experiment is tried, and the datasets that are left out.
TINY = {
    "linear": ([2, 3, 5], ()),
    "norms": ([3, 5], ()),
    "nonlinear": ([3, 5], ("nonlinear_k5_3500",)),
    "temperature": ([2, 3], ("digits",)),
    "similarities": ([2, 3], ("digits", "linear_k5", "nonlinear_k2")),
    "capacity": ([3], ()),
    "samples": ([3, 6], ("pairs_1000", "pairs_2000", "both_2", "first_16")),
    "two_stages": ([3, 6, 8], ()),
    "digits": ([3, 6], ()),
    "digit_labels": ([10], ()),
    "gaussian": ([1, 2], ()),
    "gaussian_process": ([1, 5], ()),
    "process_sampling": ([5], ("process_5000", "process_20000")),
    "drifters": ([3, 6], ()),
}


@pytest.mark.parametrize("name", TINY)
def test_an_experiment_is_measured_drawn_and_told(name, tmp_path):
    dims, without = TINY[name]
    evidence = tiny_evidence(name, tmp_path / "results", dims, without)
    outcome = EXPERIMENTS[name].measure(evidence)
    assert outcome.findings
    for finding in outcome.findings:
        assert finding.source
        assert finding.expected
        assert re.search(r"\d", finding.found)
        assert isinstance(finding.agrees, bool)
    assert len(outcome.numbers)
    save(outcome.picture, tmp_path / "picture.svg")
    svg = (tmp_path / "picture.svg").read_bytes()
    page = render_experiment(EXPERIMENTS[name], outcome, evidence, size="quick", svg=svg)
    assert all(f">{own}</th>" in page for own in evidence.datasets)
    assert page.count("<td>yes</td>") == sum(finding.agrees for finding in outcome.findings)
    assert f"<td>{SEEDS}</td>" in page


def test_every_experiment_has_a_configuration_and_is_known_to_the_schema():
    named = {yaml.safe_load(path.read_text()).get("experiment") for path in CONFIGURATIONS}
    assert named - {None} == set(EXPERIMENTS)
    assert OWN_SCHEMA["properties"]["experiment"]["enum"] == list(EXPERIMENTS)


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.stem)
@pytest.mark.parametrize("size", ["quick", "paper"])
def test_configurations_of_experiments_can_be_run(path, size, tmp_path):
    config = yaml.safe_load((REPOSITORY / "config/config.yaml").read_text())
    config = merged(config, yaml.safe_load(path.read_text()))
    larger = path.parent / "paper" / path.name
    if size == "paper":
        if not larger.exists():
            pytest.skip(f"{path.stem} has one size")
        config = merged(config, yaml.safe_load(larger.read_text()))
        assert config["size"] == "paper"
    configuration.check(config, OWN_SCHEMA)
    own_keys = OWN_SCHEMA["properties"]
    config = configuration.coerce({key: config[key] for key in config if key not in own_keys})
    configuration.check(config, SCHEMA)
    for own in config["datasets"].values():
        for given in (
            *own.get("cells", []),
            *([own["annotations"]] if "annotations" in own else []),
        ):
            (tmp_path / given).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / given).touch()
    assert configuration.datasets_of(config, tmp_path, tmp_path)
    assert recipes_of(config)


def merged(first: dict, second: dict) -> dict:
    """Return a configuration with another over it, as Snakemake does with several files."""
    result = dict(first)
    for key, value in second.items():
        inside = isinstance(value, dict) and isinstance(first.get(key), dict)
        result[key] = merged(first[key], value) if inside else value
    return result
