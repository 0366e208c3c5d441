"""Nonlinear setting (arXiv 2505.12473, Section 4.1): Figure 4, and the dimension estimated there."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.evidence import DatasetEvidence, Evidence
from experiments.outcome import Finding, Outcome, several
from experiments.panels import (
    draw_curves,
    mark_values,
)
from experiments.synthetic import (
    DIMENSION,
    LOOKED_AT,
    MATCHING,
    curves_of,
    draw_outcome,
    draw_training,
    named,
    of_saturation,
    of_similarities,
    of_temperature_course,
    shared,
    similarities_at,
    with_fewest_shared,
)
from sharedim.evaluation.intrinsic_dimension import intrinsic_dimensions
from sharedim.report.figures.style import COLOURS, MARKERS, REFERENCE, drawn

# The setting of the paper: its length of training, by the recipe's name, and its number of pairs.
PUBLISHED, PAIRS = "synthetic", 14_000
# How far the estimate may be from the number of coordinates that vary.
NEAR = 0.8
# Held-out pairs below which no estimate is taken.
FEWEST = 50
MIXED = (
    "Each coordinate is constant half the time. Where few vary, what is left of the representations is noise of "
    "up to d dimensions, so that the estimate over all pairs mixes many numbers and is no k*."
)


def measure_nonlinear(evidence: Evidence) -> Outcome:
    """Compare the dimension with k* and with that of the shared coordinates, which are rectified."""
    datasets = evidence.of_truth("nonlinear")
    # The number of pairs that was published, or what this size has for it.
    number = min((own.truth["pairs"] for own in datasets), key=lambda pairs: abs(pairs - PAIRS))
    full = [own for own in datasets if own.truth["pairs"] == number]
    table = estimates(datasets)
    looked_at = with_fewest_shared(full)
    similar = similarities_at(looked_at, PUBLISHED, LOOKED_AT)
    varying = {named(own): by_varying(own, PUBLISHED) for own in full}
    findings = [
        *of_saturation(full, PUBLISHED, "Figure 4 (a)", why=MIXED),
        of_similarities(similar, "Figure 4 (b)"),
        of_temperature_course(looked_at, PUBLISHED, "Figure 4 (b)"),
        of_varying(varying),
        *of_length_and_number(table, full),
    ]
    numbers = pd.concat([curves_of(full, PUBLISHED), table], ignore_index=True)
    return Outcome(findings, numbers, draw(full, PUBLISHED, table, similar, varying))


def estimates(datasets: list[DatasetEvidence]) -> pd.DataFrame:
    """Return the dimension at the largest d of every dataset and length of training.

    ``coordinates`` is the estimate on the shared coordinates themselves, of the held-out pairs.
    """
    rows = []
    for own in datasets:
        test = next(own.trained(own.recipes[0], own.dims[-1])).split.test
        # The first side's first columns are the rectified coordinates.
        latent = own.features[0][test][:, : shared(own)]
        itself = dimension_of(latent)
        for recipe in own.recipes:
            found = own.curve(recipe, DIMENSION).loc[own.dims[-1]]
            rows.append(
                {
                    "dataset": own.name,
                    "shared": shared(own),
                    "pairs": own.truth["pairs"],
                    "epochs": own.recipe(recipe)["epochs"],
                    "estimate": found["mean"],
                    "spread": found["spread"],
                    "coordinates": itself,
                }
            )
    return pd.DataFrame(rows)


def dimension_of(points: np.ndarray) -> float:
    """Estimate the intrinsic dimension of points by maximum likelihood; coinciding ones are left out."""
    return float(intrinsic_dimensions(points).estimates["mle"].value)


def by_varying(dataset: DatasetEvidence, recipe: str) -> pd.Series:
    """Return the estimate among held-out pairs of which so many coordinates vary, at the largest d."""
    found: dict[int, list[float]] = {}
    for model in dataset.trained(recipe, dataset.dims[-1]):
        # The first side's first columns are the rectified coordinates.
        coordinates = dataset.features[0][model.split.test][:, : shared(dataset)]
        varying = (coordinates != 0).sum(axis=1)
        representation, _ = dataset.held_out(model)
        for number in range(shared(dataset) + 1):
            if (varying == number).sum() >= FEWEST:
                estimates_there = intrinsic_dimensions(representation[varying == number]).estimates
                found.setdefault(number, []).append(estimates_there["mle_harmonic"].value)
    return pd.Series({number: float(np.mean(values)) for number, values in found.items()})


def of_varying(found: dict[str, pd.Series]) -> Finding:
    """Say whether the estimate is the number of coordinates that vary, where the most do."""
    said = {
        name: ", ".join(f"{value:.2f} where {number} vary" for number, value in own.items())
        for name, own in found.items()
    }
    return Finding(
        "Figure 4 (a), why",
        f"where the most coordinates vary the estimate is their number (within {NEAR}, harmonic mean over the "
        "pairs)",
        several(said),
        all(abs(own.iloc[-1] - own.index[-1]) <= NEAR for own in found.values()),
        MIXED,
    )


def of_length_and_number(table: pd.DataFrame, full: list[DatasetEvidence]) -> list[Finding]:
    """Say what is estimated with longer training and more pairs."""
    said = {}
    for own in full:
        rows = table[table["dataset"] == own.name].sort_values("epochs")
        path = ", ".join(f"{row.estimate:.2f} ({row.epochs} epochs)" for row in rows.itertuples())
        said[named(own)] = f"{path}; on the coordinates {rows['coordinates'].iloc[-1]:.2f}"
    spread = table.groupby("dataset")["estimate"].agg(lambda values: values.max() - values.min())
    by_pairs = {
        f"k* = {k}": ", ".join(
            f"{row.estimate:.2f} ({row.pairs:,} pairs)"
            for row in rows.sort_values("pairs").itertuples()
        )
        for k, rows in table[table["epochs"] == table["epochs"].max()].groupby("shared")
    }
    return [
        Finding(
            "Figure 4 (a), length",
            "longer training changes the estimate little (by less than 1)",
            several(said),
            bool((spread[[own.name for own in full]] < 1).all()),
        ),
        Finding(
            "Figure 4 (a), pairs",
            "more pairs bring the estimate no further from that of the coordinates",
            several(by_pairs),
            bool(_no_further(table)),
        ),
    ]


def _no_further(table: pd.DataFrame) -> bool:
    """Tell whether the most pairs are as near the coordinates' own estimate as the fewest."""
    longest = table[table["epochs"] == table["epochs"].max()].sort_values("pairs")
    apart = (longest["estimate"] - longest["coordinates"]).abs()
    grouped = apart.groupby(longest["shared"])
    return bool((grouped.last() <= grouped.first() + longest["spread"].max()).all())


def draw(
    datasets: list[DatasetEvidence],
    recipe: str,
    table: pd.DataFrame,
    similar: tuple[np.ndarray, np.ndarray],
    varying: dict[str, pd.Series],
) -> Figure:
    """Draw the curves, what the estimates depend on, and, for d = 3, training."""
    with drawn(3, 4, 6.9) as (figure, axes):
        draw_outcome(axes[0], datasets, recipe, similar)
        _draw_lengths(axes[1, :2], datasets)
        _draw_pairs(axes[1, 2], table[table["epochs"] == table["epochs"].max()])
        for place, (name, own) in enumerate(varying.items()):
            look = {"color": COLOURS[place], "marker": MARKERS[place]}
            axes[1, 3].plot(own.index, own, label=name, **look)
        axes[1, 3].axline((0, 0), slope=1, **REFERENCE)
        axes[1, 3].set(title="Dimension", xlabel="coordinates that vary")
        draw_training(axes[2], with_fewest_shared(datasets), recipe)
        for axis in axes[1, 2:]:
            axis.legend()
    return figure


def _draw_lengths(axes: np.ndarray, datasets: list[DatasetEvidence]) -> None:
    """Draw dimension and matching against d for every length of training, into two panels."""
    titles = {DIMENSION: "Dimension by epochs", MATCHING: "Matching by epochs"}
    for axis, (metric, title) in zip(axes, titles.items(), strict=True):
        lengths = {
            f"{named(own)}, {own.recipe(name)['epochs']} epochs": own.curve(name, metric)
            for own in datasets
            for name in own.recipes
        }
        draw_curves(axis, lengths, title)
    # The same lines in both panels: each names a half of them.
    lines, half = axes[0].get_lines(), len(axes[0].get_lines()) // 2
    for axis, named_here in zip(axes, (lines[:half], lines[half:]), strict=True):
        axis.legend(handles=named_here)


def _draw_pairs(axis: Axes, table: pd.DataFrame) -> None:
    """Draw the dimension of representations and of coordinates against the number of pairs."""
    for k, rows in table.groupby("shared"):
        rows = rows.sort_values("pairs")
        [line] = axis.plot(rows["pairs"], rows["estimate"], marker="o", label=f"k* = {k}")
        colour = line.get_color()
        label = f"k* = {k}, coordinates"
        axis.plot(rows["pairs"], rows["coordinates"], color=colour, linestyle="--", label=label)
        axis.axhline(k, **REFERENCE)
    axis.set(title="Dimension", xlabel="pairs", xscale="log")
    mark_values(axis, table["pairs"].unique())
