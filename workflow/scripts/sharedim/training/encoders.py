"""Encoders: a stack of S independent multilayer perceptrons, one row of parameters each."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import torch

# Numbers of single precision in 16 bytes, at whose multiples a GPU reads fastest.
ALIGNED = 4


@dataclass(frozen=True)
class EncoderShape:
    """Sizes of an encoder.

    Attributes
    ----------
    inputs : int
        Features of the modality.
    hidden : tuple of int
        Width of each hidden layer, with ReLU after it. None makes the encoder linear.
    outputs : int
        Output dimension d.
    linear_skip : bool
        Whether a linear map of the input is added to the output.
    """

    inputs: int
    hidden: tuple[int, ...]
    outputs: int
    linear_skip: bool = False

    @property
    def matrices(self) -> list[tuple[int, int]]:
        """Shape of each layer's matrix; its last column is the bias."""
        return [
            (out, below + 1) for below, out in pairwise((self.inputs, *self.hidden, self.outputs))
        ]

    @property
    def parameters(self) -> int:
        """Numbers one encoder has."""
        layers = sum(rows * columns for rows, columns in self.matrices)
        return layers + self.linear_skip * self.outputs * self.inputs


class EncoderStack:
    """S encoders of one shape, evaluated together by batched matrix products.

    Parameters
    ----------
    shape : EncoderShape
        What all of them look like.
    parameters : Tensor, shape (S, shape.parameters)
        One encoder a row: the layers from input to output, each a matrix with the bias as its
        last column, then the skip. Layers are views of it.

    Attributes
    ----------
    layers : list of Tensor, each of shape (S, out, in + 1)
    skip : Tensor, shape (S, d, inputs), or None
    """

    def __init__(self, shape: EncoderShape, parameters: torch.Tensor) -> None:
        if parameters.shape[1:] != (shape.parameters,):
            raise ValueError(
                f"parameters of shape {tuple(parameters.shape)} for encoders that have "
                f"{shape.parameters} numbers each"
            )
        self.shape, self.parameters = shape, parameters
        self.layers, start = [], 0
        for matrix in shape.matrices:
            self.layers.append(_view(parameters, start, matrix))
            start += matrix[0] * matrix[1]
        skip = (shape.outputs, shape.inputs)
        self.skip = _view(parameters, start, skip) if shape.linear_skip else None

    def encode(self, cells: torch.Tensor) -> torch.Tensor:
        """Encode cells.

        Parameters
        ----------
        cells : Tensor, shape (S, n, inputs)
            The cells of each model.

        Returns
        -------
        Tensor, shape (S, n, d)
        """
        hidden = cells
        for layer in self.layers[:-1]:
            hidden = torch.baddbmm(layer[:, None, :, -1], hidden, layer[:, :, :-1].mT).relu_()
        last = self.layers[-1]
        output = torch.baddbmm(last[:, None, :, -1], hidden, last[:, :, :-1].mT)
        return output if self.skip is None else output.baddbmm_(cells, self.skip.mT)

    def tensors_of(self, model: int) -> dict[str, torch.Tensor]:
        """Return one model's tensors in PyTorch's layout: ``0.weight``, ``0.bias``, ``1.weight`` ..."""
        tensors = {}
        for number, layer in enumerate(self.layers):
            tensors[f"{number}.weight"] = layer[model, :, :-1]
            tensors[f"{number}.bias"] = layer[model, :, -1]
        if self.skip is not None:
            tensors["skip.weight"] = self.skip[model]
        return tensors

    @classmethod
    def from_tensors(cls, tensors: dict[str, torch.Tensor]) -> EncoderStack:
        """Build a stack from stacked tensors named as by `tensors_of`, each with a leading axis S."""
        count = sum(name.endswith(".bias") for name in tensors)
        weights = [tensors[f"{number}.weight"] for number in range(count)]
        biases = [tensors[f"{number}.bias"] for number in range(count)]
        parts = [torch.cat([w, b[..., None]], 2) for w, b in zip(weights, biases, strict=True)]
        shape = EncoderShape(
            inputs=weights[0].shape[2],
            hidden=tuple(w.shape[1] for w in weights[:-1]),
            outputs=weights[-1].shape[1],
            linear_skip="skip.weight" in tensors,
        )
        if shape.linear_skip:
            parts.append(tensors["skip.weight"])
        return cls(shape, torch.cat([part.flatten(1) for part in parts], dim=1))


def _view(parameters: torch.Tensor, start: int, matrix: tuple[int, int]) -> torch.Tensor:
    own = parameters[:, start : start + matrix[0] * matrix[1]]
    return torch.unflatten(own, 1, matrix)


def stack_tensors(models: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Stack models of one shape along a new first axis S."""
    return {name: torch.stack([model[name] for model in models]) for name in models[0]}


def padded_shape(shape: EncoderShape) -> EncoderShape:
    """Return the shape whose layers, each with its bias or its row of ones, have aligned widths."""
    return replace(
        shape,
        inputs=aligned(shape.inputs + 1) - 1,
        hidden=tuple(aligned(width + 1) - 1 for width in shape.hidden),
        outputs=aligned(shape.outputs),
    )


def places_in(wide: EncoderShape, shape: EncoderShape) -> torch.Tensor:
    """Return where an encoder's parameters stand among those of a wider one, shape (parameters,)."""
    numbered = EncoderStack(wide, torch.arange(wide.parameters)[None])
    found = []
    for layer, (outputs, columns) in zip(numbered.layers, shape.matrices, strict=True):
        rows = layer[0, :outputs]
        found.append(torch.cat([rows[:, : columns - 1], rows[:, -1:]], dim=1))
    if numbered.skip is not None:
        found.append(numbered.skip[0, : shape.outputs, : shape.inputs])
    return torch.cat([part.flatten() for part in found])


def aligned(width: int) -> int:
    """Return the least multiple of `ALIGNED` that holds a width."""
    return math.ceil(width / ALIGNED) * ALIGNED
