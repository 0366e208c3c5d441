"""Held-out test cells that are the same for every seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sharedim.errors import InputError
from sharedim.io.validation import check_batches
from sharedim.training.splits import split_sizes

if TYPE_CHECKING:
    from sharedim.io.paired import PairedCells

MINIMUM_TEST_CELLS = 50
MINIMUM_REST = 250
# Orders in which batches are tried.
DRAWS = 200


def fixed_test_cells(
    cells: PairedCells,
    *,
    fit_features_on: str = "all_cells",
    hold_out: str = "cells",
    test_batches: list[str] | None = None,
    split_seed: int = 0,
    test_pairs: int | None = None,
) -> NDArray[np.int64]:
    """Choose the test cells of a dataset, where they do not change with the seed.

    Parameters
    ----------
    cells : PairedCells
        As read.
    fit_features_on : {"all_cells", "without_test_cells"}
        The second needs test cells before there are features, so the same for every seed.
    hold_out : {"cells", "batches"}
        Whether single cells or whole batches are held out.
    test_batches : list of str, optional
        The batches to hold out; drawn when not given.
    split_seed : int
        Source of the draw.
    test_pairs : int, optional
        How many single cells, or pairs of features, to hold out; the paper's share when not given.

    Returns
    -------
    ndarray of int64
        Row numbers; empty where each seed draws its own test cells.

    Raises
    ------
    InputError
        If the cells cannot be held out so, or too few are left on either side.
    """
    if hold_out == "cells" and fit_features_on == "all_cells" and test_pairs is None:
        return np.empty(0, dtype=np.int64)
    n_cells, batches = cells.rna.n_obs, None
    if hold_out == "batches":
        held_out = check_batches(
            cells.hold_out, "hold_out=batches", cells.where, option="hold_out_column"
        )
        batches = held_out.to_numpy().astype(str)
    try:
        test = draw_test_cells(n_cells, split_seed, batches, test_batches, n_test=test_pairs)
    except InputError as error:
        raise InputError(f"{cells.where}: {error}") from None
    if len(test) < MINIMUM_TEST_CELLS or n_cells - len(test) < MINIMUM_REST:
        raise InputError(
            f"{cells.where}: {len(test):,} cells would be held out and {n_cells - len(test):,} left to "
            f"train on; at least {MINIMUM_TEST_CELLS} and {MINIMUM_REST} are needed, and "
            f"{split_sizes(n_cells)[0]:,} would be usual to hold out"
        )
    return test


def draw_test_cells(
    n_cells: int,
    split_seed: int,
    batches: NDArray[np.str_] | None = None,
    test_batches: list[str] | None = None,
    *,
    n_test: int | None = None,
) -> NDArray[np.int64]:
    """Choose the test cells of a dataset once, for every seed.

    Parameters
    ----------
    n_cells : int
        Paired cells in the dataset.
    split_seed : int
        Source of the draw.
    batches : ndarray of str, shape (n_cells,), optional
        Batch or donor of each cell, at least two; whole ones are held out. None draws single cells,
        `n_test` of them.
    test_batches : list of str, optional
        The batches to hold out. None draws some whose cells come nearest to `n_test`.
    n_test : int, optional
        Test cells wanted; as many as the paper's split has when not given.

    Returns
    -------
    ndarray of int64
        Row numbers in rising order.

    Raises
    ------
    InputError
        If a batch that is named does not exist, or none is left to train on.
    """
    n_test = split_sizes(n_cells)[0] if n_test is None else min(n_test, n_cells)
    rng = np.random.default_rng(split_seed)
    if batches is None:
        return np.sort(rng.permutation(n_cells)[:n_test])
    sizes = dict(zip(*np.unique(batches, return_counts=True), strict=True))
    found = f"found {', '.join(map(str, sizes))}"
    if test_batches is None:
        test_batches = _batches_near(n_test, sizes, rng)
    unknown = [name for name in test_batches if name not in sizes]
    if unknown:
        raise InputError(f"test_batches: no batch is called '{unknown[0]}'; {found}")
    if len(set(test_batches)) == len(sizes):
        raise InputError(f"test_batches: no batch is left to train on; {found}")
    return np.flatnonzero(np.isin(batches, test_batches))


def _batches_near(n_test: int, sizes: dict[str, int], rng: np.random.Generator) -> list[str]:
    """Draw batches whose cells come nearest to a number; by chance where several come as near."""
    nearest, least = [], None
    for _ in range(DRAWS):
        drawn, cells = [], 0
        for name in rng.permutation(list(sizes))[:-1]:
            drawn.append(str(name))
            cells += sizes[name]
            if least is None or abs(cells - n_test) < least:
                nearest, least = list(drawn), abs(cells - n_test)
    return nearest
