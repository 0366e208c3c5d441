"""Linear encoders on Gaussian pairs against closed forms (arXiv 2505.24134, Section 5): Figures 2 to 6."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.closed_forms import (
    Tilt,
    exact_conditional,
    model_conditional,
    model_covariance,
    relative_error,
)
from experiments.evidence import DatasetEvidence, Evidence
from experiments.gaussian_signs import of_signs
from experiments.linear_models import errors_of_tilt, tilt_of, training_covariance
from experiments.outcome import Finding, Outcome, several
from sharedim.report.figures.style import COLOURS, MARKERS, REFERENCE, drawn, legend_below
from sharedim.training.cca import PairedCovariance

# Relative error of A that counts as converged.
CONVERGED = 0.02
TWO_SIDED, ONE_SIDED, JOINT = "two_sided", "one_sided", "joint"
IN_WORDS = {
    TWO_SIDED: "two-sided loss",
    ONE_SIDED: "one-sided quadratic loss",
    JOINT: "joint loss",
}
SIDES = {"x": "first given second", "y": "second given first"}
THEOREMS = {TWO_SIDED: "Theorem 5.1", ONE_SIDED: "Theorem 5.3", JOINT: "Theorem 5.6"}


def measure_gaussian(evidence: Evidence) -> Outcome:
    """Compare trained models with the closed forms of their own training pairs, at every rank."""
    table = pd.concat([errors(own) for own in evidence.datasets.values()], ignore_index=True)
    findings = [of_loss(table, loss) for loss in IN_WORDS]
    full = table[table["dim"] >= table["rank"]]
    findings += [
        of_two_sided(full[full["loss"] == TWO_SIDED]),
        of_one_sided(full[full["loss"] == ONE_SIDED]),
        of_joint(full),
        of_signs(list(evidence.datasets.values())),
    ]
    return Outcome(findings, table, draw(table))


def errors(dataset: DatasetEvidence) -> pd.DataFrame:
    """Return, of every model, the distance from the closed form and from the exact distribution.

    ``cross`` and ``square`` are relative errors of A and B. Of each side given the other, ``mean``
    is the relative error of the matrix of the conditional mean, and ``spread`` the trace of its
    conditional covariance over that of the exact one. ``marginal`` is the larger relative error of
    the two marginal covariances.
    """
    rna, prot = dataset.features
    test_cells = np.load(dataset.files["test_cells"])
    rows = []
    for recipe in IN_WORDS:
        for dim in dataset.dims:
            for model in dataset.trained(recipe, dim):
                covariance = training_covariance(model.block, model.place, rna, prot, test_cells)
                cross, square = errors_of_tilt(model.block, model.place, covariance)
                row = {
                    "dataset": dataset.name,
                    "loss": recipe,
                    "dim": dim,
                    "rank": min(rna.shape[1], prot.shape[1]),
                    "seed": model.seed,
                    "cross": cross,
                    "square": square,
                }
                tilt = tilt_of(model.block, model.place)
                if recipe == ONE_SIDED:
                    # The theory's has no square in the side that is given; the loss is the same.
                    tilt = tilt._replace(y_square=np.zeros_like(tilt.y_square))
                rows.append(row | _distances(covariance, tilt))
    return pd.DataFrame(rows)


def _distances(covariance: PairedCovariance, tilt: Tilt) -> dict[str, float]:
    """Compare the distribution that a model stands for with the exact one."""
    distances = {}
    for side in SIDES:
        found, exact = (
            model_conditional(covariance, tilt, side),
            exact_conditional(covariance, side),
        )
        distances[f"mean_{side}"] = relative_error(found.matrix, exact.matrix)
        distances[f"spread_{side}"] = float(np.trace(found.covariance) / np.trace(exact.covariance))
    try:
        model = model_covariance(covariance, tilt)
    except ValueError:
        # A density without a finite integral has no marginals.
        return distances | {"marginal": np.inf}
    own = (relative_error(model.x, covariance.x), relative_error(model.y, covariance.y))
    return distances | {"marginal": max(own)}


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


def _said_of(rows: pd.DataFrame, side: str) -> str:
    mean, spread = 100 * rows[f"mean_{side}"].max(), rows[f"spread_{side}"]
    return (
        f"{SIDES[side]}: mean off by at most {mean:.2f} %, variance {spread.min():.3f} to {spread.max():.3f} "
        "times the exact"
    )


def of_two_sided(rows: pd.DataFrame) -> Finding:
    """Say whether both conditional means are exact, at full rank; the covariances are the marginal ones."""
    means, spreads = (
        rows[["mean_x", "mean_y"]].max().max(),
        rows[["spread_x", "spread_y"]].min().min(),
    )
    return Finding(
        "Figure 2",
        "with the two-sided loss both conditional means are exact (within "
        f"{100 * CONVERGED:.0f} %); conditional covariances, which such a model cannot change, are too large",
        "; ".join(_said_of(rows, side) for side in SIDES),
        bool(means < CONVERGED and spreads > 1),
    )


def of_one_sided(rows: pd.DataFrame) -> Finding:
    """Say whether the first side given the second is exact, and the other way is not."""
    first = max(rows["mean_x"].max(), (rows["spread_x"] - 1).abs().max())
    second = np.maximum(rows["mean_y"], (rows["spread_y"] - 1).abs()).min()
    return Finding(
        "Figure 3",
        "with the one-sided quadratic loss the first side given the second is exact (within "
        f"{100 * CONVERGED:.0f} %), the second given the first is not",
        "; ".join(_said_of(rows, side) for side in SIDES),
        bool(first < CONVERGED < second),
    )


def of_joint(full: pd.DataFrame) -> Finding:
    """Say whether the joint loss comes nearest to the marginals, at a price in conditional means."""
    marginal = full.groupby("loss", sort=False)["marginal"].mean()
    means = full[full["loss"] == JOINT][["mean_x", "mean_y"]].min().min()
    return Finding(
        "Figures 4 and 5",
        "with the joint loss marginal covariances are nearer to the data's than with the other two, and "
        f"conditional means biased (by more than {100 * CONVERGED:.0f} %)",
        "marginal covariances off by "
        + ", ".join(f"{100 * marginal[loss]:.0f} % ({IN_WORDS[loss]})" for loss in marginal.index)
        + f"; means with the joint loss off by at least {100 * means:.0f} %",
        bool(marginal.idxmin() == JOINT and means > CONVERGED),
    )


def draw(table: pd.DataFrame) -> Figure:
    """Draw the relative errors at every rank, and the conditional variances, a row a dataset."""
    panels = {
        "cross": ("Relative error of A", CONVERGED),
        "spread_x": ("Variance of first given second", 1.0),
        "marginal": ("Relative error of marginals", 0.0),
    }
    datasets = list(table.groupby("dataset", sort=False))
    with drawn(len(datasets), len(panels), 0.6 + 1.9 * len(datasets)) as (figure, axes):
        for row, (name, rows) in zip(axes, datasets, strict=True):
            for axis, (quantity, (title, limit)) in zip(row, panels.items(), strict=True):
                for number, (loss, own) in enumerate(rows.groupby("loss", sort=False)):
                    # Beside each other, not on top.
                    rank = own["dim"] + 0.08 * (number - 1)
                    look = {"color": COLOURS[number], "marker": MARKERS[number]}
                    axis.plot(rank, own[quantity], linestyle="none", label=IN_WORDS[loss], **look)
                axis.axhline(limit, **REFERENCE)
                axis.set(title=title, xlabel="rank d", xticks=own["dim"].unique())
            row[0].set_yscale("log")
            row[0].set_ylabel(name)
        legend_below(figure, axes.flat)
    return figure
