"""Held-out prediction of the second modality from the first, beside its baselines."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sharedim.report.figures.style import COLOURS, MARKERS, REFERENCE, broken, drawn, placeholder
from sharedim.report.results import METHODS, Results
from sharedim.vocabulary import Words

METHOD_NAMES = {
    "sharedim": "sharedim (softmax-weighted average)",
    "ridge": "ridge regression",
    "neighbours": "nearest neighbours",
}
# Of more proteins than this the best and the worst predicted are drawn; the tables hold all.
MOST_PROTEINS = 40
NOMINAL = 0.9
# Characters of a title over the wider of two axes.
WIDE = 70


def no_prediction(words: Words) -> str:
    """Say why nothing was predicted."""
    return f"Nothing shared was found, so that no {words.target} was predicted from {words.first}."


def mean_prediction(prediction: pd.DataFrame) -> pd.DataFrame:
    """Return how well each protein is predicted by each method.

    Returns
    -------
    DataFrame
        Indexed by protein, the best predicted by sharedim first; for each method mean
        (``correlation``) and standard deviation over seeds (``deviation``), with the method as the
        first level of the columns, and ``("sharedim", "coverage")``.
    """
    by_method = prediction.groupby(["protein", "method"])
    table = by_method["correlation"].agg(correlation="mean", deviation="std")
    table["coverage"] = by_method["coverage"].mean()
    wide = table.unstack("method").swaplevel(axis="columns").sort_index(axis="columns")
    wide = wide.dropna(axis="columns", how="all")
    order = next(method for method in METHODS if (method, "correlation") in wide)
    return wide.sort_values((order, "correlation"), ascending=False)


def plot_prediction(results: Results) -> Figure:
    """Draw the held-out correlation of every protein beside the baselines', and the coverage.

    Returns
    -------
    Figure
        Points are means over seeds, bars one standard deviation; the dotted line is the coverage
        that the interval promises.
    """
    if not len(results.prediction):
        return placeholder(no_prediction(results.words))
    table, pairs = mean_prediction(results.prediction), results.words.pairs
    shown, note = table, ""
    if len(table) > MOST_PROTEINS:
        half = MOST_PROTEINS // 2
        shown = pd.concat([table.iloc[:half], table.iloc[-half:]])
        note = f"\nthe {half} best and the {half} worst predicted of {len(table)}"
    height = 1.1 + 0.15 * len(shown)
    with drawn(1, 2, height, sharey=True, width_ratios=[2.2, 1]) as (figure, axes):
        left, right = axes[0]
        _draw_correlations(left, shown, pairs)
        if note:
            left.axhline(half - 0.5, color="0.4", linewidth=0.6)
        title = f"{results.words.prediction}, held-out {pairs}{note}"
        left.set_title(broken(title, WIDE))
        if ("sharedim", "coverage") in shown:
            places = np.arange(len(shown))[::-1]
            right.plot(shown["sharedim", "coverage"], places, MARKERS[0], color=COLOURS[0])
            right.axvline(NOMINAL, **REFERENCE)
            right.set_xlim(min(0.5, shown["sharedim", "coverage"].min()), 1.02)
        right.set_title("Inside the 90 % interval")
        right.set_xlabel("share of held-out values")
        for axis in axes[0]:
            axis.grid(axis="y", linewidth=0.3, color="0.85")
        figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _draw_correlations(axis: Axes, table: pd.DataFrame, pairs: str) -> None:
    places = np.arange(len(table))[::-1]
    methods = [method for method in METHODS if (method, "correlation") in table]
    for method, colour, marker in zip(methods, COLOURS, MARKERS, strict=False):
        own = table[method]
        spread = own["deviation"].fillna(0) if "deviation" in own else None
        axis.errorbar(
            own["correlation"], places, xerr=spread, color=colour, marker=marker, linestyle="",
            elinewidth=0.8, label=METHOD_NAMES[method],
        )  # fmt: skip
    axis.set_yticks(places, table.index)
    axis.set_ylim(-0.6, len(table) - 0.4)
    lowest = table.xs("correlation", axis="columns", level=1).min().min()
    axis.set_xlim(min(0, lowest - 0.05), 1.02)
    axis.set_xlabel(f"Pearson correlation over held-out {pairs}")
