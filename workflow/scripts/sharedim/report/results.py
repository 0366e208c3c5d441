"""Results of one dataset: the tables that its figures and its report read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, cast

import pandas as pd

from sharedim.evaluation.recommendation import NULL, Answer
from sharedim.jobs.files import read_json
from sharedim.jobs.tables import read_table
from sharedim.vocabulary import Words, words_of

# Names that a reader may take for numbers or truth ("0", "1.0", "true"), and that are names all the same.
NAMES = ("type", "given", "protein", "cell", "batch", "pair")
METHODS = ("sharedim", "ridge", "neighbours")


class SplitSizes(TypedDict):
    """Numbers of cells that train, estimate the norm, and are held out."""

    train: int
    normaliser: int
    test: int


class Check(TypedDict):
    """Content of ``check.json``, as far as a report reads it outside its templates."""

    dataset: str
    kind: str
    modalities: dict[str, str]
    paired_cells: int
    genes: int
    proteins: int
    split: SplitSizes
    test_cells: str
    labels: dict[str, object]
    warnings: list[str]
    truth: dict[str, object] | None


class Steps(TypedDict):
    """What was done to one modality."""

    steps: str


class FeatureSettings(TypedDict):
    """Options that features were made with, as far as they are told."""

    harmony: bool
    protein_transform: str


class Preprocessing(TypedDict):
    """Content of ``preprocessing.json``, as far as a report reads it."""

    rna: Steps
    prot: Steps
    fitted_on: str
    options: FeatureSettings


@dataclass(frozen=True)
class Results:
    """What was found in one dataset.

    Attributes
    ----------
    answer, check : dict
        As ``answer.json`` and ``check.json``.
    scores, history, confusions, type_dimensions : DataFrame
        As the tables of these names.
    similarities : DataFrame
        Of true and false held-out pairs of the chosen model: ``pair``, ``low``, ``high``, ``share``.
    prediction : DataFrame
        Protein predicted from RNA: ``protein``, ``method``, ``seed``, ``correlation``, ``coverage``.
    embedding : DataFrame
        One row per cell and modality; see `sharedim.report.figures.embedding`.
    """

    answer: Answer
    check: Check
    scores: pd.DataFrame
    history: pd.DataFrame
    confusions: pd.DataFrame
    type_dimensions: pd.DataFrame
    similarities: pd.DataFrame
    prediction: pd.DataFrame
    embedding: pd.DataFrame

    @classmethod
    def read(cls, files: Mapping[str, str]) -> Results:
        """Read them from files by the names of the attributes."""
        # What this workflow wrote, and no schema checks again.
        answer = cast("Answer", read_json(files["answer"]))
        check = cast("Check", read_json(files["check"]))
        named = {name: read_named(files[name], list(check["labels"])) for name in _WITH_NAMES}
        plain = {name: read_table(files[name]) for name in ("scores", "history")}
        return cls(answer=answer, check=check, **named, **plain)

    @property
    def words(self) -> Words:
        """What texts and figures call the modalities and their rows."""
        return words_of(self.check["kind"], self.check["modalities"])

    @property
    def labels(self) -> list[str]:
        """Label columns, the coarsest first."""
        return list(self.check["labels"])

    @property
    def recipes(self) -> list[str]:
        """Recipes in the order of the scores."""
        return list(self.scores["recipe"].unique())

    @property
    def recipe(self) -> str | None:
        """The recipe that matches best on held-out cells, None where nothing shared was found."""
        return self.answer["recipe"]

    @property
    def recommended_d(self) -> int | None:
        """The recommended output dimension."""
        return self.answer["recommended_d"]["value"]

    @property
    def trained(self) -> list[str]:
        """Recipes that were trained, without the null unless it was the only one."""
        names = list(self.history["recipe"].unique())
        return [name for name in names if name != NULL] or names

    @property
    def transfers(self) -> pd.DataFrame:
        """Confusions of the best recipe at the recommended d."""
        table = self.confusions
        return table[(table["recipe"] == self.recipe) & (table["dim"] == self.recommended_d)]


_WITH_NAMES = ("confusions", "type_dimensions", "prediction", "similarities", "embedding")


def read_named(path: str | Path, labels: list[str]) -> pd.DataFrame:
    """Read a table in which types, proteins, cells and batches are text, whatever they look like."""
    return pd.read_csv(
        path,
        sep="\t",
        dtype=dict.fromkeys((*NAMES, *labels), str),
        keep_default_na=False,
        na_values=[""],
    )


def true_pairs_above_false(similarities: pd.DataFrame) -> float:
    """Return the probability that a true pair is more similar than a false one, ties as half.

    Computed from the bins; ``similarities`` is as in `Results`.
    """
    shares = similarities.pivot_table(index="low", columns="pair", values="share").fillna(0)
    below = shares["false"].cumsum() - shares["false"] / 2
    return float((shares["true"] * below).sum())
