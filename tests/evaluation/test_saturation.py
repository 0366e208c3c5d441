from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from sharedim.evaluation.saturation import COLUMNS, resampled_means, saturation_of, saturation_table

DIMS = np.array([1, 2, 4, 8, 16])


def curves(means, spread=0.01, seeds=8):
    rng = np.random.default_rng(0)
    return np.array(means) + rng.normal(scale=spread, size=(seeds, len(means)))


@pytest.mark.parametrize(
    ("means", "status", "d"),
    [
        ([0.1, 0.3, 0.6, 0.58, 0.59], "saturated", 4),
        ([0.1, 0.2, 0.3, 0.4, 0.5], "not_saturated", 16),
        ([0.1, 0.3, 0.6, 0.5, 0.3], "declining", 4),
        ([0.005, 0.005, 0.005, 0.005, 0.005], "nothing_shared", None),
    ],
)
def test_status_and_dimension(means, status, d):
    found = saturation_of(DIMS, curves(means), chance=0.005, cells=1000)
    assert found.status == status
    if d:
        assert found.d_saturation == d
        assert found.ci_low <= found.d_saturation <= found.ci_high
        assert found.plateau == pytest.approx(max(means), abs=0.02)


def test_a_curve_without_spread_gives_the_first_best_dimension():
    values = np.tile([0.1, 0.3, 0.6, 0.6, 0.6], (3, 1))
    found = saturation_of(DIMS, values, chance=0.0, cells=1000)
    assert (found.d_saturation, found.ci_low, found.ci_high) == (4, 4, 4)


def test_the_tolerance_by_hand():
    # A twentieth of the gain of 0.40 over chance is 0.02: 0.585 is within it, 0.575 is not.
    values = np.tile([0.3, 0.575, 0.585, 0.6, 0.59], (3, 1))
    assert saturation_of(DIMS, values, chance=0.2, cells=1000).d_saturation == 4
    # Without chance the gain is 0.60, and 0.575 is within 0.03.
    assert saturation_of(DIMS, values, chance=math.nan, cells=1000).d_saturation == 2


def test_the_interval_holds_the_truth_as_often_as_it_says():
    # The mean curve reaches 95 % of its gain halfway between d = 4 and d = 8, so that either may be
    # found; with so much noise only an interval can hold the truth, here 4.
    rng = np.random.default_rng(0)
    truth = np.array([0.1, 0.3, 0.58, 0.6, 0.6])
    held = 0
    for _ in range(200):
        values = truth + rng.normal(scale=0.02, size=(5, 5))
        found = saturation_of(DIMS, values, chance=0.005, cells=5000)
        held += found.ci_low <= 4 <= found.ci_high
    assert held / 200 >= 0.85


def test_resampled_means_are_as_far_apart_as_students_t_says():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        means = resampled_means(rng.normal(size=(5, 1)))
        low, high = np.quantile(means, [0.05, 0.95])
        held += low <= 0 <= high
    # 0.84 without the correction.
    assert held / 400 == pytest.approx(0.9, abs=0.04)


def test_a_flat_curve():
    found = saturation_of(DIMS, curves([0.5] * 5, spread=0.05), chance=0.1, cells=1000)
    assert found.status == "flat"


def test_a_single_seed_has_no_interval():
    found = saturation_of(DIMS, np.array([[0.1, 0.3, 0.6, 0.55, 0.58]]), chance=0.01, cells=1000)
    assert found.d_saturation == 4
    assert math.isnan(found.ci_low)
    assert math.isnan(found.ci_high)


def test_failed_seeds_are_left_out_and_all_failed_is_failed():
    values = curves([0.1, 0.3, 0.6, 0.6, 0.6], spread=0)
    values[0, 2] = np.nan
    assert saturation_of(DIMS, values, chance=0.0, cells=1000).d_saturation == 4
    found = saturation_of(DIMS, np.full((3, 5), np.nan), chance=0.0, cells=1000)
    assert found.status == "failed"
    assert math.isnan(found.plateau)


def test_table_has_a_row_a_curve_and_leaves_the_temperature_out():
    rows = [
        ("d", "paper", dim, seed, split, metric, dim / 16, 0.005)
        for dim in DIMS
        for seed in range(3)
        for split in ("train", "test")
        for metric in ("match_top0.5pct_rna_to_prot", "temperature")
    ]
    names = ["dataset", "recipe", "dim", "seed", "split", "metric", "value", "chance"]
    table = saturation_table(pd.DataFrame(rows, columns=names), {"train": 900, "test": 1000})
    assert list(table) == COLUMNS
    assert list(table["split"]) == ["train", "test"]
    assert set(table["metric"]) == {"match_top0.5pct_rna_to_prot"}
    assert set(table["d_saturation"]) == {16}


@pytest.mark.parametrize("seeds", [1, 5])
def test_unrelated_data_are_rarely_called_shared(seeds):
    # Hits of 1,240 cells whose partner's rank is uniform, at 8 dimensions.
    rng = np.random.default_rng(0)
    dims, cells, k = np.arange(1, 9), 1240, 6
    false_alarms = 0
    for _ in range(400):
        values = rng.binomial(cells, k / cells, size=(seeds, 8)) / cells
        found = saturation_of(dims, values, chance=k / cells, cells=cells)
        false_alarms += found.status != "nothing_shared"
    assert false_alarms / 400 <= 0.1


def test_a_weak_but_real_signal_is_seen():
    values = np.random.default_rng(0).binomial(1240, 0.014, size=(5, 5)) / 1240
    assert saturation_of(DIMS, values, chance=0.005, cells=1240).status != "nothing_shared"


def test_a_single_dimension_shows_no_saturation():
    found = saturation_of(np.array([4]), curves([0.5]), chance=0.1, cells=1000)
    assert (found.status, found.d_saturation) == ("not_saturated", 4)


def test_a_dimension_that_failed_is_left_out():
    values = curves([0.1, 0.3, 0.6, 0.6, 0.6], spread=0)
    values[:, 4] = np.nan
    found = saturation_of(DIMS, values, chance=0.0, cells=1000)
    assert (found.status, found.d_saturation) == ("saturated", 4)
