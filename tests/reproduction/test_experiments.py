"""Experiments: whether what is found is judged rightly, and whether each can be measured at all."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
import yaml
from places import REPOSITORY
from tiny_evidence import SEEDS, tiny_evidence

from sharedim import configuration
from sharedim.experiments.capacity import findings_of as of_capacity
from sharedim.experiments.catalogue import EXPERIMENTS
from sharedim.experiments.digit_labels import findings_of as of_labels
from sharedim.experiments.gaussian_process import of_side
from sharedim.experiments.gaussian_signs import moments
from sharedim.experiments.gaussian_theory import of_joint, of_loss, of_one_sided, of_two_sided
from sharedim.experiments.nonlinear import of_varying
from sharedim.experiments.norms import Stage, of_stages
from sharedim.experiments.outcome import Finding
from sharedim.experiments.page import render_experiment
from sharedim.experiments.panels import pair_similarities
from sharedim.experiments.process_sampling import BATCH, NUMBER, of_sampling
from sharedim.experiments.samples import findings_of as of_samples
from sharedim.experiments.synthetic import of_similarities
from sharedim.experiments.temperature import of_fall
from sharedim.experiments.two_stages import findings_of as of_going_down
from sharedim.experiments.two_stages import principal_axes
from sharedim.report.figures.style import save
from sharedim.training.variants import recipes_of

CONFIGURATIONS = sorted((REPOSITORY / "config/experiments").glob("*.yaml"))
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


def test_cells_without_types_are_judged_by_matching_and_dimension(tmp_path):
    evidence = tiny_evidence("drifters", tmp_path / "results", [3, 6])
    outcome = EXPERIMENTS["cite_seq"].measure(evidence)
    # Every recipe that is trained on right partners, whether the best or not.
    assert any(finding.source == "Figure 5, drifters, tuned" for finding in outcome.findings)
    assert not any("labels" in finding.expected for finding in outcome.findings)
    assert set(outcome.numbers["split"]) == {"train", "test"}


def test_every_experiment_has_a_configuration_and_is_known_to_the_schema():
    named = {yaml.safe_load(path.read_text()).get("experiment") for path in CONFIGURATIONS}
    assert named - {None} == set(EXPERIMENTS)
    assert SCHEMA["properties"]["experiment"]["enum"] == list(EXPERIMENTS)


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
    config = configuration.coerce(config)
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


def test_true_pairs_near_one_that_cap_false_ones_are_as_expected():
    rng = np.random.default_rng(0)
    true, false = 1 + 0.05 * rng.normal(size=2000), rng.uniform(-1, 0.9, 10000)
    assert of_similarities((true, false), "").agrees
    assert not of_similarities((0.5 * true, false), "").agrees
    assert not of_similarities((true, false + 0.5), "").agrees


def test_similarities_are_inner_products_of_partners_and_of_others():
    rng = np.random.default_rng(0)
    f, g = rng.normal(size=(2, 30, 3))
    true, false = pair_similarities(f, g)
    products = f @ g.T
    np.testing.assert_allclose(true, np.diag(products))
    others = products[~np.eye(30, dtype=bool)]
    assert np.isin(false.round(9), others.round(9)).all()


def test_a_temperature_that_falls_at_every_d_above_one_is_as_expected():
    ends = pd.DataFrame(
        {
            "dataset": "a",
            "recipe": "learned",
            "dim": [1, 2, 5],
            "start": 1.0,
            "end": [0.9, 0.1, 0.1],
        }
    )
    assert of_fall(ends).agrees
    assert not of_fall(ends.assign(end=[0.9, 0.1, 0.7])).agrees


def capacity_table(cosine: float, dimension: float, temperature: float) -> pd.DataFrame:
    """Return a collapsed, an unaligned and an aligned model, as the sweep gives them."""
    return pd.DataFrame(
        {
            "layers": [1, 1, 3],
            "width": [1, 50, 50],
            "seed": 0,
            "cosine": [0.0, cosine, 0.99],
            "matching": [0.0005, 0.1, 0.3],
            "times_chance": [1.0, 200.0, 600.0],
            "dimension": [np.nan, dimension, 2.1],
            "temperature": [1.2, temperature, 0.01],
        }
    )


@pytest.mark.parametrize(
    ("made_up", "expected"),
    [
        ((0.1, 2.1, 0.01), [True, True, True]),
        ((0.9, 2.1, 0.01), [False, False, True]),
        ((0.1, 2.9, 0.01), [True, False, True]),
        ((0.1, 2.1, 0.9), [True, True, False]),
    ],
)
def test_unaligned_models_are_told_from_aligned_and_collapsed_ones(made_up, expected):
    found = of_capacity(2, capacity_table(*made_up))
    assert [finding.agrees for finding in found] == expected


def answers_table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "pairs": [500, 2000, 20000, 5000, 5000, 5000, 5000],
            "noise": ["both", "both", "both", "both", "both", "first", "none"],
            "level": [1.0, 1.0, 1.0, 1.0, 4.0, 8.0, 0.0],
            "shared": 5,
            "k_hat": [3.0, 5.0, 5.0, 5.0, 4.0, np.nan, 5.0],
            "low": [2.0, 5.0, 5.0, 4.0, 3.0, np.nan, 5.0],
            "high": [5.0, 5.0, 5.0, 5.0, 5.0, np.nan, 5.0],
        }
    )


def test_k_hat_is_held_against_the_truth_where_there_are_pairs_enough():
    assert [finding.agrees for finding in of_samples(answers_table())] == [True, True, True]
    wrong = answers_table()
    wrong.loc[1, ["k_hat", "low", "high"]] = 4
    wrong.loc[4, "k_hat"] = 6
    assert [finding.agrees for finding in of_samples(wrong)] == [False, False, False]
    assert "nothing shared with noise of 8 in first" in of_samples(wrong)[2].found
    # Noise that hides nothing has not been enough.
    assert not of_samples(answers_table().assign(k_hat=5.0))[2].agrees


def test_what_the_losses_make_of_labels_is_compared():
    by = pd.DataFrame(
        {
            "accuracy": [0.9, 0.95, 0.8],
            "confidence": [0.8, 0.94, 0.7],
            "fine_tuned": [0.95, 0.95, 0.9],
            "effective_images": [60, 5, 60],
        },
        index=["two_sided", "label_given_image", "image_given_label"],
    )
    assert [finding.agrees for finding in of_labels(by, 900)] == [True] * 4
    worse = by.assign(
        accuracy=[0.97, 0.95, 0.8], confidence=[0.95, 0.94, 0.7], effective_images=[4, 5, 60]
    )
    assert [finding.agrees for finding in of_labels(worse, 900)] == [False] * 4


def test_going_down_in_dimensions_has_to_keep_what_was_matched():
    table = pd.DataFrame(
        {
            "way": ["large", "components", "components", "retrained", "retrained"],
            "dim": [40, 5, 6, 5, 6],
            "k_hat": 5,
            "matching": [0.8, 0.4, 0.79, 0.5, 0.8],
            "training_seconds": [10.0, 10.0, 10.0, 8.0, 9.0],
            "search_seconds": [1.0, 0.4, 0.5, 0.4, 0.5],
            "axes_needed": [np.nan, 6.0, 6.0, np.nan, np.nan],
            "dataset": "a",
        }
    )
    found = of_going_down(table)
    assert [finding.agrees for finding in found] == [False, True, False, True]
    assert "50 % of search" in found[1].found
    assert found[0].note.startswith("6 principal axes")
    assert not found[1].note
    assert "20 % of training" in found[2].found
    assert found[2].note
    assert "d = 6 in place of 40, where the estimated dimension is 5" in found[3].expected


def test_principal_axes_keep_inner_products_best():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(200, 3)) @ rng.normal(size=(3, 8)) + 5
    axes = principal_axes(points, 3)
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    # Three directions hold all of a mean and two more would not: the mean is within their span here.
    seen = points @ principal_axes(points, 4).T
    np.testing.assert_allclose(seen @ seen.T, points @ points.T, rtol=1e-9)


def gaussian_table() -> pd.DataFrame:
    """Return distances as the theory has them: exact where it says so, and too large where not."""
    return pd.DataFrame(
        {
            "dataset": "a",
            "loss": ["two_sided", "one_sided", "joint"],
            "dim": 2,
            "cross": [0.01, 0.001, 0.015],
            "square": [np.nan, 0.01, np.nan],
            "mean_x": [0.01, 0.001, 0.2],
            "mean_y": [0.01, 0.3, 0.2],
            "spread_x": [1.2, 1.001, 1.2],
            "spread_y": [1.3, 1.4, 1.2],
            "marginal": [0.5, 0.9, 0.1],
        }
    )


def test_relative_errors_above_two_per_cent_are_not_as_expected():
    table = gaussian_table()
    assert of_loss(table, "one_sided").agrees
    assert not of_loss(table.assign(cross=0.03), "one_sided").agrees
    assert not of_loss(table.assign(square=0.03), "one_sided").agrees


@pytest.mark.parametrize(
    ("of", "loss", "wrong"),
    [
        (of_two_sided, ["two_sided"], {"mean_y": 0.1}),
        (of_two_sided, ["two_sided"], {"spread_y": 0.9}),
        (of_one_sided, ["one_sided"], {"spread_x": 1.1}),
        (of_one_sided, ["one_sided"], {"mean_x": 0.1}),
        # What is not determined should not come out right.
        (of_one_sided, ["one_sided"], {"mean_y": 0.001, "spread_y": 1.0}),
        (of_joint, ["two_sided", "one_sided", "joint"], {"mean_x": 0.001}),
        (of_joint, ["two_sided", "one_sided", "joint"], {"marginal": [0.5, 0.05, 0.1]}),
    ],
)
def test_conditionals_and_marginals_are_held_against_the_theory(of, loss, wrong):
    table = gaussian_table()
    table = table[table["loss"].isin(loss)]
    assert of(table).agrees
    assert not of(table.assign(**wrong)).agrees


def test_moments_of_weighted_pairs_are_those_of_a_tilted_normal_distribution():
    # exp(a x y) times two standard normal densities has correlation a and variances 1 / (1 - a^2).
    grid, tilt = np.linspace(-8, 8, 800), 0.4
    density = np.exp(-(grid**2) / 2)
    weights = np.outer(density, density) * np.exp(tilt * np.outer(grid, grid))
    found = moments(weights, grid, grid)
    np.testing.assert_allclose(found.variances, 1 / (1 - tilt**2), rtol=1e-6)
    np.testing.assert_allclose(found.correlation, tilt, rtol=1e-6)
    # Signs: E|x| E|y| tanh(1) between standard normal numbers.
    signs = np.exp(np.outer(np.sign(grid), np.sign(grid))) * np.outer(density, density)
    np.testing.assert_allclose(moments(signs, grid, grid).variances, 1, rtol=1e-6)
    expected = 2 / np.pi * np.tanh(1)
    np.testing.assert_allclose(moments(signs, grid, grid).correlation, expected, rtol=1e-3)


def test_representations_have_to_draw_near_the_sphere_and_each_other():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(2, 200, 3))
    on_sphere = points / np.linalg.norm(points, axis=2, keepdims=True)
    early, late = Stage(1, tuple(points)), Stage(9, (on_sphere[0], 1.05 * on_sphere[0]))
    found = of_stages([early, late], 2)
    assert found.agrees
    assert "after 1 epoch " in found.found
    assert "after 9 epochs 0.04 from the sphere, partners 0.05 apart" in found.found
    assert not of_stages([late, early], 2).agrees
    # Partners that do not come nearer.
    assert not of_stages([late, Stage(9, tuple(on_sphere))], 2).agrees


@pytest.mark.parametrize("varied", [BATCH, NUMBER], ids=lambda varied: varied.what)
def test_errors_have_to_fall_with_batches_and_pairs(varied):
    rows = [
        (side, pairs, batch, 1 / (pairs * batch))
        for side in "xy"
        for pairs in (2500, 10_000, 20_000)
        for batch in (128, 512, 1024)
    ]
    table = pd.DataFrame(rows, columns=["side", "pairs", "batch", "error"])
    assert of_sampling(table, "x", varied).agrees
    kept = {"pairs": 10_000, "batch": 512}[varied.kept]
    assert f"{1 / (kept * table[varied.what].max()):.4f}" in of_sampling(table, "x", varied).found
    largest = table[varied.what].max()
    worse = table.assign(error=table["error"].where(table[varied.what] < largest, 1.0))
    assert not of_sampling(worse, "x", varied).agrees


def test_an_error_has_to_fall_up_to_five_dimensions_and_no_further():
    error = pd.Series([1.0, 0.6, 0.3, 0.1, 0.05, 0.05, 0.05], index=range(1, 8))
    assert of_side(error, "x", 5).agrees
    assert not of_side(
        error - pd.Series([0, 0, 0, 0, 0, 0.04, 0.04], index=range(1, 8)), "x", 5
    ).agrees
    rising = error.copy()
    rising.loc[3] = 0.7
    assert not of_side(rising, "x", 5).agrees


def test_the_number_of_coordinates_that_vary_is_what_is_estimated():
    found = {"k* = 2": pd.Series({0: 6.3, 1: 2.9, 2: 2.1}), "k* = 5": pd.Series({3: 3.8, 4: 4.7})}
    assert of_varying(found).agrees
    assert "2.10 where 2 vary" in of_varying(found).found
    assert not of_varying(found | {"k* = 5": pd.Series({4: 5.2})}).agrees


def test_findings_are_a_table():
    from sharedim.experiments.outcome import Outcome

    outcome = Outcome(
        [Finding("a", "b", "c 1", True), Finding("d", "e", "f", False, "g")], None, None
    )
    assert outcome.table()["agrees"].tolist() == ["yes", "no"]
    assert outcome.table()["note"].tolist() == ["", "g"]
