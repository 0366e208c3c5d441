"""All experiments by the names that ``experiment`` has in a configuration."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sharedim.experiments.evidence import Evidence
from sharedim.experiments.norms import measure_norms
from sharedim.experiments.outcome import Outcome
from sharedim.experiments.synthetic import measure_synthetic


class Experiment(NamedTuple):
    """What an experiment asks, and how the evidence of its datasets answers.

    Attributes
    ----------
    title : str
    question : str
        One or two sentences.
    measure : callable
        Takes the evidence and returns the outcome.
    """

    title: str
    question: str
    measure: Callable[[Evidence], Outcome]


EXPERIMENTS = {
    "linear": Experiment(
        "Shared coordinates, linear setting",
        "Two modalities of 20 features share their first k* coordinates. Do matching and intrinsic "
        "dimension saturate there, and what happens at d = 3 when only 2 dimensions are shared?",
        measure_synthetic,
    ),
    "norms": Experiment(
        "Norm concentration",
        "Only the mean norm of representations is divided out. Do their norms concentrate all the same?",
        measure_norms,
    ),
}
