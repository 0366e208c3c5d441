"""Simulated pairs of known shared dimension (arXiv 2505.12473, Section 4.1): Figures 2 and 3."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.evidence import DatasetEvidence, Evidence
from experiments.outcome import Finding, Outcome, several
from experiments.panels import (
    draw_courses,
    draw_curves,
    draw_representations,
    draw_similarities,
    pair_similarities,
    tidy,
)
from sharedim.report.figures.style import REFERENCE, drawn

MATCHING = "match_recall1_rna_to_prot"
# The paper's estimate, the mean of the pointwise ones, and their harmonic mean, which is less biased.
DIMENSION, HARMONIC = "id_mle_rna", "id_mle_harmonic_rna"
# How far the estimate may be from k*.
CLOSE = 0.4
# Share of the plateau of matching that is reached beyond k*, and not before.
REACHED = 0.75
# The output dimension that is looked at closely, for the smallest k*.
LOOKED_AT = 3


def measure_synthetic(evidence: Evidence) -> Outcome:
    """Compare where matching and dimension saturate with the truth, and look at d = 3 for k* = 2."""
    datasets = evidence.of_truth("linear")
    recipe = datasets[0].recipes[0]
    looked_at = with_fewest_shared(datasets)
    similar = similarities_at(looked_at, recipe, LOOKED_AT)
    findings = [
        *of_saturation(datasets, recipe, "Figure 3 (a)"),
        of_similarities(similar, "Figures 2 and 3 (b)"),
        of_dimension_course(looked_at, recipe),
        of_temperature_course(looked_at, recipe, "Figures 2 and 3 (b)"),
    ]
    numbers = curves_of(datasets, recipe)
    return Outcome(findings, numbers, draw(datasets, recipe, similar))


def shared(dataset: DatasetEvidence) -> int:
    """Return the shared dimensions that a simulation put in."""
    return dataset.truth["shared_dimensions"]


def named(dataset: DatasetEvidence) -> str:
    """Name a simulation by what is known of it."""
    return f"k* = {shared(dataset)}"


def with_fewest_shared(datasets: list[DatasetEvidence]) -> DatasetEvidence:
    """Return the dataset that is looked at closely."""
    return min(datasets, key=shared)


def of_saturation(
    datasets: list[DatasetEvidence], recipe: str, source: str, *, why: str = ""
) -> list[Finding]:
    """Say where matching and dimension saturate, held out, beside the truth.

    ``why`` is what should be known of the dimension.
    """
    saturation, estimates, matching, dimensions = {}, {}, [], []
    for own in datasets:
        k, row = shared(own), own.saturates(recipe, MATCHING)
        shares = own.curve(recipe, MATCHING)["mean"] / row["plateau"]
        matching.append(saturates_beyond(shares, k))
        saturation[named(own)] = (
            f"{row['plateau']:.2f} at d = {row['d_saturation']:g} (90 % interval {row['ci_low']:g} to "
            f"{row['ci_high']:g}), of which "
            + ", ".join(f"{100 * share:.0f} % at d = {d}" for d, share in shares.items())
        )
        at = own.dims[-1]
        harmonic, mean = (own.curve(recipe, m)["mean"].loc[at] for m in (HARMONIC, DIMENSION))
        dimensions.append(abs(harmonic - k) <= CLOSE)
        estimates[named(own)] = f"{harmonic:.2f} at d = {at} ({mean:.2f} by the arithmetic mean)"
    return [
        Finding(
            source,
            f"held-out top-1 matching saturates once d exceeds k* (at least {100 * REACHED:.0f} % of its plateau "
            "at every d beyond, less at every d before)",
            several(saturation),
            all(matching),
            "Representations lie near a sphere, so that k* + 1 coordinates are needed.",
        ),
        Finding(
            source,
            f"the intrinsic dimension approaches k* however large d is (within {CLOSE}, harmonic mean over the "
            "pairs)",
            several(estimates),
            all(dimensions),
            why,
        ),
    ]


def saturates_beyond(shares: pd.Series, k: int) -> bool:
    """Tell whether a curve, as shares of its plateau by d, is near it beyond k* and not before.

    At k* itself it may be either: on a sphere k dimensions take k + 1 coordinates.
    """
    beyond, before = shares[shares.index > k], shares[shares.index < k]
    return bool((beyond >= REACHED).all() and (before < REACHED).all())


def similarities_at(
    dataset: DatasetEvidence, recipe: str, dim: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the similarities of held-out true and false pairs of all seeds."""
    found = [pair_similarities(*dataset.held_out(model)) for model in dataset.trained(recipe, dim)]
    return tuple(np.concatenate(side) for side in zip(*found, strict=True))


def of_similarities(similar: tuple[np.ndarray, np.ndarray], source: str) -> Finding:
    """Say whether true pairs concentrate around one and false ones are capped by it."""
    true, false = similar
    near = float(np.mean(np.abs(true - 1) < 0.2))
    above = float(np.mean(false > np.quantile(true, 0.75)))
    return Finding(
        source,
        "similarities of true pairs concentrate around 1 and cap those of false pairs (9 of 10 true ones "
        "within 0.2, at most 5 % of false ones above three quarters of them)",
        f"median {np.median(true):.2f}, {100 * near:.0f} % within 0.2 of 1; {100 * above:.1f} % of false "
        "pairs above three quarters of the true ones",
        near >= 0.9 and above <= 0.05,
    )


def of_dimension_course(dataset: DatasetEvidence, recipe: str) -> Finding:
    """Say whether the dimension settles at k* rather than at d."""
    dimension, k = dataset.course(recipe, "id_rna", LOOKED_AT), shared(dataset)
    return Finding(
        "Figure 2",
        f"along training at d = {LOOKED_AT} the dimension settles at k* = {k} (within {CLOSE})",
        f"dimension {dimension.iloc[-1]:.2f} after {dimension.index[-1]} epochs",
        bool(abs(dimension.iloc[-1] - k) <= CLOSE),
    )


def of_temperature_course(dataset: DatasetEvidence, recipe: str, source: str) -> Finding:
    """Say whether the temperature falls."""
    temperature = dataset.course(recipe, "temperature", LOOKED_AT)
    return Finding(
        source,
        f"along training at d = {LOOKED_AT} the temperature falls towards 0 (below a tenth of its start)",
        f"{named(dataset)}: from {temperature.iloc[0]:.2f} to {temperature.iloc[-1]:.3f}",
        bool(temperature.iloc[-1] < 0.1 * temperature.iloc[0]),
    )


def curves_of(datasets: list[DatasetEvidence], recipe: str) -> pd.DataFrame:
    """Return matching and dimension of all datasets against the output dimension."""
    parts = [
        tidy({own.name: own.curve(recipe, metric, split)}, "dataset").assign(
            metric=metric, split=split
        )
        for own in datasets
        for metric in (MATCHING, DIMENSION, HARMONIC)
        for split in ("train", "test")
    ]
    return pd.concat(parts, ignore_index=True)


def draw_against_d(axes: np.ndarray, datasets: list[DatasetEvidence], recipe: str) -> None:
    """Draw matching, in sample and held out, and dimension, into two panels."""
    matching = {}
    for own in datasets:
        matching[f"{named(own)}, held out"] = own.curve(recipe, MATCHING)
        matching[f"{named(own)}, in sample"] = own.curve(recipe, MATCHING, "train")
    inside = tuple(name for name in matching if name.endswith("in sample"))
    draw_curves(axes[0], matching, "Top-1 matching\n", dotted=inside)
    dimension = {named(own): own.curve(recipe, HARMONIC) for own in datasets}
    draw_curves(axes[1], dimension, "Intrinsic dimension\nheld out")
    for own in datasets:
        axes[1].axhline(shared(own), **REFERENCE)


def draw_training(axes: np.ndarray, dataset: DatasetEvidence, recipe: str) -> None:
    """Draw dimension, spread of norms, temperature and distance of partners along training."""
    sides, where = {"first": "rna", "second": "prot"}, looked_at_in_words(dataset)
    for axis, quantity, title in (
        (axes[0], "id", "Intrinsic dimension"),
        (axes[1], "norm_spread", "Spread of norms"),
    ):
        courses = {
            name: dataset.course(recipe, f"{quantity}_{side}", LOOKED_AT)
            for name, side in sides.items()
        }
        draw_courses(axis, courses, f"{title}\n{where}")
        axis.legend()
    axes[0].axhline(shared(dataset), **REFERENCE)
    for axis, quantity, title in (
        (axes[2], "temperature", "Temperature"),
        (axes[3], "alignment", "Distance of partners"),
    ):
        draw_courses(
            axis, {title: dataset.course(recipe, quantity, LOOKED_AT)}, f"{title}\n{where}"
        )
        axis.set_yscale("log")
    axes[3].set_ylabel("squared, at unit length")


def looked_at_in_words(dataset: DatasetEvidence) -> str:
    """Say what is looked at closely."""
    return f"{named(dataset)}, d = {LOOKED_AT}"


def draw_outcome(
    axes: np.ndarray,
    datasets: list[DatasetEvidence],
    recipe: str,
    similar: tuple[np.ndarray, np.ndarray],
) -> None:
    """Draw curves and, for d = 3, similarities and representations, into four panels."""
    looked_at = with_fewest_shared(datasets)
    where = looked_at_in_words(looked_at)
    draw_against_d(axes, datasets, recipe)
    draw_similarities(axes[2], *similar, f"Similarities\n{where}")
    model = next(looked_at.trained(recipe, LOOKED_AT))
    draw_representations(axes[3], looked_at.held_out(model), f"Representations\n{where}")
    for axis in axes[:3]:
        axis.legend()


def draw(
    datasets: list[DatasetEvidence], recipe: str, similar: tuple[np.ndarray, np.ndarray]
) -> Figure:
    """Draw what came out, and for d = 3 its course in training."""
    with drawn(2, 4, 4.6) as (figure, axes):
        draw_outcome(axes[0], datasets, recipe, similar)
        draw_training(axes[1], with_fewest_shared(datasets), recipe)
    return figure
