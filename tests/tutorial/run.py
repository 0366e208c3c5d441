"""Run the commands and programs of docs/tutorial.md in order, in a copy of the checkout.

At full size with the real file, which takes as long as the tutorial does; with --tiny on a grid of
two output dimensions.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from checkout import copy_of_the_workflow
from documents import SHELL, blocks_of
from places import SHARED

TUTORIAL = "docs/tutorial.md"
REAL = SHARED / "data" / "pbmc10k_protein_v3_4000genes.h5mu"
# What the tutorial promises to leave behind.
MADE = (
    "results/pbmc10k/report.html", "results/pbmc10k/answer.json", "results/pbmc10k/types.tsv",
    "results/pbmc10k/figures/saturation.png", "results/pbmc10k/embeddings.h5mu",
    "results/pbmc10k/prediction.tsv", "results/projected/new_cells/cells.h5mu",
)  # fmt: skip


def tiny(command: str) -> str:
    """Make the grid of a command small, so that the rest of the tutorial can be tried quickly."""
    return re.sub(r"seeds=\d+", "seeds=2", re.sub(r"dims=\[[\d,]+\]", "dims=[4,8]", command))


def prepared(folder: Path) -> Path:
    """Return a copy of the checkout with the real file, and this environment."""
    checkout = copy_of_the_workflow(folder / "checkout").path
    (checkout / "pbmc10k.h5mu").symlink_to(REAL)
    (checkout / ".venv").symlink_to(Path(sys.prefix))
    # Older than the marks of the environment, so that make installs nothing.
    for lock in ("requirements.lock", "requirements-test.lock", "pyproject.toml"):
        os.utime(checkout / lock, (0, 0))
    return checkout


def programs(*, small: bool) -> list[tuple[str, list[str]]]:
    """Return what the tutorial runs: each with its first line, to be told by."""
    found = []
    for block in blocks_of(TUTORIAL):
        if block.language in SHELL:
            for command in block.commands:
                command = tiny(command) if small else command
                found.append((command, ["bash", "-euc", command]))
        elif block.language == "python":
            lines = block.text.splitlines()
            found.append((f"python: {lines[-1]}", [sys.executable, "-c", block.text]))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tiny", action="store_true", help="two output dimensions, two seeds")
    small = parser.parse_args().tiny
    if not REAL.exists():
        print(f"make tutorial-test: skipped, for {REAL} is not there")
        return
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        checkout = prepared(Path(folder))
        environment = os.environ | {
            "PWD": str(checkout),
            "PYTHONPATH": str(checkout / "workflow" / "scripts"),
            # Nobody looks at the pictures that the programs open.
            "MPLBACKEND": "Agg",
        }
        for told, program in programs(small=small):
            print(f"$ {told}", flush=True)
            started = time.monotonic()
            subprocess.run(program, cwd=checkout, env=environment, check=True)
            print(f"  took {time.monotonic() - started:.0f} s", flush=True)
        missing = [name for name in MADE if not (checkout / name).exists()]
        if missing:
            sys.exit(f"make tutorial-test: the tutorial did not make {', '.join(missing)}")
        print((checkout / "results/pbmc10k/answer.json").read_text().splitlines()[2].strip())
    size = "a tiny grid" if small else "full size"
    print(
        f"make tutorial-test: the tutorial took {(time.monotonic() - began) / 60:.1f} min, {size}"
    )


if __name__ == "__main__":
    main()
