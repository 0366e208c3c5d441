"""Test cells that are the same for every seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sharedim.errors import InputError
from sharedim.io.paired import read_paired_cells
from sharedim.preprocessing.holdout import draw_test_cells, fixed_test_cells


@pytest.fixture(scope="module")
def cells(small_file):
    cells = read_paired_cells(small_file)
    donors = pd.Series(np.repeat(["a", "b", "c"], 200), index=cells.rna.obs_names)
    return replace(cells, hold_out=donors)


def test_by_default_each_seed_draws_its_own(cells):
    assert fixed_test_cells(cells).shape == (0,)


def test_features_fitted_without_test_cells_need_them_first(cells):
    found = fixed_test_cells(cells, fit_features_on="without_test_cells", split_seed=4)
    np.testing.assert_array_equal(found, draw_test_cells(600, 4))


def test_so_many_cells(cells):
    found = fixed_test_cells(cells, test_pairs=150, split_seed=4)
    np.testing.assert_array_equal(found, np.sort(np.random.default_rng(4).permutation(600)[:150]))
    with pytest.raises(InputError, match="400 cells would be held out and 200 left to train on"):
        fixed_test_cells(cells, test_pairs=400)


def test_whole_batches(cells):
    found = fixed_test_cells(cells, hold_out="batches", test_batches=["b"])
    np.testing.assert_array_equal(found, np.arange(200, 400))
    drawn = fixed_test_cells(cells, hold_out="batches", split_seed=1)
    assert len(drawn) == 200


def test_no_batches_to_hold_out(cells):
    with pytest.raises(InputError, match="hold_out=batches needs at least two batches, and there is no batch column"):  # fmt: skip
        fixed_test_cells(replace(cells, hold_out=None), hold_out="batches")


def test_too_few_cells_on_either_side(cells):
    with pytest.raises(InputError, match="400 cells would be held out and 200 left to train on"):
        fixed_test_cells(cells, hold_out="batches", test_batches=["a", "b"])


BATCHES = np.repeat(["a", "b", "c", "d", "e"], [400, 400, 400, 400, 400])


def test_whole_batches_come_nearest_to_the_papers_share():
    # 41 % of 2,000 cells is 826: two of five batches.
    test = draw_test_cells(2_000, 0, BATCHES)
    assert len(test) == 800
    assert len(set(BATCHES[test])) == 2
    drawn = {tuple(sorted(set(BATCHES[draw_test_cells(2_000, s, BATCHES)]))) for s in range(20)}
    assert len(drawn) > 3


def test_named_batches_are_held_out():
    test = draw_test_cells(2_000, 0, BATCHES, ["d"])
    np.testing.assert_array_equal(test, np.arange(1_200, 1_600))


def test_of_unequal_batches_those_nearest_to_the_share_are_held_out():
    sizes = {"large": 7_000, "small": 3_000}
    batches = np.repeat(list(sizes), list(sizes.values()))
    # 41 % of 10,000 cells is 4,132.
    for seed in range(8):
        assert set(batches[draw_test_cells(10_000, seed, batches)]) == {"small"}
    batches = np.repeat(["a", "b", "c"], [400, 199, 1])
    assert len(draw_test_cells(600, 0, batches)) == 200


def test_of_two_batches_one_is_held_out():
    batches = np.repeat(["small", "large"], [100, 1_900])
    assert set(batches[draw_test_cells(2_000, 0, batches)]) == {"small"}
    for seed in range(5):
        halves = np.repeat(["x", "y"], 1_000)
        assert len(set(halves[draw_test_cells(2_000, seed, halves)])) == 1


@pytest.mark.parametrize(
    ("batches", "named", "sentence"),
    [
        (["a", "b"] * 9, ["c"], "test_batches: no batch is called 'c'; found a, b"),
        (["a", "b"] * 9, ["a", "b"], "test_batches: no batch is left to train on; found a, b"),
    ],
)
def test_batches_that_cannot_be_held_out(batches, named, sentence):
    with pytest.raises(InputError, match=sentence):
        draw_test_cells(len(batches), 0, np.array(batches), named)
