"""Results in every shape that the tables of a dataset can take, and the texts of a figure."""

from __future__ import annotations

from dataclasses import replace

from made_up_results import (
    LABELS,
    made_up_embedding,
    made_up_prediction,
    made_up_results,
    with_nothing_shared,
)
from matplotlib.text import Text

SHAPES = {
    "all": made_up_results(),
    "no labels": made_up_results(labels=[]),
    "one level": made_up_results(labels=LABELS[:1]),
    "closed forms alone": made_up_results(recipes=("cca",)),
    "one seed": made_up_results(seeds=1),
    "many recipes": made_up_results(recipes=("tuned", "paper", "paper_sampled", "permuted", "cca", "pca")),
    "the null alone": made_up_results(recipes=("permuted",)),
    "nothing shared": with_nothing_shared(made_up_results()),
    "no batches": replace(made_up_results(), embedding=made_up_embedding(batches=0)),
    "134 proteins": replace(made_up_results(), prediction=made_up_prediction(134)),
}  # fmt: skip


def texts(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def titles(figure):
    return [axis.get_title(loc="left") for axis in figure.axes]
