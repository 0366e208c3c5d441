"""Norms of representations that nothing constrains (arXiv 2505.12473, Appendix G.1): Figures 6, 8."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sharedim.experiments.evidence import DatasetEvidence, Evidence
from sharedim.experiments.outcome import Finding, Outcome, several
from sharedim.experiments.panels import draw_courses, draw_curves, tidy
from sharedim.experiments.synthetic import named
from sharedim.figure_style import COLOURS, drawn

# Standard deviation of norms over their mean that counts as concentrated.
CONCENTRATED = 0.15


def measure_norms(evidence: Evidence) -> Outcome:
    """Follow the spread of norms along training and over the output dimensions."""
    datasets = evidence.of_truth("linear")
    recipe = datasets[0].recipes[0]
    courses = {named(own): own.course(recipe, "norm_spread_rna", own.dims[-1]) for own in datasets}
    ends = {name: course.iloc[-1] for name, course in courses.items()}
    finding = Finding(
        "Figures 6 and 8",
        "norms of representations concentrate although nothing constrains them (standard deviation below "
        f"{CONCENTRATED} of the mean, and less than half of what it was)",
        several(
            {name: f"{course.iloc[0]:.2f} to {ends[name]:.2f}" for name, course in courses.items()}
        ),
        all(
            ends[name] < CONCENTRATED and ends[name] < course.iloc[0] / 2
            for name, course in courses.items()
        ),
        f"After the first and the last epoch, at d = {datasets[0].dims[-1]}.",
    )
    return Outcome([finding], tidy(courses, "dataset"), draw(datasets, recipe, courses))


def norms_of(dataset: DatasetEvidence, recipe: str) -> np.ndarray:
    """Return the norms of held-out representations at the largest d, divided by the mean norm."""
    found = [dataset.held_out(model)[0] for model in dataset.trained(recipe, dataset.dims[-1])]
    return np.linalg.norm(np.concatenate(found), axis=1)


def draw(datasets: list[DatasetEvidence], recipe: str, courses: dict[str, pd.Series]) -> Figure:
    """Draw the spread along training, over d, and the norms at the end."""
    with drawn(1, 3, 2.6) as (figure, axes):
        draw_courses(axes[0, 0], courses, "Spread of norms in training")
        over_d = {named(own): own.curve(recipe, "norm_spread_rna") for own in datasets}
        draw_curves(axes[0, 1], over_d, "Spread of norms, held out")
        for own, colour in zip(datasets, COLOURS, strict=False):
            norms = norms_of(own, recipe)
            axes[0, 2].hist(norms, 60, density=True, alpha=0.6, color=colour, label=named(own))
        axes[0, 2].set(title=f"Norms at d = {datasets[0].dims[-1]}", xlabel="norm over mean norm")
        for axis in axes.flat:
            axis.legend()
    return figure
