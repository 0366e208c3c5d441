"""Findings on batch size and number of pairs."""

from __future__ import annotations

import pandas as pd
import pytest

from experiments.process_sampling import BATCH, NUMBER, of_sampling


@pytest.mark.parametrize("varied", [BATCH, NUMBER], ids=lambda varied: varied.what)
def test_errors_have_to_fall_with_batches_and_pairs(varied):
    rows = [
        (side, pairs, batch, 1 / (pairs * batch))
        for side in "xy"
        for pairs in (2500, 10_000, 20_000)
        for batch in (128, 512, 1024)
    ]
    table = pd.DataFrame(rows, columns=["side", "pairs", "batch", "error"])
    assert of_sampling(table, "x", varied).agrees
    kept = {"pairs": 10_000, "batch": 512}[varied.kept]
    assert f"{1 / (kept * table[varied.what].max()):.4f}" in of_sampling(table, "x", varied).found
    largest = table[varied.what].max()
    worse = table.assign(error=table["error"].where(table[varied.what] < largest, 1.0))
    assert not of_sampling(worse, "x", varied).agrees
