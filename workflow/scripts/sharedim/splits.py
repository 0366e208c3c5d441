"""Which cells train, which estimate the norm, and which are held out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TRAIN_CELLS = 10_000
NORMALISER_CELLS = 8_000
TEST_CELLS = 12_672


@dataclass(frozen=True)
class Split:
    """Row numbers of one repetition, each of shape (cells,), without overlap.

    Attributes
    ----------
    train : ndarray of int64
        Cells the loss is computed on, in the order in which batches are taken.
    normaliser : ndarray of int64
        Cells on which the mean norm of each encoder is estimated.
    test : ndarray of int64
        Held-out cells; no recipe trains, stops or chooses anything on them.
    """

    train: np.ndarray
    normaliser: np.ndarray
    test: np.ndarray


def split_cells(n_cells: int, seed: int) -> Split:
    """Draw the paper's random split for one seed.

    The paper uses 10,000 training cells, 8,000 normaliser cells and the rest (12,672 of its
    30,672 cells) for testing. More cells make the test share larger; fewer scale all three in
    proportion. The test cells depend on the number of cells and the seed alone.

    Parameters
    ----------
    n_cells : int
        Paired cells in the dataset.
    seed : int
        The repetition.

    Returns
    -------
    Split
    """
    total = TRAIN_CELLS + NORMALISER_CELLS + TEST_CELLS
    share = min(1.0, n_cells / total)
    n_train = round(TRAIN_CELLS * share)
    n_normaliser = round(NORMALISER_CELLS * share)
    n_test = n_cells - n_train - n_normaliser

    order = np.random.default_rng(seed).permutation(n_cells)
    # The test cells are cut off first, so that a recipe can divide the rest its own way.
    test, rest = order[:n_test], order[n_test:]
    return Split(train=rest[:n_train], normaliser=rest[n_train:], test=test)
