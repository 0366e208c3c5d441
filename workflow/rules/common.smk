"""Shared by all rules: the checked configuration, the wildcards, and hashes of library code."""

import hashlib
import os
import re
import shlex
import sys
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

# Naming every file of the library makes Snakemake bring it along, also from a remote module. Jobs
# find it beside their scripts, installed or not.
LIBRARY = {
    file: Path(workflow.source_path(f"../scripts/sharedim/{file}"))
    for file in (
        "__init__.py",
        "answer.py",
        "baselines.py",
        "cca.py",
        "checkpoints.py",
        "checks.py",
        "configuration.py",
        "devices.py",
        "dimension.py",
        "draws.py",
        "encoders.py",
        "engine.py",
        "errors.py",
        "figures.py",
        "files.py",
        "history.py",
        "io.py",
        "log.py",
        "losses.py",
        "passes.py",
        "preprocess.py",
        "processes.py",
        "progress.py",
        "quantities.py",
        "recipes.py",
        "report.py",
        "retrieval.py",
        "saturation.py",
        "scoring.py",
        "simulate.py",
        "splits.py",
        "stacks.py",
        "tables.py",
        "templates/report.html.j2",
        "threads.py",
        "training.py",
    )
}
BESIDE_SCRIPTS = str(LIBRARY["__init__.py"].parents[1])
sys.path.insert(0, BESIDE_SCRIPTS)

from sharedim import configuration
from sharedim.errors import InputError

# Jobs inherit this, so that they run the library that is hashed here, not one installed elsewhere.
SEARCHED = [BESIDE_SCRIPTS, *filter(None, [os.environ.get("PYTHONPATH")])]
os.environ.update(PYTHONPATH=os.pathsep.join(SEARCHED))

# Snakemake starts scripts with this interpreter and leaves it unquoted, which an environment under
# a path with a space does not survive.
if " " in sys.executable:
    sys.executable = shlex.quote(sys.executable)

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
    recipe=r"[a-z0-9_]+",
    dim=r"\d+",
    seeds=r"\d+-\d+",


def code_hash(*files):
    """Hash the library files a rule's outputs depend on.

    As a param the hash reruns a rule after a real change and never after a touch or a switch of
    branches, as the files themselves would as inputs.
    """
    digest = hashlib.sha256()
    for file in files:
        digest.update(LIBRARY[file].read_bytes())
    return digest.hexdigest()[:12]


def cells_of(wildcards):
    """Return the file with a dataset's cells: the user's own, or the simulated one."""
    return DATASETS[wildcards.dataset].get(
        "h5mu", f"<results>/{wildcards.dataset}/simulated.h5mu"
    )


def memory_of_reading(wildcards, input):
    """Return memory in MB for reading a file of compressed counts several times over."""
    return max(4000, int(40 * input.size_mb))


def reading_of(wildcards):
    """Return how a dataset's file is to be read: names of modalities and columns."""
    options = configuration.READING_OPTIONS
    return {name: DATASETS[wildcards.dataset].get(name) for name in options}


def simulation_of(wildcards):
    """Return the sizes of a simulated dataset."""
    return DATASETS[wildcards.dataset]["simulate"]


def seeds_of(wildcards):
    """Return the seeds of a block."""
    return configuration.seeds_of(wildcards.seeds)
