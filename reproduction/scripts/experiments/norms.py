"""Norms of unconstrained representations (arXiv 2505.12473, Appendix G.1): Figures 6 to 8."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.evidence import DatasetEvidence, Evidence
from experiments.outcome import Finding, Outcome, several
from experiments.panels import (
    draw_courses,
    draw_curves,
    draw_representations,
    tidy,
)
from experiments.synthetic import (
    LOOKED_AT,
    looked_at_in_words,
    named,
    shared,
    with_fewest_shared,
)
from sharedim.report.figures.style import COLOURS, drawn

# Standard deviation of norms over their mean that counts as concentrated.
CONCENTRATED = 0.15


def measure_norms(evidence: Evidence) -> Outcome:
    """Follow the spread of norms along training and over the output dimensions.

    Recipes differ in the epochs that they train for: what shorter ones leave is how the longest
    one was then, since all of them take the same batches in the same order.
    """
    datasets = evidence.of_truth("linear")
    recipes = sorted(datasets[0].recipes, key=lambda name: datasets[0].recipe(name)["epochs"])
    longest = recipes[-1]
    courses = {named(own): own.course(longest, "norm_spread_rna", own.dims[-1]) for own in datasets}
    looked_at = with_fewest_shared(datasets)
    stages = [stage_of(looked_at, name) for name in recipes]
    findings = [of_courses(courses, datasets[0].dims[-1]), of_stages(stages, shared(looked_at))]
    return Outcome(findings, tidy(courses, "dataset"), draw(datasets, longest, courses, stages))


def of_courses(courses: dict[str, pd.Series], dim: int) -> Finding:
    """Say whether norms concentrate along training, at an output dimension."""
    ends = {name: course.iloc[-1] for name, course in courses.items()}
    return Finding(
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
        f"After the first and the last epoch, at d = {dim}.",
    )


class Stage(NamedTuple):
    """Held-out representations of both modalities, over mean norms, after some epochs."""

    epochs: int
    pair: tuple[np.ndarray, np.ndarray]

    @property
    def from_sphere(self) -> float:
        """The root mean square of what norms are apart from 1."""
        norms = np.linalg.norm(np.concatenate(self.pair), axis=1)
        return float(np.sqrt(np.mean((norms - 1) ** 2)))

    @property
    def apart(self) -> float:
        """The root mean square of the distance of partners."""
        f, g = self.pair
        return float(np.sqrt(np.mean(np.sum((f - g) ** 2, axis=1))))


def stage_of(dataset: DatasetEvidence, recipe: str) -> Stage:
    """Return what the first seed of a recipe has come to at d = 3."""
    model = next(dataset.trained(recipe, LOOKED_AT))
    return Stage(dataset.recipe(recipe)["epochs"], dataset.held_out(model))


def of_stages(stages: list[Stage], k: int) -> Finding:
    """Say whether representations draw near the unit sphere, and partners near each other."""
    nearer = [
        later.from_sphere < sooner.from_sphere and later.apart < sooner.apart
        for sooner, later in pairwise(stages)
    ]
    return Finding(
        "Figure 7",
        f"along training at d = {LOOKED_AT}, k* = {k}, held-out representations draw near the unit sphere, to "
        f"within {CONCENTRATED}, and partners near each other",
        "; ".join(
            f"after {stage.epochs} epoch{'s' * (stage.epochs != 1)} {stage.from_sphere:.2f} from the "
            f"sphere, partners {stage.apart:.2f} apart"
            for stage in stages
        ),
        all(nearer) and stages[-1].from_sphere < CONCENTRATED,
    )


def norms_of(dataset: DatasetEvidence, recipe: str) -> np.ndarray:
    """Return the norms of held-out representations at the largest d, divided by the mean norm."""
    found = [dataset.held_out(model)[0] for model in dataset.trained(recipe, dataset.dims[-1])]
    return np.linalg.norm(np.concatenate(found), axis=1)


def draw(
    datasets: list[DatasetEvidence],
    recipe: str,
    courses: dict[str, pd.Series],
    stages: list[Stage],
) -> Figure:
    """Draw the spread along training, over d, and at the end; below, representations along training."""
    with drawn(2, 3, 4.8) as (figure, axes):
        draw_courses(axes[0, 0], courses, "Spread of norms in training")
        over_d = {named(own): own.curve(recipe, "norm_spread_rna") for own in datasets}
        draw_curves(axes[0, 1], over_d, "Spread of norms, held out")
        for own, colour in zip(datasets, COLOURS, strict=False):
            norms = norms_of(own, recipe)
            axes[0, 2].hist(norms, 60, density=True, alpha=0.6, color=colour, label=named(own))
        axes[0, 2].set(title=f"Norms at d = {datasets[0].dims[-1]}", xlabel="norm over mean norm")
        where = looked_at_in_words(with_fewest_shared(datasets))
        # The first, one in the middle, and the last.
        for axis, stage in zip(
            axes[1], (stages[0], stages[len(stages) // 2], stages[-1]), strict=True
        ):
            draw_representations(axis, stage.pair, f"{where}, epoch {stage.epochs}")
        for axis in axes[0]:
            axis.legend()
    return figure
