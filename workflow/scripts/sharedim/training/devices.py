"""Devices to train on: the CPU, or a GPU held against other jobs of this machine."""

# Not hashed: which device trains changes a model by rounding alone.

from __future__ import annotations

import fcntl
import itertools
import logging
import os
import tempfile
from functools import lru_cache
from pathlib import Path

import torch

from sharedim.errors import InputError

logger = logging.getLogger(__name__)

KINDS = ("cpu", "cuda")


def choose_device() -> torch.device:
    """Return the device to train on: ``SHAREDIM_DEVICE`` if set, else CUDA if visible, else the CPU.

    Where several GPUs are visible and none is named, this process takes the one with the fewest jobs
    of this user, and holds it until it ends.
    """
    fallback = "cuda" if torch.cuda.is_available() else "cpu"
    name = os.environ.get("SHAREDIM_DEVICE") or fallback
    kind, _, number = name.partition(":")
    if kind not in KINDS or (number and not number.isdecimal()):
        raise InputError(
            f"SHAREDIM_DEVICE={name}: not a device to train on; use cpu, cuda or cuda:1"
        )
    if kind == "cpu":
        if not os.environ.get("SHAREDIM_DEVICE"):
            logger.info("no GPU is visible: on the CPU")
        return torch.device(name)
    visible, place = torch.cuda.device_count(), int(number or 0)
    if place >= visible:
        raise InputError(
            f"SHAREDIM_DEVICE={name}: {visible} CUDA devices are visible, "
            "numbered from 0; use one of them, or cpu"
        )
    if not number and visible > 1:
        # By what they are, since numbers count only those that are visible.
        properties = map(torch.cuda.get_device_properties, range(visible))
        place = hold_slot(tuple(str(own.uuid) for own in properties), slots_folder())
        logger.info("on GPU %d of the %d that are visible", place, visible)
    # With its number, which PyTorch wants to make a device the current one.
    return torch.device(kind, place)


def new_stream(device: torch.device | None = None) -> torch.cuda.Stream:
    """Return a stream for work beside that of a GPU's own."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # PyTorch's constructor has no types


def described(device: torch.device) -> str:
    """Return a device in words."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' if threads > 1 else ''}"


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
