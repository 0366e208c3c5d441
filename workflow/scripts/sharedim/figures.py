"""The pictures of a report."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sharedim.files import replacing

SPLIT_TITLES = {"train": "in sample (training cells)", "test": "out of sample (held-out cells)"}
REFERENCE = {"color": "0.45", "linestyle": ":", "linewidth": 1.2}
STYLE = {
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 10,
    "legend.frameon": False,
    # Text stays text, to be searched and read aloud, and repeated runs give the same file.
    "svg.fonttype": "none",
    "svg.hashsalt": "sharedim",
}


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure in the format of its suffix, atomically, and without a date."""
    path = Path(path)
    metadata = {"Date": None} if path.suffix == ".svg" else None
    with replacing(path) as temporary, plt.rc_context(STYLE):
        figure.savefig(temporary, dpi=200, metadata=metadata, bbox_inches="tight")


def recipe_colours(recipes: list[str]) -> dict[str, tuple]:
    """Give each recipe a colour that colour-blind readers tell apart, the same in every picture."""
    return dict(zip(recipes, sns.color_palette("colorblind", len(recipes)), strict=True))


def saturation_panels(labels: list[str]) -> list[tuple[str, list[str]]]:
    """Return the title and metrics of the paper's panels: matching, two levels of types, dimension.

    Parameters
    ----------
    labels : list of str
        Label columns, the coarsest first. The first level is transferred from RNA to protein and
        the second back, as in the paper; a single level is shown both ways.
    """
    panels = [("Top-0.5 % matching, RNA to protein", ["match_top0.5pct_rna_to_prot"])]
    if labels:
        first, second = labels[0], labels[min(1, len(labels) - 1)]
        panels += [
            (f"Label transfer, {first}, RNA to protein", [f"label_{first}_rna_to_prot"]),
            (f"Label transfer, {second}, protein to RNA", [f"label_{second}_prot_to_rna"]),
        ]
    return [*panels, ("Intrinsic dimension (MLE)", ["id_mle_rna", "id_mle_prot"])]


def plot_saturation(scores: pd.DataFrame, labels: list[str], answer: dict) -> Figure:
    """Draw the paper's panels against output dimension, in sample beside out of sample.

    Parameters
    ----------
    scores : DataFrame
        As ``scores.tsv``.
    labels : list of str
        Label columns, the coarsest first.
    answer : dict
        As ``answer.json``; the recommended d is marked on held-out matching.

    Returns
    -------
    Figure
        Lines are means over seeds, bands one standard deviation, dotted lines chance.
    """
    colours = recipe_colours(list(scores["recipe"].unique()))
    panels = saturation_panels(labels)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            len(panels), 2, figsize=(10, 3 * len(panels)), sharex=True, sharey="row"
        )
        for (title, metrics), row in zip(panels, axes, strict=True):
            panel = scores[scores["metric"].isin(metrics)]
            for axis, (split, where) in zip(row, SPLIT_TITLES.items(), strict=True):
                _draw_curves(axis, panel[panel["split"] == split], colours)
                axis.set_title(f"{title}\n{where}", fontsize=10, loc="left")
            # The curves of both splits decide the height, before references are drawn.
            top = row[0].get_ylim()[1]
            for axis in row:
                _draw_reference(axis, panel)
            row[0].set_ylim(0, top)
        axes[-1, 0].set_xlabel("output dimension d")
        axes[-1, 1].set_xlabel("output dimension d")
        recommended = answer["recommended_d"]["value"]
        if recommended is not None:
            axes[0, 1].axvline(recommended, color="black", linewidth=0.8, label="recommended d")
        for axis in axes.flat:
            axis.legend(fontsize=8)
        figure.tight_layout()
    plt.close(figure)
    return figure


def _draw_curves(axis: Axes, scores: pd.DataFrame, colours: dict[str, tuple]) -> None:
    is_dimension = scores["metric"].str.startswith("id_")
    modality = scores["metric"].str.rsplit("_", n=1).str[-1].map({"rna": "RNA", "prot": "protein"})
    table = scores.assign(
        curve=scores["recipe"].where(~is_dimension, scores["recipe"] + " " + modality)
    )
    for (recipe, metric, name), group in table.groupby(["recipe", "metric", "curve"], sort=False):
        sns.lineplot(
            group,
            x="dim",
            y="value",
            errorbar="sd",
            marker="o",
            markersize=4,
            markeredgewidth=0,
            linestyle="--" if metric.endswith("id_mle_prot") else "-",
            color=colours[recipe],
            label=name,
            ax=axis,
        )
    axis.set(xlabel="", ylabel="")


def _draw_reference(axis: Axes, scores: pd.DataFrame) -> None:
    if scores["chance"].notna().any():
        axis.axhline(scores["chance"].mean(), **REFERENCE, label="chance")
    else:
        # Dimensions have no chance level; a representation that fills its d dimensions is this line.
        dims = sorted(scores["dim"].unique())
        axis.plot(dims, dims, **REFERENCE, label="all d dimensions")


def plot_training(history: pd.DataFrame) -> Figure:
    """Draw losses and temperature along training, and the final temperature against d.

    Where intrinsic dimensions were estimated along training, they have a column too.

    Parameters
    ----------
    history : DataFrame
        As ``history.tsv``; recipe, dim, seed, epoch, loss, held_out_loss, temperature, chance_loss,
        id_rna and id_prot are used.

    Returns
    -------
    Figure
        One row a recipe; lines are means over seeds, held-out losses dashed. Says so when no
        recipe was trained.
    """
    recipes = list(history["recipe"].unique())
    rows, columns = max(1, len(recipes)), 4 if history["id_rna"].notna().any() else 3
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(rows, columns, figsize=(4 * columns, 3.4 * rows), squeeze=False)
        if not recipes:
            axes[0, 0].set_title("No recipe was trained: closed forms have no temperature.")
        for row, recipe in zip(axes, recipes, strict=False):
            own = history[history["recipe"] == recipe]
            _draw_training(row[:3], own, recipe)
            if columns > 3:
                _draw_dimensions(row[3], own, recipe)
        figure.tight_layout()
    plt.close(figure)
    return figure


def _draw_training(axes: list[Axes], history: pd.DataFrame, recipe: str) -> None:
    quantities = ["loss", "held_out_loss", "temperature"]
    mean = history.groupby(["dim", "epoch"], as_index=False)[quantities].mean()
    for axis, quantity in zip(axes[:2], ("loss", "temperature"), strict=True):
        lines = {"x": "epoch", "y": quantity, "hue": "dim", "palette": "viridis"}
        sns.lineplot(mean, **lines, legend="full", linewidth=1.2, errorbar=None, ax=axis)
        axis.set_ylim(bottom=0)
    held_out = {"x": "epoch", "y": "held_out_loss", "hue": "dim", "palette": "viridis"}
    sns.lineplot(
        mean, **held_out, legend=False, linewidth=1, linestyle="--", errorbar=None, ax=axes[0]
    )
    chance = history["chance_loss"].mean()
    axes[0].axhline(chance, **REFERENCE, label="chance, log(batch)")
    # The held-out loss of a recipe that overfits climbs without end: off the page tells enough.
    axes[0].set_ylim(0, 1.5 * chance)
    axes[0].set_title(f"{recipe}: loss (nats), held out dashed", fontsize=10, loc="left")
    axes[1].set_title(f"{recipe}: temperature", fontsize=10, loc="left")
    # Models that stopped early have their last epoch, not that of the others.
    final = history.sort_values("epoch").groupby(["dim", "seed"], as_index=False).last()
    sns.lineplot(final, x="dim", y="temperature", errorbar="sd", marker="o", color="C0", ax=axes[2])
    start = history[history["epoch"] == 1].groupby("dim")["temperature"].mean()
    axes[2].plot(start.index, start, **REFERENCE, label="first epoch")
    axes[2].set_ylim(bottom=0)
    axes[2].set_title(f"{recipe}: final temperature", fontsize=10, loc="left")
    for axis in axes:
        axis.set_ylabel("")
        axis.legend(fontsize=7, ncols=2, title="d" if axis is not axes[2] else None)
    axes[2].set_xlabel("output dimension d")


def _draw_dimensions(axis: Axes, history: pd.DataFrame, recipe: str) -> None:
    seen = history[history["id_rna"].notna()]
    mean = seen.groupby(["dim", "epoch"], as_index=False)[["id_rna", "id_prot"]].mean()
    lines = {"data": mean, "x": "epoch", "hue": "dim", "palette": "viridis", "errorbar": None}
    sns.lineplot(**lines, y="id_rna", legend="full", linewidth=1.2, marker=".", ax=axis)
    sns.lineplot(**lines, y="id_prot", legend=False, linewidth=1, linestyle="--", ax=axis)
    axis.set_ylim(bottom=0)
    axis.set_ylabel("")
    axis.legend(fontsize=7, ncols=2, title="d")
    axis.set_title(
        f"{recipe}: Intrinsic dimension (MLE)\nRNA, protein dashed", fontsize=10, loc="left"
    )
