from __future__ import annotations

import numpy as np
from made_up_results import made_up_results

from sharedim.report.figures.dimension import dimension_of_types, plot_dimension


def test_dimension_draws_every_estimator_and_type():
    results = made_up_results()
    upper_left, _, lower_left, _ = plot_dimension(results).axes
    drawn = {line.get_label() for line in upper_left.get_lines()}
    assert {"maximum likelihood (the paper's)", "two nearest neighbours"} <= drawn
    types = dimension_of_types(results)
    assert list(types.index) == ["A", "B"]
    # 0.8 d and a tenth of the seed more, at d = 4.
    np.testing.assert_allclose(types["rna", "mean"], 3.3)
    assert [text.get_text() for text in lower_left.get_yticklabels()] == ["A", "B"]
