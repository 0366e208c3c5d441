"""Sample size and noise: k-hat and its interval with few pairs and noisy modalities."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.evidence import Evidence
from experiments.outcome import Finding, Outcome
from experiments.synthetic import shared
from sharedim.evaluation.recommendation import MATCHING
from sharedim.report.figures.style import COLOURS, MARKERS, REFERENCE, drawn

# Pairs from which on k-hat should be the truth.
ENOUGH = 2000


def measure_samples(evidence: Evidence) -> Outcome:
    """Compare k-hat and its interval with the truth, over numbers of pairs and noise."""
    table = answers(evidence)
    return Outcome(findings_of(table), table, draw(*series(table)))


def series(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the datasets that differ in the number of pairs alone, and those that differ in noise."""
    alike = table.groupby(["noise", "level"])["pairs"].transform("size")
    by_pairs = table[alike == alike.max()].sort_values("pairs")
    as_many = table.groupby("pairs")["pairs"].transform("size")
    return by_pairs, table[as_many == as_many.max()].sort_values(["noise", "level"])


def findings_of(table: pd.DataFrame) -> list[Finding]:
    """Say whether k-hat and its interval are right with few pairs and with noise."""
    by_pairs, by_noise = series(table)
    enough = by_pairs[by_pairs["pairs"] >= ENOUGH]
    held = (enough["low"] <= enough["shared"]) & (enough["shared"] <= enough["high"])
    return [
        Finding(
            "finite samples",
            f"k-hat is the truth from {ENOUGH:,} pairs on, with noise of {by_pairs['level'].iloc[0]:g} in "
            f"{by_pairs['noise'].iloc[0]}",
            _listed(by_pairs, "pairs"),
            bool(len(enough) and (enough["k_hat"] == enough["shared"]).all()),
        ),
        Finding(
            "finite samples, interval",
            f"its 90 % interval holds the truth from {ENOUGH:,} pairs on",
            f"in {held.sum()} of {len(enough)} datasets",
            bool(len(held) and held.all()),
            "Seeds divide the same pairs anew, so that the interval does not hold what another sample of pairs "
            "would change.",
        ),
        Finding(
            "noise",
            "noise in one or both modalities hides shared directions and adds none: k-hat falls with it and "
            "never exceeds the truth",
            _listed(by_noise, "noise"),
            _falls(by_noise),
        ),
    ]


def _falls(table: pd.DataFrame) -> bool:
    """Tell whether k-hat never rises with noise, nor above the truth, and is lower at the most noise."""
    k_hat = table["k_hat"].fillna(0)
    for where, own in k_hat.groupby(table["noise"]):
        if where != "none" and not own.is_monotonic_decreasing:
            return False
    return bool((k_hat <= table["shared"]).all() and k_hat.min() < table["shared"].iloc[0])


def answers(evidence: Evidence) -> pd.DataFrame:
    """Return the answer of every dataset beside its truth."""
    rows = []
    for own in evidence.datasets.values():
        k_hat, noise = own.answer["k_hat"], own.truth["noise"]
        test = own.scores[own.scores["split"] == "test"]
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
                "matching": test.loc[test["metric"] == MATCHING, "value"].max(),
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


def draw(by_pairs: pd.DataFrame, by_noise: pd.DataFrame) -> Figure:
    """Draw k-hat with its interval against the number of pairs and against noise."""
    with drawn(1, 2, 2.6) as (figure, axes):
        _draw_interval(axes[0, 0], by_pairs["pairs"], by_pairs, 0, "k-hat")
        axes[0, 0].set(title="k-hat and number of pairs", xlabel="pairs", xscale="log")
        places = [where for where in by_noise["noise"].unique() if where != "none"]
        for place, where in enumerate(places):
            own = by_noise[by_noise["noise"].isin((where, "none"))].sort_values("level")
            _draw_interval(axes[0, 1], own["level"], own, place, f"noise in {where}")
        axes[0, 1].set(title="k-hat and noise", xlabel="standard deviation of the noise")
        for axis in axes.flat:
            axis.axhline(by_pairs["shared"].iloc[0], **REFERENCE)
            axis.set_ylim(bottom=0)
            axis.legend()
    return figure


def _draw_interval(axis: Axes, at: pd.Series, own: pd.DataFrame, place: int, label: str) -> None:
    k_hat = own["k_hat"].fillna(0)
    # Where nothing is found there is no interval, and a value may lie outside its own.
    reach = [
        (k_hat - own["low"].fillna(0)).clip(lower=0),
        (own["high"] - k_hat).fillna(0).clip(lower=0),
    ]
    axis.errorbar(
        at, k_hat, yerr=reach, color=COLOURS[place], marker=MARKERS[place], label=label, capsize=2
    )
