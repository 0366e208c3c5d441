"""Report of a dataset as one page that needs nothing from outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from sharedim.jobs import provenance as origin
from sharedim.report.alt_text import alt_texts, prediction_summary
from sharedim.report.attachments import Download, data_uri, of_record, of_table
from sharedim.report.figures.pairs import NO_PAIRS
from sharedim.report.figures.prediction import no_prediction
from sharedim.report.figures.training import mean_over_seeds
from sharedim.report.html import interval, render
from sharedim.report.methods_text import methods_of
from sharedim.report.reservations import reasons_of, verdict
from sharedim.report.results import Preprocessing, Results
from sharedim.report.tables import (
    BADLY,
    dimension_table,
    prediction_table,
    score_tables,
    shown_saturation,
    transferred_types,
    type_rows,
)
from sharedim.training.recipe_types import as_record
from sharedim.training.variants import with_variants

HISTORY = "loss, temperature, alignment, norms and more of every model and epoch"


@dataclass(frozen=True)
class Records:
    """What a report tells beside the results.

    Attributes
    ----------
    saturation, types : DataFrame
        As ``saturation.tsv`` and ``types.tsv``.
    preprocessing, provenance : dict
        As ``preprocessing.json`` and ``provenance.json``.
    """

    saturation: pd.DataFrame
    types: pd.DataFrame
    preprocessing: Preprocessing
    provenance: Mapping[str, object]


def render_report(results: Results, records: Records, figures: dict[str, bytes]) -> str:
    """Render the page.

    Parameters
    ----------
    results : Results
    records : Records
    figures : dict of bytes
        SVGs by the names of `sharedim.report.figures.registry.FIGURES`.

    Returns
    -------
    str
        HTML.
    """
    reasons = reasons_of(results, records.saturation)
    # Of the types that `sharedim.jobs.provenance.of_dataset` gives.
    provenance: Any = records.provenance
    return render(
        "report.html.j2",
        title=f"Shared dimensions of {results.check['dataset']}",
        answer=results.answer,
        check=results.check,
        words=results.words,
        interval_of_d=interval(results.answer["recommended_d"]),
        interval_of_k=interval(results.answer["k_hat"]),
        verdict=verdict(reasons, results),
        reasons=reasons,
        figures={name: data_uri(svg, "image/svg+xml") for name, svg in figures.items()},
        alt_texts=alt_texts(results),
        preprocessing=records.preprocessing,
        methods=methods_of(results, records.preprocessing, provenance["configuration"]),
        downloads=downloads(results, records),
        provenance=origin.summary(provenance),
        versions=provenance["program"]["versions"],
        today=date.today().isoformat(),
        **_shown_numbers(results, records),
        **_grid(results, provenance["configuration"]),
    )


def _grid(results: Results, configuration: Mapping[str, Any]) -> dict[str, Any]:
    known = with_variants(configuration.get("variants") or {})
    recipes = [as_record(known[name]) for name in results.recipes]
    return {
        "seeds": results.scores["seed"].nunique(),
        "dims": sorted(results.scores["dim"].unique()),
        "recipes": recipes,
        "cosine_recipes": [r["name"] for r in recipes if r.get("similarity") == "cosine"],
        "trained": results.trained,
    }


def _shown_numbers(results: Results, records: Records) -> dict[str, Any]:
    types = transferred_types(results)
    bad = types[types["recall"] < BADLY] if len(types) else types
    predicted, words = results.prediction, results.words
    return {
        "saturation": shown_saturation(results, records.saturation),
        "score_tables": score_tables(results),
        "dimension_table": dimension_table(results),
        "type_rows": type_rows(types),
        "bad_types": list(dict.fromkeys(bad["type"])) if len(bad) else [],
        "no_pairs": None if len(results.similarities) else NO_PAIRS,
        "embedded": len(results.embedding) > 0,
        "nothing_shared": results.recipe is None,
        "no_prediction": None if len(predicted) else no_prediction(words),
        "prediction": prediction_table(predicted, words) if len(predicted) else None,
        "prediction_summary": prediction_summary(predicted, words) if len(predicted) else "",
    }


def downloads(results: Results, records: Records) -> list[Download]:
    """Return every number of the page as files; what is too large is named where it lies."""
    words = results.words
    found = [
        of_table("scores.tsv", results.scores, "every score of every model, with its chance level"),
        of_table(
            "saturation.tsv",
            records.saturation,
            "where every curve saturates, with interval and status",
        ),
        of_table("types.tsv", records.types, "recall, precision and F1 of each type"),
        of_table(
            "confusions.tsv", results.confusions, f"{words.pairs} of each type given each type"
        ),
        of_table(
            "type_dimensions.tsv", results.type_dimensions, "intrinsic dimension of each type"
        ),
        of_table("similarities.tsv", results.similarities, "histogram of true and false pairs"),
        of_table("prediction.tsv", results.prediction, f"every {words.target}, method and seed"),
        of_table("embedding.tsv", results.embedding, f"coordinates and match of every {words.row}"),
        *_histories(results),
        of_record("answer.json", results.answer, "the answer, its rule and warnings"),
        of_record("check.json", results.check, "what was found in the file"),
        of_record("preprocessing.json", records.preprocessing, "features, their names and spectra"),
        of_record("provenance.json", records.provenance, "code, input, packages, every block"),
    ]
    return found


def _histories(results: Results) -> list[Download]:
    whole = of_table("history.tsv", results.history, HISTORY)
    if whole.uri is not None or not len(results.history):
        return [whole]
    # Long training of many seeds: the curves of the figure are carried in their place.
    means = [
        mean_over_seeds(own).assign(recipe=recipe)
        for recipe, own in results.history.groupby("recipe")
    ]
    drawn = of_table(
        "history_means.tsv", pd.concat(means), "the same as means over seeds, as drawn"
    )
    return [whole, drawn]
