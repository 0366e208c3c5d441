"""Reference cells of a saved model, and the values that predictions are averages of."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sharedim.jobs.checkpoints import ModelBlock
from sharedim.preprocessing.projection import Projection

# Tells a model to be used from a block of the grid.
KIND = "sharedim model"
OTHER = {"rna": "prot", "prot": "rna"}
# Genes whose moments are taken together.
FEATURES_AT_ONCE = 512


def reference_values(
    block: ModelBlock, projections: dict[str, Projection], modality: str
) -> Iterator[NDArray[np.floating]]:
    """Yield the transformed values of the reference's cells, some features at a time.

    Of RNA as its principal components hold them: all genes of all cells would make the file large.
    """
    if modality == "prot":
        yield block.tensors["reference.values.prot"]
        return
    projection, components = projections["rna"], block.tensors["reference.components.rna"]
    for first in range(0, len(projection.used), FEATURES_AT_ONCE):
        yield projection.restore(components, slice(first, first + FEATURES_AT_ONCE))
