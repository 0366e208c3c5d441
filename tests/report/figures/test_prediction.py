from __future__ import annotations

import numpy as np
import pytest
from figure_shapes import SHAPES, titles
from made_up_results import made_up_results

from sharedim.report.figures.prediction import mean_prediction, plot_prediction


def test_prediction_draws_the_means_of_all_methods():
    results = made_up_results()
    table = mean_prediction(results.prediction)
    assert list(table.index) == ["CD0", "CD1", "CD2"]
    expected = results.prediction.query("protein == 'CD1' and method == 'ridge'")["correlation"]
    assert table.loc["CD1", ("ridge", "correlation")] == pytest.approx(expected.mean())
    left, right = plot_prediction(results).axes
    legend = {container.get_label() for container in left.containers}
    assert legend == {
        "sharedim (softmax-weighted average)",
        "ridge regression",
        "nearest neighbours",
    }
    np.testing.assert_allclose(right.lines[0].get_xdata(), 0.88)
    many = plot_prediction(SHAPES["134 proteins"])
    assert len(many.axes[0].get_yticklabels()) == 40
    assert "the 20 best and the 20 worst predicted of 134" in titles(many)[0]
