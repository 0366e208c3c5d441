"""Scores against output dimension: the saturation curves and the paper's own figure."""

from __future__ import annotations

from string import ascii_lowercase
from typing import Unpack

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sharedim.evaluation.recommendation import MATCHING, NULL
from sharedim.report.figures.style import (
    COLOURS,
    HALF,
    REFERENCE,
    Curve,
    broken,
    count_on,
    drawn,
    legend_below,
    mark_chosen,
    recipe_looks,
)
from sharedim.report.results import Results
from sharedim.vocabulary import Words

INFORMATION = "infonce_nats"


def saturation_panels(labels: list[str], words: Words) -> dict[str, str]:
    """Return the metrics that are drawn and their titles: matching, two levels of types, information.

    Parameters
    ----------
    labels : list of str
        Label columns, the coarsest first. The first level is transferred from RNA to protein and
        the second back, as in the paper; a single level is shown both ways.
    words : Words
        What the modalities are called.
    """
    return {
        **paper_panels(labels, words),
        INFORMATION: "Bound on shared information (nats)",
    }


def paper_panels(labels: list[str], words: Words) -> dict[str, str]:
    """Return the accuracies of the paper's figures, and their titles; see `saturation_panels`."""
    there, back = words.directions.values()
    panels = {MATCHING: f"Top-0.5 % matching, {there}"}
    if labels:
        first, second = labels[0], labels[min(1, len(labels) - 1)]
        panels[f"label_{first}_rna_to_prot"] = f"Label transfer, {first}, {there}"
        panels[f"label_{second}_prot_to_rna"] = f"Label transfer, {second}, {back}"
    return panels


def _splits(words: Words) -> dict[str, str]:
    return {
        "train": f"in sample (training {words.pairs})",
        "test": f"out of sample (held-out {words.pairs})",
    }


def plot_saturation(results: Results) -> Figure:
    """Draw the curves of all recipes, in sample beside out of sample.

    Returns
    -------
    Figure
        Lines are means over seeds, bands one standard deviation, dotted lines chance; the
        recommended d and its interval are marked on held-out cells.
    """
    scores, looks = results.scores, recipe_looks(results.recipes)
    known = set(scores["metric"])
    panels = saturation_panels(results.labels, results.words)
    panels = {metric: title for metric, title in panels.items() if metric in known}
    splits = _splits(results.words)
    height = 0.9 + 1.55 * len(panels)
    with drawn(len(panels), 2, height, sharex=True, sharey="row") as (figure, axes):
        for (metric, title), row in zip(panels.items(), axes, strict=True):
            panel = scores[scores["metric"] == metric]
            for axis, (split, where) in zip(row, splits.items(), strict=True):
                for recipe, look in looks.items():
                    own = panel[(panel["split"] == split) & (panel["recipe"] == recipe)]
                    draw_mean(axis, own, label=_with_null(recipe), **look)
                axis.set_title(broken(f"{title}\n{where}", HALF))
            _begin_at_zero(row[0])
            for axis, split in zip(row, splits, strict=True):
                _draw_chance(axis, panel[panel["split"] == split])
            mark_chosen(row[1], results.answer["recommended_d"])
        _name_dimensions(axes[-1], scores)
        legend_below(figure, axes.ravel())
    return figure


def plot_paper_figure(results: Results) -> Figure:
    """Draw the layout of the paper's CITE-seq figure, for one recipe.

    That is the paper's own where it was run, and else the one that matches best.

    Returns
    -------
    Figure
        Matching, label transfer at two levels and intrinsic dimension, in sample on the left and
        out of sample on the right; means over seeds and bands of one standard deviation.
    """
    recipe = paper_recipe(results)
    scores = results.scores[results.scores["recipe"] == recipe]
    panels: list[tuple[str | None, str]] = [
        *paper_panels(results.labels, results.words).items(),
        (None, "Intrinsic dimension (MLE)"),
    ]
    splits = _splits(results.words)
    height = 0.8 + 1.5 * len(panels)
    letters = iter(ascii_lowercase)
    with drawn(len(panels), 2, height, sharex=True, sharey="row") as (figure, axes):
        for (metric, title), row in zip(panels, axes, strict=True):
            for axis, (split, where) in zip(row, splits.items(), strict=True):
                own = scores[scores["split"] == split]
                if metric is None:
                    _draw_dimension(axis, own, results.words)
                else:
                    panel = own[own["metric"] == metric]
                    draw_mean(axis, panel, label=recipe, color=COLOURS[0], marker="o")
                    _draw_chance(axis, panel)
                axis.set_title(broken(f"{title}\n{where}", HALF))
                axis.text(
                    -0.12, 1.08, next(letters), transform=axis.transAxes,
                    fontsize=10, fontweight="bold", va="bottom",
                )  # fmt: skip
            _begin_at_zero(row[0])
        # The curves of both splits decide the height, before this line is drawn.
        for axis in axes[-1]:
            draw_all_dimensions(axis, scores)
        _name_dimensions(axes[-1], scores)
        legend_below(figure, axes.ravel())
    return figure


def paper_recipe(results: Results) -> str:
    """Return the recipe of the paper's figure."""
    for name in ("paper", "paper_sampled"):
        if name in results.recipes:
            return name
    return results.recipe or next((r for r in results.recipes if r != NULL), results.recipes[0])


def draw_mean(axis: Axes, scores: pd.DataFrame, **look: Unpack[Curve]) -> None:
    """Draw the mean over seeds at every d, with a band of one standard deviation."""
    if scores["value"].notna().sum() == 0:
        return
    names = axis.get_xlabel(), axis.get_ylabel()
    sns.lineplot(
        scores,
        x="dim",
        y="value",
        errorbar="sd",
        err_kws={"alpha": 0.2, "linewidth": 0},
        markeredgewidth=0.8,
        # Else seaborn draws markers with white edges, which a cross has none without.
        markeredgecolor=look["color"],
        legend=False,
        ax=axis,
        **look,
    )
    axis.set(xlabel=names[0], ylabel=names[1])


def _draw_dimension(axis: Axes, scores: pd.DataFrame, words: Words) -> None:
    for (modality, name), colour, marker in zip(
        words.modalities.items(), COLOURS, ("o", "s"), strict=False
    ):
        own = scores[scores["metric"] == f"id_mle_{modality}"]
        draw_mean(axis, own, label=f"intrinsic dimension, {name}", color=colour, marker=marker)


def draw_all_dimensions(axis: Axes, scores: pd.DataFrame) -> None:
    """Draw what a representation would be that fills its d dimensions, without changing limits."""
    top = axis.get_ylim()[1]
    dims = np.sort(scores["dim"].unique())
    axis.plot(dims, dims, **REFERENCE, label="all d dimensions")
    axis.set_ylim(0, top)


def _draw_chance(axis: Axes, scores: pd.DataFrame) -> None:
    if scores["chance"].notna().any():
        axis.axhline(scores["chance"].mean(), **REFERENCE, label="chance")


def _begin_at_zero(axis: Axes) -> None:
    low, high = axis.get_ylim()
    # A bound on information may lie below 0, and is nothing then.
    axis.set_ylim(min(0, low) if low < -0.1 * high else 0, high)


def _name_dimensions(axes: NDArray[np.object_], scores: pd.DataFrame) -> None:
    for axis in axes:
        axis.set_xlabel("output dimension d")
        count_on(axis)
        axis.set_xlim(left=0, right=1.03 * scores["dim"].max())


def _with_null(recipe: str) -> str:
    return f"{recipe} (the null)" if recipe == NULL else recipe
