"""Real pairs of unknown shared dimension: cells, images and texts (arXiv 2505.12473, Section 4.2, G.6, G.7)."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from experiments.evidence import DatasetEvidence, Evidence
from experiments.outcome import Finding, Outcome, several
from experiments.panels import draw_curves, tidy
from experiments.synthetic import DIMENSION
from sharedim.report.figures.curves import paper_panels
from sharedim.report.figures.style import QUARTER, broken, drawn, legend_below
from sharedim.vocabulary import words_of

# Times chance at which label transfer is clear of guessing.
TRANSFERRED = 2
# Share by which the dimension may still change over the second half of the grid.
SETTLED = 0.25
ENDED = ("saturated", "declining")
SPLITS = {"train": "in sample", "test": "held out"}


def measure(evidence: Evidence, source: str) -> Outcome:
    """Ask what the paper shows of such pairs: matching, classification and dimension against d.

    Parameters
    ----------
    evidence : Evidence
    source : str
        The figure that shows it.
    """
    findings, parts = [], []
    for own in evidence.datasets.values():
        for recipe in judged(own):
            findings += findings_of(own, recipe, f"{source}, {own.name}, {recipe}")
        for metric in (*accuracies_of(own), DIMENSION):
            for split in SPLITS:
                curves = {name: own.curve(name, metric, split) for name in own.recipes}
                table = tidy(curves, "recipe")
                parts.append(table.assign(dataset=own.name, metric=metric, split=split))
    numbers = pd.concat(parts, ignore_index=True)
    return Outcome(findings, numbers, draw(list(evidence.datasets.values())))


def judged(dataset: DatasetEvidence) -> list[str]:
    """Return the recipe that matches best, and those that are trained on right partners."""
    trained = [
        name
        for name in dataset.recipes
        if "method" not in dataset.recipe(name) and not dataset.recipe(name)["shuffle_pairs"]
    ]
    best = dataset.answer["recipe"]
    return list(dict.fromkeys([*([best] if best else []), *trained]))


def accuracies_of(dataset: DatasetEvidence) -> dict[str, str]:
    """Return matching and, where there are labels, their transfer, as metrics with a title each."""
    check = dataset.check
    return paper_panels(list(check["labels"]), words_of(check["kind"], check["modalities"]))


def findings_of(dataset: DatasetEvidence, recipe: str, source: str) -> list[Finding]:
    """Say where accuracies saturate, how labels are transferred, and whether the dimension settles."""
    curves = {
        f"{title}, {words}": dataset.saturates(recipe, metric, split)
        for metric, title in accuracies_of(dataset).items()
        for split, words in SPLITS.items()
    }
    model = next(dataset.trained(recipe, dataset.dims[0]))
    findings = [
        Finding(
            source,
            "matching and classification saturate inside the grid, in sample and held out",
            several(
                {
                    name: f"d = {row['d_saturation']:g} ({row['plateau']:.3f}, {in_words(row)})"
                    for name, row in curves.items()
                }
            ),
            all(row["status"] in ENDED for row in curves.values()),
            # With few, in-sample curves rise with d longer and held-out ones hardly at all.
            f"Trained on {len(model.split.train):,} pairs.",
        )
    ]
    if dataset.check["labels"]:
        findings.append(of_transfer(dataset, recipe, source))
    return [*findings, of_dimension(dataset, recipe, source)]


def in_words(row: pd.Series) -> str:
    """Say the status of a curve, which is a name in tables."""
    return row["status"].replace("_", " ")


def of_transfer(dataset: DatasetEvidence, recipe: str, source: str) -> Finding:
    """Say whether labels are transferred clearly better than by guessing."""
    metric = list(accuracies_of(dataset))[1]
    scores = dataset.scores[dataset.scores["split"] == "test"]
    chance = scores.loc[scores["metric"] == metric, "chance"].iloc[0]
    plateau = dataset.saturates(recipe, metric)["plateau"]
    return Finding(
        source,
        f"held-out labels are those of the nearest partner, at least {TRANSFERRED} times as often as by guessing",
        f"{plateau:.3f}, by guessing {chance:.3f}",
        bool(plateau > TRANSFERRED * chance),
    )


def of_dimension(dataset: DatasetEvidence, recipe: str, source: str) -> Finding:
    """Say whether the intrinsic dimension settles although d grows."""
    last = dataset.dims[-1]
    middle = max((d for d in dataset.dims if d <= last / 2), default=dataset.dims[0])
    growth, said = [], {}
    for split, words in SPLITS.items():
        dimension = dataset.curve(recipe, DIMENSION, split)["mean"]
        growth.append(dimension.loc[last] / dimension.loc[middle] - 1)
        said[words] = ", ".join(f"{value:.2f} (d = {dim})" for dim, value in dimension.items())
    return Finding(
        source,
        f"the intrinsic dimension settles although d grows (changes by less than {100 * SETTLED:.0f} % from "
        f"d = {middle} to {last}), in sample and held out",
        several(said),
        all(abs(change) < SETTLED for change in growth),
    )


def draw(datasets: list[DatasetEvidence]) -> Figure:
    """Draw accuracies and dimension of every recipe, in sample above held out."""
    with drawn(2 * len(datasets), 4, 0.5 + 3.8 * len(datasets)) as (figure, axes):
        rows = iter(axes)
        for own in datasets:
            panels = accuracies_of(own) | {DIMENSION: "Intrinsic dimension"}
            for split, words in SPLITS.items():
                row = next(rows)
                row[0].set_ylabel(own.name)
                for axis, (metric, title) in zip(row, panels.items(), strict=False):
                    curves = {name: own.curve(name, metric, split) for name in own.recipes}
                    draw_curves(axis, curves, broken(f"{title}\n{words}", QUARTER))
                for axis in row[len(panels) :]:
                    axis.axis("off")
        legend_below(figure, axes.flat)
    return figure
