"""Locks on checkpoints, and the end of a job whose Snakemake is gone."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from sharedim.errors import InputError

logger = logging.getLogger(__name__)

# An orphan that is about to end lets go of its lock within this many seconds.
PATIENCE = 30
POLL_SECONDS = 1.0


@contextmanager
def alone(lock: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Hold a lock while the block runs; the system lets go of it however the process ends.

    Parameters
    ----------
    lock : Path
        The lock file. It stays, empty, which means nothing.
    patience : float
        Seconds to wait for another holder to end.

    Raises
    ------
    InputError
        If another process still holds it then.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    held = FileLock(lock)
    try:
        held.acquire(timeout=0)
    except Timeout:
        logger.warning("%s: another job holds this lock; waiting for it to end", lock)
        try:
            held.acquire(timeout=patience)
        except Timeout:
            raise InputError(
                f"{lock}: another job is still training these models; let it finish, or end it, "
                "and run again"
            ) from None
    try:
        yield
    finally:
        held.release()


@cache
def end_with_snakemake() -> None:
    """End this process as soon as one of the Snakemake processes that started it is gone.

    A Snakemake that is killed cannot end its jobs; left alone they would train on beside those of
    the next run. Outside Snakemake nothing is watched, and nothing is watched twice.
    """
    watched = [parent for parent in psutil.Process().parents() if _is_snakemake(parent)]
    if watched:
        threading.Thread(target=_watch, args=(watched, _end), daemon=True).start()


def _is_snakemake(process: psutil.Process) -> bool:
    """Whether a process runs Snakemake itself, rather than being a shell that was told to."""
    try:
        words = [Path(word).name for word in process.cmdline()[:4]]
    except psutil.Error:
        return False
    return "snakemake" in words


def _watch(processes: list[psutil.Process], end: Callable[[psutil.Process], None]) -> None:
    while True:
        gone = [process for process in processes if not _alive(process)]
        if gone:
            end(gone[0])
            return
        time.sleep(POLL_SECONDS)


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _end(process: psutil.Process) -> None:
    logger.error(
        "the Snakemake that started this job (process %d) is gone: ending; what to do "
        "next: give the same command with --unlock, then with --rerun-incomplete",
        process.pid,
    )
    sys.stderr.flush()
    os.kill(os.getpid(), signal.SIGKILL)
