from __future__ import annotations

import numpy as np
import pytest
from figure_shapes import SHAPES, texts, titles
from made_up_results import made_up_results

from sharedim.report.figures.curves import plot_paper_figure, plot_saturation
from sharedim.report.figures.training import plot_training


@pytest.mark.parametrize(("shape", "rows"), [("all", 4), ("one level", 4), ("no labels", 2)])
def test_the_papers_figure_has_its_panels_in_sample_and_out(shape, rows):
    figure = plot_paper_figure(SHAPES[shape])
    assert len(figure.axes) == 2 * rows
    assert titles(figure)[0] == "Top-0.5 % matching, RNA to protein\nin sample (training cells)"
    assert titles(figure)[-1] == "Intrinsic dimension (MLE)\nout of sample (held-out cells)"
    assert [letter for letter in texts(figure) if len(letter) == 1 and letter.isalpha()] == list(
        "abcdefgh"[: 2 * rows]
    )


def test_lines_are_means_over_seeds_and_bands_one_deviation():
    results = made_up_results()
    expected = results.scores.query(
        "recipe == 'paper' and split == 'train' and metric == 'match_top0.5pct_rna_to_prot'"
    ).groupby("dim")["value"]
    for draw in (plot_saturation, plot_paper_figure):
        axis = draw(results).axes[0]
        np.testing.assert_allclose(axis.get_lines()[0].get_ydata(), expected.mean())
        heights = axis.collections[0].get_paths()[0].vertices[:, 1]
        assert heights.max() == pytest.approx((expected.mean() + expected.std()).max())


def test_chance_and_the_recommended_d_are_marked():
    figure = plot_saturation(made_up_results())
    held_out = figure.axes[1]
    named = {line.get_label(): line for line in held_out.get_lines()}
    assert named["chance"].get_ydata()[0] == pytest.approx(0.005)
    assert named["recommended d = 4"].get_xdata()[0] == 4
    assert not any("recommended" in line.get_label() for line in figure.axes[0].get_lines())


def test_the_null_is_muted_and_recipes_keep_their_looks():
    results = SHAPES["many recipes"]
    lines = {line.get_label(): line for line in plot_saturation(results).axes[0].get_lines()}
    null = lines.pop("permuted (the null)")
    assert null.get_color() == "0.6"
    looks = {
        (lines[name].get_color(), lines[name].get_marker())
        for name in results.recipes
        if name in lines
    }
    assert len(looks) == len(results.recipes) - 1
    assert not any("permuted" in title for title in titles(plot_training(results)))


def test_held_out_curves_higher_than_in_sample_ones_are_not_cut_off():
    results = made_up_results(labels=[])
    scores = results.scores
    higher = (scores["split"] == "test") & (scores["metric"] == "id_mle_rna")
    scores.loc[higher, "value"] += 10
    held_out = plot_paper_figure(results).axes[3]
    highest = max(line.get_ydata().max() for line in held_out.get_lines()[:2])
    assert held_out.get_ylim()[1] > highest > 10
