"""Similarities of true and false pairs of held-out cells, by the chosen model."""

from __future__ import annotations

from matplotlib.figure import Figure

from sharedim.report.figures.style import COLOURS, drawn, placeholder
from sharedim.report.results import Results, true_pairs_above_false

NO_PAIRS = "Nothing shared was found, so that no model was chosen whose pairs could be compared."


def plot_pairs(results: Results) -> Figure:
    """Draw how similar true and false held-out pairs are: shares of the pairs in each bin."""
    table = results.similarities
    if not len(table):
        return placeholder(NO_PAIRS)
    with drawn(1, 1, 2.4) as (figure, axes):
        axis = axes[0, 0]
        for (pair, own), colour, style, hatch in zip(
            table.groupby("pair", sort=False), COLOURS, ("-", "--"), (None, "////"), strict=False
        ):
            edges = [*own["low"], own["high"].iloc[-1]]
            axis.stairs(
                own["share"], edges, fill=True, facecolor=colour, edgecolor=colour, linewidth=0,
                alpha=0.3, hatch=hatch,
            )  # fmt: skip
            axis.stairs(
                own["share"], edges, color=colour, linestyle=style, linewidth=1.2,
                label=f"{pair} pairs",
            )  # fmt: skip
        axis.set_xlabel("similarity in the shared space")
        axis.set_ylabel("share of the pairs")
        axis.set_ylim(bottom=0)
        above = true_pairs_above_false(table)
        axis.set_title(
            f"{results.recipe}, d = {results.recommended_d}, held-out {results.words.pairs}: a true pair is more "
            f"similar than a false one with probability {above:.3f}"
        )
        axis.legend()
    return figure
