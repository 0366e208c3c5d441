"""Devices of a machine shared out between jobs that know nothing of each other."""

from __future__ import annotations

import fcntl
import itertools
import os
import tempfile
from functools import lru_cache
from pathlib import Path


def slots_folder() -> Path:
    """Return where the locks of this user are, the same for every job on this machine."""
    return Path(tempfile.gettempdir()) / f"sharedim-gpus-{os.getuid()}"


@lru_cache(maxsize=1)
def hold_slot(names: tuple[str, ...], folder: Path) -> int:
    """Take the device with the fewest jobs on it, and hold it until this process ends.

    Every device has slots, files that are locked: the first slot of each is tried before the second
    of any. The system frees a lock when its process ends, however it does.

    Parameters
    ----------
    names : tuple of str
        What the devices are called on this machine, whoever asks.
    folder : Path
        Where the slots are; made where it is missing.

    Returns
    -------
    int
        Place of the device in `names`; asked again, the same process gets the same.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    for slot in itertools.count():
        for place, name in enumerate(names):
            # Open for as long as the process lives: closing it would free the slot.
            file = os.open(folder / f"{name}.{slot}", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(file)
            else:
                return place
    raise AssertionError("there is always one more slot")
