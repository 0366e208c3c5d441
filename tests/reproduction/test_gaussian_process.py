"""Findings on conditional means at each output dimension."""

from __future__ import annotations

import pandas as pd

from experiments.gaussian_process import of_side


def test_an_error_has_to_fall_up_to_five_dimensions_and_no_further():
    error = pd.Series([1.0, 0.6, 0.3, 0.1, 0.05, 0.05, 0.05], index=range(1, 8))
    assert of_side(error, "x", 5).agrees
    assert not of_side(
        error - pd.Series([0, 0, 0, 0, 0, 0.04, 0.04], index=range(1, 8)), "x", 5
    ).agrees
    rising = error.copy()
    rising.loc[3] = 0.7
    assert not of_side(rising, "x", 5).agrees
