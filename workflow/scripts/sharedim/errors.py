"""The two errors that are not about this program: the user's input, and the place to write to."""

from __future__ import annotations

from collections.abc import Sequence

NAMED_AT_MOST = 5


class InputError(ValueError):
    """An input that cannot be used; the message is one sentence for the person who gave it."""


class StorageError(OSError):
    """A file that could not be written; the message says which, why, and what to do."""


def some_of(names: Sequence[str]) -> str:
    """List a few names for a message and count the rest."""
    more = len(names) - NAMED_AT_MOST
    return ", ".join(names[:NAMED_AT_MOST]) + (f" and {more:,} more" if more > 0 else "")
