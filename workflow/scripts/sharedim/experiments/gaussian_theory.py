"""Linear encoders on Gaussian pairs against closed forms (arXiv 2505.24134, Section 5)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sharedim.canonical import PairedCovariance
from sharedim.experiments.evidence import DatasetEvidence, Evidence
from sharedim.experiments.outcome import Finding, Outcome, several
from sharedim.figure_style import COLOURS, MARKERS, REFERENCE, drawn, legend_below
from sharedim.gaussian import exact_conditional, model_conditional, relative_error
from sharedim.linear_models import errors_of_tilt, tilt_of, training_covariance

# Relative error of A that counts as converged.
CONVERGED = 0.02
TWO_SIDED, ONE_SIDED, JOINT = "two_sided", "one_sided", "joint"
IN_WORDS = {
    TWO_SIDED: "two-sided loss",
    ONE_SIDED: "one-sided quadratic loss",
    JOINT: "joint loss",
}
THEOREMS = {TWO_SIDED: "Theorem 5.1", ONE_SIDED: "Theorem 5.3", JOINT: "Theorem 5.6"}


def measure_gaussian(evidence: Evidence) -> Outcome:
    """Compare trained models with the closed forms of their own training pairs, at every rank."""
    table = pd.concat([errors(own) for own in evidence.datasets.values()], ignore_index=True)
    findings = [of_loss(table, loss) for loss in (TWO_SIDED, ONE_SIDED, JOINT)]
    full = table[table["dim"] >= table["rank"]]
    findings += [of_conditionals(full, TWO_SIDED), of_conditionals(full, ONE_SIDED)]
    return Outcome(findings, table, draw(table))


def errors(dataset: DatasetEvidence) -> pd.DataFrame:
    """Return, of every model, the distance from the closed form and from the exact conditional.

    ``cross`` and ``square`` are relative errors of A and B; ``mean`` is that of the matrix of the
    conditional mean of the first side, and ``spread`` the trace of its conditional covariance
    over that of the exact one.
    """
    rna, prot = dataset.features
    test_cells = np.load(dataset.files["test_cells"])
    rows = []
    for recipe in dataset.recipes:
        for dim in dataset.dims:
            for model in dataset.trained(recipe, dim):
                covariance = training_covariance(model.block, model.place, rna, prot, test_cells)
                cross, square = errors_of_tilt(model.block, model.place, covariance)
                mean, spread = _of_conditional(covariance, model.block, model.place)
                rows.append(
                    {
                        "dataset": dataset.name,
                        "loss": recipe,
                        "dim": dim,
                        "rank": min(rna.shape[1], prot.shape[1]),
                        "seed": model.seed,
                        "cross": cross,
                        "square": square,
                        "mean": mean,
                        "spread": spread,
                    }
                )
    return pd.DataFrame(rows)


def _of_conditional(covariance: PairedCovariance, block: object, place: int) -> tuple[float, float]:
    """Compare the model's distribution of the first side given the second with the exact one."""
    found = model_conditional(covariance, tilt_of(block, place))
    exact = exact_conditional(covariance)
    return (
        relative_error(found.matrix, exact.matrix),
        float(np.trace(found.covariance) / np.trace(exact.covariance)),
    )


def of_loss(table: pd.DataFrame, loss: str) -> Finding:
    """Say how far the models of a loss are from the closed form, at full and reduced rank."""
    own = table[table["loss"] == loss]
    said = {
        f"{name}, d = {dim}": f"{100 * rows['cross'].max():.2f} %"
        + (f", B {100 * rows['square'].max():.2f} %" if rows["square"].notna().any() else "")
        for (name, dim), rows in own.groupby(["dataset", "dim"], sort=False)
    }
    worst = own[["cross", "square"]].max().max()
    return Finding(
        THEOREMS[loss],
        f"A = G^T H of linear encoders trained with the {IN_WORDS[loss]} is the closed form of the sample's "
        f"covariances, at full and reduced rank (relative error below {100 * CONVERGED:.0f} %)",
        f"at most {100 * worst:.2f} % ({several(said)})",
        bool(worst < CONVERGED),
    )


def of_conditionals(full: pd.DataFrame, loss: str) -> Finding:
    """Say whether conditional mean and covariance come out as the theory has them, at full rank."""
    own = full[full["loss"] == loss]
    mean, spread = own["mean"].max(), own["spread"]
    found = (
        f"mean off by at most {100 * mean:.2f} %, variance {spread.min():.3f} to {spread.max():.3f} times the "
        "exact"
    )
    if loss == TWO_SIDED:
        return Finding(
            THEOREMS[loss],
            "the conditional mean of the first side is exact, its covariance too large",
            found,
            bool(mean < CONVERGED and spread.min() > 1),
        )
    return Finding(
        THEOREMS[loss],
        "the conditional mean and covariance of the first side are both exact (within "
        f"{100 * CONVERGED:.0f} %)",
        found,
        bool(mean < CONVERGED and (spread - 1).abs().max() < CONVERGED),
    )


def draw(table: pd.DataFrame) -> Figure:
    """Draw the relative errors at every rank, and the conditional variances, a row a dataset."""
    panels = {
        "cross": ("relative error of A", CONVERGED),
        "spread": ("conditional variance over the exact", 1.0),
    }
    datasets = list(table.groupby("dataset", sort=False))
    with drawn(len(datasets), 2, 0.6 + 1.9 * len(datasets)) as (figure, axes):
        for row, (name, rows) in zip(axes, datasets, strict=True):
            for axis, (quantity, (title, limit)) in zip(row, panels.items(), strict=True):
                for number, (loss, own) in enumerate(rows.groupby("loss", sort=False)):
                    # Beside each other, not on top.
                    rank = own["dim"] + 0.08 * (number - 1)
                    look = {"color": COLOURS[number], "marker": MARKERS[number]}
                    axis.plot(rank, own[quantity], linestyle="none", label=IN_WORDS[loss], **look)
                axis.axhline(limit, **REFERENCE)
                axis.set(title=f"{name}: {title}", xlabel="rank d", xticks=own["dim"].unique())
            row[0].set_yscale("log")
        legend_below(figure, axes.flat)
    return figure
