"""Test cells that are the same for every seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sharedim.errors import InputError
from sharedim.holdout import fixed_test_cells
from sharedim.io import read_paired_cells
from sharedim.splits import draw_test_cells


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
