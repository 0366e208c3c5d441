"""Tables of a report, as plain values for its templates."""

from __future__ import annotations

import math
from typing import TypedDict

import pandas as pd

from sharedim.evaluation.label_transfer import type_table
from sharedim.report.figures.curves import saturation_panels
from sharedim.report.figures.dimension import ESTIMATORS
from sharedim.report.figures.prediction import METHOD_NAMES, mean_prediction
from sharedim.report.html import number, percent
from sharedim.report.results import METHODS, Results
from sharedim.vocabulary import Words

# A type found less often than this matches badly.
BADLY = 0.5
WHERE = {"train": "in sample", "test": "held out"}


class Table(TypedDict):
    """Headings, and a list of cells a row."""

    columns: list[str]
    rows: list[list[object]]


class ScoreTable(Table):
    """A table of one panel, with the chance level where there is one."""

    title: str
    chance: float | None


class DimensionTable(Table):
    """A table of one recipe."""

    recipe: str


def score_tables(results: Results) -> list[ScoreTable]:
    """Return one table per panel: mean and standard deviation over seeds at every d.

    Returns
    -------
    list of dict
        ``title``, ``chance`` (None where there is none), ``columns`` and ``rows``; each row holds
        d and a text a column.
    """
    known = set(results.scores["metric"])
    tables = [
        _score_table(results.scores, title, {metric: ""})
        for metric, title in saturation_panels(results.labels, results.words).items()
        if metric in known
    ]
    dimension = {
        f"id_mle_{modality}": f" {name}" for modality, name in results.words.modalities.items()
    }
    return [*tables, _score_table(results.scores, "Intrinsic dimension (MLE)", dimension)]


def _score_table(scores: pd.DataFrame, title: str, metrics: dict[str, str]) -> ScoreTable:
    chosen = scores[scores["metric"].isin(list(metrics))]
    columns: list[str] = []
    cells: dict[tuple[object, str], str] = {}
    for (recipe, metric, split), group in chosen.groupby(["recipe", "metric", "split"], sort=False):
        columns.append(f"{recipe}{metrics[str(metric)]}, {WHERE[str(split)]}")
        for dim, values in group.groupby("dim")["value"]:
            cells[dim, columns[-1]] = mean_and_deviation(values)
    rows = [
        [dim, *(cells.get((dim, column), "–") for column in columns)]
        for dim in sorted(chosen["dim"].unique())
    ]
    chance = chosen.loc[chosen["split"] == "test", "chance"].mean()
    return {
        "title": title,
        "chance": None if pd.isna(chance) else float(chance),
        "columns": ["d", *columns],
        "rows": rows,
    }


def dimension_table(results: Results) -> DimensionTable:
    """Return the held-out intrinsic dimension of the best recipe by estimator and modality."""
    recipe = results.recipe or results.recipes[0]
    scores = results.scores
    held_out = scores[(scores["recipe"] == recipe) & (scores["split"] == "test")]
    names = {
        f"id_{estimator}_{modality}": f"{name}, {where}"
        for estimator, name in ESTIMATORS.items()
        for modality, where in results.words.modalities.items()
    }
    found = {metric: name for metric, name in names.items() if metric in set(held_out["metric"])}
    values = held_out.groupby(["metric", "dim"])["value"]
    texts = {place: mean_and_deviation(own) for place, own in values}
    rows = [
        [dim, *(texts.get((metric, dim), "–") for metric in found)]
        for dim in sorted(held_out["dim"].unique())
    ]
    return {"recipe": recipe, "columns": ["d", *found.values()], "rows": rows}


def mean_and_deviation(values: pd.Series) -> str:
    """Write the mean and standard deviation over seeds, and how many failed."""
    failed = int(values.isna().sum())
    if failed == len(values):
        return "failed"
    digits = 3 if values.abs().max() < 1.5 else 2
    deviation = f" ± {values.std():.{digits}f}" if values.count() > 1 else ""
    missing = f" ({failed} failed)" if failed else ""
    return f"{values.mean():.{digits}f}{deviation}{missing}"


def shown_saturation(results: Results, saturation: pd.DataFrame) -> list[list[str]]:
    """Return the held-out rows of what is drawn, by recipe: the file has all of them."""
    shown = saturation_panels(results.labels, results.words) | {
        f"id_mle_{modality}": f"Intrinsic dimension (MLE), {name}"
        for modality, name in results.words.modalities.items()
    }
    held_out = saturation[saturation["split"] == "test"].set_index(["recipe", "metric"])
    by_place = dict(held_out.iterrows())
    places = [(r, m) for r in results.recipes for m in shown if (r, m) in by_place]
    rows = []
    for recipe, metric in places:
        row = by_place[recipe, metric]
        interval = f"{number(row['ci_low'])} to {number(row['ci_high'])}"
        status = row["status"].replace("_", " ")
        numbers = [number(row["plateau"]), number(row["d_saturation"])]
        rows.append([recipe, shown[metric], *numbers, interval, status])
    return rows


def transferred_types(results: Results) -> pd.DataFrame:
    """Return how well each type is found at the recommended d, the worst first.

    Returns
    -------
    DataFrame
        ``column``, ``direction`` (in words), ``type``, ``cells``, ``recall``, ``precision``,
        ``f1``, ``taken_for`` (the other type that most of its cells are given, or missing) and
        ``place`` (median rank of the true match as a fraction of all candidates, over held-out cells).
    """
    confusions = results.transfers
    if not len(confusions):
        return pd.DataFrame()
    table = type_table(confusions)
    keys = ["column", "direction", "type"]
    wrong = confusions[(confusions["type"] != confusions["given"]) & (confusions["cells"] > 0)]
    most = wrong.sort_values("cells").groupby(keys)["given"].last().rename("taken_for")
    table = table.join(most, on=keys).join(_places(results), on=keys)
    table["direction"] = table["direction"].map(results.words.directions)
    columns = [*keys, "cells", "recall", "precision", "f1", "taken_for", "place"]
    return table[columns].sort_values("recall", kind="stable").reset_index(drop=True)


def _places(results: Results) -> pd.Series:
    cells = results.embedding
    directions = dict(zip(results.words.modalities, results.words.directions, strict=True))
    parts: dict[tuple[str, str, str], float] = {}
    for column in results.labels:
        if column in cells:
            held_out = cells[cells["part"] == "validation"]
            places = held_out.groupby(["modality", column])["match_share"].median()
            parts |= {
                (column, directions[modality], name): place
                for (modality, name), place in zip(places.index, places, strict=True)
            }
    names = ["column", "direction", "type"]
    index = pd.MultiIndex.from_tuples(parts or [("", "", "")], names=names)
    return pd.Series(list(parts.values()) or [math.nan], index=index, name="place", dtype=float)


def type_rows(types: pd.DataFrame) -> list[list[str]]:
    """Return `transferred_types` as texts."""
    return [
        [
            row["type"], row["column"], row["direction"], f"{row['cells']:,.0f}",
            number(row["recall"]), number(row["precision"]), number(row["f1"]),
            row["taken_for"] if isinstance(row["taken_for"], str) else "–", percent(row["place"]),
        ]
        for _, row in types.iterrows()
    ]  # fmt: skip


def prediction_table(prediction: pd.DataFrame, words: Words) -> Table:
    """Return mean correlation and coverage of every feature as texts, the best predicted first."""
    table = mean_prediction(prediction)
    methods = [method for method in METHODS if (method, "correlation") in table]
    covered = ("sharedim", "coverage") in table
    rows: list[list[object]] = []
    for protein, row in table.iterrows():
        texts = [number(row[method, "correlation"]) for method in methods]
        coverage = [percent(row["sharedim", "coverage"])] if covered else []
        rows.append([protein, *texts, *coverage])
    names = [METHOD_NAMES[method] for method in methods]
    return {
        "columns": [words.target, *names, *(["inside the 90 % interval"] if covered else [])],
        "rows": rows,
    }
