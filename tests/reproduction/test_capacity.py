"""Findings on encoders of too little capacity."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from experiments.capacity import findings_of as of_capacity


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
