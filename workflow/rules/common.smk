"""Shared by all rules: the checked configuration, the wildcards, and what rules ask of a dataset."""

import os
import re
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

from sharedim import configuration
from sharedim.catalogue import BUILT_IN
from sharedim.errors import InputError

SCHEMA = Path(workflow.source_path("../schemas/config.schema.yaml"))


def launch_directory():
    """Return where the command was typed, which `--directory` makes Snakemake leave."""
    if workflow.overwrite_workdir is None:
        return Path.cwd()
    # Jobs on a cluster are started elsewhere and inherit the answer.
    typed_in = os.environ.get("PWD", os.getcwd())
    return Path(os.environ.setdefault("SHAREDIM_LAUNCHED_FROM", typed_in))


def complete_configuration():
    """Coerce, check and complete the configuration in place, and return the datasets."""
    coerced = configuration.coerce(config)
    try:
        configuration.check(coerced, yaml.safe_load(SCHEMA.read_text(encoding="utf-8")))
        validate(coerced, str(SCHEMA), set_default=True)
        datasets = configuration.datasets_of(coerced, launch_directory(), Path.cwd())
    except InputError as error:
        raise WorkflowError(str(error))
    config.update(coerced)
    return datasets


DATASETS = complete_configuration()
SIMULATED = [name for name, dataset in DATASETS.items() if "simulate" in dataset]
SEED_BLOCKS = configuration.seed_blocks(config["seeds"])
CLOSED_FORMS = {"cca"}


wildcard_constraints:
    dataset=r"[A-Za-z0-9][A-Za-z0-9_.-]*",
    built_in="|".join(BUILT_IN),
    download="|".join(re.escape(built_in.file) for built_in in BUILT_IN.values()),
    recipe=r"[a-z0-9_]+",
    dim=r"\d+",
    seeds=r"\d+-\d+",


def cells_of(wildcards):
    """Return the file with a dataset's cells: the user's own, a built-in or a simulated one."""
    dataset = DATASETS[wildcards.dataset]
    if "dataset" in dataset:
        return f"<resources>/{dataset['dataset']}.h5mu"
    return dataset.get("cells", f"<results>/{wildcards.dataset}/simulated.h5mu")


def download_of(wildcards):
    """Return the file that a built-in dataset is made from."""
    return f"<resources>/{BUILT_IN[wildcards.built_in].file}"


def memory_of_reading(wildcards, input):
    """Return memory in MB for reading files of compressed counts several times over."""
    files = [file for given in input for file in (Path(given), *Path(given).glob("*"))]
    return max(4000, 40 * sum(file.stat().st_size for file in files) // 10**6)


def options_of(wildcards, names):
    """Return some of a dataset's options."""
    return {name: DATASETS[wildcards.dataset].get(name) for name in names}


def reading_of(wildcards):
    """Return how a dataset's file is to be read: names in it, and what its proteins are."""
    return options_of(wildcards, configuration.READING_OPTIONS)


def splitting_of(wildcards):
    """Return which test cells are the same for every seed."""
    return options_of(wildcards, configuration.SPLITTING_OPTIONS)


def features_of(wildcards):
    """Return how a dataset's features are made."""
    return options_of(wildcards, configuration.FEATURE_OPTIONS)


def simulation_of(wildcards):
    """Return the sizes of a simulated dataset."""
    return DATASETS[wildcards.dataset]["simulate"]


def seeds_of(wildcards):
    """Return the seeds of a block."""
    return configuration.seeds_of(wildcards.seeds)
