"""Findings on k-hat with few pairs and noise."""

from __future__ import annotations

import numpy as np
import pandas as pd

from experiments.samples import findings_of as of_samples


def answers_table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "pairs": [500, 2000, 20000, 5000, 5000, 5000, 5000],
            "noise": ["both", "both", "both", "both", "both", "first", "none"],
            "level": [1.0, 1.0, 1.0, 1.0, 4.0, 8.0, 0.0],
            "shared": 5,
            "k_hat": [3.0, 5.0, 5.0, 5.0, 4.0, np.nan, 5.0],
            "low": [2.0, 5.0, 5.0, 4.0, 3.0, np.nan, 5.0],
            "high": [5.0, 5.0, 5.0, 5.0, 5.0, np.nan, 5.0],
        }
    )


def test_k_hat_is_held_against_the_truth_where_there_are_pairs_enough():
    assert [finding.agrees for finding in of_samples(answers_table())] == [True, True, True]
    wrong = answers_table()
    wrong.loc[1, ["k_hat", "low", "high"]] = 4
    wrong.loc[4, "k_hat"] = 6
    assert [finding.agrees for finding in of_samples(wrong)] == [False, False, False]
    assert "nothing shared with noise of 8 in first" in of_samples(wrong)[2].found
    # Noise that hides nothing has not been enough.
    assert not of_samples(answers_table().assign(k_hat=5.0))[2].agrees
