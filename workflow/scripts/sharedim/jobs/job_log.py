"""Log of a job, in its file and on the terminal."""

# Not hashed: it writes logs, and decides no number.

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sharedim.errors import InputError, StorageError
from sharedim.jobs.locks import end_with_snakemake

# The logger of `sharedim.jobs.progress`.
PROGRESS = "sharedim.jobs.progress"
AGAIN = "the same command again; what is finished is kept"


@contextmanager
def job(log: str | Path, name: str) -> Iterator[logging.Logger]:
    """Log a job from start to end and turn its errors into what a user needs.

    An input that cannot be used, or a file that cannot be written, ends the job with its one
    sentence; any other error with its traceback in the log and one line on the terminal. A last
    line says what to do next. The job ends with the Snakemake that started it.

    Parameters
    ----------
    log : path-like
        The log file, begun anew.
    name : str
        The job in a word or two, put before every line.

    Yields
    ------
    logging.Logger
    """
    file = logging.FileHandler(log, mode="w", encoding="utf-8")
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setFormatter(logging.Formatter(f"[{name}] %(message)s"))
    logging.basicConfig(handlers=[file, terminal], level=logging.WARNING, force=True)
    logging.captureWarnings(True)
    logger = logging.getLogger("sharedim")
    logger.setLevel(logging.INFO)
    # A dependency's warnings are for the maintainer: they belong in the file alone.
    terminal.addFilter(logging.Filter("sharedim"))
    if sys.stderr.isatty():
        # A bar shows there what these lines say.
        terminal.addFilter(lambda record: record.name != PROGRESS)

    started = time.monotonic()
    end_with_snakemake()
    try:
        yield logger
    except (InputError, StorageError) as error:
        logger.error("error: %s", error)
        if isinstance(error, InputError):  # The other says it itself.
            logger.error("what to do next: put this right, then give %s", AGAIN)
        sys.exit(1)
    except Exception as error:
        terminal.addFilter(lambda record: not record.exc_info)
        logger.exception("failed")
        logger.error("error: %s: %s; the traceback is in %s", type(error).__name__, error, log)
        logger.error(
            "what to do next: give %s; if it fails again, report it with that log, which names "
            "every step up to the error",
            AGAIN,
        )
        sys.exit(1)
    logger.info("done in %.1f s", time.monotonic() - started)


def counted(number: int, thing: str) -> str:
    """Return a number with its noun: ``"1 model"``, ``"2,000 cells"``."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
