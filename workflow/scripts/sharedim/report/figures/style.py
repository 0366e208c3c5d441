"""Style of all figures: sizes, fonts, colours, legends, and the files they are written to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Literal, Required, TypedDict, Unpack

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from sharedim.evaluation.recommendation import NULL, Recommended
from sharedim.jobs.files import replacing

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.typing import RcKeyType


class Line(TypedDict):
    """How a line is drawn."""

    color: str
    linestyle: str
    linewidth: float


class Look(TypedDict):
    """How a recipe is drawn."""

    color: str
    marker: str


class Curve(TypedDict, total=False):
    """How a curve is drawn and named."""

    label: str
    color: Required[str]
    marker: str
    linestyle: str


class Grid(TypedDict, total=False):
    """How the axes of a figure are laid out, as `matplotlib.pyplot.subplots` takes it."""

    sharex: bool | Literal["none", "all", "row", "col"]
    sharey: bool | Literal["none", "all", "row", "col"]
    width_ratios: Sequence[float]
    gridspec_kw: dict[str, list[float]]


# Inches: two columns of a journal's page. Nothing is printed below 7 points at this width.
WIDTH = 7.1
SMALL = 7
# Characters of a title over half of the width, over a third and over a quarter.
HALF, THIRD, QUARTER = 52, 38, 26
# Characters of the longest name in a legend of five columns.
LONGEST_OF_FIVE = 36
# Dots an inch of PNGs and of what is rasterised inside SVGs.
PNG_RESOLUTION, RASTER_RESOLUTION = 300, 200
STYLE: dict[RcKeyType, object] = {
    "axes.linewidth": 0.6,
    "axes.labelsize": 7.5,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 8,
    "figure.constrained_layout.use": True,
    "font.size": 7.5,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "legend.title_fontsize": SMALL,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.5,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    # Text stays text, to be searched and read aloud, and repeated runs give the same file.
    "svg.fonttype": "none",
    "svg.hashsalt": "sharedim",
}
REFERENCE: Line = {"color": "0.4", "linestyle": ":", "linewidth": 1.0}
CHOSEN: Line = {"color": "black", "linestyle": "-", "linewidth": 0.8}
# Okabe and Ito's, without yellow and black, which are pale and taken; every recipe also has a
# marker and every pair a line style, so that no curve is told by its colour alone.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
MARKERS = ("o", "s", "^", "D", "v", "P")
MUTED = "0.6"
# Cell types: Okabe and Ito's, then Paul Tol's muted and bright ones; beyond these the numbers that
# are drawn on the cells tell types apart.
TYPE_COLOURS = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#332288", "#DDCC77",
    "#882255", "#44AA99", "#999933", "#AA4499", "#117733", "#88CCEE", "#EE6677", "#4477AA",
    "#CCBB44", "#66CCEE", "#661100", "#6699CC",
)  # fmt: skip


@contextmanager
def drawn(
    rows: int, columns: int, height: float, **options: Unpack[Grid]
) -> Iterator[tuple[Figure, NDArray[np.object_]]]:
    """Give a figure and its axes (rows, columns) in the style, and close it afterwards.

    Parameters
    ----------
    rows, columns : int
    height : float
        Inches of the whole figure.
    **options
        Of `matplotlib.pyplot.subplots`.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            rows, columns, figsize=(WIDTH, height), squeeze=False, **options
        )
        yield figure, axes
        # Laid out once, not again for every file.
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
    plt.close(figure)


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure in the format of its suffix, atomically, and without a date."""
    path = Path(path)
    is_svg = path.suffix == ".svg"
    with replacing(path) as temporary, plt.rc_context(STYLE):
        figure.savefig(
            temporary,
            dpi=RASTER_RESOLUTION if is_svg else PNG_RESOLUTION,
            metadata={"Date": None} if is_svg else None,
        )


def placeholder(text: str) -> Figure:
    """Return a figure of one sentence, which explains why nothing is plotted."""
    with drawn(1, 1, 1.0) as (figure, axes):
        axes[0, 0].axis("off")
        axes[0, 0].text(0.5, 0.5, text, ha="center", va="center", wrap=True)
    return figure


def broken(title: str, characters: int) -> str:
    """Break the lines of a title that are longer than there is room for.

    Modalities and label columns have names of any length, and titles stand side by side.
    """
    lines = title.split("\n")
    return "\n".join(
        fill(line, characters, break_long_words=False, break_on_hyphens=False) for line in lines
    )


def recipe_looks(recipes: Sequence[str]) -> dict[str, Look]:
    """Give each recipe colour and marker, the same in every figure; the null is muted."""
    looks: dict[str, Look] = {}
    for place, recipe in enumerate(name for name in recipes if name != NULL):
        looks[recipe] = {
            "color": COLOURS[place % len(COLOURS)],
            "marker": MARKERS[place % len(MARKERS)],
        }
    return {recipe: looks.get(recipe, {"color": MUTED, "marker": "x"}) for recipe in recipes}


def type_colours(types: Sequence[str]) -> dict[str, str]:
    """Give each cell type a colour."""
    return {name: TYPE_COLOURS[i % len(TYPE_COLOURS)] for i, name in enumerate(types)}


def dimension_colours(dims: Sequence[int]) -> dict[int, str]:
    """Give each output dimension a colour from light to dark, all readable on white."""
    shades = plt.get_cmap("viridis_r")
    steps = max(1, len(dims) - 1)
    return {dim: to_hex(shades(0.12 + 0.88 * i / steps)) for i, dim in enumerate(dims)}


def count_on(axis: Axes) -> None:
    """Write whole numbers alone on the horizontal axis: there is no half dimension or epoch."""
    axis.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))


def mark_chosen(axis: Axes, recommended: Recommended) -> None:
    """Mark the recommended output dimension and its interval (as in ``answer.json``)."""
    if recommended["value"] is None:
        return
    low, high = recommended["low"], recommended["high"]
    if low is not None and high is not None and high > low:
        axis.axvspan(low, high, color="0.5", alpha=0.15, linewidth=0, label="its 90 % interval")
    axis.axvline(recommended["value"], **CHOSEN, label=f"recommended d = {recommended['value']}")


def legend_below(figure: Figure, axes: Iterable[Axes]) -> None:
    """Put one legend of all that the axes name under the figure."""
    named: dict[str, Artist] = {}
    for axis in axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            named.setdefault(label, handle)
    columns = 5 if max(map(len, named), default=0) <= LONGEST_OF_FIVE else 2
    figure.legend(named.values(), named, loc="outside lower center", ncols=min(columns, len(named)))
