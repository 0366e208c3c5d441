"""Run experiments and put what they found beside what was expected: writes docs/reproduction.md.

    python tests/reproduction/run.py [--size quick|paper] [--measure] [NAME ...]

Each runs as a person would run it, from nothing, in results/reproduction/<size>/<name>, where its pages
stay; those that have run before and are not named keep what they found. With --measure they are measured
anew on the models that are there; the time that is told stays that of the whole run. Real cells are added where
the file lies beside the checkout.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

import yaml
from document import REPOSITORY, SIZES, configurations, folder_of, write_document

from sharedim.files import write_json

REAL = REPOSITORY.parent / "shared" / "data" / "pbmc10k_protein_v3_4000genes.h5mu"
# To these config/experiments/real.yaml adds cells; they cannot be simulated.
WITH_REAL_CELLS = ("temperature", "similarities")
# Their features have to be computed elsewhere first.
NOT_HERE = ("imagenetv2", "yfcc")


def command(name: str, size: str, folder: Path) -> list[str]:
    """Return the command that runs an experiment, with the real cells that are there."""
    files = configurations(name, size)
    if name in WITH_REAL_CELLS and REAL.exists():
        real = folder / "real.yaml"
        real.parent.mkdir(parents=True, exist_ok=True)
        real.write_text(yaml.safe_dump({"datasets": {"pbmc10k": {"h5mu": str(REAL)}}}))
        files.append(str(real))
    snakemake = str(Path(sys.executable).with_name("snakemake"))
    asked = ["--snakefile", str(REPOSITORY / "Snakefile"), "--directory", str(folder)]
    return [snakemake, "--cores", "all", *asked, "--configfile", *files]


def run(name: str, size: str, *, measure: bool) -> bool:
    """Run an experiment from nothing and keep how long it took; say whether it came to its end."""
    folder = folder_of(name, size)
    if not measure:
        shutil.rmtree(folder, ignore_errors=True)
    # However the code has changed since, only the measuring is done again.
    again = ["--rerun-triggers", "mtime", "--forcerun", "write_experiment"] if measure else []
    began = time.monotonic()
    asked = [*command(name, size, folder), *again]
    ended = subprocess.run(asked, cwd=REPOSITORY, check=False).returncode == 0
    if ended and not measure:
        taken = {"seconds": time.monotonic() - began, "cores": os.cpu_count()}
        write_json(folder / "run.json", taken | {"machine": platform.machine()})
    return ended


def main() -> None:
    """Run the experiments named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--size", choices=SIZES, default="quick")
    parser.add_argument("--measure", action="store_true")
    given = parser.parse_args()
    known = sorted(path.stem for path in (REPOSITORY / "config/experiments").glob("*.yaml"))
    known = [name for name in known if name not in ("real", *NOT_HERE)]
    unknown = set(given.names) - set(known)
    if unknown:
        parser.error(f"no experiment {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    failed = [
        name for name in given.names or known if not run(name, given.size, measure=given.measure)
    ]
    write_document()
    if failed:
        sys.exit(f"did not come to an end: {', '.join(failed)}")


if __name__ == "__main__":
    main()
