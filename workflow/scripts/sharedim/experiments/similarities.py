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
    """Say how the similarities compare: dimensions at the largest d, matching at the best."""
    at = dataset.dims[-1]
    dimension = {name: dataset.curve(name, DIMENSION)["mean"].loc[at] for name in dataset.recipes}
    matched = {name: dataset.curve(name, MATCHING)["mean"] for name in dataset.recipes}
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
            f"matching with {better.replace('_', ' ')} is at least that with {other.replace('_', ' ')} on "
            f"{'simulated' if dataset.truth else 'real'} pairs (within {TIE})",
            "best over d: " + several({name: f"{value:.3f}" for name, value in best.items()}),
            bool(best[better] >= best[other] - TIE),
        ),
        Finding(
            f"Euclidean metric, {dataset.name}",
            "the negative squared distance, being the inner product but for norms that concentrate, matches "
            f"as well as it (within {TIE})",
            f"{best[EUCLIDEAN]:.3f}, inner product {best[INNER]:.3f}",
            bool(best[EUCLIDEAN] >= best[INNER] - TIE),
            f"Norms of the inner product's representations spread by {100 * spread:.0f} % of their mean.",
        ),
    ]


def figure_of(dataset: DatasetEvidence) -> str:
    """Name the figure of the paper that shows such data."""
    if not dataset.truth:
        return "Figure 12"
    return f"Figure 11 ({'b' if dataset.truth['kind'] == 'nonlinear' else 'a'})"


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
