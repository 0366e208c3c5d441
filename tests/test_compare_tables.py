"""The comparison of two tables finds what differs, and only that."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from compare_tables import differences

SCORES = pd.DataFrame({
    "recipe": ["tuned", "tuned", "cca"], "dim": [2, 4, 4], "metric": ["recall"] * 3,
    "value": [0.5, 0.75, np.nan], "chance": [0.1, 0.1, np.nan],
})  # fmt: skip


def test_equal_tables_in_another_order_are_equal():
    assert differences(SCORES, SCORES[::-1], 1e-6) == []
    assert differences(SCORES, SCORES.assign(value=SCORES["value"] + 1e-9), 1e-6) == []


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (SCORES.assign(value=[0.5, 0.7501, np.nan]), "1 of 3 in column value differ"),
        (SCORES.assign(value=[0.5, 0.75, 0.0]), "1 of 3 in column value differ"),
        (SCORES.iloc[:2], "1 rows are in the first table alone"),
        (SCORES.assign(dim=[2, 4, 8]), "1 rows are in the second table alone"),
        (SCORES.drop(columns="chance"), "columns"),
    ],
)
def test_a_difference_is_named(changed, sentence):
    assert any(sentence in found for found in differences(SCORES, changed, 1e-6))
