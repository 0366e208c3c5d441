"""Alternative texts of a report's figures, computed from the numbers that are plotted."""

from __future__ import annotations

import pandas as pd

from sharedim.evaluation.recommendation import MATCHING
from sharedim.report.figures.confusion import NO_MODEL, no_labels
from sharedim.report.figures.curves import paper_recipe
from sharedim.report.figures.dimension import ESTIMATORS
from sharedim.report.figures.embedding import match_summary, no_embedding
from sharedim.report.figures.pairs import NO_PAIRS
from sharedim.report.figures.prediction import METHOD_NAMES, mean_prediction, no_prediction
from sharedim.report.figures.training import NO_TRAINING, final_temperatures
from sharedim.report.html import number
from sharedim.report.results import METHODS, Results, true_pairs_above_false
from sharedim.report.tables import transferred_types
from sharedim.vocabulary import Words


def alt_texts(results: Results) -> dict[str, str]:
    """Return the alternative text of every figure of a dataset, by the figure's name."""
    return {
        "saturation": _saturation(results),
        "dimension": _dimension(results),
        "training": _training(results),
        "pairs": _pairs(results),
        "confusion": _confusion(results),
        "embedding": _embedding(results),
        "prediction": _prediction(results),
        "paper_figure": (
            "The layout of the paper's CITE-seq figure for the recipe "
            f"{paper_recipe(results)}: {_risen(results, paper_recipe(results))}."
        ),
    }


def _risen(results: Results, recipe: str) -> str:
    scores = results.scores
    own = scores[
        (scores["recipe"] == recipe) & (scores["metric"] == MATCHING) & (scores["split"] == "test")
    ]
    means = own.groupby("dim")["value"].mean().dropna()
    if not len(means):
        return f"{recipe} failed"
    first, last, best = means.index[0], means.index[-1], means.idxmax()
    return (
        f"{recipe} goes from {means[first]:.3f} at d = {first} to {means[best]:.3f} at d = {best}, its "
        f"best, and {means[last]:.3f} at d = {last}"
    )


def _saturation(results: Results) -> str:
    curves = "; ".join(_risen(results, recipe) for recipe in results.recipes)
    chance = results.scores.loc[results.scores["metric"] == MATCHING, "chance"].mean()
    marked = (
        f" A line marks the recommended d = {results.recommended_d}."
        if results.recommended_d is not None
        else ""
    )
    held_out = f"held-out {results.words.pairs}"
    return (
        f"Scores against output dimension, in sample on the left and on {held_out} on the right. "
        f"Top-0.5 % matching on {held_out}: {curves}; chance is {chance:.3f}.{marked}"
    )


def _dimension(results: Results) -> str:
    recipe, scores = results.recipe or results.recipes[0], results.scores
    dim = results.recommended_d or scores["dim"].max()
    own = scores[
        (scores["recipe"] == recipe) & (scores["split"] == "test") & (scores["dim"] == dim)
    ]
    means = own.groupby("metric")["value"].mean()
    words = results.words
    told = [
        f"{name} {number(means[f'id_{estimator}_rna'])} of {words.first} and "
        f"{number(means[f'id_{estimator}_prot'])} of {words.second}"
        for estimator, name in ESTIMATORS.items()
        if {f"id_{estimator}_rna", f"id_{estimator}_prot"} <= set(means.index)
    ]
    return (
        f"Intrinsic dimension of held-out representations of {recipe} against output dimension, a "
        f"column each for {words.both}. At d = {dim}: {'; '.join(told) or 'not estimated'}."
    )


def _training(results: Results) -> str:
    if not results.trained:
        return NO_TRAINING
    told = []
    for recipe in results.trained:
        own = results.history[results.history["recipe"] == recipe]
        last = final_temperatures(own)["last"]
        epochs = own.groupby(["dim", "seed"])["epoch"].max()
        told.append(
            f"{recipe} trains for {epochs.min()} to {epochs.max()} epochs and ends with a temperature of "
            f"{last.iloc[0]:.3g} at d = {last.index[0]} and {last.iloc[-1]:.3g} at d = {last.index[-1]}"
        )
    return (
        "Loss, temperature, alignment of held-out pairs and mean norm against epoch, a line for each "
        f"output dimension, and the final temperature against output dimension: {'; '.join(told)}."
    )


def _pairs(results: Results) -> str:
    table = results.similarities
    if not len(table):
        return NO_PAIRS
    middles = (table["low"] + table["high"]) / 2
    means = (middles * table["share"]).groupby(table["pair"]).sum()
    return (
        "Histograms of the similarity of held-out pairs: true pairs have a mean of "
        f"{means['true']:.2f}, false pairs of {means['false']:.2f}; a true pair is more similar than a "
        f"false one with probability {true_pairs_above_false(table):.3f}."
    )


def _confusion(results: Results) -> str:
    if not results.labels:
        return no_labels(results.words)
    types = transferred_types(results)
    if not len(types):
        return NO_MODEL
    told = []
    for (column, direction), own in types.groupby(["column", "direction"], sort=False):
        right = (own["recall"] * own["cells"]).sum() / own["cells"].sum()
        worst = own.iloc[0]
        told.append(
            f"{column}, {direction}: {right:.0%} of the {results.words.pairs} are given their own type, the least of "
            f"{worst['type']} ({worst['recall']:.0%})".replace("%", " %")
        )
    return f"Which share of each true type is given which type. {'; '.join(told)}."


def _embedding(results: Results) -> str:
    cells, words = results.embedding, results.words
    if not len(cells):
        return no_embedding(words)
    counts = cells["modality"].value_counts()
    sizes = " and ".join(f"{counts.get(m, 0):,} of {name}" for m, name in words.modalities.items())
    groups = [*(level for level in results.labels if level in cells), "batch", "match"]
    summary = match_summary(cells, words).replace("\n", "; ")
    told = f" Rank of the true match: {summary}." if summary else ""
    return (
        f"UMAP of the shared space with {sizes} {words.rows}, {words.first} on the left and "
        f"{words.second} on the right, coloured by {', '.join(groups)}.{told}"
    )


def _prediction(results: Results) -> str:
    if not len(results.prediction):
        return no_prediction(results.words)
    told = prediction_summary(results.prediction, results.words)
    return f"Correlation of predicted with measured {results.words.second}: {told}"


def prediction_summary(prediction: pd.DataFrame, words: Words) -> str:
    """Say how well the second modality is predicted, beside the baselines."""
    table = mean_prediction(prediction)
    correlations = table.xs("correlation", axis="columns", level=1)
    methods = [method for method in METHODS if method in correlations]
    medians = ", ".join(f"{METHOD_NAMES[m]} {correlations[m].median():.3f}" for m in methods)
    text = f"the median over {len(table)} {words.targets} is, for {medians}"
    if {"sharedim", "ridge"} <= set(methods):
        better = int((correlations["sharedim"] >= correlations["ridge"]).sum())
        text += f"; sharedim is at least as good as ridge for {better} of {len(table)}"
    if ("sharedim", "coverage") in table:
        covered = table["sharedim", "coverage"].mean()
        text += f"; {100 * covered:.1f} % of the values lie inside the 90 % interval"
    return f"{text}."
