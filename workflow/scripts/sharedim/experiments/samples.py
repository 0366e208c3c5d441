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
    noisy = table[table["noise"] != "none"]
    clean = table[table["noise"] == "none"].sort_values("pairs")
    without = clean[clean["pairs"] == noisy["pairs"].iloc[0]]
    return Outcome(findings_of(table), table, draw(clean, pd.concat([without, noisy])))


def findings_of(table: pd.DataFrame) -> list[Finding]:
    """Say whether k-hat and its interval are right with few pairs and with noise."""
    clean = table[table["noise"] == "none"].sort_values("pairs")
    noisy = table[table["noise"] != "none"].sort_values("level")
    enough = clean[clean["pairs"] >= ENOUGH]
    held = (clean["low"] <= clean["shared"]) & (clean["shared"] <= clean["high"])
    return [
        Finding(
            "finite samples",
            f"k-hat is the truth from {ENOUGH:,} pairs on, without noise",
            _listed(clean, "pairs"),
            bool((enough["k_hat"] == enough["shared"]).all()),
        ),
        Finding(
            "finite samples, interval",
            "the 90 % interval of k-hat holds the truth, without noise",
            f"in {held.sum()} of {len(clean)} datasets",
            bool(held.all()),
            "Seeds divide the same pairs anew, so that the interval does not hold what another sample of pairs "
            "would change.",
        ),
        Finding(
            "noise",
            "noise in one or both modalities hides shared directions and adds none: k-hat never exceeds the "
            "truth",
            _listed(noisy, "noise"),
            bool((noisy["k_hat"].fillna(0) <= noisy["shared"]).all()),
        ),
    ]


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
        what = f"{row.pairs:,} pairs" if by == "pairs" else f"noise of {row.level:g} in {row.noise}"
        found = (
            f"{row.k_hat:g} ({row.low:g} to {row.high:g})" if row.k_hat > 0 else "nothing shared"
        )
        said.append(f"{found} with {what}")
    return f"{'; '.join(said)}; truth {table['shared'].iloc[0]}"


def draw(clean: pd.DataFrame, noisy: pd.DataFrame) -> Figure:
    """Draw k-hat with its interval against the number of pairs and against noise."""
    with drawn(1, 2, 2.6) as (figure, axes):
        _draw_interval(axes[0, 0], clean["pairs"], clean, 0, "without noise")
        axes[0, 0].set(title="k-hat and number of pairs", xlabel="pairs", xscale="log")
        for place, where in enumerate(("both", "first", "second")):
            own = noisy[noisy["noise"].isin((where, "none"))].sort_values("level")
            if len(own) > 1:
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
