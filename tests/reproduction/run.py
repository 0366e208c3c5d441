"""Run experiments and put what they found beside what was expected: writes docs/reproduction.md.

    python tests/reproduction/run.py [--size quick|paper] [--measure] [NAME ...]

Each runs as a person would run it, from nothing, in results/reproduction/<size>/<name>, where its pages
stay; what others found before stays in the document. With --measure they are measured anew on the models
that are there; the time that is told stays that of the whole run. Where the file of real cells lies beside
the checkout, it is read in place of a download, and added to experiments that can have it.
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
    NOT_HERE,
    REPOSITORY,
    SIZES,
    command_of,
    configurations,
    record,
    recorded,
    write_document,
)

from sharedim.jobs.tables import read_table

REAL = REPOSITORY.parent / "shared" / "data" / "pbmc10k_protein_v3_4000genes.h5mu"
# To these it adds cells; they cannot be simulated.
REAL_CONFIGURATION = "config/experiments/real.yaml"
WITH_REAL_CELLS = ("temperature", "similarities")


def files_of(name: str, size: str) -> list[str]:
    """Return the configurations of an experiment with the real cells that are there."""
    files = configurations(name, size)
    return [*files, REAL_CONFIGURATION] if name in WITH_REAL_CELLS and REAL.exists() else files


def from_the_file(path: Path, folder: Path) -> Path:
    """Return a configuration, or a copy in which what would be downloaded is the file that is there."""
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
    """Run an experiment from nothing, or measure it anew, and keep what it found; say whether it ended well."""
    folder = REPOSITORY / "results" / "reproduction" / size / name
    before = recorded(name, size)
    if not measure:
        shutil.rmtree(folder, ignore_errors=True)
    files = files_of(name, size)
    given = [str(from_the_file(REPOSITORY / path, folder)) for path in files]
    asked = [str(Path(sys.executable).with_name("snakemake")), "--cores", "all"]
    asked += ["--snakefile", str(REPOSITORY / "Snakefile"), "--directory", str(folder)]
    asked += ["--configfile", *given]
    # However the code has changed since, only the measuring is done again.
    asked += ["--rerun-triggers", "mtime", "--forcerun", "write_experiment"] if measure else []
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
    known = sorted(path.stem for path in (REPOSITORY / "config/experiments").glob("*.yaml"))
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
        sys.exit(f"did not come to an end: {', '.join(failed)}")


if __name__ == "__main__":
    main()
