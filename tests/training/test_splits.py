from __future__ import annotations

import numpy as np
import pytest

from sharedim.preprocessing.holdout import draw_test_cells
from sharedim.training.splits import split_cells


@pytest.mark.parametrize(
    ("cells", "sizes"),
    [
        (30_672, (10_000, 8_000, 12_672)),
        (90_261, (10_000, 8_000, 72_261)),
        (6_855, (2_235, 1_788, 2_832)),
        (500, (163, 130, 207)),
    ],
)
def test_sizes_are_the_papers_capped_or_scaled(cells, sizes):
    split = split_cells(cells, seed=0)
    assert (len(split.train), len(split.normaliser), len(split.test)) == sizes


def test_every_cell_has_one_role():
    split = split_cells(6_855, seed=3)
    together = np.concatenate([split.train, split.normaliser, split.test])
    assert np.array_equal(np.sort(together), np.arange(6_855))


def test_a_seed_always_draws_the_same_split_and_another_a_different_one():
    first, again, other = split_cells(2_000, 1), split_cells(2_000, 1), split_cells(2_000, 2)
    assert np.array_equal(first.train, again.train)
    assert np.array_equal(first.test, again.test)
    assert not np.array_equal(np.sort(first.test), np.sort(other.test))


def test_given_test_cells_are_the_same_for_every_seed_and_never_trained_on():
    test = draw_test_cells(2_000, split_seed=7)
    assert len(test) == 2_000 - 652 - 522
    splits = [split_cells(2_000, seed, test) for seed in (0, 1)]
    for split in splits:
        np.testing.assert_array_equal(split.test, test)
        together = np.concatenate([split.train, split.normaliser, split.test])
        assert np.array_equal(np.sort(together), np.arange(2_000))
        assert (len(split.train), len(split.normaliser)) == (652, 522)
    assert not np.array_equal(np.sort(splits[0].train), np.sort(splits[1].train))
    assert not np.array_equal(test, draw_test_cells(2_000, split_seed=8))


def test_no_test_cells_let_each_seed_draw_its_own():
    drawn, empty = split_cells(2_000, 1), split_cells(2_000, 1, np.empty(0, dtype=np.int64))
    for part in ("train", "normaliser", "test"):
        np.testing.assert_array_equal(getattr(drawn, part), getattr(empty, part))


def test_beyond_the_papers_numbers_cells_have_no_part():
    split = split_cells(30_000, 0, np.arange(5_000))
    assert (len(split.train), len(split.normaliser), len(split.test)) == (10_000, 8_000, 5_000)
    assert np.concatenate([split.train, split.normaliser]).min() >= 5_000


def test_a_recipe_with_a_share_of_its_own_leaves_no_cell_idle():
    split = split_cells(30_000, 0, np.arange(5_000), 0.05)
    assert (len(split.train), len(split.normaliser)) == (23_750, 1_250)
    parts = np.concatenate([split.train, split.normaliser, split.test])
    np.testing.assert_array_equal(np.sort(parts), np.arange(30_000))
