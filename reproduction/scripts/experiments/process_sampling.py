"""Batch size and number of pairs of a Gaussian process (arXiv 2505.24134, Section 6.1): Figures 9 and 10."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd
from matplotlib.figure import Figure

from experiments.evidence import Evidence
from experiments.gaussian_process import SIDES, errors
from experiments.outcome import Finding, Outcome
from experiments.panels import mark_values
from sharedim.report.figures.style import COLOURS, MARKERS, drawn

# Share by which an error may exceed the one before it where it should fall.
TIE = 0.1


class Varied(NamedTuple):
    """What is varied while something else is kept, as columns of the errors."""

    source: str
    what: str
    kept: str
    at: int
    words: str


BATCH = Varied("Figure 9", "batch", "pairs", 10_000, "larger batches")
NUMBER = Varied("Figure 10", "pairs", "batch", 512, "more training pairs")


def measure_sampling(evidence: Evidence) -> Outcome:
    """Compare conditional means for batches of several sizes and for several numbers of pairs.

    Figure 9 is the dataset of the paper's number of pairs, Figure 10 the recipe of its batch.
    """
    parts = []
    for own in evidence.datasets.values():
        batch = {name: own.recipe(name)["batch_size"] for name in own.recipes}
        table = errors(own)
        parts.append(table.assign(batch=table["recipe"].map(batch)))
    table = pd.concat(parts, ignore_index=True)
    findings = [of_sampling(table, side, varied) for varied in (BATCH, NUMBER) for side in SIDES]
    return Outcome(findings, table, draw_sampling(table))


def series(table: pd.DataFrame, side: str, varied: Varied) -> pd.Series:
    """Return the error of a side against what is varied, means over the seeds."""
    # As near to what the paper keeps as this size has it.
    kept = min(table[varied.kept].unique(), key=lambda value: abs(value - varied.at))
    own = table[(table[varied.kept] == kept) & (table["side"] == side)]
    return own.groupby(varied.what)["error"].mean()


def of_sampling(table: pd.DataFrame, side: str, varied: Varied) -> Finding:
    """Say whether the error of one side falls with what is varied."""
    error = series(table, side, varied)
    falls = (error.iloc[1:].to_numpy() <= (1 + TIE) * error.iloc[:-1].to_numpy()).all()
    said = ", ".join(f"{value:.4f} ({at:,})" for at, value in error.items())
    return Finding(
        varied.source,
        f"the squared error of {SIDES[side]} falls with {varied.words} (never by more than {100 * TIE:.0f} % "
        "above the one before, and from first to last)",
        f"{said}, as shares of the exact mean's variance",
        bool(falls and error.iloc[-1] < error.iloc[0]),
    )


def draw_sampling(table: pd.DataFrame) -> Figure:
    """Draw the errors of both sides against the size of batches and the number of pairs."""
    with drawn(1, 4, 2.2) as (figure, axes):
        panels = [(varied, side) for varied in (BATCH, NUMBER) for side in SIDES]
        for axis, (varied, side) in zip(axes[0], panels, strict=True):
            error, place = series(table, side, varied), list(SIDES).index(side)
            axis.plot(error.index, error, color=COLOURS[place], marker=MARKERS[place])
            title = SIDES[side].capitalize().replace(" given", "\ngiven")
            axis.set(title=title, xlabel=varied.what, xscale="log")
            axis.set_ylim(bottom=0)
            mark_values(axis, error.index)
        axes[0, 0].set_ylabel("squared error, share of variance")
    return figure
