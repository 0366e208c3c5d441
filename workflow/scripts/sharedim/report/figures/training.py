"""Loss, temperature, alignment and norm along training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from sharedim.evaluation.recommendation import NULL
from sharedim.report.figures.style import (
    COLOURS,
    MUTED,
    REFERENCE,
    THIRD,
    broken,
    count_on,
    dimension_colours,
    drawn,
    placeholder,
)
from sharedim.report.results import Results

NO_TRAINING = "No recipe was trained: closed forms have no temperature."
QUANTITIES = ("loss", "held_out_loss", "temperature", "alignment", "norm_mean_rna", "norm_mean_prot",
              "id_rna", "id_prot")  # fmt: skip


def plot_training(results: Results) -> Figure:
    """Draw what training does to each output dimension.

    Returns
    -------
    Figure
        Two rows a recipe: loss, temperature and alignment against epoch; mean norm, the final
        temperature against d with the null's in grey, and intrinsic dimension where it was
        estimated. Lines are means over seeds. Says so when no recipe was trained.
    """
    history, recipes = results.history, results.trained
    if not recipes:
        return placeholder(NO_TRAINING)
    dims = sorted(history["dim"].unique())
    colours = dimension_colours(dims)
    with drawn(2 * len(recipes), 3, 0.5 + 3.3 * len(recipes)) as (figure, axes):
        for i, recipe in enumerate(recipes):
            own = history[history["recipe"] == recipe]
            upper, lower = axes[2 * i : 2 * i + 2]
            mean = mean_over_seeds(own)
            _draw_loss(upper[0], mean, own["chance_loss"].mean(), colours)
            _draw_lines(upper[1], mean, {"temperature": "-"}, colours)
            _draw_lines(upper[2], mean, {"alignment": "-"}, colours)
            _draw_lines(lower[0], mean, {"norm_mean_rna": "-", "norm_mean_prot": "--"}, colours)
            _draw_final_temperature(lower[1], history, recipe)
            if own["id_rna"].notna().any():
                _draw_lines(lower[2], mean, {"id_rna": "-", "id_prot": "--"}, colours)
            else:
                lower[2].axis("off")
            _name(upper, lower, recipe, results.words.second)
        handles = [Line2D([], [], color=colours[dim], label=f"d = {dim}") for dim in dims]
        # Where nothing is drawn there is room for it.
        places = [axis for axis in axes[:, 2] if not axis.axison]
        if places:
            places[0].legend(handles=handles, loc="center", ncols=1 + (len(dims) > 8))
        else:
            figure.legend(handles=handles, loc="outside lower center", ncols=min(8, len(dims)))
    return figure


def mean_over_seeds(history: pd.DataFrame) -> pd.DataFrame:
    """Return the mean over seeds of every quantity at each d (``dim``) and ``epoch``.

    A model that stopped early keeps its last values, as its weights are kept: otherwise a curve
    would jump whenever one of its seeds stops.
    """
    quantities = [name for name in QUANTITIES if name in history]
    parts = []
    for dim, own in history.groupby("dim"):
        estimated: Sequence[int] | NDArray[np.int64] = (
            own.dropna(subset=["id_rna"])["epoch"].unique() if "id_rna" in own else []
        )
        wide = pd.DataFrame(own.set_index(["epoch", "seed"])[quantities].unstack("seed"))
        wide = wide.sort_index().ffill()
        mean = wide.T.groupby(level=0).mean().T.reindex(columns=quantities)
        # These were looked at every so many epochs, and are not known between.
        unknown = ~mean.index.isin(estimated)
        mean.loc[unknown, [name for name in ("id_rna", "id_prot") if name in mean]] = float("nan")
        parts.append(mean.reset_index().assign(dim=dim))
    return pd.concat(parts, ignore_index=True)


def _draw_lines(
    axis: Axes, mean: pd.DataFrame, styles: dict[str, str], colours: dict[int, str]
) -> None:
    for _, own in mean.groupby("dim"):
        colour = colours[own["dim"].iloc[0]]
        for quantity, style in styles.items():
            seen = own.dropna(subset=[quantity])
            marker = "." if len(seen) < 3 else None
            axis.plot(
                seen["epoch"], seen[quantity], color=colour, linestyle=style, linewidth=0.9,
                marker=marker,
            )  # fmt: skip
    axis.set_ylim(bottom=0)
    axis.set_xlabel("epoch")


def _draw_loss(axis: Axes, mean: pd.DataFrame, chance: float, colours: dict[int, str]) -> None:
    _draw_lines(axis, mean, {"loss": "-", "held_out_loss": "--"}, colours)
    axis.axhline(chance, **REFERENCE)
    axis.annotate(
        "chance, log(batch)", (1, chance), xycoords=("axes fraction", "data"), ha="right",
        va="bottom", color="0.3", fontsize=7,
    )  # fmt: skip
    # The held-out loss of a recipe that overfits climbs without end: off the page tells enough.
    axis.set_ylim(0, 1.5 * chance)


def final_temperatures(history: pd.DataFrame) -> pd.DataFrame:
    """Return the mean over seeds of the first and the last temperature at each d.

    Models that stopped early have their last epoch, not that of the others.
    """
    ordered = history.dropna(subset=["temperature"]).sort_values("epoch")
    models = ordered.groupby(["dim", "seed"])["temperature"].agg(["first", "last"])
    by_dim = models.groupby("dim")
    return by_dim.mean().assign(deviation=by_dim["last"].std())


def _draw_final_temperature(axis: Axes, history: pd.DataFrame, recipe: str) -> None:
    own = final_temperatures(history[history["recipe"] == recipe])
    axis.errorbar(
        own.index, own["last"], yerr=own["deviation"].fillna(0), color=COLOURS[0], marker="o",
        elinewidth=0.8, label="last epoch",
    )  # fmt: skip
    axis.plot(own.index, own["first"], **REFERENCE, label="first epoch")
    null = history[history["recipe"] == NULL]
    if len(null) and recipe != NULL:
        last = final_temperatures(null)["last"]
        axis.plot(last.index, last, color=MUTED, marker="x", linewidth=0.8, label="permuted pairs")
    # The null's are larger by orders of magnitude.
    axis.set_yscale("log")
    axis.set_xlabel("output dimension d")
    axis.legend()


def _name(upper: NDArray[np.object_], lower: NDArray[np.object_], recipe: str, second: str) -> None:
    quantities = [
        "loss in nats (dashed: held out)",
        "temperature",
        "alignment of held-out pairs",
        f"mean norm (dashed: {second})",
        "final temperature",
        f"intrinsic dimension (dashed: {second})",
    ]
    for axis, quantity in zip([*upper, *lower], quantities, strict=True):
        if axis.axison:
            axis.set_title(broken(f"{recipe}\n{quantity}", THIRD))
            count_on(axis)
