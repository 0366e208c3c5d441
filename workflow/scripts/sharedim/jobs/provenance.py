"""Provenance of results: code, configuration, input, packages, device, seeds, duration."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from sharedim.version import __version__

if TYPE_CHECKING:
    from sharedim.jobs.checkpoints import Making, RecipeRecord

# Packages that decide numbers and figures, by the names they are installed under.
PACKAGES = (
    "torch",
    "numpy",
    "scipy",
    "pandas",
    "scanpy",
    "anndata",
    "mudata",
    "scikit-learn",
    "snakemake",
)
LIBRARY = Path(__file__).parents[1]


class InputFile(TypedDict):
    """A file of the input."""

    file: str
    bytes: int
    sha256: str


class Program(TypedDict):
    """The program that made results."""

    name: str
    version: str
    code: str
    written: str
    machine: str
    versions: dict[str, str]


class BlockHeader(TypedDict, total=False):
    """What a block of models of the grid is, see `sharedim.jobs.checkpoints.block_header`."""

    recipe: RecipeRecord
    dim: int
    seeds: list[int]
    data: str
    precision: str
    dimension_every: int


class Models(TypedDict, total=False):
    """A block of models: what it is and what is told of the job that made it."""

    recipe: str
    dim: int
    seeds: list[int]
    data: str
    precision: str
    dimension_every: int
    device: str
    seconds: float
    finished: str
    engine: str
    code: str
    machine: str
    versions: dict[str, str]


class Provenance(TypedDict):
    """What ``provenance.json`` holds, as `of_dataset` gives it."""

    program: Program
    configuration: Mapping[str, object]
    input: list[InputFile]
    models: list[Models]


def versions() -> dict[str, str]:
    """Return the versions of this program and of what decides its numbers."""
    found = {"sharedim": __version__, "Python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            # With one environment a stage, a package may live in another stage's alone.
            found[package] = "in another environment"
    return found


def code_fingerprint(package: Path = LIBRARY) -> str:
    """Return a short hash of a package, by default the library, as it is on disk."""
    digest = hashlib.sha256()
    for file in sorted(package.rglob("*")):
        if file.suffix in {".py", ".j2"}:
            digest.update(file.relative_to(package).as_posix().encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def engine_key(code: str) -> str:
    """Return what finished seeds must have in common to be reused: the engine, PyTorch and NumPy.

    Builds of one release, such as those for a CPU and for CUDA, count as the same.
    """
    return "-".join([code, *(version(name).partition("+")[0] for name in ("torch", "numpy"))])


def of_job(device: str, seconds: float, engine: str) -> Making:
    """Return what is told of the job that made a block of models.

    Parameters
    ----------
    device : str
        What it ran on.
    seconds : float
        How long it took; seeds that were finished before took part of another job's time.
    engine : str
        As `engine_key` gives it.
    """
    return {
        "device": device,
        # Tenths; closed forms of few cells take less, which is not nothing.
        "seconds": round(seconds, 1) or round(seconds, 3),
        "finished": _now(),
        "engine": engine,
        "code": code_fingerprint(),
        "machine": f"{platform.system()} {platform.machine()}",
        "versions": {name: number for name, number in versions().items() if number[0].isdigit()},
    }


def of_dataset(
    configuration: Mapping[str, object],
    files: Iterable[str],
    blocks: Iterable[tuple[BlockHeader, Making]],
) -> Provenance:
    """Return what ``provenance.json`` tells of a dataset.

    Parameters
    ----------
    configuration : dict
        All settings that its results depend on.
    files : iterable of path-like
        The input: a file, a pair, or the files of a folder.
    blocks : iterable of (dict, dict)
        For each block of models its header and what is told of its job.

    Returns
    -------
    dict
        ``program``, ``configuration``, ``input`` (each file with bytes and SHA-256) and ``models``
        (each block with recipe, d, seeds, fingerprint of its features, device, seconds, versions).
    """
    return {
        "program": {
            "name": "sharedim",
            "version": __version__,
            "code": code_fingerprint(),
            "written": _now(),
            "machine": f"{platform.system()} {platform.machine()}",
            "versions": versions(),
        },
        "configuration": configuration,
        "input": [_described(Path(file)) for file in files],
        "models": [{**header, "recipe": header["recipe"]["name"], **job} for header, job in blocks],
    }


def summary(provenance: Provenance) -> list[tuple[str, str]]:
    """Return the rows that a report shows of it, each a title and a text."""
    rows = [
        ("input", f"{file['file']}, {file['bytes']:,} bytes, SHA-256 {file['sha256']}")
        for file in provenance["input"]
    ]
    program = provenance["program"]
    rows.append(("program", f"sharedim {program['version']}, code {program['code']}"))
    recipes = dict.fromkeys(block["recipe"] for block in provenance["models"])
    for recipe in recipes:
        blocks = [block for block in provenance["models"] if block["recipe"] == recipe]
        devices = ", ".join(dict.fromkeys(block["device"] for block in blocks))
        seeds = sorted({seed for block in blocks for seed in block["seeds"]})
        minutes = sum(block["seconds"] for block in blocks) / 60
        rows.append((
            f"models of {recipe}",
            f"seeds {seeds[0]} to {seeds[-1]}, {minutes:.1f} min in all, on {devices}",
        ))  # fmt: skip
    return rows


def _described(file: Path) -> InputFile:
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return {"file": str(file), "bytes": file.stat().st_size, "sha256": digest}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
