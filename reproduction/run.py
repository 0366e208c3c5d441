"""Reproduction of all experiments, or of those named, to docs/reproduction.tsv and docs/reproduction.md.

    PYTHONPATH=reproduction/scripts python reproduction/run.py [--size quick|paper] [--measure] [NAME ...]

Each experiment runs from nothing, with the command that a user would type, in
results/reproduction/<size>/<name>, where its page stays; recorded findings of other experiments stay in
the document. With --measure the existing models are measured again, and the recorded time remains that of
the whole run. Where the file of real cells lies beside the checkout, it replaces the download and is added
to the experiments that can take it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import yaml
from reproduction_table import (
    CONFIGURATIONS,
    NOT_HERE,
    REPOSITORY,
    SIZES,
    SNAKEFILE,
    command_of,
    configurations,
    record,
    recorded,
    write_document,
)

from sharedim.jobs.tables import read_table

REAL = REPOSITORY.parent / "shared" / "data" / "pbmc10k_protein_v3_4000genes.h5mu"
# Real cells beside the simulated pairs of these experiments.
REAL_CONFIGURATION = f"{CONFIGURATIONS}/real.yaml"
MEASURING = ("write_experiment", "fine_tune_encoders", "time_training")
WITH_REAL_CELLS = ("temperature", "similarities")


def files_of(name: str, size: str) -> list[str]:
    """Return the configurations of an experiment, with that of real cells where their file exists."""
    files = configurations(name, size)
    return [*files, REAL_CONFIGURATION] if name in WITH_REAL_CELLS and REAL.exists() else files


def from_the_file(path: Path, folder: Path) -> Path:
    """Return a configuration, or a copy of it that reads the local file instead of a download."""
    config = yaml.safe_load(path.read_text())
    given = config.get("datasets", {}).values()
    downloaded = [own for own in given if own.get("dataset") == "pbmc10k"]
    if not (downloaded and REAL.exists()):
        return path
    for own in downloaded:
        del own["dataset"]
        own["h5mu"] = str(REAL)
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / path.name
    copy.write_text(yaml.safe_dump(config, sort_keys=False))
    return copy


def run(name: str, size: str, *, measure: bool) -> bool:
    """Run an experiment from nothing, or measure it again; record its findings, return its success."""
    folder = REPOSITORY / "results" / "reproduction" / size / name
    before = recorded(name, size)
    if not measure:
        shutil.rmtree(folder, ignore_errors=True)
    files = files_of(name, size)
    given = [str(from_the_file(REPOSITORY / path, folder)) for path in files]
    asked = [str(Path(sys.executable).with_name("snakemake")), "--cores", "all"]
    asked += ["--snakefile", str(REPOSITORY / SNAKEFILE), "--directory", str(folder)]
    asked += ["--configfile", *given]
    # Whatever code has changed since, only the measuring is repeated.
    asked += ["--rerun-triggers", "mtime", "--forcerun", *MEASURING] if measure else []
    began = time.monotonic()
    if subprocess.run(asked, cwd=REPOSITORY, check=False).returncode != 0:
        return False
    took = {"seconds": time.monotonic() - began, "cores": os.cpu_count()}
    if measure and len(before):
        took = {key: before[key].iloc[0] for key in took}
    found = read_table(folder / "results" / "experiments" / name / size / "findings.tsv")
    record(name, size, found, {"command": command_of(files), **took})
    return True


def main() -> None:
    """Run the experiments named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--size", choices=SIZES, default="quick")
    parser.add_argument("--measure", action="store_true")
    given = parser.parse_args()
    known = sorted(path.stem for path in (REPOSITORY / CONFIGURATIONS).glob("*.yaml"))
    known = [
        name
        for name in known
        if name not in ("real", *NOT_HERE)
        and all((REPOSITORY / path).exists() for path in configurations(name, given.size))
    ]
    unknown = set(given.names) - set(known)
    if unknown:
        parser.error(
            f"no experiment {', '.join(sorted(unknown))} in this size; there are {', '.join(known)}"
        )
    failed = []
    for name in given.names or known:
        if not run(name, given.size, measure=given.measure):
            failed.append(name)
        write_document()
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
