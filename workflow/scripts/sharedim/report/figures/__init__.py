"""Figures of a dataset."""

__all__ = [
    # All figures by name.
    "registry",
    # Parts of any figure.
    "style",
    "curves",
]
