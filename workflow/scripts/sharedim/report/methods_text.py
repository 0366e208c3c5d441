"""Methods text of a dataset's analysis, with citations, ready to paste."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sharedim.evaluation.saturation import TOLERANCE
from sharedim.report.figures.dimension import ESTIMATORS
from sharedim.report.results import Check, Preprocessing, Results
from sharedim.training.recipe_types import ContrastiveRecipe, LinearRecipe, Recipe
from sharedim.training.variants import with_variants
from sharedim.version import __version__
from sharedim.vocabulary import Words, enumerated

# Both averages of maximum likelihood are of one estimator.
METHODS_NAMES = {
    estimator: name
    for estimator, name in (ESTIMATORS | {"mle": "maximum likelihood"}).items()
    if estimator != "mle_harmonic"
}
REFERENCES = {
    "Gui et al. 2025": (
        "Gui Y, Ma C, Ma Z. Multi-modal contrastive learning adapts to intrinsic dimensions of shared "
        "latent variables. arXiv:2505.12473, 2025."
    ),
    "Baptista et al. 2025": (
        "Baptista R, Stuart AM, Tran S. A mathematical perspective on contrastive learning. "
        "arXiv:2505.24134, 2025."
    ),
    "Radford et al. 2021": (
        "Radford A, Kim JW, Hallacy C, et al. Learning transferable visual models from natural language "
        "supervision. International Conference on Machine Learning, 2021."
    ),
    "Hotelling 1936": "Hotelling H. Relations between two sets of variates. Biometrika 28:321-377, 1936.",
    "Hao et al. 2021": (
        "Hao Y, Hao S, Andersen-Nissen E, et al. Integrated analysis of multimodal single-cell data. "
        "Cell 184:3573-3587, 2021."
    ),
    "Wolf et al. 2018": (
        "Wolf FA, Angerer P, Theis FJ. SCANPY: large-scale single-cell gene expression data analysis. "
        "Genome Biology 19:15, 2018."
    ),
    "Stuart et al. 2019": (
        "Stuart T, Butler A, Hoffman P, et al. Comprehensive integration of single-cell data. "
        "Cell 177:1888-1902, 2019."
    ),
    "Korsunsky et al. 2019": (
        "Korsunsky I, Millard N, Fan J, et al. Fast, sensitive and accurate integration of single-cell "
        "data with Harmony. Nature Methods 16:1289-1296, 2019."
    ),
    "Mulè et al. 2022": (
        "Mulè MP, Martins AJ, Tsang JS. Normalizing and denoising protein expression data from "
        "droplet-based single cell profiling. Nature Communications 13:2099, 2022."
    ),
    "Levina and Bickel 2005": (
        "Levina E, Bickel PJ. Maximum likelihood estimation of intrinsic dimension. Advances in Neural "
        "Information Processing Systems 17, 2005."
    ),
    "Bac et al. 2021": (
        "Bac J, Mirkes EM, Gorban AN, Tyukin I, Zinovyev A. Scikit-dimension: a Python package for "
        "intrinsic dimension estimation. Entropy 23:1368, 2021."
    ),
    "Bredikhin et al. 2022": (
        "Bredikhin D, Kats I, Stegle O. MUON: multimodal omics analysis framework. Genome Biology "
        "23:42, 2022."
    ),
    "Facco et al. 2017": (
        "Facco E, d'Errico M, Rodriguez A, Laio A. Estimating the intrinsic dimension of datasets by a "
        "minimal neighborhood information. Scientific Reports 7:12140, 2017."
    ),
    "McInnes et al. 2018": (
        "McInnes L, Healy J, Melville J. UMAP: Uniform Manifold Approximation and Projection for "
        "dimension reduction. arXiv:1802.03426, 2018."
    ),
    "Lei et al. 2018": (
        "Lei J, G'Sell M, Rinaldo A, Tibshirani RJ, Wasserman L. Distribution-free predictive inference "
        "for regression. Journal of the American Statistical Association 113:1094-1111, 2018."
    ),
}


SIMILARITIES = {
    "inner_product": "inner products divided by the mean norms",
    "cosine": "cosine similarity",
    "euclidean": "negative squared Euclidean distances of representations divided by their mean norms",
    "unnormalised": "inner products",
    "unnormalised_euclidean": "negative squared Euclidean distances",
}


# To be filled with the names of the modalities.
LOSSES = {
    "two_sided": "the contrastive loss of Radford et al. 2021",
    "rna_to_prot": "the one-sided contrastive loss of {second} given {first} (Baptista et al. 2025)",
    "prot_to_rna": "the one-sided contrastive loss of {first} given {second} (Baptista et al. 2025)",
    "joint": "the joint contrastive loss of Baptista et al. 2025",
}


class Methods(NamedTuple):
    """Paragraphs, and the references that they cite, in order."""

    paragraphs: list[str]
    references: list[str]


def methods_of(
    results: Results, preprocessing: Preprocessing, configuration: Mapping[str, Any]
) -> Methods:
    """Write what was done.

    Parameters
    ----------
    results : Results
    preprocessing : dict
        As ``preprocessing.json``.
    configuration : dict
        The settings in ``provenance.json``.
    """
    recipes = with_variants(configuration.get("variants") or {})
    paragraphs = [
        _features(results.check, preprocessing),
        _training(results, configuration, recipes),
        _evaluation(results),
        _after(results, recipes),
    ]
    paragraphs = [paragraph for paragraph in paragraphs if paragraph]
    text = " ".join(paragraphs)
    return Methods(paragraphs, [full for key, full in REFERENCES.items() if key in text])


def _features(check: Check, preprocessing: Preprocessing) -> str:
    if check["kind"] == "features":
        return _given_features(check, preprocessing)
    options = preprocessing["options"]
    sentences = [
        f"The shared dimensions of RNA and surface protein were analysed with sharedim {__version__} in "
        f"{check['paired_cells']:,} cells with {check['genes']:,} genes and {check['proteins']:,} "
        "proteins, by the method of Gui et al. 2025.",
        f"RNA: {preprocessing['rna']['steps']} (variable genes: Stuart et al. 2019; scanpy: Wolf et al. "
        "2018).",
        f"Protein: {preprocessing['prot']['steps']}.",
    ]
    if options["harmony"]:
        sentences.append("Components were corrected by Harmony (Korsunsky et al. 2019).")
    if options["protein_transform"].startswith("dsb"):
        sentences.append("dsb: Mulè et al. 2022.")
        if options["protein_transform"] == "dsb_from_droplets":
            sentences.append("It was computed by muon (Bredikhin et al. 2022).")
    elif options["protein_transform"].startswith("clr"):
        sentences.append("These steps follow the analysis of Hao et al. 2021.")
    return " ".join([*sentences, f"Features were fitted on {preprocessing['fitted_on']}."])


def _given_features(check: Check, preprocessing: Preprocessing) -> str:
    first, second = check["modalities"].values()
    return (
        f"The shared dimensions of {first} and {second} were analysed with sharedim {__version__} in "
        f"{check['paired_cells']:,} pairs, by the method of Gui et al. 2025. {first}: "
        f"{preprocessing['rna']['steps']}. {second}: {preprocessing['prot']['steps']}. "
        f"Features were fitted on {preprocessing['fitted_on']}."
    )


def _training(
    results: Results, configuration: Mapping[str, Any], recipes: dict[str, Recipe]
) -> str:
    scores, check, words = results.scores, results.check, results.words
    dims = ", ".join(map(str, sorted(scores["dim"].unique())))
    seeds = scores["seed"].nunique()
    split = check["split"]
    sentences = [
        f"Models of output dimension d = {dims} were fitted with {_seeds(seeds)}; of the {words.pairs} of each, "
        f"{split['test']:,} were held out ({check['test_cells']}).",
        *(_recipe(recipes[name], words) for name in results.recipes),
    ]
    if configuration.get("refine"):
        sentences.append("The grid was refined around the d at which matching saturates.")
    return " ".join(sentences)


def _seeds(seeds: int) -> str:
    if seeds == 1:
        return "one random seed, which determines split and initial weights"
    return f"{seeds} random seeds, each of which determines split and initial weights"


def _recipe(recipe: Recipe, words: Words) -> str:
    if isinstance(recipe, LinearRecipe):
        what = {
            "cca": (
                "regularised canonical correlation analysis (Hotelling 1936), which Baptista et al. 2025 "
                "show to be the linear limit of contrastive learning"
            ),
            "pca": "principal components of each modality, joined by a linear map",
        }[recipe.method]
        return f"The baseline {recipe.name} is {what}; its ridge was chosen on validation {words.pairs}."
    return _contrastive(recipe, words)


def _contrastive(recipe: ContrastiveRecipe, words: Words) -> str:
    if recipe.shuffle_pairs:
        return f"As a null, {recipe.name} was trained in the same way on permuted pairs."
    layers = f"{recipe.hidden_layers} hidden layer{'s' * (recipe.hidden_layers != 1)}"
    networks = f"ReLU networks ({layers} of {recipe.hidden_width} units)"
    if recipe.hidden_layers == 0:
        networks = "linear maps"
    length = f"{recipe.steps:,} steps at most" if recipe.steps else f"{recipe.epochs:,} epochs"
    similarity = SIMILARITIES[recipe.similarity]
    loss = LOSSES[recipe.loss].format(first=words.first, second=words.second)
    extras = [
        *(["a linear skip connection"] if recipe.linear_skip else []),
        *(["a start from canonical correlation analysis"] if recipe.start == "cca" else []),
        *(["input noise"] if recipe.input_noise else []),
        *([f"dropout of {recipe.dropout:g}"] if recipe.dropout else []),
        *(["averaged weights"] if recipe.averaged_steps else []),
        *([f"early stopping on validation {words.pairs}"] if recipe.patience else []),
    ]
    with_extras = f", with {', '.join(extras)}" if extras else ""
    temperature = "a learned temperature" if recipe.learn_temperature else "a fixed temperature"
    optimiser = {"adam": "Adam", "adamw": "AdamW"}[recipe.optimiser]
    return (
        f"The recipe {recipe.name} trains two {networks}"
        f" by {loss} on {similarity} with {temperature}, "
        f"for {length} of {recipe.batch_size} {words.pairs} ({optimiser}, learning rate "
        f"{recipe.learning_rate:g}, weight decay {recipe.weight_decay:g}){with_extras}."
    )


def _evaluation(results: Results) -> str:
    words = results.words
    transfer = (
        f" Labels ({', '.join(results.labels)}) were transferred from the nearest {words.row} of the "
        "other modality."
        if results.labels
        else ""
    )
    return (
        f"Matching is the fraction of held-out {words.pairs} whose true match is among the best 0.5 % of "
        f"all candidates.{transfer} The recommended d is the smallest whose held-out matching falls short of "
        f"the best by no more than {TOLERANCE:.0%} of the gain over chance, and no less than k-hat + 1, "
        "where k-hat is the participation ratio of the canonical correlations that are significant "
        f"on held-out {words.pairs}; 90 % intervals resample the seeds with their splits."
        f"{_estimators(results)}"
    ).replace("5% of", "5 % of")


def _estimators(results: Results) -> str:
    """Name the estimators of intrinsic dimension that the scores have."""
    cited = {"mle": " over 20 neighbours (Levina and Bickel 2005)", "twonn": " (Facco et al. 2017)"}
    there = set(results.scores["metric"])
    named = [
        f"{name}{cited.get(estimator, '')}"
        for estimator, name in METHODS_NAMES.items()
        if f"id_{estimator}_rna" in there
    ]
    if not named:
        return ""
    return (
        f" Intrinsic dimension was estimated by {enumerated(named)}, with scikit-dimension "
        "(Bac et al. 2021)."
    )


def _after(results: Results, recipes: dict[str, Recipe]) -> str:
    sentences, words = [], results.words
    if len(results.embedding):
        sentences.append(
            f"For the embedding the model ({results.recipe}, d = {results.recommended_d}) was fitted to "
            f"all but the validation {words.pairs} and drawn with UMAP (McInnes et al. 2018)."
        )
    if len(results.prediction) and results.recipe is not None:
        predicted = "Protein was predicted from the RNA of held-out cells"
        if results.check["kind"] == "features":
            predicted = f"Of held-out pairs {words.second} was predicted from {words.first}"
        sentences.append(
            f"{predicted} as the softmax-weighted average over the other {words.pairs} at the "
            f"temperature {_temperature(recipes[results.recipe], words)}, with 90 % split-conformal "
            "intervals (Lei et al. 2018), beside ridge regression and nearest neighbours."
        )
    return " ".join(sentences)


def _temperature(recipe: Recipe, words: Words) -> str:
    """Say where the temperature of a recipe comes from: closed forms learn none."""
    linear = isinstance(recipe, LinearRecipe)
    return f"chosen on validation {words.pairs}" if linear else "that was learned"
