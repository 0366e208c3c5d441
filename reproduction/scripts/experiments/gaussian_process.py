"""Gaussian process observed at points, and its coefficients (arXiv 2505.24134, Section 6.1): Figure 8."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.closed_forms import exact_conditional, mean_error, model_conditional
from experiments.evidence import DatasetEvidence, Evidence
from experiments.linear_models import tilt_of
from experiments.outcome import Finding, Outcome
from sharedim.datasets.gaussian import process_covariances
from sharedim.report.figures.style import COLOURS, MARKERS, REFERENCE, count_on, drawn
from sharedim.training.cca import PairedCovariance

SIDES = {"x": "observations given coefficients", "y": "coefficients given observations"}
# Of the error at d = 1 by which it may still fall from where it should have stopped.
FLAT = 0.02


def measure_process(evidence: Evidence) -> Outcome:
    """Compare conditional means at every d with the exact ones: they stop improving at 5."""
    [dataset] = evidence.datasets.values()
    table = errors(dataset)
    enough = min(side.shape[1] for side in dataset.features)
    means = table.groupby(["side", "dim"])["error"].mean().unstack("side")
    findings = [of_side(means[side], side, enough) for side in SIDES]
    return Outcome(findings, table, draw(table, enough))


def errors(dataset: DatasetEvidence) -> pd.DataFrame:
    """Return the expected squared error of conditional means over the variance of the exact ones."""
    covariance = population(dataset)
    rows = []
    for recipe in dataset.recipes:
        for dim in dataset.dims:
            for model in dataset.trained(recipe, dim):
                tilt = tilt_of(model.block, model.place)
                for side in SIDES:
                    found = model_conditional(covariance, tilt, side)
                    explained = exact_conditional(covariance, side).matrix
                    given = covariance.y if side == "x" else covariance.x
                    whole = np.trace(explained @ given @ explained.T)
                    error = mean_error(covariance, found, side) / whole
                    rows.append((recipe, dim, model.seed, len(model.split.train), side, error))
    return pd.DataFrame(rows, columns=["recipe", "dim", "seed", "pairs", "side", "error"])


def population(dataset: DatasetEvidence) -> PairedCovariance:
    """Return the covariances of the process, its features scaled to unit variance as they are."""
    names = ("features", "inverse_length", "smoothness", "modes", "noise")
    process = process_covariances(**{name: dataset.truth[name] for name in names})
    joint = process.joint
    scale = 1 / np.sqrt(np.diag(joint))
    return PairedCovariance.of_joint(scale[:, None] * joint * scale, len(process.first))


def of_side(error: pd.Series, side: str, enough: int) -> Finding:
    """Say where the error of one side stops falling."""
    said = ", ".join(f"{value:.3f} (d = {dim})" for dim, value in error.items())
    falls = error.loc[:enough].is_monotonic_decreasing
    beyond = error.loc[enough] - error.loc[enough:].min()
    return Finding(
        "Figure 8",
        f"the squared error of {SIDES[side]} falls up to d = {enough} = min(12, 5) and no further",
        f"{said}, as shares of the exact mean's variance",
        bool(falls and beyond < FLAT * error.iloc[0]),
    )


def draw(table: pd.DataFrame, enough: int) -> Figure:
    """Draw the errors of both sides against d."""
    with drawn(1, 2, 2.4) as (figure, axes):
        for place, (axis, (side, title)) in enumerate(zip(axes[0], SIDES.items(), strict=True)):
            own = table[table["side"] == side]
            means = own.groupby("dim")["error"].mean()
            axis.plot(means.index, means, color=COLOURS[place], marker=MARKERS[place])
            axis.axvline(enough, **REFERENCE)
            axis.set(title=title.capitalize(), xlabel="output dimension d", ylim=(0, None))
            count_on(axis)
        axes[0, 0].set_ylabel("squared error, share of variance")
    return figure
