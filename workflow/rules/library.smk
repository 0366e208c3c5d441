"""The library that rules use: where jobs find it, and hashes of the code that a rule depends on."""

import os
import shlex
import sys
from pathlib import Path


def source_of(path):
    """Return the content of a file below the folder of the scripts.

    Asking for a file makes Snakemake bring it along, also from a remote module, so that jobs find it
    beside their scripts, installed or not.
    """
    return Path(workflow.source_path(f"../scripts/{path}")).read_bytes()


# What the walk through imports is made of comes first.
for path in ("__init__.py", "version.py", "jobs/__init__.py", "jobs/code_hash.py"):
    source_of(f"sharedim/{path}")
BESIDE_SCRIPTS = str(
    Path(workflow.source_path("../scripts/sharedim/__init__.py")).parents[1]
)
sys.path.insert(0, BESIDE_SCRIPTS)

# Jobs inherit this, so that they run the library that is hashed here, not one installed elsewhere.
SEARCHED = [BESIDE_SCRIPTS, *filter(None, [os.environ.get("PYTHONPATH")])]
os.environ.update(PYTHONPATH=os.pathsep.join(SEARCHED))

# Snakemake starts scripts with this interpreter and leaves it unquoted, which an environment under
# a path with a space does not survive.
if " " in sys.executable:
    sys.executable = shlex.quote(sys.executable)

from sharedim.jobs.code_hash import Code

CODE = Code(source_of)
# Rules import these; users start the last one.
CODE.bring_along(
    "sharedim/configuration.py",
    "sharedim/datasets/catalogue.py",
    "sharedim/training/variants.py",
    "sharedim/cli.py",
)


def code_of(rule):
    """Return a function that gives a hash of the script of a rule and of all that it imports.

    As a param the hash reruns a rule after a real change and never after a touch or a switch of
    branches, as the files themselves would as inputs. A function, since the process of a job parses
    all rules and needs the hash of one.
    """

    def hash_of_script(wildcards):
        CODE.bring_along(f"{rule}.py")
        return CODE.hash_of(f"{rule}.py")

    return hash_of_script


def engine_of(*modules):
    """Return the same for what decides models beside their recipe: no seed of another engine is reused."""

    def hash_of_engine(wildcards):
        return CODE.hash_of(*(f"sharedim/training/{module}.py" for module in modules))

    return hash_of_engine
