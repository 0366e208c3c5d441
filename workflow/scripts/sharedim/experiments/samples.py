"""What k-hat and its interval make of few pairs and of noise in one or both modalities."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sharedim.experiments.evidence import Evidence
from sharedim.experiments.outcome import Finding, Outcome
from sharedim.experiments.synthetic import shared
from sharedim.figure_style import COLOURS, MARKERS, REFERENCE, drawn

MATCHING = "match_top0.5pct_rna_to_prot"
# Pairs from which on k-hat should be the truth.
ENOUGH = 2000


def measure_samples(evidence: Evidence) -> Outcome:
    """Compare k-hat and its interval with the truth, over numbers of pairs and noise."""
    table = answers(evidence)
    clean = table[(table["noise"] == "none")].sort_values("pairs")
    noisy = table[table["pairs"] == table.loc[table["noise"] != "none", "pairs"].iloc[0]]
    enough = clean[clean["pairs"] >= ENOUGH]
    covered = (table["low"] <= table["shared"]) & (table["shared"] <= table["high"])
    return Outcome(
        [
            Finding(
                "finite samples",
                f"k-hat is the truth from {ENOUGH:,} pairs on, without noise",
                _listed(clean, "pairs"),
                bool((enough["k_hat"] == enough["shared"]).all()),
            ),
            Finding(
                "noise",
                "k-hat never exceeds the truth as noise grows, and falls where noise hides directions",
                _listed(noisy.sort_values("level"), "noise"),
                bool((noisy["k_hat"] <= noisy["shared"]).all()),
            ),
            Finding(
                "interval",
                "the 90 % interval of k-hat holds the truth in at least 9 of 10 datasets",
                f"{covered.sum()} of {len(table)}",
                bool(covered.mean() >= 0.9),
                "Seeds divide the same pairs anew, so that the interval does not hold what another sample of "
                "pairs would change.",
            ),
        ],
        table,
        draw(clean, noisy),
    )


def answers(evidence: Evidence) -> pd.DataFrame:
    """Return the answer of every dataset beside its truth."""
    rows = []
    for own in evidence.datasets.values():
        k_hat, noise = own.answer["k_hat"], own.truth["noise"]
        where = {(True, True): "both", (True, False): "first", (False, True): "second"}
        rows.append(
            {
                "dataset": own.name,
                "pairs": own.truth["pairs"],
                "noise": where.get((noise[0] > 0, noise[1] > 0), "none"),
                "level": max(noise),
                "shared": shared(own),
                "k_hat": k_hat["value"],
                "low": k_hat["low"],
                "high": k_hat["high"],
                "effective": k_hat["effective"],
                "recommended_d": own.answer["recommended_d"]["value"],
                "matching": own.scores.query("metric == @MATCHING and split == 'test'")[
                    "value"
                ].max(),
            }
        )
    return pd.DataFrame(rows)


def _listed(table: pd.DataFrame, by: str) -> str:
    said = []
    for row in table.itertuples():
        what = f"{row.pairs:,} pairs" if by == "pairs" else f"{row.level:g} in {row.noise}"
        said.append(f"{row.k_hat:g} ({row.low:g} to {row.high:g}) with {what}")
    return f"{'; '.join(said)}; truth {table['shared'].iloc[0]}"


def draw(clean: pd.DataFrame, noisy: pd.DataFrame) -> Figure:
    """Draw k-hat with its interval against the number of pairs and against noise."""
    with drawn(1, 2, 2.6) as (figure, axes):
        _draw_interval(axes[0, 0], clean["pairs"], clean, 0, "without noise")
        axes[0, 0].set(title="k-hat and number of pairs", xlabel="pairs", xscale="log")
        for place, where in enumerate(("both", "first", "second")):
            own = noisy[(noisy["noise"] == where)].sort_values("level")
            if len(own):
                _draw_interval(axes[0, 1], own["level"], own, place, f"noise in {where}")
        axes[0, 1].set(title="k-hat and noise", xlabel="standard deviation of the noise")
        for axis in axes.flat:
            axis.axhline(clean["shared"].iloc[0], **REFERENCE)
            axis.set_ylim(bottom=0)
            axis.legend()
    return figure


def _draw_interval(axis: Axes, at: pd.Series, own: pd.DataFrame, place: int, label: str) -> None:
    reach = [own["k_hat"] - own["low"], own["high"] - own["k_hat"]]
    axis.errorbar(
        at, own["k_hat"], yerr=reach, color=COLOURS[place], marker=MARKERS[place], label=label,
        capsize=2,
    )  # fmt: skip
