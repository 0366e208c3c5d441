"""Intrinsic dimension by estimator against output dimension, and of each cell type."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sharedim.report.figures.curves import draw_all_dimensions, draw_mean
from sharedim.report.figures.style import (
    COLOURS,
    HALF,
    MARKERS,
    broken,
    count_on,
    drawn,
    mark_chosen,
    placeholder,
)
from sharedim.report.results import Results
from sharedim.vocabulary import Words

# By their names in tables.
ESTIMATORS = {
    "mle": "maximum likelihood (the paper's)",
    "mle_harmonic": "maximum likelihood, harmonic mean",
    "twonn": "two nearest neighbours",
    "lpca": "local PCA",
    "pr": "participation ratio",
    "mom": "method of moments",
    "tle": "tight local estimator",
    "ess": "expected simplex skewness",
    "mada": "manifold-adaptive estimator",
    "corrint": "correlation integral",
    "danco": "angle and norm concentration (DANCo)",
    "fishers": "Fisher separability",
    "gride": "generalised ratios (GRIDE)",
    "knn": "nearest-neighbour graph",
    "mind_ml": "minimum neighbour distance (MiND)",
    "ph": "persistent homology",
}
LINES = ("-", "--", ":")
# Types beyond these are in the tables alone: their names would not be legible.
MOST_TYPES = 40


def plot_dimension(results: Results) -> Figure:
    """Draw the intrinsic dimension of held-out representations, of the best recipe.

    Returns
    -------
    Figure
        One column per modality: all estimators against output dimension, and below, where there are
        cell types, the maximum-likelihood dimension of each type at the recommended d.
    """
    recipe = results.recipe or results.recipes[0]
    scores = results.scores
    scores = scores[(scores["recipe"] == recipe) & (scores["split"] == "test")]
    if not scores["metric"].str.startswith("id_").any():
        return placeholder("No intrinsic dimension was estimated.")
    types, words = dimension_of_types(results), results.words
    ratios = [2.1, 0.5 + 0.13 * len(types)] if len(types) else [2.1]
    heights = {"height_ratios": ratios}
    with drawn(len(ratios), 2, 1.0 + sum(ratios), gridspec_kw=heights) as (figure, axes):
        for axis, (modality, name) in zip(axes[0], words.modalities.items(), strict=True):
            _draw_estimators(axis, scores, modality)
            axis.set_title(broken(f"{name}, recipe {recipe}, held-out {words.pairs}", HALF))
            axis.set_xlabel("output dimension d")
            count_on(axis)
            mark_chosen(axis, results.answer["recommended_d"])
        top = max(axis.get_ylim()[1] for axis in axes[0])
        for axis in axes[0]:
            axis.set_ylim(0, top)
        axes[0, 0].set_ylabel("intrinsic dimension")
        # One legend for both columns, where the second leaves room.
        handles, names = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper center", ncols=3)
        if len(types):
            _draw_types(axes[1], types, results.recommended_d, words)
    return figure


def dimension_of_types(results: Results) -> pd.DataFrame:
    """Return the maximum-likelihood dimension of each type at the recommended d.

    Returns
    -------
    DataFrame
        Indexed by type, the largest first; columns of pairs (``rna`` or ``prot``; ``mean`` or
        ``std`` over seeds). Empty without labels, or where nothing shared was found.
    """
    table = results.type_dimensions
    table = table[
        (table["recipe"] == results.recipe)
        & (table["dim"] == results.recommended_d)
        & (table["estimator"] == "mle")
        & table["value"].notna()
    ]
    if not len(table):
        return pd.DataFrame()
    cells = table.groupby("type")["cells"].sum().sort_values(ascending=False)
    found = table.groupby(["type", "modality"])["value"].agg(["mean", "std"])
    return (
        pd.DataFrame(found.unstack("modality"))
        .swaplevel(axis="columns")
        .reindex(cells.index[:MOST_TYPES])
    )


def _draw_estimators(axis: Axes, scores: pd.DataFrame, modality: str) -> None:
    curves = {
        name: scores[scores["metric"] == f"id_{estimator}_{modality}"]
        for estimator, name in ESTIMATORS.items()
    }
    there = {name: own for name, own in curves.items() if len(own)}
    for i, (name, own) in enumerate(there.items()):
        again, look = divmod(i, len(COLOURS))
        # A colour that comes again has another line.
        line = LINES[again % len(LINES)]
        draw_mean(axis, own, label=name, color=COLOURS[look], marker=MARKERS[look], linestyle=line)
    draw_all_dimensions(axis, scores)


def _draw_types(
    axes: NDArray[np.object_], types: pd.DataFrame, dim: int | None, words: Words
) -> None:
    places = range(len(types))[::-1]
    for axis, (modality, name), colour, marker in zip(
        axes, words.modalities.items(), COLOURS, MARKERS, strict=False
    ):
        if modality in types:
            own = types[modality]
            axis.errorbar(
                own["mean"], places, xerr=own["std"].fillna(0), color=colour, marker=marker,
                linestyle="", elinewidth=0.8,
            )  # fmt: skip
        axis.set_yticks(places, types.index if axis is axes[0] else [])
        axis.set_ylim(-0.6, len(types) - 0.4)
        axis.set_xlim(0, 1.05 * types.xs("mean", axis="columns", level=1).max().max())
        axis.grid(axis="y", linewidth=0.3, color="0.85")
        axis.set_title(broken(f"{name}: each {words.type} at d = {dim}", HALF))
        axis.set_xlabel("intrinsic dimension (maximum likelihood)")
