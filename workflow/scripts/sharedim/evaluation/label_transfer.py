"""Recall, precision and F1 of each cell type in label transfer, from confusion tables."""

from __future__ import annotations

import pandas as pd

KEYS = ["dataset", "recipe", "dim", "column", "direction"]


def type_table(confusions: pd.DataFrame) -> pd.DataFrame:
    """Return how well each type is found and how far a label can be trusted.

    Parameters
    ----------
    confusions : DataFrame
        As ``confusions.tsv.gz``: `KEYS`, the true ``type``, the type ``given`` and ``cells``.

    Returns
    -------
    DataFrame
        One row for each of `KEYS` and type: ``cells`` of it, ``recall`` (fraction of them given their
        own type), ``precision`` (fraction of the cells given the type that are of it; missing where
        there are none) and ``f1``.
    """
    own = confusions[confusions["type"] == confusions["given"]].set_index([*KEYS, "type"])["cells"]
    true = confusions.groupby([*KEYS, "type"], sort=False)["cells"].sum()
    given = confusions.groupby([*KEYS, "given"], sort=False)["cells"].sum()
    table = true.to_frame("cells")
    given.index = given.index.set_names("type", level="given")
    found, given = (
        own.reindex(true.index, fill_value=0.0),
        given.reindex(true.index, fill_value=0.0),
    )
    table["recall"] = found / true
    table["precision"] = found / given.where(given > 0)
    table["f1"] = 2 * found / (true + given)
    return table.reset_index()
