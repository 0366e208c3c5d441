"""Recommended output dimension of a dataset: the answer with its warnings, and a refined grid."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import pandas as pd

from sharedim.evaluation.k_hat import KHat, shared_dimension
from sharedim.evaluation.saturation import TOLERANCE, curve, saturation_table
from sharedim.vocabulary import FOR_CELLS, Words, words_of

MATCHING = "match_top0.5pct_rna_to_prot"
# The null: it is compared with chance and never chosen.
NULL = "permuted"
# A recipe that keeps less than this fraction of its in-sample gain over chance overfits.
KEPT_GAIN = 0.5
MINIMUM_SEEDS = 3
# Shared directions by which weak ones must change the count to be worth a word.
NEGLIGIBLE = 0.2
# Of the models that failed, a warning names so many.
NAMED_FAILURES = 5
# The largest output dimension that a grid is refined by.
LARGEST_DIM = 50
# Dimensions that a grid is refined by; each costs as much as one of the grid.
MOST_REFINED = 4


class Check(TypedDict):
    """What is read of ``check.json``."""

    split: dict[str, int]
    kind: str
    modalities: Mapping[str, str]


class Preprocessed(TypedDict):
    """What is read of one modality in ``preprocessing.json``."""

    components: int


class Preprocessing(TypedDict):
    """What is read of ``preprocessing.json``."""

    rna: Preprocessed
    prot: Preprocessed


class Recommended(TypedDict):
    """The recommended output dimension, its interval and what its curve is like."""

    value: int | None
    low: int | None
    high: int | None
    status: str


class Answer(TypedDict):
    """What ``answer.json`` holds, as `answer_of` gives it."""

    dataset: str
    sentence: str
    recommended_d: Recommended
    k_hat: KHat
    recipe: str | None
    rule: str
    warnings: list[str]


@dataclass(frozen=True)
class RecipeSummary:
    """Matching of one recipe from where its held-out curve saturates, in sample and held out.

    Attributes
    ----------
    recipe : str
    in_sample, held_out : float
        Mean top-0.5 % matching from the d of saturation to the end of the grid, the range that
        k-hat is taken from; nan when the recipe failed.
    chance : float
        Held-out chance level.
    kept_gain : float
        Held-out gain over chance as a fraction of the in-sample gain over the same range.
    failed : tuple of (int, int)
        Output dimension and seed of the models without finite scores.
    saturation : Series
        The recipe's held-out row of ``saturation.tsv``.
    """

    recipe: str
    in_sample: float
    held_out: float
    chance: float
    kept_gain: float
    failed: tuple[tuple[int, int], ...]
    saturation: pd.Series

    @property
    def usable(self) -> bool:
        """Whether held-out matching is clearly above chance."""
        return self.saturation["status"] not in ("failed", "nothing_shared")

    @property
    def overfits(self) -> bool:
        """Whether most of the in-sample gain over chance is lost on held-out cells."""
        return self.kept_gain < KEPT_GAIN


def summarise_recipes(scores: pd.DataFrame, saturation: pd.DataFrame) -> list[RecipeSummary]:
    """Compare in-sample and held-out matching of every recipe over the same d."""
    summaries = []
    held_out_rows = saturation[(saturation["metric"] == MATCHING) & (saturation["split"] == "test")]
    for _, row in held_out_rows.iterrows():
        means, chances = {}, {}
        for split in ("train", "test"):
            dims, values, chances[split] = curve(scores, row["recipe"], split, MATCHING)
            plateau = values[:, dims >= row["d_saturation"]]
            finite = plateau[np.isfinite(plateau)]
            means[split] = float(finite.mean()) if finite.size else math.nan
        gain = means["train"] - chances["train"]
        kept = (means["test"] - chances["test"]) / gain if gain > 0 else math.nan
        summaries.append(
            RecipeSummary(
                recipe=row["recipe"],
                in_sample=means["train"],
                held_out=means["test"],
                chance=chances["test"],
                kept_gain=kept,
                failed=_failed_models(scores, row["recipe"]),
                saturation=row,
            )
        )
    return summaries


def _failed_models(scores: pd.DataFrame, recipe: str) -> tuple[tuple[int, int], ...]:
    held_out = scores[
        (scores["recipe"] == recipe) & (scores["metric"] == MATCHING) & (scores["split"] == "test")
    ]
    failed = held_out.loc[~np.isfinite(held_out["value"]), ["dim", "seed"]]
    return tuple((int(dim), int(seed)) for dim, seed in sorted(failed.to_numpy().tolist()))


def conclude(
    dataset: str,
    scores: pd.DataFrame,
    check: Check,
    preprocessing: Preprocessing,
    contrastive: list[str],
) -> tuple[pd.DataFrame, Answer]:
    """Find where every curve of a dataset saturates, and say what follows from it.

    Parameters
    ----------
    dataset : str
        Its name.
    scores : DataFrame
        As ``scores.tsv``, of this dataset.
    check, preprocessing : dict
        As ``check.json`` and ``preprocessing.json``.
    contrastive : list of str
        The recipes that train encoders.

    Returns
    -------
    saturation : DataFrame
        As ``saturation.tsv``.
    answer : dict
        As `answer_of` gives it.
    """
    saturation = saturation_table(scores, check["split"])
    directions = min(preprocessing["rna"]["components"], preprocessing["prot"]["components"])
    answer = answer_of(
        dataset,
        scores,
        saturation,
        contrastive=contrastive,
        directions=directions,
        words=words_of(check["kind"], check["modalities"]),
    )
    return saturation, answer


def answer_of(
    dataset: str,
    scores: pd.DataFrame,
    saturation: pd.DataFrame,
    *,
    contrastive: list[str],
    directions: int,
    words: Words = FOR_CELLS,
) -> Answer:
    """Say how many dimensions are shared and which output dimension to use.

    Parameters
    ----------
    dataset : str
        Its name.
    scores, saturation : DataFrame
        As ``scores.tsv`` and ``saturation.tsv``, of this dataset.
    contrastive : list of str
        The recipes that train encoders.
    directions : int
        Features of the smaller modality: a linear baseline has no more directions than these.
    words : Words
        What the sentences call the modalities and their rows.

    Returns
    -------
    dict
        ``k_hat`` and ``recommended_d``, each with ``value``, ``low``, ``high`` and ``status``,
        k_hat also with the ``recipe`` and the d it comes from; ``recipe`` (the best on held-out
        cells), ``rule``, ``sentence`` and ``warnings``. Unknown values are None.
    """
    summaries = summarise_recipes(scores, saturation)
    usable = [s for s in summaries if s.usable and s.recipe != NULL]
    best = max(usable, key=lambda summary: summary.saturation["plateau"], default=None)
    k_hat = shared_dimension(scores, saturation, MATCHING, directions)
    recommended = _recommended(best, k_hat, sorted(scores["dim"].unique()))
    return {
        "dataset": dataset,
        "sentence": _sentence(dataset, best, recommended, k_hat, words),
        "recommended_d": recommended,
        "k_hat": k_hat,
        "recipe": best.recipe if best else None,
        "rule": _rule(words),
        "warnings": [
            *_warnings_of_recipes(summaries, words),
            *_warnings_of_best(best, contrastive, directions, words),
            *_warnings_of_seeds(scores["seed"].nunique()),
        ],
    }


def _rule(words: Words) -> str:
    return (
        "The recommended d is the smallest output dimension whose held-out top-0.5 % matching "
        f"({words.first} to {words.second}) falls short of the best by no more than {TOLERANCE:.0%} "
        f"of the gain over chance, for the recipe that matches best on held-out {words.pairs}, and no "
        "less than the first d trained of at least k-hat + 1, since representations of unit length "
        "lie on a sphere, which has one dimension less than coordinates. k-hat is the participation "
        f"ratio of the canonical correlations that are significant on held-out {words.pairs}, those of the "
        "linear baseline at the largest d, to the nearest whole number; its interval reaches up to "
        "their plain count. Intervals (90 %) resample the seeds with their splits."
    )


def _recommended(best: RecipeSummary | None, k_hat: KHat, dims: list[int]) -> Recommended:
    """Return where matching saturates, or the next d trained with a coordinate more than is shared."""
    if best is None:
        return {"value": None, "low": None, "high": None, "status": "nothing_shared"}
    row = best.saturation
    needed = 1 if k_hat["value"] is None else k_hat["value"] + 1
    least = next((int(d) for d in dims if d >= needed), int(dims[-1]))
    found = [_whole(row[name]) for name in ("d_saturation", "ci_low", "ci_high")]
    value, low, high = (None if d is None else max(d, least) for d in found)
    return {"value": value, "low": low, "high": high, "status": row["status"]}


def _whole(value: float) -> int | None:
    return int(value) if math.isfinite(value) else None


def _sentence(
    dataset: str, best: RecipeSummary | None, recommended: Recommended, k_hat: KHat, words: Words
) -> str:
    if best is None:
        return (
            f"Nothing shared was found in {dataset}: no recipe matches held-out {words.pairs} "
            "clearly better than chance."
        )
    d, low, high = recommended["value"], recommended["low"], recommended["high"]
    interval = f" (90 % interval {low} to {high})" if low is not None else ""
    if recommended["status"] == "not_saturated":
        use = (
            f"Use at least d = {d}{interval} for {dataset}: the grid ends before matching saturates"
        )
    elif recommended["status"] == "flat":
        use = f"d = {d}{interval} is enough for {dataset}: no larger d is clearly better"
    else:
        use = f"Use d = {d}{interval} for {dataset}: held-out matching does not improve beyond it"
    evidence = f" ({best.recipe}: {best.saturation['plateau']:.3f}, chance {best.chance:.3f})"
    return f"{use}{evidence}. {_shared_sentence(k_hat, words.pairs)}"


def _shared_sentence(k_hat: KHat, pairs: str) -> str:
    if k_hat["value"] is None:
        reason = {
            "nothing_shared": f"no direction of the linear baseline is significant on held-out {pairs}",
            "not_run": "it is found by the recipe cca, which was not run",
            "failed": "no model of the recipe cca gave a finite estimate",
        }[k_hat["status"]]
        return f"The number of shared dimensions could not be estimated: {reason}."
    span = f" ({k_hat['low']} to {k_hat['high']})" if k_hat["low"] is not None else ""
    told = f"{k_hat['count']:g} canonical directions are significant on held-out {pairs}"
    if k_hat["count"] > k_hat["effective"] + NEGLIGIBLE:
        told += f", {k_hat['effective']:.1f} with weak ones counted for less"
    if k_hat["status"] == "not_saturated":
        return (
            f"At least {k_hat['value']}{span} dimensions are shared: {told}, all there are at d = "
            f"{k_hat['at_d']}."
        )
    all_of_it = ", all that the smaller modality has" * (k_hat["status"] == "all_directions")
    return f"The modalities share {k_hat['value']}{span} dimensions: {told}{all_of_it}."


def _warnings_of_recipes(summaries: list[RecipeSummary], words: Words) -> list[str]:
    warnings = []
    for summary in summaries:
        if summary.recipe == NULL:
            if summary.usable:
                warnings.append(
                    f"The null is above chance: {NULL}, trained on permuted pairs, matches "
                    f"{summary.saturation['plateau']:.4f} of held-out {words.pairs}, chance "
                    f"{summary.chance:.4f}. Something other than the pairing tells the {words.rows} apart."
                )
        elif summary.overfits:
            warnings.append(
                f"The recipe {summary.recipe} overfits: from d = {summary.saturation['d_saturation']:g} "
                f"on its matching is {summary.in_sample:.3f} in sample and {summary.held_out:.3f} on "
                f"held-out {words.pairs}, chance {summary.chance:.3f}."
            )
        if summary.failed:
            several = len(summary.failed) > 1
            named = [f"d = {dim}, seed {seed}" for dim, seed in summary.failed[:NAMED_FAILURES]]
            more = len(summary.failed) - len(named)
            others = f" and {more} more" if more else ""
            warnings.append(
                f"{len(summary.failed)} model{'s' if several else ''} of the recipe "
                f"{summary.recipe} failed, values not being finite; "
                f"{'they have' if several else 'it has'} no scores ({'; '.join(named)}{others})."
            )
    return warnings


def _warnings_of_best(
    best: RecipeSummary | None, contrastive: list[str], directions: int, words: Words
) -> list[str]:
    warnings = []
    if best is not None and best.recipe not in contrastive:
        if contrastive:
            warnings.append(
                f"The linear baseline {best.recipe} matches held-out {words.pairs} better than "
                "contrastive training, so the recommendation rests on it."
            )
        if best.saturation["d_saturation"] >= directions:
            warnings.append(
                f"The smaller modality has {directions} features, so {best.recipe} has no more than "
                f"{directions} directions and its curve cannot rise beyond d = {directions}."
            )
    if best is not None and best.saturation["status"] == "not_saturated":
        warnings.append("Nothing saturates inside the grid: add larger dims.")
    return warnings


def _warnings_of_seeds(seeds: int) -> list[str]:
    if seeds >= MINIMUM_SEEDS:
        return []
    return [
        f"{seeds} seed{'s' if seeds > 1 else ''} cannot tell how sure this is: use at least "
        f"{MINIMUM_SEEDS}."
    ]


def refined_dims(answer: Answer, dims: list[int]) -> list[int]:
    """Choose output dimensions beside the grid that locate more exactly where matching saturates.

    Those between the neighbours of the recommended d in the grid, the nearest to it first, with
    k-hat + 1 before them; where matching does not saturate within the grid, up to twice its
    last dimension.

    Parameters
    ----------
    answer : dict
        Of the grid, as `answer_of` gives it.
    dims : list of int
        The grid, in increasing order.

    Returns
    -------
    list of int
        At most `MOST_REFINED`, in increasing order, none of the grid; none at all where nothing shared was
        found.
    """
    elbow = answer["recommended_d"]["value"]
    if elbow is None:
        return []
    place = dims.index(elbow)
    low = dims[place - 1] if place else 0
    high = dims[place + 1] if place + 1 < len(dims) else elbow + 1
    wanted = sorted(range(low + 1, high), key=lambda d: (abs(d - elbow), d))
    if answer["recommended_d"]["status"] == "not_saturated":
        beyond = np.linspace(dims[-1], min(2 * dims[-1], LARGEST_DIM), MOST_REFINED + 1)[1:]
        wanted = [int(d) for d in np.unique(beyond.round())]
    k_hat = answer["k_hat"]["value"]
    if k_hat is not None and k_hat + 1 <= LARGEST_DIM:
        # One coordinate more than is shared is all that unit lengths need.
        wanted.insert(0, k_hat + 1)
    new = [d for d in dict.fromkeys(wanted) if d not in dims]
    return sorted(new[:MOST_REFINED])
