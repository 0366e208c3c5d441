"""Progress of a computation: a bar on a terminal, plain lines in a log."""

# Not hashed: it shows how far training is, and decides no number.

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import NoReturn, Protocol

from tqdm import tqdm

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 30
SECONDS_BETWEEN_DRAWINGS = 0.5
BAR = "{desc} {percentage:3.0f} %|{bar}| {elapsed} gone, {remaining} left"


class Progress(Protocol):
    """The state of a computation; as text, one line that describes it."""

    @property
    def share(self) -> float:
        """Fraction of all the work that is done, between 0 and 1."""


@contextmanager
def shown(name: str) -> Iterator[Callable[[Progress], None]]:
    """Give a function that takes progress and shows it, until the block ends.

    Parameters
    ----------
    name : str
        The computation in a word or two.
    """
    last_line = time.monotonic()
    with ExitStack() as open_bars:
        bar = first = None

        def observe(progress: Progress) -> None:
            nonlocal bar, first, last_line
            if bar is None:
                # Not before there is progress: lines of the log come first. The time left follows
                # from what was done since, as the work may have gone on from an earlier job.
                bar = open_bars.enter_context(_bar(progress.share))
                first = time.monotonic(), progress.share
            bar.set_description_str(f"{name}: {progress}", refresh=False)
            bar.update(progress.share - bar.n)
            now = time.monotonic()
            done = progress.share - first[1]
            if now - last_line >= SECONDS_BETWEEN_LINES and done > 0:
                last_line = now
                left = (now - first[0]) * (1 - progress.share) / done
                logger.info("%s, about %s left", progress, timedelta(seconds=round(left)))

        yield observe


def _bar(share: float) -> tqdm[NoReturn]:
    return tqdm(
        total=1.0,
        initial=share,
        bar_format=BAR,
        mininterval=SECONDS_BETWEEN_DRAWINGS,
        miniters=0,
        leave=False,
        # With nobody at the terminal the bar keeps silent.
        disable=not sys.stderr.isatty(),
        file=sys.stderr,
    )
