"""Findings on the similarities of true and false pairs."""

from __future__ import annotations

import numpy as np

from experiments.synthetic import of_similarities


def test_true_pairs_near_one_that_cap_false_ones_are_as_expected():
    rng = np.random.default_rng(0)
    true, false = 1 + 0.05 * rng.normal(size=2000), rng.uniform(-1, 0.9, 10000)
    assert of_similarities((true, false), "").agrees
    assert not of_similarities((0.5 * true, false), "").agrees
    assert not of_similarities((true, false + 0.5), "").agrees
