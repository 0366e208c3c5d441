"""Findings on two-stage training, and principal axes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from experiments.two_stages import findings_of as of_going_down
from experiments.two_stages import principal_axes


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
