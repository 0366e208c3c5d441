"""Shared by all rules: the experiment, its size, the wildcards, and hashes of the code."""

from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError

# The module's library is found on the path that it set.
from sharedim import configuration
from sharedim.errors import InputError
from sharedim.jobs.code_hash import Code

SCHEMA = Path(workflow.source_path("../schemas/config.schema.yaml"))
SCRIPTS = Path(workflow.basedir, "scripts")


def experiment_and_size():
    """Return the name of the experiment and its size, checked."""
    given = {"experiment": None, "size": "quick", **config}
    try:
        configuration.check(given, yaml.safe_load(SCHEMA.read_text(encoding="utf-8")))
    except InputError as error:
        raise WorkflowError(str(error))
    return given["experiment"], given["size"]


EXPERIMENT, SIZE = experiment_and_size()


wildcard_constraints:
    dataset=r"[^/]+",
    experiment=r"[a-z0-9_]+",
    size="quick|paper",


def of_every_dataset(file):
    """Return a file of every dataset."""
    return collect(f"<results>/{{dataset}}/{file}", dataset=sharedim.DATASETS)


def source_of(path):
    """Return the content of a file of the experiments or of the library, or None where there is none."""
    own = SCRIPTS / path
    if path.startswith("sharedim/"):
        return sharedim.source_of(path)
    return own.read_bytes() if own.is_file() else None


CODE = Code(source_of, ("experiments", "sharedim"))


def code_of(rule):
    """Return a function that gives a hash of the script of a rule and of all that it imports."""

    def hash_of_script(wildcards):
        return CODE.hash_of(f"{rule}.py")

    return hash_of_script
