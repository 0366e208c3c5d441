"""UMAP of the shared space, with the cells of both modalities.

The table has one row per cell and modality: ``cell``, ``modality`` (rna, prot), ``umap1``, ``umap2``,
``batch``, ``part`` (train, validation, one modality), ``match_rank`` (rank of the true match among
all cells of the other modality, 1 the best; missing for unpaired cells), ``match_share`` (the same as
a fraction of the candidates), ``confidence`` (probability of the best match), and the label columns.
"""

from __future__ import annotations

from typing import TypedDict, Unpack

import numpy as np
import pandas as pd
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from sharedim.report.figures.style import (
    MUTED,
    SMALL,
    THIRD,
    broken,
    drawn,
    placeholder,
    type_colours,
)
from sharedim.report.results import Results
from sharedim.vocabulary import Words

UNKNOWN = "unknown"
# Beyond these, the rarest are drawn as others: neither colours nor numbers would tell them apart.
MOST_TYPES = 40
# Ranks better than this fraction of the candidates are as dark as it.
BEST_SHARE = 1e-3


def plot_embedding(results: Results) -> Figure:
    """Draw both modalities in the shared space, by each level of types, batch and match.

    Returns
    -------
    Figure
        One row per colouring, the modalities side by side in the same coordinates; types bear numbers that
        their list explains. Points are rasterised.
    """
    cells, words = results.embedding, results.words
    if not len(cells):
        return placeholder(no_embedding(words))
    # Drawn in a random order, which is the same each time: no type hides another by its name.
    cells = cells.iloc[np.random.default_rng(0).permutation(len(cells))]
    levels = [level for level in results.labels if level in cells and cells[level].notna().any()]
    batches = cells["batch"].nunique()
    groups = [*levels, *(["batch"] if batches > 1 else [])]
    rows = len(groups) + 1
    with drawn(rows, 3, 0.15 + 2.45 * rows, sharex="col", width_ratios=[1, 1, 0.85]) as (
        figure,
        axes,
    ):
        for group, row in zip(groups, axes, strict=False):
            _draw_groups(row, cells, group, words)
        _draw_matches(figure, axes[-1], cells, words)
        limits = [_limits(cells[name]) for name in ("umap1", "umap2")]
        for axis in axes[:, :2].ravel():
            axis.set(xlim=limits[0], ylim=limits[1], xticks=[], yticks=[])
        for row in axes:
            row[0].set_ylabel("UMAP 2")
        for axis in axes[-1, :2]:
            axis.set_xlabel("UMAP 1")
        for axis in axes[:, 2]:
            axis.axis("off")
    return figure


def no_embedding(words: Words) -> str:
    """Say why nothing was embedded."""
    return f"Nothing shared was found, so that no {words.pairs} were embedded."


def _draw_groups(row: NDArray[np.object_], cells: pd.DataFrame, group: str, words: Words) -> None:
    names = cells[group].fillna(UNKNOWN)
    counts = names[names != UNKNOWN].value_counts()
    shown = list(counts.index[:MOST_TYPES])
    colours = type_colours(shown)
    drawn_in = names.map(colours).fillna(MUTED)
    # Of batches, which mix where all is well, numbers would say nothing.
    numbered = group != "batch"
    for axis, (modality, title) in zip(row, words.modalities.items(), strict=False):
        own = cells["modality"] == modality
        _scatter(axis, cells[own], drawn_in[own])
        axis.set_title(broken(f"{title}, by {group}", THIRD))
        if numbered:
            _number(axis, cells[own], names[own], shown)
    handles = [
        Line2D([], [], linestyle="", marker="o", color=colours[name],
               label=f"{i}  {name}" if numbered else name)
        for i, name in enumerate(shown, start=1)
    ]  # fmt: skip
    if len(shown) < names.nunique():
        others = "unknown or rarer types" if len(shown) == MOST_TYPES else UNKNOWN
        handles.append(Line2D([], [], linestyle="", marker="o", color=MUTED, label=others))
    row[2].legend(
        handles=handles, loc="center left", ncols=1 + (len(handles) > 17), columnspacing=0.8,
        handletextpad=0.1, labelspacing=0.25, borderpad=0,
    )  # fmt: skip


def _number(axis: Axes, cells: pd.DataFrame, names: pd.Series, shown: list[str]) -> None:
    halo = [patheffects.withStroke(linewidth=1.6, foreground="white")]
    for i, name in enumerate(shown, start=1):
        own = cells.loc[names == name, ["umap1", "umap2"]].to_numpy()
        if len(own):
            x, y = _densest(own)
            axis.text(
                x, y, str(i), fontsize=SMALL + 0.5, fontweight="bold", ha="center",
                va="center", path_effects=halo,
            )  # fmt: skip


def _densest(points: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the middle of the points around the fullest field of a grid.

    The middle of all of them may fall between two clusters.
    """
    counts, *edges = np.histogram2d(points[:, 0], points[:, 1], bins=8)
    fullest = np.unravel_index(counts.argmax(), counts.shape)
    inside = [
        (values >= edge[max(0, i - 1)]) & (values <= edge[min(len(edge) - 1, i + 2)])
        for values, edge, i in zip(points.T, edges, fullest, strict=True)
    ]
    middle: NDArray[np.floating] = np.median(points[inside[0] & inside[1]], axis=0)
    return middle


def _draw_matches(
    figure: Figure, row: NDArray[np.object_], cells: pd.DataFrame, words: Words
) -> None:
    paired = cells["match_share"].notna()
    scale = LogNorm(BEST_SHARE, 1)
    for axis, (modality, title) in zip(row, words.modalities.items(), strict=False):
        own = cells["modality"] == modality
        _scatter(axis, cells[own & ~paired], MUTED)
        matched = cells[own & paired]
        shares = matched["match_share"].clip(lower=BEST_SHARE)
        points = _scatter(axis, matched, shares, cmap="cividis", norm=scale)
        axis.set_title(broken(f"{title}, by rank of the true match", THIRD))
    bar = figure.colorbar(points, cax=row[2].inset_axes([0.02, 0.05, 0.07, 0.7]))
    bar.set_ticks(
        [1e-3, 1e-2, 1e-1, 1], labels=["best 0.1 %", "best 1 %", "best 10 %", "last of all"]
    )
    summary = match_summary(cells, words)
    row[2].text(0.0, 1.0, summary, transform=row[2].transAxes, va="top", fontsize=SMALL)


def match_summary(cells: pd.DataFrame, words: Words) -> str:
    """Return the median rank of the true match of validation and of training cells, in words."""
    lines = []
    for part, name in (("validation", "held-out"), ("train", "training")):
        shares = cells.loc[cells["part"] == part, "match_share"].dropna()
        if len(shares):
            lines.append(
                f"median of {name} {words.pairs}: best {shares.median():.2%}".replace("%", " %")
            )
    if cells["match_share"].isna().any():
        lines.append(f"grey: {words.rows} of one modality")
    return "\n".join(lines)


class Shades(TypedDict, total=False):
    """How numbers become colours."""

    cmap: str
    norm: Normalize


def _scatter(
    axis: Axes, cells: pd.DataFrame, colours: pd.Series | str, **shades: Unpack[Shades]
) -> PathCollection:
    size = float(np.clip(12_000 / max(1, len(cells)), 0.3, 6))
    return axis.scatter(
        cells["umap1"], cells["umap2"], c=colours, s=size, linewidths=0, rasterized=True, **shades
    )


def _limits(values: pd.Series) -> tuple[float, float]:
    low, high = values.min(), values.max()
    margin = 0.03 * (high - low) or 1.0
    return low - margin, high + margin
