from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from sharedim.answer import answer_of
from sharedim.figures import plot_saturation, plot_training, save
from sharedim.provenance import of_dataset, of_job
from sharedim.report import render_report, score_tables
from sharedim.saturation import saturation_table

LABELS = ["celltype.l1", "celltype.l2"]
DIMS, SEEDS = [1, 2, 4], 3


def made_up_scores(labels, recipes=("paper", "cca")):
    rng = np.random.default_rng(0)
    metrics = {f"match_top0.5pct_{way}": 0.005 for way in ("rna_to_prot", "prot_to_rna")}
    metrics |= {
        f"label_{label}_{way}": 0.3 for label in labels for way in ("rna_to_prot", "prot_to_rna")
    }
    metrics |= {f"id_mle_{modality}": np.nan for modality in ("rna", "prot")}
    rows = [
        ("cells", recipe, dim, seed, split, metric, dim * 0.1 + rng.normal(scale=0.01), chance)
        for recipe in recipes
        for dim in DIMS
        for seed in range(SEEDS)
        for split in ("train", "test")
        for metric, chance in metrics.items()
    ]
    if "paper" in recipes:
        rows += [
            ("cells", "paper", dim, seed, "train", "temperature", 0.5, np.nan)
            for dim in DIMS
            for seed in range(SEEDS)
        ]
    return pd.DataFrame(
        rows, columns=["dataset", "recipe", "dim", "seed", "split", "metric", "value", "chance"]
    )


def made_up_history():
    rows = [
        (
            "cells",
            "paper",
            dim,
            seed,
            epoch,
            5 - epoch / dim,
            5.2 - epoch / dim,
            1 - epoch / 10,
            5.5,
            np.nan,
            np.nan,
        )
        for dim in DIMS
        for seed in range(SEEDS)
        for epoch in (1, 2, 3)
    ]
    names = ["loss", "held_out_loss", "temperature", "chance_loss", "id_rna", "id_prot"]
    return pd.DataFrame(rows, columns=["dataset", "recipe", "dim", "seed", "epoch", *names])


def render(labels=LABELS, recipes=("paper", "cca"), truth=None, warnings=()):
    scores = made_up_scores(labels, recipes)
    saturation = saturation_table(scores, {"train": 978, "test": 1240})
    check = {
        "dataset": "<cells>",
        "file": "cells & more.h5mu",
        "summary": "3,000 paired cells",
        "split": {"train": 978, "normaliser": 782, "test": 1240},
        "labels": {label: {"types": {"A": 10, "B": 20}, "unknown": 5} for label in labels},
        "test_cells": "drawn by each seed",
        "batches": {},
        "warnings": list(warnings),
        "truth": truth,
    }
    preprocessing = {
        modality: {"components": 5, "features": ["a", "b"], "steps": f"steps of {modality}"}
        for modality in ("rna", "prot")
    } | {"fitted_on": "all cells"}
    page = render_report(
        answer=answer_of(
            "cells",
            scores,
            saturation,
            contrastive=[recipe for recipe in recipes if recipe == "paper"],
            directions=24,
        ),
        check=check,
        preprocessing=preprocessing,
        provenance=of_dataset(
            {},
            [],
            [
                ({"recipe": {"name": name}, "seeds": [0, 4]}, of_job("a <device>", 90, "engine"))
                for name in recipes
            ],
        ),
        scores=scores,
        saturation=saturation,
        saturation_svg=b"<svg>saturation</svg>",
        training_svg=b"<svg>training</svg>",
    )
    return page, scores, saturation


def test_the_page_says_where_results_come_from():
    page, *_ = render()
    assert "seeds 0 to 4, 1.5 min in all, on a &lt;device&gt;" in page


def test_the_page_needs_nothing_from_outside():
    page, *_ = render()
    assert not re.search(r"""(src|href)\s*=\s*["'](?!data:)""", page)
    assert "@import" not in page
    assert "url(" not in page


def test_the_page_shows_the_numbers_of_the_tables():
    page, scores, saturation = render()
    held_out = scores.query(
        "recipe == 'cca' and split == 'test' and metric == 'match_top0.5pct_rna_to_prot'"
    )
    for _, values in held_out.groupby("dim")["value"]:
        assert f"{values.mean():.3f} ± {values.std():.3f}" in page
    row = saturation.query("recipe == 'cca' and split == 'test' and metric == 'id_mle_rna'").iloc[0]
    assert f"<td>{row['plateau']:.3f}</td><td>{row['d_saturation']:g}</td>" in page
    assert "Use at least d = 4" in page


def test_text_from_outside_is_escaped():
    page, *_ = render(warnings=["<script>"])
    assert "Shared dimensions of &lt;cells&gt;" in page
    assert "cells &amp; more.h5mu" in page
    assert "<script>" not in page


def test_pictures_have_a_text_alternative():
    page, *_ = render()
    pictures = re.findall(r"<img [^>]*>", page)
    assert len(pictures) == 2
    assert all(re.search(r'alt="[^"]{40,}"', picture) for picture in pictures)


def test_a_file_without_labels_is_said():
    page, *_ = render(labels=[])
    assert (
        "No cell types were named or recognised in the file, so there is no label transfer" in page
    )
    assert "Label transfer" not in page


def test_closed_forms_alone_have_no_training():
    page, *_ = render(recipes=("cca",))
    assert "Only closed-form baselines were fitted" in page
    assert "How many dimensions are shared is not known" in page


def test_the_truth_of_a_simulation_is_shown():
    page, *_ = render(truth={"shared_dimensions": 3})
    assert "<strong>3</strong> shared in truth, as simulated" in page


def test_a_failed_model_is_never_a_number():
    scores = made_up_scores([])
    scores.loc[(scores["recipe"] == "paper") & (scores["dim"] == 4), "value"] = np.nan
    [matching, _] = score_tables(scores, [])
    last = matching["rows"][-1]
    assert last[0] == 4
    assert last[1:3] == ["failed", "failed"]
    assert "nan" not in str(matching["rows"])


@pytest.mark.parametrize(("labels", "rows"), [(LABELS, 4), (["cell_type"], 4), ([], 2)])
def test_the_papers_panels_in_sample_and_out(labels, rows):
    figure = plot_saturation(made_up_scores(labels), labels, {"recommended_d": {"value": 2}})
    assert len(figure.axes) == 2 * rows
    titles = [axis.get_title(loc="left") for axis in figure.axes]
    assert titles[0] == "Top-0.5 % matching, RNA to protein\nin sample (training cells)"
    assert titles[-1] == "Intrinsic dimension (MLE)\nout of sample (held-out cells)"
    for axis in figure.axes:
        legend = [text.get_text() for text in axis.get_legend().get_texts()]
        assert "chance" in legend or "all d dimensions" in legend
    shown = figure.axes[1].get_legend().get_texts()
    assert "recommended d" in [text.get_text() for text in shown]


def test_lines_are_the_means_over_seeds():
    scores = made_up_scores([])
    figure = plot_saturation(scores, [], {"recommended_d": {"value": None}})
    line = figure.axes[0].get_lines()[0]
    expected = scores.query(
        "recipe == 'paper' and split == 'train' and metric == 'match_top0.5pct_rna_to_prot'"
    )
    np.testing.assert_allclose(line.get_ydata(), expected.groupby("dim")["value"].mean())


def test_training_is_drawn_with_its_levels():
    figure = plot_training(made_up_history())
    assert [axis.get_title(loc="left") for axis in figure.axes] == [
        "paper: loss (nats), held out dashed",
        "paper: temperature",
        "paper: final temperature",
    ]
    drawn = [line for line in figure.axes[0].lines if len(line.get_ydata()) == 3]
    solid = [line.get_ydata() for line in drawn if line.get_linestyle() == "-"]
    dashed = [line.get_ydata() for line in drawn if line.get_linestyle() == "--"]
    assert len(solid) == len(DIMS)
    np.testing.assert_allclose(np.array(dashed) - np.array(solid), 0.2)
    assert "No recipe was trained" in plot_training(made_up_history().iloc[:0]).axes[0].get_title()


def test_dimensions_along_training_are_drawn_where_they_were_estimated():
    history = made_up_history()
    asked = history["epoch"] == 2
    history.loc[asked, "id_rna"] = history["dim"] / 2
    history.loc[asked, "id_prot"] = history["dim"] / 3
    axis = plot_training(history).axes[3]
    assert axis.get_title(loc="left").startswith("paper: Intrinsic dimension")
    drawn = sorted(line.get_ydata().item() for line in axis.lines if len(line.get_ydata()) == 1)
    expected = sorted([dim / 2 for dim in DIMS] + [dim / 3 for dim in DIMS])
    np.testing.assert_allclose(drawn, expected)


def test_a_model_that_stopped_early_has_its_own_last_temperature():
    history = made_up_history()
    stopped = history[(history["seed"] > 0) | (history["epoch"] < 3)]
    last = plot_training(stopped).axes[2].lines[0]
    expected = (0.8 + (SEEDS - 1) * 0.7) / SEEDS
    np.testing.assert_allclose(last.get_ydata(), expected)


def test_pictures_are_repeatable(tmp_path):
    for name in ("a.svg", "b.svg"):
        save(plot_training(made_up_history()), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    save(plot_training(made_up_history()), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_held_out_curves_higher_than_in_sample_ones_are_not_cut_off():
    scores = made_up_scores([])
    scores.loc[(scores["split"] == "test") & (scores["metric"] == "id_mle_rna"), "value"] += 10
    figure = plot_saturation(scores, [], {"recommended_d": {"value": 2}})
    held_out = figure.axes[3]
    highest = max(line.get_ydata().max() for line in held_out.get_lines()[:2])
    assert held_out.get_ylim()[1] > highest > 10


def test_one_failed_model_among_several_is_marked():
    scores = made_up_scores([])
    broken = (scores["recipe"] == "paper") & (scores["dim"] == 4) & (scores["seed"] == 1)
    scores.loc[broken, "value"] = np.nan
    [matching, _] = score_tables(scores, [])
    assert matching["rows"][-1][1].endswith("(1 failed)")
