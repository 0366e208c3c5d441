"""Configuration of a run, completed and checked before any job is planned."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from jsonschema import Draft202012Validator, ValidationError

from sharedim.datasets import simulated_options
from sharedim.errors import InputError, did_you_mean

# As YAML and the command line give them: the schema, not Python, says what is under which key.
Settings: TypeAlias = dict[str, Any]

# Seeds trained together; the same on every machine, so that paths do not depend on it.
BLOCK_SEEDS = 25
LISTS = ("dims", "recipes", "labels", "test_batches", "dimension_estimators")
NUMBERS = (
    "seeds",
    "dimension_every",
    "split_seed",
    "variable_genes",
    "rna_components",
    "scaled_limit",
    "feature_noise",
    "repeated_noise",
    "test_pairs",
    "missing_features",
    "empty_droplet_counts",
)
SWITCHES = ("variable_genes_by_batch", "harmony", "refine")
# What may be said for all datasets at once or for one alone: where things are in a file, ...
NAMES_IN_A_FILE = (
    "rna_modality",
    "protein_modality",
    "labels",
    "batch",
    "hold_out_column",
    "counts_layer",
    "annotations",
    "empty_droplets",
)
# ... where no pairs are needed, ...
ALL_CELLS_OPTIONS = (
    "rna_modality",
    "protein_modality",
    "labels",
    "batch",
    "counts_layer",
    "protein_transform",
    "annotations",
    "isotype_controls",
    "empty_droplets",
    "empty_droplet_counts",
)
# What may be said of new cells, whose labels need no names: they are given some.
NEW_CELLS_OPTIONS = ("rna_modality", "protein_modality", "counts_layer")
READING_OPTIONS = (
    *NAMES_IN_A_FILE,
    "protein_transform",
    "isotype_controls",
    "empty_droplet_counts",
)
# ... which cells are held out, ...
SPLITTING_OPTIONS = ("fit_features_on", "hold_out", "test_batches", "split_seed", "test_pairs")
# ... and how features are made.
FEATURE_OPTIONS = (
    "protein_transform",
    "variable_genes",
    "variable_genes_by_batch",
    "rna_components",
    "scaled_limit",
    "harmony",
    "feature_scaling",
    "feature_noise",
    "repeated_noise",
)
DATASET_OPTIONS = tuple(dict.fromkeys((*READING_OPTIONS, *SPLITTING_OPTIONS, *FEATURE_OPTIONS)))
# Paths of what is read beside the cells, and what they are.
BESIDE_CELLS = {
    "annotations": "a table of labels",
    "empty_droplets": "the raw matrix with the empty droplets",
}
# The keys that name cells, of which one can be given.
SOURCES = ("h5mu", "cells", "dataset", "datasets")
# What stands for nothing on the command line.
NOTHING = ("", "none", "null")
SAME_FOR_EVERY_RUN = ("filtered_feature_bc_matrix", "raw_feature_bc_matrix", "outs")
DEFAULT_DATASETS: dict[str, Settings] = {"simulated": {"simulate": {}}}
ENDINGS = re.compile(r"\.(h5mu|h5ad|h5|rds|rda|rdata|npz|npy|parquet)$", flags=re.IGNORECASE)


def coerce(config: Settings) -> Settings:
    """Turn what the command line delivers into the types the schema asks for.

    ``--config dims=[1,2,4]`` arrives as a list of strings and ``recipes=paper`` as one string; a
    bare value means a list of one. A list of dimensions is sorted, and repeats are dropped.

    Parameters
    ----------
    config : dict
        As Snakemake read it. Not changed.

    Returns
    -------
    dict
    """
    config = copy.deepcopy(config)
    for key in LISTS:
        if config.get(key) is not None and not isinstance(config[key], list):
            config[key] = [config[key]]
    if "dims" in config:
        dims = [_number(dim) for dim in config["dims"] or []]
        whole = all(isinstance(dim, int) for dim in dims)
        config["dims"] = sorted(set(dims)) if whole else dims
    _coerce_values(config)
    for own in (config.get("datasets") or {}).values():
        if isinstance(own, dict):
            _coerce_values(own)
            if isinstance(own.get("simulate"), dict):
                own["simulate"] = {key: _number(value) for key, value in own["simulate"].items()}
            if isinstance(own.get("pairs"), dict):
                own["pairs"] = {key: _pair_option(value) for key, value in own["pairs"].items()}
    if "recipes" in config:
        config["recipes"] = list(dict.fromkeys(config["recipes"] or []))
    return config


def _coerce_values(options: Settings) -> None:
    """Turn single values into numbers, switches or nothing, in place."""
    for key in NUMBERS:
        if key in options:
            value = options[key]
            several = isinstance(value, list)
            options[key] = [_number(one) for one in value] if several else _number(value)
    for key in SWITCHES:
        if str(options.get(key)).lower() in ("true", "false"):
            options[key] = str(options[key]).lower() == "true"
    if str(options.get("isotype_controls", " ")).lower() in NOTHING:
        options["isotype_controls"] = None


def _pair_option(value: object) -> object:
    """Turn an option of simulated pairs into numbers or a switch, also inside lists."""
    if isinstance(value, list):
        return [_pair_option(item) for item in value]
    if str(value).lower() in ("true", "false"):
        return str(value).lower() == "true"
    return _number(value)


def _number(value: object) -> object:
    """Return what means a number as that number, anything else as it is."""
    if isinstance(value, str) and re.fullmatch(r"\s*-?\d+(\.\d+)?\s*", value):
        value = float(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def check(config: Settings, schema: Settings) -> None:
    """Refuse a configuration that does not fit the schema, in one sentence.

    Parameters
    ----------
    config : dict
        Coerced configuration.
    schema : dict
        The JSON schema.

    Raises
    ------
    InputError
        Names the key, what is wrong with it and what would be right.
    """
    errors = sorted(Draft202012Validator(schema).iter_errors(config), key=lambda e: list(e.path))
    if errors:
        raise InputError(f"configuration: {_sentence(errors[0])}")


def _sentence(error: ValidationError) -> str:
    where = ".".join(str(part) for part in error.absolute_path if not isinstance(part, int))
    schema = error.schema if isinstance(error.schema, Mapping) else {}
    if error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
        known = sorted(schema.get("properties", {}))
        if not where and "experiment" in error.instance:
            return _of_the_reproduction(error.instance["experiment"])
        unknown = next(key for key in error.instance if key not in known)
        hint = did_you_mean(unknown, known)
        inside = f" in {where}" if where else ""
        return f"unknown key '{unknown}'{inside}; {hint}known keys are {', '.join(known)}"
    if where == "dims" and error.validator == "maximum":
        return (
            f"dims: {error.instance} is above {error.validator_value}, the width of the encoders' "
            f"hidden layers; choose output dimensions from 1 to {error.validator_value}"
        )
    described = schema.get("description", "")
    expected = f"; expected: {described}" if described else ""
    return f"{where}: {error.message}{expected}"


def _of_the_reproduction(experiment: object) -> str:
    return (
        "unknown key 'experiment'; the experiments are a workflow of their own: snakemake -s "
        f"reproduction/Snakefile --configfile reproduction/config/{experiment}.yaml"
    )


def datasets_of(
    config: Settings, launched_from: Path, working_directory: Path
) -> dict[str, Settings]:
    """Return the datasets to analyse, by name.

    Parameters
    ----------
    config : dict
        Checked configuration: ``cells`` or ``h5mu`` names one file, ``dataset`` a built-in one,
        ``datasets`` several; with none of them, cells are simulated.
    launched_from : Path
        Where the command was typed; relative paths count from there.
    working_directory : Path
        Where the workflow runs.

    Returns
    -------
    dict of str to dict
        For each dataset either ``cells``, a list of paths valid in the working directory,
        ``dataset``, the name of a built-in one, ``simulate``, or ``pairs`` with every option of
        their kind; and its options.

    Raises
    ------
    InputError
        If more than one is given, a file does not exist, or options contradict each other.
    """
    given = [key for key in SOURCES if config.get(key)]
    if len(given) > 1:
        raise InputError(f"configuration: give {given[0]} or {given[1]}, not both")
    chosen = config.get("datasets") or DEFAULT_DATASETS
    for key in given:
        if key != "datasets":
            chosen = {_name_of(config[key], launched_from): {key: config[key]}}

    shared = {key: config[key] for key in DATASET_OPTIONS if config.get(key) is not None}
    datasets = {}
    for name, own in chosen.items():
        dataset = {**shared, **own}
        for key in ("labels", "test_batches"):
            if dataset.get(key):
                # Batches are compared as text, and a number in YAML is none.
                dataset[key] = [str(item) for item in as_list(dataset[key])]
        if "simulate" in own or "pairs" in own:
            _refuse_names(name, own)
            # What is said of all files is not about these cells.
            dataset = {key: dataset[key] for key in dataset if key not in NAMES_IN_A_FILE}
            if "pairs" in own:
                dataset["pairs"] = simulated_options.completed(
                    f"datasets.{name}.pairs", own["pairs"]
                )
            else:
                dataset["simulate"] = own["simulate"] or {}
        elif "dataset" not in own:
            paths = as_list(dataset.pop("h5mu", None) or dataset.pop("cells"))
            dataset["cells"] = [_path(path, launched_from, working_directory) for path in paths]
            for key, needed in BESIDE_CELLS.items():
                if dataset.get(key):
                    dataset[key] = _path(dataset[key], launched_from, working_directory, needed)
        _check_together(name, dataset)
        if _draws_by_seed(dataset):
            # So that changing what has no effect makes nothing run again.
            dataset.pop("split_seed", None)
        datasets[name] = dataset
    return datasets


def new_cells_of(
    config: Settings,
    datasets: dict[str, Settings],
    launched_from: Path,
    working_directory: Path,
) -> Settings:
    """Return which new cells go through which model, for the target ``project``.

    Parameters
    ----------
    config : dict
        Checked configuration: ``new`` names the cells, ``model`` a model, which is else that of the
        only dataset.
    datasets : dict
        As `datasets_of` gives them.
    launched_from, working_directory : Path
        As for `datasets_of`.

    Returns
    -------
    dict
        Empty without new cells. Else their ``name`` and ``cells``, a list of paths, ``reading``, the
        names of modalities and layers in them, and either ``model``, a path, or ``dataset``.

    Raises
    ------
    InputError
        If a file does not exist, or there are several datasets and no model is named.
    """
    if not config.get("new"):
        if config.get("model"):
            raise InputError("configuration: model is for new cells; name them with new=cells.h5mu")
        return {}
    found = {
        "name": _name_of(config["new"], launched_from),
        "cells": [_path(path, launched_from, working_directory) for path in as_list(config["new"])],
        "reading": {key: config.get(key) for key in NEW_CELLS_OPTIONS},
    }
    if config.get("model"):
        return found | {"model": _path(config["model"], launched_from, working_directory)}
    if len(datasets) > 1:
        raise InputError(
            "configuration: which model are the new cells for? name it with "
            "model=results/<dataset>/model.safetensors"
        )
    return found | {"dataset": next(iter(datasets))}


def as_list(value: object) -> list[Any]:
    """Return a list as it is, a single value as a list of one, and nothing as an empty one."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _refuse_names(name: str, own: Settings) -> None:
    """Refuse to look for names of a file in simulated cells."""
    named = [key for key in NAMES_IN_A_FILE if key in own]
    if named:
        raise InputError(
            f"configuration: datasets.{name}: {named[0]} is for a file; "
            "simulated cells have their own labels and modalities"
        )


def _path(
    given: str,
    launched_from: Path,
    working_directory: Path,
    needed: str = "a .h5mu file or another with cells",
) -> str:
    """Return a path as it is valid in the working directory."""
    path = Path(given).expanduser()
    try:
        exists = (launched_from / path).exists()
    except PermissionError:
        raise InputError(
            f"{given}: its folder cannot be entered with your permissions; allow that"
        ) from None
    if not exists:
        raise InputError(f"{given}: no such file; give the path of {needed}")
    if set("{}") & set(str(path)):
        raise InputError(
            f"{given}: Snakemake takes braces in a path for wildcards; rename the file"
        )
    return str(path if launched_from == working_directory else launched_from / path)


def _draws_by_seed(dataset: Settings) -> bool:
    """Tell whether each seed draws its own test cells."""
    fitted_on_all = dataset.get("fit_features_on", "all_cells") == "all_cells"
    if dataset.get("test_pairs") is not None:
        return False
    return bool(fitted_on_all and dataset.get("hold_out", "cells") == "cells")


def _check_together(name: str, dataset: Settings) -> None:
    """Refuse options of a dataset that contradict each other."""
    if dataset.get("hold_out", "cells") == "cells":
        for key in ("test_batches", "hold_out_column"):
            if dataset.get(key):
                raise InputError(
                    f"configuration: {name}: {key} is for whole batches; say hold_out=batches too"
                )
    elif dataset.get("test_pairs") is not None:
        raise InputError(
            f"configuration: {name}: test_pairs is a number of single cells to hold out, and "
            "hold_out=batches holds out whole batches; leave one of the two"
        )
    _check_droplets(name, dataset)
    if dataset.get("harmony") and dataset.get("fit_features_on") == "without_test_cells":
        raise InputError(
            f"configuration: {name}: harmony corrects all cells together and cannot be fitted without "
            "the test cells; leave one of the two"
        )
    try:
        re.compile(dataset.get("isotype_controls") or "")
    except re.error as error:
        raise InputError(
            f"configuration: {name}: isotype_controls '{dataset['isotype_controls']}' is no regular "
            f"expression ({error})"
        ) from None


def _check_droplets(name: str, dataset: Settings) -> None:
    """Refuse dsb without empty droplets, and empty droplets without dsb."""
    from_droplets = dataset.get("protein_transform") == "dsb_from_droplets"
    if from_droplets and not dataset.get("empty_droplets"):
        raise InputError(
            f"configuration: {name}: protein_transform=dsb_from_droplets needs the empty droplets; name "
            "the raw matrix, such as empty_droplets=raw_feature_bc_matrix.h5, or use clr_per_cell"
        )
    if dataset.get("empty_droplets") and not from_droplets:
        raise InputError(
            f"configuration: {name}: empty_droplets is for protein_transform=dsb_from_droplets; say that "
            "too, or leave it out"
        )
    if from_droplets and dataset.get("fit_features_on") == "without_test_cells":
        raise InputError(
            f"configuration: {name}: dsb denoises all cells together and cannot be fitted without the "
            "test cells; leave protein_transform=dsb_from_droplets or fit_features_on"
        )


def _name_of(source: str | list[str], launched_from: Path) -> str:
    """Name a dataset after its file, in characters that are safe in paths."""
    path = launched_from / Path(as_list(source)[0]).expanduser()
    stem = ENDINGS.sub("", path.name)
    # Cell Ranger calls every run the same; the folder around it tells them apart.
    for folder in path.resolve().parents:
        if stem and stem not in SAME_FOR_EVERY_RUN:
            break
        stem = folder.name or stem
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", stem).strip("._-") or "dataset"


def seed_blocks(seeds: int) -> list[str]:
    """Return the blocks in which seeds 0 to ``seeds - 1`` are trained, such as ``"0-24"``."""
    firsts = range(0, seeds, BLOCK_SEEDS)
    return [f"{first}-{min(first + BLOCK_SEEDS, seeds) - 1}" for first in firsts]


def seeds_of(block: str) -> list[int]:
    """Return the seeds of a block such as ``"0-24"``."""
    first, last = map(int, block.split("-"))
    return list(range(first, last + 1))
