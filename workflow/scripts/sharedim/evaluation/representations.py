"""Representations of cells by trained encoders."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from sharedim.evaluation.mutual_information import best_temperature
from sharedim.jobs.checkpoints import ModelBlock
from sharedim.training.encoders import EncoderStack


def encoder_of(block: ModelBlock, model: int, modality: str) -> EncoderStack:
    """Return the encoder of one modality of a model of a block, a stack of one in memory of its own."""
    prefix = f"{modality}."
    tensors = {
        name.removeprefix(prefix): torch.from_numpy(tensor[model : model + 1])
        for name, tensor in block.tensors.items()
        if name.startswith(prefix)
    }
    return EncoderStack.from_tensors(tensors)


def representations(
    block: ModelBlock, model: int, modality: str, cells: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Encode cells with one model of a block.

    Parameters
    ----------
    block : ModelBlock
        Trained models.
    model : int
        Position in the block.
    modality : str
        ``"rna"`` or ``"prot"``.
    cells : ndarray of float32, shape (n, features)
        Features of the cells.

    Returns
    -------
    ndarray of float32, shape (n, d)
        Divided by the mean norm over the model's normaliser cells, but where its similarity is
        of what the encoders give.
    """
    encoder = encoder_of(block, model, modality)
    encoded = encoder.encode(torch.from_numpy(np.array(cells))[None])[0].numpy()
    divided: NDArray[np.float32] = encoded / block.tensors[f"mean_norm.{modality}"][model]
    return divided


def encoded_pair(
    block: ModelBlock, model: int, rna: NDArray[np.float32], prot: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Encode both modalities of the same cells with one model of a block."""
    return representations(block, model, "rna", rna), representations(block, model, "prot", prot)


def similarity_of(block: ModelBlock, model: int) -> str:
    """Return what a model compares by: its recipe says, or where that chose, the model."""
    if "cosine" in block.tensors:
        return "cosine" if block.tensors["cosine"][model] else "inner_product"
    return block.header["recipe"]["similarity"]


def temperature_of(
    block: ModelBlock, model: int, f: NDArray[np.floating], g: NDArray[np.floating]
) -> float:
    """Return the temperature that a model learned; for one that learned none, the best for some cells.

    Parameters
    ----------
    block : ModelBlock
        Trained models.
    model : int
        Position in the block.
    f, g : ndarray, shape (n, d)
        Representations of validation cells, as they are compared by inner product.
    """
    if "temperature" in block.tensors:
        return float(block.tensors["temperature"][model])
    return best_temperature(f, g)
