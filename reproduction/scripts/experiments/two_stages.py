"""Two-stage training: k-hat from one large d, and the reduction to k-hat or k-hat + 1."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.evidence import DatasetEvidence, Evidence, TrainedModel
from experiments.outcome import Finding, Outcome
from experiments.synthetic import HARMONIC
from experiments.timing import seconds
from sharedim.evaluation.representations import encoded_pair
from sharedim.evaluation.retrieval import search
from sharedim.report.figures.style import COLOURS, drawn

WAYS = {"large": "as trained", "components": "its principal axes", "retrained": "trained anew"}
# Of the matching at the large d that should be kept.
KEPT = 0.9


def measure_two_stages(evidence: Evidence) -> Outcome:
    """Compare the large d with its own principal axes and with training anew, at k-hat and at k-hat + 1."""
    tables = [compare(own) for own in evidence.datasets.values()]
    findings = [finding for table in tables for finding in findings_of(table)]
    numbers = pd.concat(tables, ignore_index=True)
    return Outcome(findings, numbers, draw(numbers))


def compare(dataset: DatasetEvidence) -> pd.DataFrame:
    """Return matching, seconds and numbers stored of every way and d, means over the seeds."""
    recipe, large = dataset.recipes[0], dataset.dims[-1]
    k_hat = round(dataset.curve(recipe, HARMONIC)["mean"].loc[large])
    # Representations lie near a sphere, which takes one coordinate more than it has dimensions.
    smaller = [dim for dim in dataset.dims[:-1] if dim in (k_hat, k_hat + 1)]
    # Where the grid has neither, as near as it comes.
    smaller = smaller or [min(dataset.dims[:-1], key=lambda dim: abs(dim - k_hat))]
    rows = [
        row
        for model in dataset.trained(recipe, large)
        for row in _of_large(dataset, model, smaller)
    ]
    for dim in smaller:
        rows += [
            _row("retrained", dataset.held_out(model)) for model in dataset.trained(recipe, dim)
        ]
    table = pd.DataFrame(rows)
    table = table.groupby(["way", "dim"], sort=False).mean(numeric_only=True).reset_index()
    # Principal axes need the large model trained.
    trained = table["dim"].where(table["way"] == "retrained", large)
    times = dataset.training_times
    took = times[times["recipe"] == recipe].set_index("dim")["seconds"]
    return table.assign(training_seconds=trained.map(took), dataset=dataset.name, k_hat=k_hat)


def _of_large(dataset: DatasetEvidence, model: TrainedModel, smaller: list[int]) -> list[dict]:
    """Return what a model matches as it is, and along so many of its principal axes."""
    held_out = dataset.held_out(model)
    whole, dim = _row("large", held_out), held_out[0].shape[1]
    train = encoded_pair(
        model.block, model.place, *(side[model.split.train] for side in dataset.features)
    )
    axes = principal_axes(np.concatenate(train), dim)
    rows = [_row("components", along(held_out, axes[:number])) for number in smaller]
    kept = (
        n for n in range(1, dim) if _matching(along(held_out, axes[:n])) >= KEPT * whole["matching"]
    )
    needed = next(kept, dim)
    return [whole, *(row | {"axes_needed": needed} for row in rows)]


def along(pair: tuple[np.ndarray, np.ndarray], axes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both representations along axes, shape (number, d)."""
    return pair[0] @ axes.T, pair[1] @ axes.T


def _matching(pair: tuple[np.ndarray, np.ndarray]) -> float:
    """Return the share of held-out pairs whose partner is the best match."""
    return search(*pair).ranks.share_within(1)


def _row(way: str, pair: tuple[np.ndarray, np.ndarray]) -> dict:
    return {
        "way": way,
        "dim": pair[0].shape[1],
        "matching": _matching(pair),
        "search_seconds": seconds(lambda: search(*pair)),
        "kilobytes_a_thousand": 4 * 2 * pair[0].shape[1] * 1000 / 1024,
    }


def principal_axes(points: np.ndarray, number: int) -> np.ndarray:
    """Return the directions, shape (number, d), that hold most of the inner products of points.

    Points are not centred, so that inner products along the axes are the best approximation of those
    that the model compares by.
    """
    _, _, axes = np.linalg.svd(points, full_matrices=False)
    return axes[:number]


def findings_of(table: pd.DataFrame) -> list[Finding]:
    """Say what going down keeps and saves."""
    large = table[table["way"] == "large"].iloc[0]
    return [
        _of_way(own, large)
        for _, own in table.iterrows()
        if own["way"] in ("components", "retrained")
    ]


def _of_way(own: pd.Series, large: pd.Series) -> Finding:
    way, kept = own["way"], own["matching"] / large["matching"]
    saved = {
        "training": 1 - own["training_seconds"] / large["training_seconds"],
        "search": 1 - own["search_seconds"] / large["search_seconds"],
        "storage": 1 - own["dim"] / large["dim"],
    }
    said = ", ".join(f"{100 * share:.0f} % of {what}" for what, share in saved.items())
    return Finding(
        f"Section 6, {own['dataset']}",
        f"at d = {own['dim']:g} in place of {large['dim']:g}, where the estimated dimension is {own['k_hat']:g}, {WAYS[way]} "
        f"keep{'s' * (way == 'retrained')} at least {100 * KEPT:.0f} % of held-out matching",
        f"{100 * kept:.0f} % kept ({own['matching']:.3f} of {large['matching']:.3f}); saved: {said}",
        bool(kept >= KEPT),
        _why(own) if kept < KEPT else "",
    )


def _why(own: pd.Series) -> str:
    if own["way"] == "components":
        return (
            f"{own['axes_needed']:.0f} principal axes would keep as much: representations of a large d are "
            "curved, and axes are straight."
        )
    if own["dim"] == own["k_hat"]:
        return "Representations lie near a sphere, which takes one coordinate more than it has dimensions."
    return ""


def draw(numbers: pd.DataFrame) -> Figure:
    """Draw matching and seconds of every way, each d beside the others."""
    panels = {
        "matching": "Top-1 matching, held out",
        "training_seconds": "Training a seed (s)",
        "search_seconds": "Searching partners (s)",
    }
    datasets = list(numbers.groupby("dataset", sort=False))
    with drawn(len(datasets), len(panels), 0.4 + 1.8 * len(datasets), sharey="row") as (
        figure,
        axes,
    ):
        for row, (name, own) in zip(axes, datasets, strict=True):
            names = [
                f"{WAYS[way]}, d = {dim:g}" for way, dim in zip(own["way"], own["dim"], strict=True)
            ]
            colours = own["way"].map(dict(zip(WAYS, COLOURS, strict=False)))
            for axis, (quantity, title) in zip(row, panels.items(), strict=True):
                axis.barh(names, own[quantity], color=colours)
                axis.set(title=title)
            row[0].invert_yaxis()
            row[0].set_ylabel(name)
    return figure
