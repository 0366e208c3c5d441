from __future__ import annotations

import numpy as np
import pytest

from sharedim.splits import split_cells


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
