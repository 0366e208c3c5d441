"""Confusion of types in label transfer."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from sharedim.report.figures.style import HALF, SMALL, broken, drawn, placeholder
from sharedim.report.results import Results
from sharedim.vocabulary import Words

NO_MODEL = "Nothing shared was found, so that no model was chosen to transfer labels with."
# Up to so many types, shares stand in the cells; beyond the other, types are left to the tables.
WRITTEN_TYPES, MOST_TYPES = 9, 45
# Types whose names fit under the columns.
NAMED_TYPES = 16


def plot_confusion(results: Results) -> Figure:
    """Draw, for each level of types and both ways, the share of each type given each type.

    Returns
    -------
    Figure
        Rows of a panel are the true types, the most frequent first, columns the types given; of
        the best recipe at the recommended d, over the held-out cells of all seeds.
    """
    if not results.labels:
        return placeholder(no_labels(results.words))
    table = results.transfers
    if not len(table):
        return placeholder(NO_MODEL)
    levels = [level for level in results.labels if level in set(table["column"])]
    pairs, directions = results.words.pairs, results.words.directions
    counts = [
        min(table.loc[table["column"] == level, "type"].nunique(), MOST_TYPES) for level in levels
    ]
    heights = [max(1.5, 0.145 * n) + 1.1 for n in counts]
    ratios = {"height_ratios": heights}
    with drawn(len(levels), 2, sum(heights), gridspec_kw=ratios) as (figure, axes):
        for level, row in zip(levels, axes, strict=True):
            of_level = table[table["column"] == level]
            order = of_level.groupby("type")["cells"].sum().sort_values(ascending=False).index
            for axis, (direction, name) in zip(row, directions.items(), strict=True):
                own = of_level[of_level["direction"] == direction]
                shares = confusion_shares(own).reindex(index=order, columns=order, fill_value=0.0)
                image = _draw(axis, shares, f"{level}, {name}", first=axis is row[0])
        figure.colorbar(
            image,
            ax=axes[0],
            aspect=12,
            pad=0.01,
            fraction=0.03,
            label=f"share of a type's {pairs}",
        )
    return figure


def no_labels(words: Words) -> str:
    """Say why no labels were transferred."""
    return f"No {words.types} are known, so there is no label transfer."


def confusion_shares(confusions: pd.DataFrame) -> pd.DataFrame:
    """Return the share of each true type (rows) given each type (columns), the largest first."""
    cells = confusions.pivot_table(
        index="type", columns="given", values="cells", aggfunc="sum", fill_value=0.0
    )
    order = cells.sum(axis="columns").sort_values(ascending=False).index
    cells = cells.reindex(index=order, columns=order, fill_value=0.0)
    return cells.div(cells.sum(axis="columns"), axis="index")


def _draw(axis: Axes, shares: pd.DataFrame, title: str, *, first: bool) -> AxesImage:
    shown = shares.iloc[:MOST_TYPES, :MOST_TYPES]
    image = axis.imshow(shown, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    places = np.arange(len(shown))
    if len(shown) <= NAMED_TYPES:
        axis.set_xticks(places, shown.columns, rotation=90)
        names = list(shown.index)
    else:
        # Side by side, so many names would touch: numbers stand for them, every second where needed.
        step = 1 + len(shown) // 20
        axis.set_xticks(places[::step], places[::step] + 1)
        names = [f"{name} [{i}]" for i, name in enumerate(shown.index, start=1)]
    axis.set_yticks(places, names if first else [])
    axis.set_xlabel("type given")
    if first:
        axis.set_ylabel("true type")
    left_out = len(shares) - len(shown)
    note = f"\n({left_out} rare types are in the table alone)" if left_out else ""
    axis.set_title(broken(title + note, HALF))
    if len(shown) <= WRITTEN_TYPES:
        for (row, column), share in np.ndenumerate(shown.to_numpy()):
            if share >= 0.005:
                axis.text(
                    column, row, f"{share:.2f}".removeprefix("0"), ha="center", va="center",
                    fontsize=SMALL, color="white" if share > 0.55 else "black",
                )  # fmt: skip
    return image
