"""A copy of the workflow to run Snakemake in."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from places import REPOSITORY

SNAKEMAKE = str(Path(sys.executable).with_name("snakemake"))
LEFT_OUT = (
    ".git",
    ".venv",
    ".snakemake",
    "results",
    "logs",
    "benchmarks",
    "__pycache__",
    "*.egg-info",
)


@dataclass
class Run:
    code: int
    text: str

    @property
    def jobs(self) -> dict[str, int]:
        """Jobs by rule, from the table that Snakemake prints; empty when nothing is to be done."""
        table = re.search(r"^job +count\n[- ]+\n(.*?)^total", self.text, re.DOTALL | re.MULTILINE)
        rows = re.findall(r"^(\w+) +(\d+)$", table[1], re.MULTILINE) if table else []
        return {rule: int(count) for rule, count in rows}


class Checkout:
    """A copy of the workflow, to be run and changed without harm."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def snakemake(
        self, *arguments: str, cwd: Path | None = None, command: tuple[str, ...] = (SNAKEMAKE,)
    ) -> Run:
        cwd = cwd or self.path
        # As a shell keeps it.
        environment = os.environ | {"PWD": str(cwd)}
        done = subprocess.run(
            [*command, "--nocolor", *arguments],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return Run(done.returncode, done.stdout + done.stderr)


def copy_of_the_workflow(path: Path) -> Checkout:
    shutil.copytree(REPOSITORY, path, ignore=shutil.ignore_patterns(*LEFT_OUT))
    return Checkout(path)
