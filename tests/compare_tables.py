"""Compare two tables of results, such as scores.tsv before and after a change of the code.

    python tests/compare_tables.py BEFORE AFTER [--tolerance 1e-6]

Rows are matched by all columns that hold no fractions. Exits with 1 where rows or columns are missing
or a value differs by more than the tolerance.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

VALUES = ("value", "chance")


def differences(before: pd.DataFrame, after: pd.DataFrame, tolerance: float) -> list[str]:
    """Return a sentence for each way in which two tables differ."""
    if list(before) != list(after):
        return [f"columns {list(before)} became {list(after)}"]
    values = [column for column in before if column in VALUES]
    keys = [column for column in before if column not in values]
    both = before.merge(after, on=keys, how="outer", suffixes=("", "_after"), indicator=True)
    found = [
        f"{(both['_merge'] == side).sum()} rows are in the {where} table alone"
        for side, where in (("left_only", "first"), ("right_only", "second"))
        if (both["_merge"] == side).any()
    ]
    if before.duplicated(keys).any():
        found.append("rows of the first table are not told apart by their keys")
    for column in values:
        old, new = both[column].to_numpy(float), both[f"{column}_after"].to_numpy(float)
        apart = ~np.isclose(old, new, rtol=tolerance, atol=tolerance, equal_nan=True)
        if apart.any():
            distance = np.nan_to_num(np.abs(old - new), nan=np.inf)[apart]
            largest = both.loc[apart].iloc[distance.argmax()]
            found.append(
                f"{apart.sum()} of {len(both)} in column {column} differ, most of all "
                f"{largest[column]} and {largest[f'{column}_after']} in {largest[keys].to_dict()}"
            )
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--tolerance", type=float, default=1e-6)
    arguments = parser.parse_args()
    tables = [pd.read_csv(path, sep="\t") for path in (arguments.before, arguments.after)]
    found = differences(*tables, arguments.tolerance)
    print("\n".join(found) or f"{len(tables[0])} rows are equal to {arguments.tolerance:g}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
