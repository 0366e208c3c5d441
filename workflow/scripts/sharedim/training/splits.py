"""Splits of the cells for a seed: training, normaliser and test cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TRAIN_CELLS = 10_000
NORMALISER_CELLS = 8_000
TEST_CELLS = 12_672
NORMALISER_SHARE = NORMALISER_CELLS / (TRAIN_CELLS + NORMALISER_CELLS)
# Validation cells of recipes that need no more than to choose by them.
VALIDATION_CELLS = 2_000


@dataclass(frozen=True)
class Split:
    """Row numbers of one repetition, each of shape (cells,), without overlap.

    Attributes
    ----------
    train : ndarray of int64
        Cells the loss is computed on, in the order in which batches are taken.
    normaliser : ndarray of int64
        Cells whose pairs are not trained on: the mean norm of each encoder is estimated on them,
        and what a recipe chooses, it chooses by them.
    test : ndarray of int64
        Held-out cells; no recipe trains, stops or chooses anything on them.
    """

    train: NDArray[np.int64]
    normaliser: NDArray[np.int64]
    test: NDArray[np.int64]

    def shuffled(self, seed: int) -> Split:
        """Return the same parts in another order, but for the test cells: wrong partners for each."""
        rng = np.random.default_rng([seed, len(self.train)])
        return Split(rng.permutation(self.train), rng.permutation(self.normaliser), self.test)


def split_cells(
    n_cells: int,
    seed: int,
    test_cells: NDArray[np.int64] | None = None,
    validation_share: float | None = None,
    *,
    hold_out: bool = True,
) -> Split:
    """Divide the cells for one seed.

    The paper uses 10,000 training cells, 8,000 normaliser cells and the rest (12,672 of its
    30,672 cells) for testing, drawn at random. More cells make the test share larger; fewer scale
    all three in proportion. The test cells depend on the number of cells and the seed alone.

    Where the test cells are given, a seed redraws the others only, in the same proportion and up
    to the same numbers; beyond 18,000 of them the remaining cells have no part.

    A recipe that says which share of the cells that are not tested it needs to choose by (at most
    2,000 cells) trains on all others, however many. The test cells are the same for every recipe.

    A model that is to be used rather than judged holds nothing out: all cells train but those that
    estimate the norm, or that the recipe chooses by.

    Parameters
    ----------
    n_cells : int
        Paired cells in the dataset.
    seed : int
        The repetition.
    test_cells : ndarray of int64, shape (test cells,), optional
        Row numbers of test cells that are the same for every seed. None, or an empty array, lets
        each seed draw its own.
    validation_share : float, optional
        Share of the other cells that are not trained on; None divides them as the paper does.
    hold_out : bool
        False makes no cell a test cell.

    Returns
    -------
    Split
    """
    rng = np.random.default_rng(seed)
    if not hold_out:
        order = rng.permutation(n_cells)
        share = NORMALISER_SHARE if validation_share is None else validation_share
        most = NORMALISER_CELLS if validation_share is None else VALIDATION_CELLS
        n_normaliser = min(most, round(n_cells * share))
        return Split(train=order[n_normaliser:], normaliser=order[:n_normaliser], test=order[:0])
    if test_cells is None or len(test_cells) == 0:
        n_test, n_train, n_normaliser = split_sizes(n_cells)
        order = rng.permutation(n_cells)
        # The test cells are cut off first, so that a recipe can divide the rest its own way.
        test, rest = order[:n_test], order[n_test:]
    else:
        test = np.asarray(test_cells)
        rest = rng.permutation(np.setdiff1d(np.arange(n_cells), test))
        n_train = min(TRAIN_CELLS, round(len(rest) * (1 - NORMALISER_SHARE)))
        n_normaliser = min(NORMALISER_CELLS, len(rest) - n_train)
    if validation_share is not None:
        n_normaliser = min(VALIDATION_CELLS, round(len(rest) * validation_share))
        n_train = len(rest) - n_normaliser
    return Split(train=rest[:n_train], normaliser=rest[n_train : n_train + n_normaliser], test=test)


def split_sizes(n_cells: int) -> tuple[int, int, int]:
    """Return how many cells of a dataset test, train and estimate the norm in the paper's split."""
    share = min(1.0, n_cells / (TRAIN_CELLS + NORMALISER_CELLS + TEST_CELLS))
    n_train, n_normaliser = round(TRAIN_CELLS * share), round(NORMALISER_CELLS * share)
    return n_cells - n_train - n_normaliser, n_train, n_normaliser
