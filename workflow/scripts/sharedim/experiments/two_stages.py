"""Two stages: train once at a large d, read k-hat off it, and go down to k-hat + 1."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sharedim.experiments.evidence import DatasetEvidence, Evidence, TrainedModel
from sharedim.experiments.outcome import Finding, Outcome
from sharedim.experiments.synthetic import HARMONIC
from sharedim.figure_style import COLOURS, drawn
from sharedim.recipes import from_record
from sharedim.representations import encoded_pair
from sharedim.retrieval import search
from sharedim.training import train_seeds

WAYS = {"large": "large d", "components": "its principal axes", "retrained": "trained anew"}
# Of the matching at the large d that should be kept.
KEPT = 0.9
# Epochs that are timed, and times that a thing is done to time it.
TIMED_EPOCHS, REPEATS = 3, 3


def measure_two_stages(evidence: Evidence) -> Outcome:
    """Compare the large d with its own principal axes and with training anew, at k-hat + 1."""
    tables = [compare(own) for own in evidence.datasets.values()]
    findings = [finding for table in tables for finding in findings_of(table)]
    numbers = pd.concat(tables, ignore_index=True)
    return Outcome(findings, numbers, draw(numbers))


def compare(dataset: DatasetEvidence) -> pd.DataFrame:
    """Return matching, seconds and numbers stored of every way, means over the seeds."""
    recipe, large = dataset.recipes[0], dataset.dims[-1]
    k_hat = round(dataset.curve(recipe, HARMONIC)["mean"].loc[large])
    # Representations lie near a sphere, which takes one coordinate more than it has dimensions.
    small = next(d for d in dataset.dims if d > k_hat)
    rows = []
    for model in dataset.trained(recipe, large):
        rows += _rows_of(dataset, model, small)
    rows += [
        row
        for model in dataset.trained(recipe, small)
        for row in _rows_of(dataset, model, small)
        if row["way"] == "large"
    ]
    table = pd.DataFrame(rows)
    table.loc[(table["way"] == "large") & (table["dim"] == small), "way"] = "retrained"
    table = table.groupby("way", sort=False).mean(numeric_only=True).reset_index()
    table["training_seconds"] = table["dim"].map(
        {dim: seconds_of_training(dataset, recipe, dim) for dim in (large, small)}
    )
    # Principal axes need the large model trained.
    trained_large = table["way"] != "retrained"
    table.loc[trained_large, "training_seconds"] = table.loc[
        table["way"] == "large", "training_seconds"
    ].item()
    return table.assign(dataset=dataset.name, k_hat=k_hat)


def _rows_of(dataset: DatasetEvidence, model: TrainedModel, small: int) -> list[dict]:
    """Return what a model matches as it is, and along its principal axes if it has more than these."""
    held_out = dataset.held_out(model)
    rows, dim = [_row("large", held_out)], held_out[0].shape[1]
    if dim > small:
        train = encoded_pair(
            model.block, model.place, *(side[model.split.train] for side in dataset.features)
        )
        axes = principal_axes(np.concatenate(train), dim)
        rows.append(_row("components", along(held_out, axes[:small])))
        enough = KEPT * rows[0]["matching"]
        kept = (n for n in range(small, dim) if _matching(along(held_out, axes[:n])) >= enough)
        rows[-1]["axes_needed"] = next(kept, dim)
    return rows


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


def seconds(do: Callable[[], object]) -> float:
    """Return the least time that something takes, of several times."""
    took = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        do()
        took.append(time.perf_counter() - began)
    return min(took)


def seconds_of_training(dataset: DatasetEvidence, recipe: str, dim: int) -> float:
    """Return how long one seed of a recipe trains, told from some of its epochs."""
    whole = from_record(dataset.recipe(recipe))
    part = replace(whole, epochs=TIMED_EPOCHS)
    rna, prot = (np.array(side) for side in dataset.features)
    took = seconds(lambda: list(train_seeds(rna, prot, recipe=part, dim=dim, seeds=[0])))
    return took * whole.epochs / TIMED_EPOCHS


def findings_of(table: pd.DataFrame) -> list[Finding]:
    """Say what going down keeps and saves."""
    by = table.set_index("way")
    large, name = by.loc["large"], table["dataset"].iloc[0]
    findings = []
    for way in ("components", "retrained"):
        own = by.loc[way]
        kept = own["matching"] / large["matching"]
        saved = {
            "training": 1 - own["training_seconds"] / large["training_seconds"],
            "search": 1 - own["search_seconds"] / large["search_seconds"],
            "storage": 1 - own["dim"] / large["dim"],
        }
        said = ", ".join(f"{100 * share:.0f} % of {what}" for what, share in saved.items())
        findings.append(
            Finding(
                f"two stages, {name}",
                f"at k-hat + 1 = {own['dim']:g} of {large['dim']:g} dimensions, {WAYS[way]} "
                f"keep{'s' * (way == 'retrained')} at least {100 * KEPT:.0f} % of held-out matching",
                f"{100 * kept:.0f} % kept ({own['matching']:.3f} of {large['matching']:.3f}); saved: {said}",
                bool(kept >= KEPT),
                _why(own) if way == "components" else "",
            )
        )
    return findings


def _why(components: pd.Series) -> str:
    return (
        f"{components['axes_needed']:.0f} principal axes would keep as much: representations of a large d are "
        "curved, and axes are straight."
    )


def draw(numbers: pd.DataFrame) -> Figure:
    """Draw matching and seconds of every way."""
    panels = {
        "matching": "Top-1 matching, held out",
        "training_seconds": "Training a seed (s)",
        "search_seconds": "Searching partners (s)",
    }
    datasets = list(numbers.groupby("dataset", sort=False))
    with drawn(len(datasets), len(panels), 0.4 + 1.8 * len(datasets)) as (figure, axes):
        for row, (name, own) in zip(axes, datasets, strict=True):
            names = [
                f"{WAYS[way]}\n(d = {dim:g})"
                for way, dim in zip(own["way"], own["dim"], strict=True)
            ]
            for axis, (quantity, title) in zip(row, panels.items(), strict=True):
                axis.bar(names, own[quantity], color=COLOURS[: len(own)])
                axis.set(title=f"{name}: {title}")
    return figure
