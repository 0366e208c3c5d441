"""Findings on linear encoders against closed forms."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from experiments.gaussian_theory import of_joint, of_loss, of_one_sided, of_two_sided


def gaussian_table() -> pd.DataFrame:
    """Return distances as the theory has them: exact where it says so, and too large where not."""
    return pd.DataFrame(
        {
            "dataset": "a",
            "loss": ["two_sided", "one_sided", "joint"],
            "dim": 2,
            "cross": [0.01, 0.001, 0.015],
            "square": [np.nan, 0.01, np.nan],
            "mean_x": [0.01, 0.001, 0.2],
            "mean_y": [0.01, 0.3, 0.2],
            "spread_x": [1.2, 1.001, 1.2],
            "spread_y": [1.3, 1.4, 1.2],
            "marginal": [0.5, 0.9, 0.1],
        }
    )


def test_relative_errors_above_two_per_cent_are_not_as_expected():
    table = gaussian_table()
    assert of_loss(table, "one_sided").agrees
    assert not of_loss(table.assign(cross=0.03), "one_sided").agrees
    assert not of_loss(table.assign(square=0.03), "one_sided").agrees


@pytest.mark.parametrize(
    ("of", "loss", "wrong"),
    [
        (of_two_sided, ["two_sided"], {"mean_y": 0.1}),
        (of_two_sided, ["two_sided"], {"spread_y": 0.9}),
        (of_one_sided, ["one_sided"], {"spread_x": 1.1}),
        (of_one_sided, ["one_sided"], {"mean_x": 0.1}),
        # What is not determined should not come out right.
        (of_one_sided, ["one_sided"], {"mean_y": 0.001, "spread_y": 1.0}),
        (of_joint, ["two_sided", "one_sided", "joint"], {"mean_x": 0.001}),
        (of_joint, ["two_sided", "one_sided", "joint"], {"marginal": [0.5, 0.05, 0.1]}),
    ],
)
def test_conditionals_and_marginals_are_held_against_the_theory(of, loss, wrong):
    table = gaussian_table()
    table = table[table["loss"].isin(loss)]
    assert of(table).agrees
    assert not of(table.assign(**wrong)).agrees
