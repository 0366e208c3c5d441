"""Test cells that are the same for every seed, where a person wants them so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sharedim.checks import check_batches
from sharedim.errors import InputError
from sharedim.splits import draw_test_cells, split_sizes

if TYPE_CHECKING:
    from sharedim.io import PairedCells

MINIMUM_TEST_CELLS = 50
MINIMUM_REST = 250


def fixed_test_cells(
    cells: PairedCells,
    *,
    fit_features_on: str = "all_cells",
    hold_out: str = "cells",
    test_batches: list[str] | None = None,
    split_seed: int = 0,
) -> np.ndarray:
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

    Returns
    -------
    ndarray of int64
        Row numbers; empty where each seed draws its own test cells.

    Raises
    ------
    InputError
        If the cells cannot be held out so, or too few are left on either side.
    """
    if hold_out == "cells" and fit_features_on == "all_cells":
        return np.empty(0, dtype=np.int64)
    n_cells, batches = cells.rna.n_obs, None
    if hold_out == "batches":
        check_batches(cells.hold_out, "hold_out=batches", cells.where)
        batches = cells.hold_out.to_numpy().astype(str)
    try:
        test = draw_test_cells(n_cells, split_seed, batches, test_batches)
    except InputError as error:
        raise InputError(f"{cells.where}: {error}") from None
    if len(test) < MINIMUM_TEST_CELLS or n_cells - len(test) < MINIMUM_REST:
        raise InputError(
            f"{cells.where}: {len(test):,} cells would be held out and {n_cells - len(test):,} left to "
            f"train on; at least {MINIMUM_TEST_CELLS} and {MINIMUM_REST} are needed, and "
            f"{split_sizes(n_cells)[0]:,} would be usual to hold out"
        )
    return test
