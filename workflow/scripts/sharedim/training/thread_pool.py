"""Work shared out between the threads of a CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Do the same to every item, in as many threads as PyTorch has, each with one for itself.

    Small products gain more from a thread an item than from threads within.
    """
    items, threads = list(items), torch.get_num_threads()
    if len(items) == 1 or threads == 1:
        return [work(item) for item in items]
    torch.set_num_threads(1)
    try:
        return list(_pool(min(threads, len(items))).map(work, items))
    finally:
        torch.set_num_threads(threads)


@lru_cache(maxsize=1)
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads)
