from __future__ import annotations

from dataclasses import replace

import numpy as np
from figure_shapes import titles
from made_up_results import DIMS, SEEDS, made_up_history, made_up_results

from sharedim.report.figures.training import mean_over_seeds, plot_training


def test_training_is_drawn_with_its_levels():
    figure = plot_training(made_up_results())
    loss = figure.axes[0]
    drawn = [line for line in loss.lines if len(line.get_ydata()) == 3]
    solid = [line.get_ydata() for line in drawn if line.get_linestyle() == "-"]
    dashed = [line.get_ydata() for line in drawn if line.get_linestyle() == "--"]
    assert len(solid) == len(DIMS)
    np.testing.assert_allclose(np.array(dashed) - np.array(solid), 0.2)
    wanted = ("loss in nats", "temperature", "alignment", "mean norm", "final temperature")
    assert all(any(name in title for title in titles(figure)) for name in wanted)


def test_dimensions_along_training_are_drawn_where_they_were_estimated():
    results = made_up_results()
    history = results.history
    asked = history["epoch"] == 2
    history.loc[asked, "id_rna"] = history["dim"] / 2
    history.loc[asked, "id_prot"] = history["dim"] / 3
    axis = plot_training(results).axes[5]
    assert axis.get_title(loc="left").startswith("paper\nintrinsic dimension")
    drawn = sorted(line.get_ydata().item() for line in axis.lines)
    expected = sorted([dim / 2 for dim in DIMS] + [dim / 3 for dim in DIMS])
    np.testing.assert_allclose(drawn, expected)


def test_a_model_that_stopped_early_keeps_its_last_values():
    history = made_up_history()
    stopped = history[(history["seed"] > 0) | (history["epoch"] < 3)]
    expected = (0.8 + (SEEDS - 1) * 0.7) / SEEDS
    mean = mean_over_seeds(stopped)
    np.testing.assert_allclose(mean.loc[mean["epoch"] == 3, "temperature"], expected)
    figure = plot_training(replace(made_up_results(), history=stopped))
    np.testing.assert_allclose(figure.axes[4].lines[0].get_ydata().astype(float), expected)
