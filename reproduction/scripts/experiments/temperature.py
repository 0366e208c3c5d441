"""Temperature along training (arXiv 2505.12473, Appendix G.4): Figure 10."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from experiments.evidence import DatasetEvidence, Evidence
from experiments.outcome import Finding, Outcome, several
from experiments.panels import draw_curves
from experiments.synthetic import DIMENSION
from sharedim.evaluation.recommendation import MATCHING
from sharedim.report.figures.style import dimension_colours, drawn

LEARNED, FIXED, BOUNDED = "learned", "fixed", "bounded"
# A temperature has fallen that ends below this share of its start.
FALLEN = 0.5
# Matching that is lost without anybody minding.
TIE = 0.01
# Temperatures that are drawn, the same for every way.
SHOWN = (1e-3, 2)


def measure_temperature(evidence: Evidence) -> Outcome:
    """Follow the temperature at every d, and compare learning it with fixing and bounding it."""
    datasets = list(evidence.datasets.values())
    ends = pd.concat([ends_of(own) for own in datasets], ignore_index=True)
    findings = [of_fall(ends), *(of_ways(own) for own in datasets)]
    return Outcome(findings, ends, draw(datasets))


def ends_of(dataset: DatasetEvidence) -> pd.DataFrame:
    """Return the temperature after the first and the last epoch, of every recipe and d."""
    rows = []
    for recipe in dataset.recipes:
        for dim in dataset.dims:
            course = dataset.course(recipe, "temperature", dim)
            rows.append((dataset.name, recipe, dim, course.iloc[0], course.iloc[-1]))
    return pd.DataFrame(rows, columns=["dataset", "recipe", "dim", "start", "end"])


def of_fall(ends: pd.DataFrame) -> Finding:
    """Say whether the learned temperature falls at every d that can tell cells apart."""
    learned = ends[(ends["recipe"] == LEARNED) & (ends["dim"] > 1)]
    said = {
        name: "ends at " + ", ".join(f"{row.end:.3f} (d = {row.dim})" for row in own.itertuples())
        for name, own in learned.groupby("dataset", sort=False)
    }
    return Finding(
        "Figure 10",
        f"the temperature falls towards 0 for every d (here d > 1: below {FALLEN} of its start)",
        several(said),
        bool((learned["end"] < FALLEN * learned["start"]).all()),
        "At d = 1 representations of two cells can only agree or oppose each other.",
    )


def of_ways(dataset: DatasetEvidence) -> Finding:
    """Say what fixing or bounding the temperature costs, at the largest d."""
    at = dataset.dims[-1]
    matched = {way: dataset.curve(way, MATCHING)["mean"].loc[at] for way in dataset.recipes}
    dimension = {way: dataset.curve(way, DIMENSION)["mean"].loc[at] for way in dataset.recipes}
    said = {way: f"{matched[way]:.3f} matched, dimension {dimension[way]:.2f}" for way in matched}
    return Finding(
        f"Section 3.2, {dataset.name}",
        "learning the temperature matches held-out pairs at least as well as fixing it at 1 or bounding it "
        f"below (within {TIE})",
        f"at d = {at}: {several(said)}",
        all(matched[LEARNED] >= matched[way] - TIE for way in (FIXED, BOUNDED)),
    )


def draw(datasets: list[DatasetEvidence]) -> Figure:
    """Draw the course of each way and d, and what each way matches."""
    ways = datasets[0].recipes
    with drawn(len(datasets), len(ways) + 1, 0.5 + 2.0 * len(datasets)) as (figure, axes):
        for row, own in zip(axes, datasets, strict=True):
            shades = dimension_colours(own.dims)
            for axis, way in zip(row, ways, strict=False):
                for dim in own.dims:
                    course = own.course(way, "temperature", dim)
                    axis.plot(course.index, course, color=shades[dim], label=f"d = {dim}")
                axis.set(title=f"{own.name}: {way}", xlabel="epoch", yscale="log", ylim=SHOWN)
            row[0].set_ylabel("temperature")
            matched = {way: own.curve(way, MATCHING) for way in ways}
            draw_curves(row[-1], matched, "Matching, held out")
            row[-1].legend()
            row[0].legend()
    return figure
