"""Shared by all rules: the experiment, its size, the wildcards, and a hash of the code."""

from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError

# The module's library is found on the path that it set.
from sharedim import configuration
from sharedim.errors import InputError
from sharedim.jobs.provenance import code_fingerprint

SCHEMA = Path(workflow.source_path("../schemas/config.schema.yaml"))
PACKAGE = Path(workflow.basedir, "scripts", "experiments")


def experiment_and_size():
    """Return the name of the experiment and its size, checked."""
    given = {"experiment": None, "size": "quick", **config}
    try:
        configuration.check(given, yaml.safe_load(SCHEMA.read_text(encoding="utf-8")))
    except InputError as error:
        raise WorkflowError(str(error))
    return given["experiment"], given["size"]


EXPERIMENT, SIZE = experiment_and_size()
# A change of the library or of the experiments runs them again, a touch does not.
CODE = [code_fingerprint(), code_fingerprint(PACKAGE)]


wildcard_constraints:
    dataset=r"[^/]+",
    experiment=r"[a-z0-9_]+",
    size="quick|paper",


def of_every_dataset(file):
    """Return a file of every dataset."""
    return collect(f"<results>/{{dataset}}/{file}", dataset=sharedim.DATASETS)
