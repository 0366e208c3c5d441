"""Shared dimensions of two modalities.

This is the library behind the sharedim workflow. Importing it imports no room, so that each
job pays only for what it uses: ``from sharedim.training import loop`` needs torch and numpy alone.

`load` opens a model that the workflow has trained: see docs/api.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sharedim.version import __version__

if TYPE_CHECKING:
    from pathlib import Path

    from sharedim.embedding.model import Model

__all__ = ["__version__", "load"]


def load(path: str | Path) -> Model:
    """Load the model of a dataset; see `sharedim.embedding.model.load`."""
    from sharedim.embedding.model import load as load_model

    return load_model(path)
