"""Panels that the figures of several experiments share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Circle

from sharedim.report.figures.style import COLOURS, MARKERS, REFERENCE, count_on

# Wrong partners that each pair is compared with.
WRONG_PARTNERS = 5


def draw_curves(
    axis: Axes, curves: Mapping[str, pd.DataFrame], title: str, *, dotted: tuple[str, ...] = ()
) -> None:
    """Draw scores against the output dimension, as `DatasetEvidence.curve` gives them.

    Lines are means over the seeds, bands one standard deviation; those named in ``dotted`` are dotted.
    """
    for place, (name, curve) in enumerate(curves.items()):
        look = {"color": COLOURS[place % len(COLOURS)], "marker": MARKERS[place % len(MARKERS)]}
        line = ":" if name in dotted else "-"
        axis.plot(curve.index, curve["mean"], label=name, linestyle=line, **look)
        spread = curve["spread"].fillna(0)
        low, high = curve["mean"] - spread, curve["mean"] + spread
        axis.fill_between(curve.index, low, high, alpha=0.15, linewidth=0, color=look["color"])
    axis.set(title=title, xlabel="output dimension d")
    count_on(axis)


def draw_courses(axis: Axes, courses: Mapping[str, pd.Series], title: str) -> None:
    """Draw quantities against the epochs of training."""
    for place, (name, course) in enumerate(courses.items()):
        axis.plot(course.index, course, label=name, color=COLOURS[place % len(COLOURS)])
    axis.set(title=title, xlabel="epoch")
    count_on(axis)


def draw_similarities(axis: Axes, true: np.ndarray, false: np.ndarray, title: str) -> None:
    """Draw the histograms of similarities of true and of false pairs."""
    edges = np.histogram_bin_edges(np.concatenate([true, false]), 60)
    for values, name, colour in ((true, "true pairs", COLOURS[0]), (false, "false", COLOURS[1])):
        weights = np.full(len(values), 1 / len(values))
        axis.hist(values, edges, weights=weights, alpha=0.6, color=colour, label=name)
    axis.axvline(1, **REFERENCE)
    axis.set(title=title, xlabel="similarity", ylabel="share of pairs")


def draw_representations(axis: Axes, pair: tuple[np.ndarray, np.ndarray], title: str) -> None:
    """Draw representations of both modalities, seen along their least wide direction.

    The circle is the unit sphere's outline.
    """
    together = np.concatenate(pair)
    # Not centred: the sphere is around 0.
    _, _, directions = np.linalg.svd(together, full_matrices=False)
    for side, name, colour in zip(pair, ("first", "second"), COLOURS, strict=False):
        seen = side @ directions[:2].T
        axis.scatter(
            *seen.T, s=1, color=colour, alpha=0.4, linewidths=0, label=name, rasterized=True
        )
    axis.add_patch(Circle((0, 0), 1, fill=False, **REFERENCE))
    axis.set(title=title, aspect="equal", xlabel="first principal direction", ylabel="second")
    axis.legend(markerscale=5)


def mark_values(axis: Axes, values: Sequence[int]) -> None:
    """Mark the numbers that were tried, and no others, on a horizontal axis that may be logarithmic."""
    axis.set_xticks(values, labels=[f"{value:,}" for value in values], rotation=45)
    axis.minorticks_off()


def pair_similarities(f: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the inner products of true pairs, and of each cell with some wrong partners."""
    false = [
        np.sum(f * np.roll(g, shift, axis=0), axis=1) for shift in range(1, 1 + WRONG_PARTNERS)
    ]
    return np.sum(f * g, axis=1), np.concatenate(false)


def tidy(parts: Mapping[str, pd.Series | pd.DataFrame], name: str) -> pd.DataFrame:
    """Stack tables, with their names in a first column."""
    tables = []
    for key, part in parts.items():
        table = part.reset_index()
        table.insert(0, name, key)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)
