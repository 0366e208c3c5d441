"""Runs of the workflow on Slurm, started as a user does."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from checkout import SNAKEMAKE, Checkout, Run
from cluster import end_process

LONGEST_RUN = 600


class StartedRun:
    """A Snakemake that runs beside the test."""

    def __init__(self, process: subprocess.Popen, output: Path) -> None:
        self.process, self.output = process, output

    def finish(self) -> Run:
        """Wait for its end and return what it said."""
        code = self.process.wait(timeout=LONGEST_RUN)
        return Run(code, self.output.read_text())


def on_slurm(checkout: Checkout) -> tuple[str, ...]:
    """Return the user's arguments, and what a Slurm without accounting and a test in haste need."""
    return (
        "--workflow-profile", str(checkout.path / "workflow/profiles/slurm"),
        "--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "10",
        "--configfile", "run.yaml",
    )  # fmt: skip


@contextmanager
def started(checkout: Checkout, *arguments: str, cwd: Path | None = None) -> Iterator[StartedRun]:
    """Start Snakemake; should the block end before it, Ctrl-C is pressed."""
    cwd = cwd or checkout.path
    with tempfile.NamedTemporaryFile("w") as output:
        process = subprocess.Popen(
            [SNAKEMAKE, "--nocolor", *arguments],
            cwd=cwd,
            env=os.environ | {"PWD": str(cwd)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield StartedRun(process, Path(output.name))
        finally:
            if process.poll() is None:
                end_process(process, seconds=20)


def submit(checkout: Checkout, *arguments: str, cwd: Path | None = None) -> Run:
    """Run the workflow on Slurm with a copy's `run.yaml`, or that of another folder."""
    with started(checkout, *on_slurm(checkout), *arguments, cwd=cwd) as run:
        return run.finish()
