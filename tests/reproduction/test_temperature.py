"""Findings on the temperature along training."""

from __future__ import annotations

import pandas as pd

from experiments.temperature import of_fall


def test_a_temperature_that_falls_at_every_d_above_one_is_as_expected():
    ends = pd.DataFrame(
        {
            "dataset": "a",
            "recipe": "learned",
            "dim": [1, 2, 5],
            "start": 1.0,
            "end": [0.9, 0.1, 0.1],
        }
    )
    assert of_fall(ends).agrees
    assert not of_fall(ends.assign(end=[0.9, 0.1, 0.7])).agrees
