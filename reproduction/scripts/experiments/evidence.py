"""Evidence of an experiment: scores, curves, features and models of its datasets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from sharedim.evaluation.representations import encoded_pair, similarity_of, temperature_of
from sharedim.jobs.checkpoints import ModelBlock, read_block, read_making
from sharedim.jobs.files import read_json
from sharedim.jobs.tables import read_labels, read_table
from sharedim.training.similarity import comparable
from sharedim.training.splits import Split, split_cells

FILES = (
    "scores",
    "saturation",
    "history",
    "answer",
    "check",
    "rna",
    "prot",
    "test_cells",
    "cells",
)
# Tables of what some experiments train beside the workflow.
TRAINED_TOO = ("training_times", "fine_tuning")


class TrainedModel(NamedTuple):
    """One trained model: its block, its place in it, its seed, and its division of the pairs."""

    block: ModelBlock
    place: int
    seed: int
    split: Split


@dataclass(frozen=True)
class DatasetEvidence:
    """What was found in one dataset.

    Attributes
    ----------
    name : str
    files : dict of str to str
        Paths by the names `FILES` and, where an experiment needs them, `TRAINED_TOO`.
    models : list of str
        Paths of all blocks of models.
    """

    name: str
    files: dict[str, str]
    models: list[str]

    @cached_property
    def scores(self) -> pd.DataFrame:
        """As ``scores.tsv``."""
        return read_table(self.files["scores"])

    @cached_property
    def saturation(self) -> pd.DataFrame:
        """As ``saturation.tsv``."""
        return read_table(self.files["saturation"])

    @cached_property
    def history(self) -> pd.DataFrame:
        """As ``history.tsv``."""
        return read_table(self.files["history"])

    @cached_property
    def answer(self) -> dict:
        """As ``answer.json``."""
        return read_json(self.files["answer"])

    @cached_property
    def check(self) -> dict:
        """As ``check.json``."""
        return read_json(self.files["check"])

    @cached_property
    def training_times(self) -> pd.DataFrame:
        """As `experiments.training_times.training_times` gives it."""
        return read_table(self.files["training_times"])

    @cached_property
    def fine_tuning(self) -> pd.DataFrame:
        """As `experiments.fine_tuning.classification` gives it."""
        return read_table(self.files["fine_tuning"])

    @property
    def truth(self) -> dict:
        """What a simulation knows, such as ``shared_dimensions``; empty for real data."""
        return self.check.get("truth") or {}

    @cached_property
    def features(self) -> tuple[np.ndarray, np.ndarray]:
        """Features of both modalities, mapped from disk."""
        return tuple(np.load(self.files[side], mmap_mode="r") for side in ("rna", "prot"))

    @cached_property
    def _making(self) -> dict[str, tuple[dict, dict]]:
        return {path: read_making(path) for path in self.models}

    @property
    def dims(self) -> list[int]:
        """Output dimensions, rising."""
        return sorted(self.scores["dim"].unique().tolist())

    @property
    def recipes(self) -> list[str]:
        """Recipes in the order of the scores."""
        return list(self.scores["recipe"].unique())

    @property
    def fitted(self) -> list[tuple[str, int]]:
        """Recipe and output dimension of all models."""
        headers = (header for header, _ in self._making.values())
        return list(dict.fromkeys((h["recipe"]["name"], h["dim"]) for h in headers))

    @property
    def devices(self) -> list[str]:
        """What the models were trained on."""
        return sorted({making["device"] for _, making in self._making.values()})

    def labels(self, column: str) -> np.ndarray:
        """Return the label of each pair, missing where unknown."""
        return read_labels(self.files["cells"], [column])[column].to_numpy()

    def recipe(self, name: str) -> dict:
        """Return every choice of a recipe, as `sharedim.training.recipe_types.as_record` gives it."""
        return next(h["recipe"] for h, _ in self._making.values() if h["recipe"]["name"] == name)

    def curve(self, recipe: str, metric: str, split: str = "test") -> pd.DataFrame:
        """Return a score against the output dimension.

        Returns
        -------
        DataFrame
            Indexed by ``dim``: ``mean`` and ``spread`` (standard deviation) over the seeds.
        """
        table = self.scores
        own = table[
            (table["recipe"] == recipe) & (table["metric"] == metric) & (table["split"] == split)
        ]
        grouped = own.groupby("dim")["value"]
        return pd.DataFrame({"mean": grouped.mean(), "spread": grouped.std()})

    def saturates(self, recipe: str, metric: str, split: str = "test") -> pd.Series:
        """Return the row of ``saturation.tsv`` about a curve."""
        table = self.saturation
        chosen = (
            (table["recipe"] == recipe) & (table["metric"] == metric) & (table["split"] == split)
        )
        return table[chosen].iloc[0]

    def course(self, recipe: str, quantity: str, dim: int) -> pd.Series:
        """Return a quantity of ``history.tsv`` along the epochs, the mean over the seeds."""
        table = self.history
        own = table[(table["recipe"] == recipe) & (table["dim"] == dim)]
        return own.dropna(subset=quantity).groupby("epoch")[quantity].mean()

    def trained(self, recipe: str, dim: int) -> Iterator[TrainedModel]:
        """Yield the models of a recipe at an output dimension."""
        test_cells = np.load(self.files["test_cells"])
        for path, (header, _) in self._making.items():
            if header["recipe"]["name"] != recipe or header["dim"] != dim:
                continue
            block = read_block(path)
            for place, seed in enumerate(header["seeds"]):
                share = header["recipe"]["validation_share"]
                split = split_cells(len(self.features[0]), seed, test_cells, share)
                yield TrainedModel(block, place, seed, split)

    def held_out(self, model: TrainedModel) -> tuple[np.ndarray, np.ndarray]:
        """Return the representations of a model's test pairs, divided by the mean norms."""
        rna, prot = (side[model.split.test] for side in self.features)
        return encoded_pair(model.block, model.place, rna, prot)

    def compared(self, model: TrainedModel) -> tuple[np.ndarray, np.ndarray, float]:
        """Return the representations of all pairs as a model compares them, and its temperature.

        Returns
        -------
        f, g : ndarray, shape (n, columns)
            Their inner products are the similarities.
        temperature : float
            For a model that learned none, the best for its normaliser pairs.
        """
        pair = encoded_pair(model.block, model.place, *self.features)
        f, g = comparable(*pair, similarity_of(model.block, model.place))
        chosen = model.split.normaliser
        return f, g, temperature_of(model.block, model.place, f[chosen], g[chosen])


@dataclass(frozen=True)
class Evidence:
    """What was found in all datasets of an experiment, by name."""

    datasets: dict[str, DatasetEvidence]

    @classmethod
    def read(cls, names: list[str], files: Mapping[str, list[str]]) -> Evidence:
        """Take the files of datasets, each kind in the order of their names, and their models."""
        own = {path: Path(path).parents[3].name for path in files["models"]}
        return cls(
            {
                name: DatasetEvidence(
                    name,
                    {
                        kind: files[kind][place]
                        for kind in (*FILES, *TRAINED_TOO)
                        if files.get(kind)
                    },
                    [path for path, dataset in own.items() if dataset == name],
                )
                for place, name in enumerate(names)
            }
        )

    @property
    def devices(self) -> list[str]:
        """What the models were trained on."""
        return sorted({device for own in self.datasets.values() for device in own.devices})

    def of_truth(self, kind: str) -> list[DatasetEvidence]:
        """Return the simulated datasets of a kind."""
        return [own for own in self.datasets.values() if own.truth.get("kind") == kind]
