"""Digits of scikit-learn as features of two modalities: half against half (arXiv 2505.12473, G.6, G.7)."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from sharedim.experiments.evidence import DatasetEvidence, Evidence
from sharedim.experiments.outcome import Finding, Outcome, several
from sharedim.experiments.panels import draw_curves, tidy
from sharedim.experiments.synthetic import DIMENSION
from sharedim.figure_style import drawn

MATCHING = "match_top0.5pct_rna_to_prot"
# Times chance at which label transfer is clear of guessing.
TRANSFERRED = 2
# Share by which the dimension may still grow over the second half of the grid.
SETTLED = 0.25
ENDED = ("saturated", "declining", "flat")


def measure_features(evidence: Evidence) -> Outcome:
    """Ask of precomputed features what is asked of cells: matching, transfer and dimension against d."""
    findings, parts = [], []
    for own in evidence.datasets.values():
        recipe = own.answer["recipe"]
        findings += findings_of(own, recipe)
        for metric in (MATCHING, transfer_of(own), DIMENSION):
            curves = {name: own.curve(name, metric) for name in own.recipes}
            parts.append(tidy(curves, "recipe").assign(dataset=own.name, metric=metric))
    numbers = pd.concat(parts, ignore_index=True)
    return Outcome(findings, numbers, draw(list(evidence.datasets.values())))


def transfer_of(dataset: DatasetEvidence) -> str:
    """Return the metric of label transfer at the coarsest level."""
    return f"label_{next(iter(dataset.check['labels']))}_rna_to_prot"


def findings_of(dataset: DatasetEvidence, recipe: str) -> list[Finding]:
    """Say where matching saturates, how labels are transferred, and whether the dimension settles."""
    rows = {name: dataset.saturates(recipe, name) for name in (MATCHING, transfer_of(dataset))}
    matching, transfer = rows.values()
    scores = dataset.scores[dataset.scores["split"] == "test"]
    chance = scores.loc[scores["metric"] == transfer_of(dataset), "chance"].iloc[0]
    dimension = dataset.curve(recipe, DIMENSION)["mean"]
    middle = dimension[dimension.index >= dimension.index[-1] / 2].iloc[0]
    growth = dimension.iloc[-1] / middle - 1
    return [
        Finding(
            f"Figures 13 and 14, {dataset.name}",
            "matching and classification both saturate inside the grid",
            f"{recipe}: matching at d = {matching['d_saturation']:g} ({matching['plateau']:.3f}), labels at d = "
            f"{transfer['d_saturation']:g} ({transfer['plateau']:.3f})",
            matching["status"] in ENDED and transfer["status"] in ENDED,
        ),
        Finding(
            f"Figures 13 and 14, {dataset.name}",
            f"labels of held-out images are those of the nearest partner, at least {TRANSFERRED} times as often "
            "as by guessing",
            f"{transfer['plateau']:.3f}, by guessing {chance:.3f}",
            bool(transfer["plateau"] > TRANSFERRED * chance),
        ),
        Finding(
            f"Figures 13 and 14, {dataset.name}",
            f"the intrinsic dimension settles although d grows (by less than {100 * SETTLED:.0f} % while d "
            "doubles to its largest)",
            several({f"d = {dim}": f"{value:.2f}" for dim, value in dimension.items()}),
            bool(growth < SETTLED),
        ),
    ]


def draw(datasets: list[DatasetEvidence]) -> Figure:
    """Draw matching, label transfer and dimension of every recipe."""
    with drawn(len(datasets), 3, 0.5 + 2.1 * len(datasets)) as (figure, axes):
        for row, own in zip(axes, datasets, strict=True):
            panels = {
                MATCHING: "top-0.5 % matching",
                transfer_of(own): "label transfer",
                DIMENSION: "intrinsic dimension",
            }
            for axis, (metric, title) in zip(row, panels.items(), strict=True):
                curves = {name: own.curve(name, metric) for name in own.recipes}
                draw_curves(axis, curves, f"{own.name}: {title}, held out")
            row[0].legend()
    return figure
