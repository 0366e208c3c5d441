"""Writing so that nothing half-written ever bears a final name, and reading JSON back."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sharedim.errors import StorageError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` and rename it into place when the block succeeds.

    The temporary name keeps the suffixes, which some writers go by. When the block fails, the
    temporary file is removed and whatever was at ``path`` stays as it was. The content is on the
    disk before it gets its name, so that a power cut leaves the old file or the new.

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
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
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


def write_json(path: str | Path, content: dict) -> None:
    """Write a dictionary as readable JSON, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")


def read_json(path: str | Path) -> dict:
    """Read a dictionary written by `write_json`."""
    return json.loads(Path(path).read_text("utf-8"))
