"""Preprocessing of counts to features, reproducible for new cells."""

__all__ = [
    # Before any training: the summary for the user, and the cells that are held out.
    "summary",
    "holdout",
    # From counts to features.
    "options",
    "pipeline",
    # The same for new cells.
    "projection",
]
