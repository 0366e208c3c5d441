from __future__ import annotations

import pytest
from figure_shapes import titles
from made_up_results import made_up_results

from sharedim.report.figures.pairs import plot_pairs
from sharedim.report.results import true_pairs_above_false


def test_pairs_tell_how_often_a_true_one_is_more_similar():
    results = made_up_results()
    # Of the true pairs 0.8 are above 0.9 of the false ones, and ties count as half.
    expected = 0.8 * 0.9 + (0.2 * 0.6 + 0.8 * 0.1) / 2
    assert true_pairs_above_false(results.similarities) == pytest.approx(expected)
    assert f"probability {expected:.3f}" in titles(plot_pairs(results))[0]
