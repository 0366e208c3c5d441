"""The two errors that are not about this program: the user's input, and the place to write to."""

from __future__ import annotations


class InputError(ValueError):
    """An input that cannot be used; the message is one sentence for the person who gave it."""


class StorageError(OSError):
    """A file that could not be written; the message says which, why, and what to do."""
