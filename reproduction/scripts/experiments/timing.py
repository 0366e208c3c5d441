"""Wall-clock time of a call, the least of several."""

from __future__ import annotations

import time
from collections.abc import Callable

REPEATS = 3


def seconds(call: Callable[[], object]) -> float:
    """Return the least time that a call takes, of `REPEATS` times."""
    took = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        call()
        took.append(time.perf_counter() - began)
    return min(took)
