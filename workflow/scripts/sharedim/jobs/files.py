"""Atomic writes, JSON files and file sizes."""

from __future__ import annotations

import glob
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from sharedim.errors import StorageError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` and rename it into place when the block succeeds.

    The temporary name keeps the suffixes, which some writers go by. When the block fails, the
    temporary file is removed and whatever was at ``path`` stays as it was. The content is on the
    disk before it gets its name, so that a power cut leaves the old file or the new. What a killed
    process had begun to write there is removed.

    Parameters
    ----------
    path : path-like
        The final name. Missing parent folders are made.

    Yields
    ------
    Path
        Where to write.

    Raises
    ------
    StorageError
        If the disk is full, the folder cannot be written, or anything else the system refuses.
    """
    path = Path(path)
    temporary = _temporary(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise StorageError(
            f"{path}: cannot be written ({error.strerror or error}); nothing finished is lost: see "
            "to the space and the permissions there and run again"
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def folder_beside(path: str | Path) -> Iterator[Path]:
    """Give an empty folder beside ``path`` while the block runs; one of a killed process is removed."""
    unpacked = Path(path).with_name(f"{Path(path).name}.unpacked")
    folder = _temporary(unpacked)
    _sweep(unpacked)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _temporary(path: Path) -> Path:
    return path.with_name(f".{os.getpid()}.{path.name}")


def _sweep(path: Path) -> None:
    """Remove what processes that are no more had begun to write in place of a file."""
    for left in path.parent.glob(f".*.{glob.escape(path.name)}"):
        writer = left.name.removesuffix(f".{path.name}").removeprefix(".")
        if not writer.isdigit() or psutil.pid_exists(int(writer)):
            continue
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink(missing_ok=True)


def write_json(path: str | Path, content: Mapping[str, object] | Sequence[object]) -> None:
    """Write a dictionary or a list as readable JSON, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")


def read_json(path: str | Path) -> dict[str, object]:
    """Read a dictionary written by `write_json`."""
    content: dict[str, object] = json.loads(Path(path).read_text("utf-8"))
    return content


def megabytes(files: str | Path | Iterable[str | Path]) -> float:
    """Return the total size in MB of one or several files; a folder has the size of its files."""
    paths = map(Path, [files] if isinstance(files, str | Path) else files)
    found = [file for path in paths for file in (path.iterdir() if path.is_dir() else [path])]
    return sum(file.stat().st_size for file in found if file.is_file()) / 1e6
