"""Outcome of an experiment: each expectation beside its measurement, numbers, and a figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd
from matplotlib.figure import Figure

FINDING_COLUMNS = ["source", "expected", "found", "agrees", "note"]


class Finding(NamedTuple):
    """One expectation and its measurement.

    Attributes
    ----------
    source : str
        Where the expectation comes from, such as ``"Figure 3 (a)"``.
    expected : str
        In words, with the number that it is held against.
    found : str
        In numbers of this run.
    agrees : bool
        Whether what was found meets what was expected.
    note : str
        Why not, or what else should be known.
    """

    source: str
    expected: str
    found: str
    agrees: bool
    note: str = ""


@dataclass(frozen=True)
class Outcome:
    """What an experiment found.

    Attributes
    ----------
    findings : list of Finding
    numbers : DataFrame
        What the findings and the picture are made of.
    picture : Figure
    """

    findings: list[Finding]
    numbers: pd.DataFrame
    picture: Figure

    def table(self) -> pd.DataFrame:
        """Return the findings, one a row."""
        table = pd.DataFrame(self.findings, columns=FINDING_COLUMNS)
        return table.assign(agrees=table["agrees"].map({True: "yes", False: "no"}))


def several(values: dict[str, str]) -> str:
    """Say a number of each of several datasets."""
    return "; ".join(f"{name}: {value}" for name, value in values.items())
