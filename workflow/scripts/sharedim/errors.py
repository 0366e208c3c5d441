"""Errors with a message for the user: an unusable input, or a file that cannot be written."""

# Not hashed: it words errors and lists of names in notes, and decides no number.

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from itertools import islice

NAMED_AT_MOST = 5


class InputError(ValueError):
    """An input that cannot be used; the message is one sentence for the user who gave it."""


class StorageError(OSError):
    """A file that could not be written; the message says which, why, and what to do."""


def some_of(names: Collection[str]) -> str:
    """List a few names for a message and count the rest."""
    more = len(names) - NAMED_AT_MOST
    return ", ".join(islice(names, NAMED_AT_MOST)) + (f" and {more:,} more" if more > 0 else "")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return what a message asks where a name is not known but close to one; empty where none is."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean '{close[0]}'? " if close else ""
