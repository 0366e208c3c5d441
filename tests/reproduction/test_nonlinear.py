"""Findings on the number of coordinates that vary."""

from __future__ import annotations

import pandas as pd

from experiments.nonlinear import of_varying


def test_the_number_of_coordinates_that_vary_is_what_is_estimated():
    found = {"k* = 2": pd.Series({0: 6.3, 1: 2.9, 2: 2.1}), "k* = 5": pd.Series({3: 3.8, 4: 4.7})}
    assert of_varying(found).agrees
    assert "2.10 where 2 vary" in of_varying(found).found
    assert not of_varying(found | {"k* = 5": pd.Series({4: 5.2})}).agrees
