"""Mean norms with their gradient in the layout that a GPU multiplies fastest.

Rows of matrices start at multiples of 16 bytes. Each model's cells are divided into parts that are
multiplied side by side, since a product over thousands of cells with a small result, such as the
gradient of a layer, would leave most of the GPU idle. The gradient is computed beside the loss, which
needs the mean norm alone.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from sharedim.training.backprop import EncoderPass, PassBuffers, weight_over_norm
from sharedim.training.encoders import EncoderShape, EncoderStack

# Cells of a part, unless a model has fewer.
PART_CELLS = 1000
# Numbers of single precision in 16 bytes.
ALIGNED = 4


class PaddedNormPass:
    """Does what `sharedim.training.backprop.NormPass` does, for a whole stack.

    Parameters
    ----------
    encoders : EncoderStack
        The encoders; their parameters may change between passes.
    cells : int
        Normaliser cells of a model in each step.
    fixed : bool
        Whether every step has the same cells, which are then copied once.
    """

    def __init__(self, encoders: EncoderStack, cells: int, *, fixed: bool) -> None:
        parameters = encoders.parameters
        models = len(parameters)
        self.encoders, self.fixed, self.filled = encoders, fixed, False
        self.gradient = EncoderStack(encoders.shape, torch.zeros_like(parameters))

        wide = padded_shape(encoders.shape)
        self.places = places_in(wide, encoders.shape).to(parameters.device)
        parts = math.ceil(cells / PART_CELLS)
        size = _aligned(math.ceil(cells / parts))
        self.copies, self.copies_gradient = (
            EncoderStack(wide, parameters.new_zeros(parts * models, wide.parameters))
            for _ in range(2)
        )
        self.parts = parameters.new_zeros(parts, models, size, wide.inputs + 1)
        # The cells that fill the last part up do not count.
        counted = torch.arange(parts * size, device=parameters.device) < cells
        weights = (counted / cells).to(parameters).view(parts, 1, size)
        self.weights = weights.expand(-1, models, -1).flatten(0, 1)
        self.norms = torch.empty_like(self.weights)
        room = PassBuffers(wide, (parts * models,), size, parameters)
        self.encoder_pass = EncoderPass(self.copies, self.copies_gradient, room)
        on_gpu = parameters.device.type == "cuda"
        self.beside = torch.cuda.Stream(parameters.device) if on_gpu else None

    def mean_with_gradient(self, cells: torch.Tensor) -> torch.Tensor:
        """Return the mean norm of each model's outputs; ``gradient`` holds its after `wait`.

        Parameters
        ----------
        cells : Tensor, shape (S, m, inputs + 1)
            Normaliser cells of each model, their last column ones.

        Returns
        -------
        Tensor, shape (S,)
        """
        if not (self.fixed and self.filled):
            self._fill(cells)
        copies = self._by_part(self.copies)
        copies.index_copy_(2, self.places, self.encoders.parameters.expand(len(copies), -1, -1))
        output = self.encoder_pass.forward(self.parts.flatten(0, 1))
        torch.sum(output.square(), dim=-2, out=self.norms)
        means = (self.norms.sqrt_() * self.weights).sum(dim=-1).view(copies.shape[:2]).sum(dim=0)
        if self.beside is None:
            self._backward(output)
        else:
            self.beside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self.beside):
                self._backward(output)
        return means

    def wait(self) -> None:
        """Let what follows wait for the gradient."""
        if self.beside is not None:
            torch.cuda.current_stream().wait_stream(self.beside)

    def _backward(self, output: torch.Tensor) -> None:
        self.copies_gradient.parameters.zero_()
        output.mul_(weight_over_norm(self.weights, self.norms))
        self.encoder_pass.backward(self.parts.flatten(0, 1), output)
        gradient = self._by_part(self.copies_gradient).sum(dim=0)
        torch.index_select(gradient, 1, self.places, out=self.gradient.parameters)

    def _by_part(self, copies: EncoderStack) -> torch.Tensor:
        return copies.parameters.view(*self.parts.shape[:2], copies.shape.parameters)

    def _fill(self, cells: torch.Tensor) -> None:
        """Copy cells into the parts, where columns of zeros stand before that of the ones."""
        inputs = cells.shape[2] - 1
        for part, own in zip(self.parts, cells.split(self.parts.shape[2], dim=1), strict=False):
            part[:, : own.shape[1], :inputs].copy_(own[..., :-1])
            part[:, : own.shape[1], -1].copy_(own[..., -1])
        self.filled = True

    def encode(self, cells: torch.Tensor) -> torch.Tensor:
        """Encode any number of cells, shape (S, n, inputs + 1), to shape (S, n, d)."""
        return self.encoders.encode(cells[..., :-1])


def padded_shape(shape: EncoderShape) -> EncoderShape:
    """Return the shape whose layers, each with its bias or its row of ones, have aligned widths."""
    return replace(
        shape,
        inputs=_aligned(shape.inputs + 1) - 1,
        hidden=tuple(_aligned(width + 1) - 1 for width in shape.hidden),
        outputs=_aligned(shape.outputs),
    )


def places_in(wide: EncoderShape, shape: EncoderShape) -> torch.Tensor:
    """Return where an encoder's parameters stand among those of a wider one, shape (parameters,)."""
    numbered = EncoderStack(wide, torch.arange(wide.parameters)[None])
    found = []
    for layer, (outputs, columns) in zip(numbered.layers, shape.matrices, strict=True):
        rows = layer[0, :outputs]
        found.append(torch.cat([rows[:, : columns - 1], rows[:, -1:]], dim=1))
    if shape.linear_skip:
        found.append(numbered.skip[0, : shape.outputs, : shape.inputs])
    return torch.cat([part.flatten() for part in found])


def _aligned(width: int) -> int:
    return math.ceil(width / ALIGNED) * ALIGNED
