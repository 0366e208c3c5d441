from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import precision_recall_fscore_support

from sharedim.evaluation.label_transfer import KEYS, type_table


def test_equals_scikit_learn():
    rng = np.random.default_rng(0)
    true = rng.choice(["B", "T", "NK", "rare"], size=500, p=[0.5, 0.3, 0.19, 0.01])
    given = np.where(rng.random(500) < 0.6, true, rng.choice(["B", "T", "NK"], size=500))
    confusions = (
        pd.DataFrame({"type": true, "given": given}).value_counts().reset_index(name="cells")
    )
    confusions = confusions.assign(
        dataset="d", recipe="tuned", dim=4, column="type", direction="rna_to_prot"
    )
    found = type_table(confusions).set_index("type")
    names = ["B", "NK", "T", "rare"]
    precision, recall, f1, cells = precision_recall_fscore_support(true, given, labels=names)
    np.testing.assert_array_equal(found.loc[names, "cells"], cells)
    np.testing.assert_allclose(found.loc[names, "recall"], recall)
    np.testing.assert_allclose(found.loc[names, "f1"], f1)
    np.testing.assert_allclose(found.loc[names, "precision"], precision)


def test_a_type_that_is_never_given_has_no_precision():
    confusions = pd.DataFrame(
        [("d", "cca", 2, "type", "rna_to_prot", "B", "T", 3.0),
         ("d", "cca", 2, "type", "rna_to_prot", "T", "T", 5.0)],
        columns=[*KEYS, "type", "given", "cells"],
    )  # fmt: skip
    found = type_table(confusions).set_index("type")
    assert found.loc["B", "recall"] == 0
    assert np.isnan(found.loc["B", "precision"])
    assert found.loc["B", "f1"] == 0
    assert found.loc["T", "precision"] == pytest.approx(5 / 8)


def test_without_labels_there_is_an_empty_table():
    empty = pd.DataFrame(columns=[*KEYS, "type", "given", "cells"])
    assert type_table(empty).empty
