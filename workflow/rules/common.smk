"""Shared by all rules: the checked configuration, the wildcards, and what rules ask of a dataset."""

import json
import os
import re
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

from sharedim import configuration
from sharedim.datasets.catalogue import BUILT_IN
from sharedim.errors import InputError
from sharedim.training.variants import recipes_of

SCHEMA = Path(workflow.source_path("../schemas/config.schema.yaml"))


def launch_directory():
    """Return where the command was typed, which `--directory` makes Snakemake leave."""
    # Jobs on a cluster are started in the working directory itself and inherit the answer.
    inherited = os.environ.get("SHAREDIM_LAUNCHED_FROM")
    if inherited is None and workflow.overwrite_workdir is None:
        return Path.cwd()
    typed_in = os.environ.get("PWD", os.getcwd())
    return Path(os.environ.setdefault("SHAREDIM_LAUNCHED_FROM", typed_in))


def complete_configuration():
    """Coerce, check and complete the configuration in place; return datasets, new cells, recipes."""
    coerced = configuration.coerce(config)
    try:
        configuration.check(coerced, yaml.safe_load(SCHEMA.read_text(encoding="utf-8")))
        validate(coerced, str(SCHEMA), set_default=True)
        datasets = configuration.datasets_of(coerced, launch_directory(), Path.cwd())
        new_cells = configuration.new_cells_of(
            coerced, datasets, launch_directory(), Path.cwd()
        )
        recipes = recipes_of(coerced)
    except InputError as error:
        raise WorkflowError(
            f"{error}\nNothing was run. Every setting is explained in config/README.md; "
            "`make check FILE=...` shows what is seen in a file."
        )
    config.update(coerced)
    return datasets, new_cells, recipes


DATASETS, NEW_CELLS, RECIPES = complete_configuration()
SIMULATED = [name for name, dataset in DATASETS.items() if "simulate" in dataset]
SIMULATED_PAIRS = [name for name, dataset in DATASETS.items() if "pairs" in dataset]
# Those that are asked for: a person's own file may be called like another.
CHOSEN = {dataset["dataset"] for dataset in DATASETS.values() if "dataset" in dataset}
NOTHING = "(?!)"
SEED_BLOCKS = configuration.seed_blocks(config["seeds"])
CLOSED_FORMS = [name for name, recipe in RECIPES.items() if "method" in recipe]
CONTRASTIVE = [name for name in RECIPES if name not in CLOSED_FORMS]
# These say nothing of a dataset's own results.
ABOUT_NEW_CELLS = ("new", "model", "missing_features")
# Marks the scores of what a grid is refined by.
REFINED = ".refined"


wildcard_constraints:
    dataset=r"[A-Za-z0-9][A-Za-z0-9_.-]*",
    built_in="|".join(CHOSEN) or NOTHING,
    download="|".join(re.escape(BUILT_IN[name].file) for name in CHOSEN) or NOTHING,
    recipe=r"[a-z0-9_]+",
    dim=r"\d+",
    seeds=r"\d+-\d+",
    part=f"|{re.escape(REFINED)}",


def results_folder():
    """Return where results go."""
    return config.get("pathvars", {}).get("results", "results")


def cells_of(wildcards):
    """Return the file with a dataset's cells: the user's own, a built-in or a simulated one."""
    dataset = DATASETS[wildcards.dataset]
    if "dataset" in dataset:
        return f"<resources>/{dataset['dataset']}.h5mu"
    if "pairs" in dataset:
        return f"<results>/{wildcards.dataset}/simulated.npz"
    return dataset.get("cells", f"<results>/{wildcards.dataset}/simulated.h5mu")


def download_of(wildcards):
    """Return the file that a built-in dataset is made from."""
    return f"<resources>/{BUILT_IN[wildcards.built_in].file}"


def inside_of(wildcards):
    """Return what is read beside the cells and the files of matrix folders, so that changes show."""
    dataset = DATASETS[wildcards.dataset]
    beside = [dataset[key] for key in configuration.BESIDE_CELLS if dataset.get(key)]
    inside = [
        str(file)
        for path in [*dataset.get("cells", []), *beside]
        for ending in ("mtx", "tsv")
        for file in Path(path).glob(f"*.{ending}*")
    ]
    return inside + beside


def options_of(wildcards, names):
    """Return some of a dataset's options."""
    return {name: DATASETS[wildcards.dataset].get(name) for name in names}


def reading_of(wildcards):
    """Return how a dataset's file is to be read: names in it, and what its proteins are."""
    return options_of(wildcards, configuration.READING_OPTIONS)


def reading_of_all_cells(wildcards):
    """Return how a dataset's file is to be read where no pairs are needed."""
    return options_of(wildcards, configuration.ALL_CELLS_OPTIONS)


def splitting_of(wildcards):
    """Return which test cells are the same for every seed."""
    return options_of(wildcards, configuration.SPLITTING_OPTIONS)


def features_of(wildcards):
    """Return how a dataset's features are made."""
    return options_of(wildcards, configuration.FEATURE_OPTIONS)


def simulation_of(wildcards):
    """Return the sizes of a simulated dataset, or the kind of its pairs and all options of it."""
    dataset = DATASETS[wildcards.dataset]
    return dataset["pairs"] if "pairs" in dataset else dataset["simulate"]


def seeds_of(wildcards):
    """Return the seeds of a block."""
    return configuration.seeds_of(wildcards.seeds)


def recipe_of(wildcards):
    """Return every choice of a recipe."""
    return RECIPES[wildcards.recipe]


def dims_of(wildcards, part):
    """Return the output dimensions of the grid, or those it is refined by, if it is."""
    if not part:
        return config["dims"]
    if not config["refine"]:
        return []
    chosen = checkpoints.choose_dims.get(dataset=wildcards.dataset)
    return json.loads(Path(chosen.output.dims).read_text(encoding="utf-8"))


def dims_fitted(wildcards):
    """Return the output dimensions that a job fits: its own, or those of the grid."""
    return [int(wildcards.dim)] if "dim" in wildcards.keys() else config["dims"]


def models_of(wildcards):
    """Return the models of a recipe that are scored together."""
    return collect(
        "<results>/{dataset}/models/{recipe}/dim{dim}/seeds{seeds}.safetensors",
        dataset=wildcards.dataset,
        recipe=wildcards.recipe,
        dim=dims_of(wildcards, wildcards.part),
        seeds=SEED_BLOCKS,
    )


def blocks_of(wildcards, recipes, ending):
    """Return a file of every block of some recipes, at all output dimensions."""
    return collect(
        "<results>/{dataset}/models/{recipe}/dim{dim}/seeds{seeds}.{ending}",
        dataset=wildcards.dataset,
        recipe=recipes,
        dim=[dim for part in ("", REFINED) for dim in dims_of(wildcards, part)],
        seeds=SEED_BLOCKS,
        ending=ending,
    )


def all_models_of(wildcards):
    """Return the models of every recipe, those that the grid is refined by among them."""
    return blocks_of(wildcards, config["recipes"], "safetensors")


def configuration_of(wildcards):
    """Return all settings that the results of a dataset depend on."""
    shared = {
        key: value
        for key, value in config.items()
        if key not in ("datasets", "h5mu", "cells", "dataset", *ABOUT_NEW_CELLS)
    }
    return {**shared, **DATASETS[wildcards.dataset]}


def scores_of(ending):
    """Return a function that names every recipe's table of a kind, of all that was trained."""

    def paths(wildcards):
        return collect(
            "<results>/{dataset}/scores/{recipe}{part}.{ending}",
            ending=ending,
            dataset=wildcards.dataset,
            recipe=config["recipes"],
            part=[part for part in ("", REFINED) if dims_of(wildcards, part)],
        )

    return paths


def histories_of(wildcards):
    """Return the training histories of every recipe that is trained."""
    return blocks_of(wildcards, CONTRASTIVE, "history.tsv")
