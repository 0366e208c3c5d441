"""Cosine and Euclidean similarity beside the inner product (arXiv 2505.12473, Appendix G.5)."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from sharedim.experiments.evidence import DatasetEvidence, Evidence
from sharedim.experiments.outcome import Finding, Outcome, several
from sharedim.experiments.panels import draw_curves, tidy
from sharedim.experiments.synthetic import DIMENSION
from sharedim.figure_style import drawn

MATCHING = "match_top0.5pct_rna_to_prot"
INNER, COSINE, EUCLIDEAN = "inner_product", "cosine", "euclidean"
# Dimensions that estimates with two similarities may be apart, as a share of them.
ALIKE = 0.25
# Matching that counts as equal.
TIE = 0.02


def measure_similarities(evidence: Evidence) -> Outcome:
    """Compare matching and dimension at every d between the similarities."""
    datasets = list(evidence.datasets.values())
    findings = [finding for own in datasets for finding in of_dataset(own)]
    parts = [
        tidy({recipe: own.curve(recipe, metric)}, "recipe").assign(dataset=own.name, metric=metric)
        for own in datasets
        for recipe in own.recipes
        for metric in (MATCHING, DIMENSION)
    ]
    return Outcome(findings, pd.concat(parts, ignore_index=True), draw(datasets))


def of_dataset(dataset: DatasetEvidence) -> list[Finding]:
    """Say how the similarities compare, at the largest d."""
    at = dataset.dims[-1]
    dimension = {name: dataset.curve(name, DIMENSION)["mean"].loc[at] for name in dataset.recipes}
    matched = {name: dataset.curve(name, MATCHING)["mean"].max() for name in dataset.recipes}
    source = f"Figure {'12' if not dataset.truth else '11'}, {dataset.name}"
    best, other = (INNER, COSINE) if dataset.truth else (COSINE, INNER)
    whose = "simulated" if dataset.truth else "real"
    return [
        Finding(
            source,
            "estimated dimensions with cosine and inner product are nearly the same (within "
            f"{100 * ALIKE:.0f} %)",
            f"at d = {at}: {several({name: f'{value:.2f}' for name, value in dimension.items()})}",
            bool(abs(dimension[COSINE] - dimension[INNER]) <= ALIKE * dimension[INNER]),
        ),
        Finding(
            source,
            f"matching with {best.replace('_', ' ')} is at least that with {other.replace('_', ' ')} on "
            f"{whose} pairs (within {TIE})",
            "best over d: " + several({name: f"{value:.3f}" for name, value in matched.items()}),
            bool(matched[best] >= matched[other] - TIE),
        ),
        Finding(
            f"Euclidean metric, {dataset.name}",
            "the negative squared distance, being the inner product but for norms that concentrate, matches "
            f"as well as it (within {TIE})",
            f"{matched[EUCLIDEAN]:.3f}, inner product {matched[INNER]:.3f}",
            bool(matched[EUCLIDEAN] >= matched[INNER] - TIE),
        ),
    ]


def draw(datasets: list[DatasetEvidence]) -> Figure:
    """Draw matching and dimension against d, one row a dataset."""
    with drawn(len(datasets), 2, 0.5 + 1.9 * len(datasets)) as (figure, axes):
        for row, own in zip(axes, datasets, strict=True):
            for axis, metric, title in zip(
                row,
                (MATCHING, DIMENSION),
                ("top-0.5 % matching", "intrinsic dimension"),
                strict=True,
            ):
                curves = {name: own.curve(name, metric) for name in own.recipes}
                draw_curves(axis, curves, f"{own.name}: {title}, held out")
            row[0].legend()
    return figure
