"""A copy of the workflow to run Snakemake in."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from places import REPOSITORY

SNAKEMAKE = str(Path(sys.executable).with_name("snakemake"))
LEFT_OUT = (
    ".git",
    ".venv",
    ".venv-pythons",
    ".snakemake",
    "results",
    "logs",
    "benchmarks",
    "__pycache__",
    ".*_cache",
    "*.egg-info",
)
# Half a minute of work on two cores, with everything that a run has.
SMALL = """
dims: [1, 2, 4]
seeds: 2
recipes: [tuned, cca]
datasets:
  tiny:
    simulate: {cells: 700, genes: 200, proteins: 12, shared_dimensions: 2, seed: 1}
"""


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
        done = subprocess.run(
            [*command, "--nocolor", *arguments],
            cwd=cwd,
            env=environment_in(cwd),
            capture_output=True,
            text=True,
            check=False,
        )
        return Run(done.returncode, done.stdout + done.stderr)

    def refused(self, *arguments: str) -> Run:
        """Run Snakemake to be refused by it, before any job."""
        run = self.snakemake("--cores", "1", *arguments)
        assert run.code != 0
        assert not re.search(r"^\d+ of \d+ steps", run.text, re.MULTILINE)
        return run

    def start(self, *arguments: str, said: Path) -> subprocess.Popen:
        """Start Snakemake as the leader of its own process group; what it says goes to a file."""
        with said.open("w") as file:
            return subprocess.Popen(
                [SNAKEMAKE, "--nocolor", *arguments], cwd=self.path, env=environment_in(self.path),
                stdout=file, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def processes(self) -> list[psutil.Process]:
        """Return the processes that run in this copy of the workflow."""
        running = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.cwd() == str(self.path) and process.is_running():
                    running.append(process)
        return running


def environment_in(cwd: Path) -> dict[str, str]:
    """Return the environment, with the directory as a shell keeps it."""
    return os.environ | {"PWD": str(cwd)}


def copy_of_the_workflow(path: Path) -> Checkout:
    shutil.copytree(REPOSITORY, path, ignore=shutil.ignore_patterns(*LEFT_OUT))
    return Checkout(path)


@dataclass
class FinishedRun:
    """A run that nothing disturbed: tests that change something in it change it back."""

    checkout: Checkout
    seconds: float

    @property
    def results(self) -> Path:
        return self.checkout.path / "results" / "tiny"

    def copied(self, path: Path) -> Checkout:
        """Return a copy in another place, with times as they were, as a move leaves them."""
        shutil.copytree(self.checkout.path, path, symlinks=True)
        return Checkout(path)


def small_workflow(path: Path) -> Checkout:
    """Return a copy of the workflow with a small simulated dataset in small.yaml."""
    checkout = copy_of_the_workflow(path)
    (checkout.path / "small.yaml").write_text(SMALL)
    return checkout
