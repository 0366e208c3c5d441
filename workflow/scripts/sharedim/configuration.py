"""What a person configured, made complete and checked before any job is planned."""

from __future__ import annotations

import copy
import difflib
import re
from pathlib import Path

from jsonschema import Draft202012Validator, ValidationError

from sharedim.errors import InputError

# Seeds trained together; the same on every machine, so that paths do not depend on it.
BLOCK_SEEDS = 25
LISTS = ("dims", "recipes", "labels")
# What may be said for all files at once or for one dataset alone.
READING_OPTIONS = ("rna_modality", "protein_modality", "labels", "batch")
DEFAULT_DATASETS = {"simulated": {"simulate": {}}}


def coerce(config: dict) -> dict:
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
    if "seeds" in config:
        config["seeds"] = _number(config["seeds"])
    if "recipes" in config:
        config["recipes"] = list(dict.fromkeys(config["recipes"] or []))
    return config


def _number(value: object) -> object:
    """Return what means a whole number as that number, anything else as it is."""
    if isinstance(value, str) and re.fullmatch(r"\s*\d+\s*", value):
        return int(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def check(config: dict, schema: dict) -> None:
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
    if error.validator == "additionalProperties":
        known = sorted(error.schema.get("properties", {}))
        unknown = next(key for key in error.instance if key not in known)
        close = difflib.get_close_matches(unknown, known, n=1)
        hint = f"did you mean '{close[0]}'? " if close else ""
        inside = f" in {where}" if where else ""
        return f"unknown key '{unknown}'{inside}; {hint}known keys are {', '.join(known)}"
    if where == "dims" and error.validator == "maximum":
        return (
            f"dims: {error.instance} is above {error.validator_value}, the width of the encoders' "
            f"hidden layers; choose output dimensions from 1 to {error.validator_value}"
        )
    described = error.schema.get("description", "")
    expected = f"; expected: {described}" if described else ""
    return f"{where}: {error.message}{expected}"


def datasets_of(config: dict, launched_from: Path, working_directory: Path) -> dict[str, dict]:
    """Return the datasets to analyse, by name.

    Parameters
    ----------
    config : dict
        Checked configuration: ``h5mu`` names one file, ``datasets`` several; with neither, cells
        are simulated.
    launched_from : Path
        Where the command was typed; relative paths count from there.
    working_directory : Path
        Where the workflow runs.

    Returns
    -------
    dict of str to dict
        For each dataset either ``h5mu``, a path valid in the working directory, or ``simulate``,
        and the options for reading it.

    Raises
    ------
    InputError
        If both are given or a file does not exist.
    """
    if config.get("h5mu") and config.get("datasets"):
        raise InputError("configuration: give h5mu or datasets, not both")
    if config.get("h5mu"):
        chosen = {_name_of(config["h5mu"]): {"h5mu": config["h5mu"]}}
    else:
        chosen = config.get("datasets") or DEFAULT_DATASETS

    shared = {key: config[key] for key in READING_OPTIONS if config.get(key) is not None}
    datasets = {}
    for name, own in chosen.items():
        if "simulate" in own:
            reading = [key for key in READING_OPTIONS if key in own]
            if reading:
                raise InputError(
                    f"configuration: datasets.{name}: {reading[0]} is for a file; "
                    "simulated cells have their own labels and modalities"
                )
            datasets[name] = {"simulate": own["simulate"] or {}}
            continue
        given = Path(own["h5mu"]).expanduser()
        if not (launched_from / given).exists():
            raise InputError(f"{own['h5mu']}: no such file; give the path of a .h5mu file")
        if set("{}") & set(str(given)):
            raise InputError(
                f"{own['h5mu']}: Snakemake takes braces in a file name for wildcards; rename the file"
            )
        path = given if launched_from == working_directory else launched_from / given
        labels = own.get("labels")
        listed = {"labels": [labels]} if isinstance(labels, str) else {}
        datasets[name] = {**shared, **own, **listed, "h5mu": str(path)}
    return datasets


def _name_of(path: str) -> str:
    """Name a dataset after its file, in characters that are safe in paths."""
    stem = re.sub(r"\.h5mu$", "", Path(path).name, flags=re.IGNORECASE)
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", stem).strip("._-") or "dataset"


def seed_blocks(seeds: int) -> list[str]:
    """Return the blocks in which seeds 0 to ``seeds - 1`` are trained, such as ``"0-24"``."""
    firsts = range(0, seeds, BLOCK_SEEDS)
    return [f"{first}-{min(first + BLOCK_SEEDS, seeds) - 1}" for first in firsts]


def seeds_of(block: str) -> list[int]:
    """Return the seeds of a block such as ``"0-24"``."""
    first, last = map(int, block.split("-"))
    return list(range(first, last + 1))
