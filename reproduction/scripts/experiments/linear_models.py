"""Linear encoders, trained, in the terms of the theory of Gaussian pairs."""

from __future__ import annotations

import numpy as np

from experiments.closed_forms import Tilt, optimal_tilt, relative_error
from sharedim.errors import InputError
from sharedim.evaluation.representations import similarity_of
from sharedim.jobs.checkpoints import ModelBlock
from sharedim.training.cca import PairedCovariance
from sharedim.training.similarity import EUCLIDEAN
from sharedim.training.splits import split_cells


def tilt_of(block: ModelBlock, model: int) -> Tilt:
    """Return the tilt ``s(x, y)`` that a stored linear model stands for, temperature included.

    With ``f(x) = G x + b`` and ``g(y) = H y + c``, divided by mean norms where the similarity asks
    for it, ``cross`` is G^T H over the temperature, the squares are G^T G and H^T H where Euclidean
    distances compare, and the biases are in the linear terms.

    Parameters
    ----------
    block : ModelBlock
        Trained models; those of a baseline have no temperature, which is taken to be 1.
    model : int
        Position in the block.

    Raises
    ------
    InputError
        If the encoders have hidden layers, or are compared by cosine.
    """
    similarity = similarity_of(block, model)
    if "rna.1.weight" in block.tensors or similarity == "cosine":
        raise InputError(
            f"the recipe {block.header['recipe']['name']} is not linear: a model is a matrix A where "
            "hidden_layers is 0 and similarity is not cosine"
        )
    sides = []
    for modality in ("rna", "prot"):
        weight = block.tensors[f"{modality}.0.weight"][model].astype(np.float64)
        if f"{modality}.skip.weight" in block.tensors:
            weight = weight + block.tensors[f"{modality}.skip.weight"][model]
        bias = block.tensors[f"{modality}.0.bias"][model].astype(np.float64)
        norm = float(block.tensors[f"mean_norm.{modality}"][model])
        sides.append((weight / norm, bias / norm))
    (g, b), (h, c) = sides
    temperature = (
        float(block.tensors["temperature"][model]) if "temperature" in block.tensors else 1
    )
    euclidean = similarity in EUCLIDEAN
    tilt = Tilt(
        cross=g.T @ h,
        x_square=euclidean * g.T @ g,
        y_square=euclidean * h.T @ h,
        x_linear=g.T @ (c - euclidean * b),
        y_linear=h.T @ (b - euclidean * c),
    )
    return Tilt(*(term / temperature for term in tilt))


def training_covariance(
    block: ModelBlock,
    model: int,
    rna: np.ndarray,
    prot: np.ndarray,
    test_cells: np.ndarray | None = None,
) -> PairedCovariance:
    """Return the covariances of the cells that a model of a block was trained on.

    Parameters
    ----------
    block : ModelBlock
        Trained models.
    model : int
        Position in the block.
    rna, prot : ndarray, shapes (n, dx) and (n, dy)
        Features of all paired cells.
    test_cells : ndarray of int64, optional
        As training was given them.
    """
    seed, share = block.header["seeds"][model], block.header["recipe"]["validation_share"]
    train = split_cells(len(rna), seed, test_cells, share).train
    return PairedCovariance.of_cells(*(side[train].astype(np.float64) for side in (rna, prot)))


def errors_of_tilt(
    block: ModelBlock, model: int, covariance: PairedCovariance
) -> tuple[float, float]:
    """Return how far a model's A and B are from the closed form: relative errors in Frobenius norm.

    Parameters
    ----------
    block : ModelBlock
        Linear models trained with a loss and a similarity that have a closed form.
    model : int
        Position in the block.
    covariance : PairedCovariance
        Of its training cells.

    Returns
    -------
    of_cross : float
        Of A.
    of_square : float
        Of B, or of D, whichever the loss determines; nan where there is none.
    """
    recipe = block.header["recipe"]
    exact = optimal_tilt(
        covariance,
        loss=recipe["loss"],
        similarity=similarity_of(block, model),
        rank=block.header["dim"],
    )
    found = tilt_of(block, model)
    squares = (found.x_square, exact.x_square)
    if recipe["loss"] == "rna_to_prot":
        squares = (found.y_square, exact.y_square)
    of_square = relative_error(*squares) if squares[1].any() else np.nan
    return relative_error(found.cross, exact.cross), of_square
