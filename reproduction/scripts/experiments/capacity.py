"""Encoder capacity too small for alignment (arXiv 2505.12473, Appendix G.2): Figure 9, swept over width and depth."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from experiments.evidence import DatasetEvidence, Evidence
from experiments.outcome import Finding, Outcome
from experiments.synthetic import CLOSE, DIMENSION, MATCHING, shared
from sharedim.report.figures.style import COLOURS, MARKERS, drawn

# Cosines of true pairs that are aligned, and that are not.
ALIGNED, APART = 0.8, 0.5
# Temperatures below have fallen, from 1.
FALLEN = 0.1
# Times chance from which a model tells pairs apart.
TOLD_APART = 2
PANELS = {
    "cosine": "Cosine of true pairs",
    "matching": "Top-1 matching, held out",
    "dimension": "Intrinsic dimension, held out",
    "temperature": "Temperature at the end",
}


def measure_capacity(evidence: Evidence) -> Outcome:
    """Sweep width and depth down, and look at alignment, dimension and temperature of each model."""
    [dataset] = evidence.datasets.values()
    table = sweep(dataset)
    return Outcome(findings_of(shared(dataset), table), table, draw(table))


def sweep(dataset: DatasetEvidence) -> pd.DataFrame:
    """Return what every model reaches, the smallest encoders first."""
    scores = dataset.scores[dataset.scores["split"] == "test"]
    wide = scores.pivot_table(index=["recipe", "seed"], columns="metric", values="value")
    chance = scores.loc[scores["metric"] == MATCHING, "chance"].iloc[0]
    ends = dataset.history.sort_values("epoch").groupby(["recipe", "seed"])["temperature"].last()
    rows = []
    for (name, seed), score in wide.iterrows():
        recipe = dataset.recipe(name)
        rows.append(
            {
                "layers": recipe["hidden_layers"],
                "width": recipe["hidden_width"],
                "seed": seed,
                # The mean squared distance at unit length is twice one less the cosine.
                "cosine": 1 - score["alignment"] / 2,
                "matching": score[MATCHING],
                "times_chance": score[MATCHING] / chance,
                "dimension": score.get(DIMENSION),
                "temperature": ends.loc[(name, seed)],
            }
        )
    return pd.DataFrame(rows).sort_values(["layers", "width", "seed"], ignore_index=True)


def findings_of(k: int, table: pd.DataFrame) -> list[Finding]:
    """Say what becomes of alignment, dimension and temperature in small encoders."""
    largest = table[
        (table["layers"] == table["layers"].max()) & (table["width"] == table["width"].max())
    ]
    telling = table["times_chance"] > TOLD_APART
    apart = table[telling & (table["cosine"] < APART)]
    right = (apart["dimension"] - k).abs() <= CLOSE
    return [
        Finding(
            "Figure 9",
            f"encoders of the paper's size align true pairs (cosine above {ALIGNED}); with too little capacity "
            f"some models tell pairs apart without aligning them (below {APART}, 0 being orthogonal)",
            f"cosine {largest['cosine'].min():.2f} to {largest['cosine'].max():.2f} at the paper's size; "
            f"unaligned {len(apart)} of {telling.sum()} models that tell pairs apart"
            + (
                f", cosine {apart['cosine'].min():.2f} to {apart['cosine'].max():.2f}"
                * bool(len(apart))
            ),
            bool(largest["cosine"].min() > ALIGNED and len(apart)),
        ),
        Finding(
            "Figure 9",
            f"where true pairs are unaligned the intrinsic dimension is right all the same (k* = {k}, within "
            f"{CLOSE}, for most models)",
            f"{right.sum()} of {len(apart)}"
            + (f", median {apart['dimension'].median():.2f}" * bool(len(apart))),
            bool(right.mean() > 0.5),
        ),
        Finding(
            "Figure 9, temperature",
            f"the temperature falls (below {FALLEN}) in models that tell pairs apart, and not in those that "
            "collapse",
            f"{(table.loc[telling, 'temperature'] < FALLEN).sum()} of {telling.sum()} models that tell pairs "
            f"apart; {(table.loc[~telling, 'temperature'] < FALLEN).sum()} of {(~telling).sum()} that do not",
            bool(
                (table.loc[telling, "temperature"] < FALLEN).mean() > 0.9
                and (table.loc[~telling, "temperature"] < FALLEN).mean() < 0.5
            ),
        ),
    ]


def draw(table: pd.DataFrame) -> Figure:
    """Draw every model against the width of its layers, by their number."""
    with drawn(1, len(PANELS), 2.4) as (figure, axes):
        for axis, (quantity, title) in zip(axes[0], PANELS.items(), strict=True):
            for place, (layers, own) in enumerate(table.groupby("layers")):
                look = {"color": COLOURS[place], "marker": MARKERS[place]}
                plural = "s" * (layers != 1)
                label = f"{layers} hidden layer{plural}"
                axis.plot(
                    own["width"], own[quantity], linestyle="none", label=label, alpha=0.6, **look
                )
                means = own.groupby("width")[quantity].mean()
                axis.plot(means.index, means, color=look["color"])
            axis.set(title=title, xlabel="width of hidden layers", xscale="log")
        axes[0, -1].set_yscale("log")
        axes[0, 0].legend()
    return figure
