"""Reservations about an answer, and the evidence for it, in plain words."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from sharedim.evaluation.recommendation import MINIMUM_SEEDS, NULL, RecipeSummary, summarise_recipes
from sharedim.report.results import Results

# An interval over more of the d that were tried than this is wide.
NARROW = 2
# A temperature that ends above this fraction of its start has not fallen.
FALLEN = 0.9


class Reason(NamedTuple):
    """One thing that speaks for the answer (``supports``) or limits it, as a sentence."""

    supports: bool
    text: str


def verdict(reasons: list[Reason], results: Results) -> str:
    """Return the reasons' upshot in a few words."""
    if results.recipe is None:
        return "There is no answer in these data"
    against = sum(not reason.supports for reason in reasons)
    if not against:
        return "Well supported"
    return f"Supported, with {against} reservation{'s' if against > 1 else ''}"


def reasons_of(results: Results, saturation: pd.DataFrame) -> list[Reason]:
    """Return what speaks for the answer of a dataset, and then what limits it.

    Parameters
    ----------
    results : Results
    saturation : DataFrame
        As ``saturation.tsv``.
    """
    summaries = {s.recipe: s for s in summarise_recipes(results.scores, saturation)}
    best = None if results.recipe is None else summaries.get(results.recipe)
    reasons = [
        *_of_matching(best, summaries, results.words.pairs),
        *_of_d(results, best),
        *_of_null(summaries.get(NULL)),
        *_of_k(results),
        *_of_temperature(results),
        *(Reason(False, warning) for warning in results.answer["warnings"]),
    ]
    return sorted(reasons, key=lambda reason: not reason.supports)


def _of_matching(
    best: RecipeSummary | None, summaries: dict[str, RecipeSummary], pairs: str
) -> list[Reason]:
    if best is None:
        return []
    plateau = best.saturation["plateau"]
    text = (
        f"On {pairs} it never saw, {best.recipe} ranks the true match among the best 0.5 % for "
        f"{100 * plateau:.1f} % of the {pairs}, {plateau / best.chance:.0f} times as often as guessing"
    )
    linear = [summaries[name] for name in ("cca", "pca") if name in summaries]
    linear = [summary for summary in linear if summary is not best and summary.usable]
    if linear:
        other = max(linear, key=lambda summary: summary.saturation["plateau"])
        text += (
            f"; the linear baseline {other.recipe} for {100 * other.saturation['plateau']:.1f} %"
        )
    return [Reason(True, f"{text}.")]


def _of_d(results: Results, best: RecipeSummary | None) -> list[Reason]:
    d, dims = results.answer["recommended_d"], sorted(results.scores["dim"].unique())
    value, low, high = d["value"], d["low"], d["high"]
    seeds = results.scores["seed"].nunique()
    reasons = []
    # That a grid ends too early is a warning of the answer.
    if value is not None and d["status"] != "not_saturated":
        text = f"Matching stops rising inside the grid, which goes up to d = {dims[-1]}."
        reasons.append(Reason(True, text))
    if best is not None and value is not None and best.saturation["d_saturation"] < value:
        text = (
            f"The curve itself saturates at d = {best.saturation['d_saturation']:g}; d = {value} is the "
            "first tried that has a coordinate more than k-hat, which a space of unit lengths needs."
        )
        reasons.append(Reason(True, text))
    if low is not None and high is not None and seeds >= MINIMUM_SEEDS:
        tried = sum(low <= dim <= high for dim in dims)
        span = f"d = {low}" if tried == 1 else f"a d between {low} and {high}"
        text = f"{seeds} random splits lead to {span}"
        wide = tried > NARROW
        text += f", a wide range: {tried} of the d that were tried" if wide else ""
        reasons.append(Reason(not wide, f"{text}."))
    return reasons


def _of_null(null: RecipeSummary | None) -> list[Reason]:
    if null is None:
        text = f"The null was not run: {NULL} among the recipes would check the method."
        return [Reason(False, text)]
    text = (
        "Trained on permuted pairs, the same method matches no better than guessing, as it should."
    )
    # A null above chance is a warning of the answer.
    return [] if null.usable else [Reason(True, text)]


def _of_k(results: Results) -> list[Reason]:
    k = results.answer["k_hat"]
    # A simulation may not know how many dimensions are shared.
    truth = (results.check.get("truth") or {}).get("shared_dimensions")
    reasons = []
    if k["status"] == "all_directions":
        # Of cells it is the proteins that are few; of features it may be either side.
        more = "features" if results.check["kind"] == "features" else "proteins"
        text = (
            "Every direction of the smaller modality is shared in part, so that k-hat is bounded by how "
            f"many there are: more {more} might show more."
        )
        reasons.append(Reason(False, text))
    elif k["status"] == "not_saturated":
        text = f"k-hat is as large as d = {k['at_d']} lets it be: larger d may show more."
        reasons.append(Reason(False, text))
    if truth is not None and k["value"] is not None:
        text = f"The simulation put {truth} shared dimensions in."
        reasons.append(Reason(k["value"] == truth, text))
    return reasons


def _of_temperature(results: Results) -> list[Reason]:
    """Say of which recipe the temperature does not fall, at the recommended d."""
    table = results.history.dropna(subset="temperature").sort_values("epoch")
    table = table[(table["dim"] == results.recommended_d) & (table["recipe"] != NULL)]
    reasons = []
    for recipe, own in table.groupby("recipe", sort=False):
        course = own.groupby("seed")["temperature"]
        start, end = course.first().mean(), course.last().mean()
        if course.nunique().max() > 1 and end > FALLEN * start:
            text = (
                f"The temperature of {recipe} does not fall at d = {results.recommended_d} ({start:.2f} "
                f"after the first epoch, {end:.2f} at the end), as it does in theory where pairs can "
                "be aligned: d or the encoders may be too small, or little may be shared."
            )
            reasons.append(Reason(False, text))
    return reasons
