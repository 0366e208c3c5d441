"""Cosine and Euclidean similarity beside the inner product (arXiv 2505.12473, Appendix G.5)."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from experiments.evidence import DatasetEvidence, Evidence
from experiments.outcome import Finding, Outcome, several
from experiments.panels import draw_curves, tidy
from experiments.synthetic import DIMENSION
from experiments.synthetic import MATCHING as TOP_1
from sharedim.evaluation.recommendation import MATCHING
from sharedim.report.figures.style import drawn

INNER, COSINE, EUCLIDEAN = "inner_product", "cosine", "euclidean"
MATCHINGS = {TOP_1: "top-1 matching", MATCHING: "top-0.5 % matching"}
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
        for metric in (matching_of(own), DIMENSION)
    ]
    return Outcome(findings, pd.concat(parts, ignore_index=True), draw(datasets))


def of_dataset(dataset: DatasetEvidence) -> list[Finding]:
    """Say how the similarities compare: dimensions at the largest d, matching at the best."""
    at = dataset.dims[-1]
    dimension = {name: dataset.curve(name, DIMENSION)["mean"].loc[at] for name in dataset.recipes}
    metric = matching_of(dataset)
    matched = {name: dataset.curve(name, metric)["mean"] for name in dataset.recipes}
    best = {name: curve.max() for name, curve in matched.items()}
    source = f"{figure_of(dataset)}, {dataset.name}"
    better, other = (INNER, COSINE) if dataset.truth else (COSINE, INNER)
    # Where norms are not one number, a distance is more than an inner product.
    spread = dataset.curve(INNER, "norm_spread_rna")["mean"].loc[matched[INNER].idxmax()]
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
            f"{MATCHINGS[metric]} with {better.replace('_', ' ')} is at least that with {other.replace('_', ' ')} on "
            f"{'simulated' if dataset.truth else 'real'} pairs (within {TIE})",
            "best over d: " + several({name: f"{value:.3f}" for name, value in best.items()}),
            bool(best[better] >= best[other] - TIE),
        ),
        Finding(
            f"Euclidean metric, {dataset.name}",
            "the negative squared distance, which differs from the inner product only where norms differ, matches "
            f"at least as well (within {TIE})",
            f"{best[EUCLIDEAN]:.3f}, inner product {best[INNER]:.3f}",
            bool(best[EUCLIDEAN] >= best[INNER] - TIE),
            f"Norms of the inner product's representations spread by {100 * spread:.0f} % of their mean.",
        ),
    ]


def matching_of(dataset: DatasetEvidence) -> str:
    """Return how the paper scores matching of such data: the best match alone where it is simulated."""
    return TOP_1 if dataset.truth else MATCHING


def figure_of(dataset: DatasetEvidence) -> str:
    """Name the figure of the paper that shows such data."""
    if dataset.truth:
        return f"Figure 11 ({'b' if dataset.truth['kind'] == 'nonlinear' else 'a'})"
    return "As Figure 12" if dataset.check["kind"] == "features" else "Figure 12"


def draw(datasets: list[DatasetEvidence]) -> Figure:
    """Draw matching and dimension against d, one row a dataset."""
    with drawn(len(datasets), 2, 0.5 + 1.9 * len(datasets)) as (figure, axes):
        for row, own in zip(axes, datasets, strict=True):
            metric = matching_of(own)
            panels = {metric: MATCHINGS[metric], DIMENSION: "intrinsic dimension"}
            for axis, (metric, title) in zip(row, panels.items(), strict=True):
                curves = {name: own.curve(name, metric) for name in own.recipes}
                draw_curves(axis, curves, f"{own.name}: {title}, held out")
            row[0].legend()
    return figure
