"""Forward and backward passes of encoders, written out, in buffers that are reused.

Cells come as rows with a last column of ones, and hidden layers lie as columns with a last row of
ones, so that a layer with its bias is one matrix product and so is its gradient.
"""

from __future__ import annotations

import math

import torch

from sharedim.training.devices import new_stream
from sharedim.training.encoders import (
    EncoderShape,
    EncoderStack,
    aligned,
    padded_shape,
    places_in,
)

# Cells that a pass over one model takes at once, so that they stay in a CPU's caches.
CPU_CHUNK = 2000
# Cells of one part of a pass on a GPU, unless a model has fewer.
PART_CELLS = 1000

# Hidden layers with ones, without, their gradients, and the output.
Views = tuple[list[torch.Tensor], list[torch.Tensor], list[torch.Tensor], torch.Tensor]

_mask_where_relu_was_off = torch.ops.aten.threshold_backward.grad_input


class PassBuffers:
    """Room for the hidden layers, their gradients and the output of a pass.

    Parameters
    ----------
    shape : EncoderShape
        Of the encoders.
    models : tuple of int
        ``(S,)`` for a whole stack, ``()`` for one model.
    cells : int
        The most cells of a pass.
    like : Tensor
        Gives type and device.
    """

    def __init__(
        self, shape: EncoderShape, models: tuple[int, ...], cells: int, like: torch.Tensor
    ) -> None:
        self.cells = cells
        self.hidden = [like.new_ones(*models, width + 1, cells) for width in shape.hidden]
        # Of the gradients only that of the layer above is still needed: two take turns. Their last
        # row, of the ones, means nothing, but spares a GPU from working around it.
        turns = [like.new_empty(*models, max(shape.hidden, default=0) + 1, cells) for _ in range(2)]
        self.gradients = [(turns[n % 2], width + 1) for n, width in enumerate(shape.hidden)]
        self.output = like.new_empty(*models, shape.outputs, cells)
        self.made: dict[int, Views] = {}

    def views(self, n: int) -> Views:
        """Return hidden layers with ones, without, their gradients and the output, for n cells."""
        # Making a view takes as long as a small product: each is made once.
        if n not in self.made:
            self.made[n] = self._make_views(n)
        return self.made[n]

    def _make_views(self, n: int) -> Views:
        hidden = [layer[..., :n] for layer in self.hidden]
        values = [layer[..., :-1, :] for layer in hidden]
        gradients = [turn[..., :width, :n] for turn, width in self.gradients]
        return hidden, values, gradients, self.output[..., :n]


class EncoderPass:
    """The passes of a stack of encoders, or of one of its models.

    Parameters
    ----------
    encoders : EncoderStack
        The encoders; their parameters may change between passes.
    into : EncoderStack
        A stack of the same shape that holds gradients in place of parameters.
    buffers : PassBuffers
        May be shared with other passes, between a backward pass and the next forward pass.
    model : int, optional
        The one model to pass through; shapes below then lack the first axis S.
    """

    def __init__(
        self,
        encoders: EncoderStack,
        into: EncoderStack,
        buffers: PassBuffers,
        model: int | None = None,
    ) -> None:
        chosen = slice(None) if model is None else model
        self.buffers = buffers
        self.layers = [layer[chosen] for layer in encoders.layers]
        self.turned = [layer.mT for layer in self.layers]
        self.into = [layer[chosen] for layer in into.layers]
        self.skip = encoders.skip[chosen] if encoders.skip is not None else None
        self.into_skip = into.skip[chosen] if into.skip is not None else None
        self.multiply = torch.bmm if model is None else torch.mm
        self.accumulate = torch.Tensor.baddbmm_ if model is None else torch.Tensor.addmm_

    def forward(
        self, cells: torch.Tensor, kept: list[torch.Tensor] | None = None, scale: float = 1.0
    ) -> torch.Tensor:
        """Encode cells and keep what the backward pass needs.

        Parameters
        ----------
        cells : Tensor, shape (S, n, inputs + 1)
            The cells of each model, their last column ones.
        kept : list of Tensor of bool, each of shape (S, width, n), optional
            Dropout: which hidden values of each layer stay.
        scale : float
            What hidden values that stay are multiplied by.

        Returns
        -------
        Tensor, shape (S, d, n)
            A view that the next pass overwrites.
        """
        hidden, values, _, output = self.buffers.views(cells.shape[-2])
        below = cells.mT
        for number, value in enumerate(values):
            self.multiply(self.layers[number], below, out=value)
            # The ones stay what they are.
            hidden[number].relu_()
            if kept is not None:
                value.mul_(kept[number]).mul_(scale)
            below = hidden[number]
        self.multiply(self.layers[-1], below, out=output)
        if self.skip is not None:
            self.accumulate(output, self.skip, cells[..., :-1].mT)
        return output

    def backward(self, cells: torch.Tensor, to_output: torch.Tensor, scale: float = 1.0) -> None:
        """Add the gradient of the parameters, given that of the last forward pass's output.

        Parameters
        ----------
        cells : Tensor, shape (S, n, inputs + 1)
            As given to the forward pass.
        to_output : Tensor, shape (S, d, n)
            Gradient with respect to the output.
        scale : float
            As given to the forward pass.
        """
        hidden, _, gradients, _ = self.buffers.views(cells.shape[-2])
        if self.into_skip is not None:
            self.accumulate(self.into_skip, to_output, cells[..., :-1])
        gradient = to_output
        for number in reversed(range(1, len(self.layers))):
            self.accumulate(self.into[number], gradient, hidden[number - 1].mT)
            lower = gradients[number - 1]
            self.multiply(self.turned[number], gradient, out=lower)
            # A value that dropout took is 0 like one that ReLU took.
            _mask_where_relu_was_off(lower, hidden[number - 1], 0, grad_input=lower)
            if scale != 1:
                lower.mul_(scale)
            gradient = lower[..., :-1, :]
        self.accumulate(self.into[0], gradient, cells)


class NormPass:
    """Mean norms over normaliser cells with their gradient, without keeping activations.

    The mean norm enters the loss as one scalar a model, so its gradient can be finished chunk by
    chunk, to be scaled once the loss is known: no activation outlives its chunk. Few cells are
    encoded by the whole stack at once, many by one model after the other, in chunks small enough
    for a CPU's caches. For a GPU there is `PaddedNormPass`.

    Parameters
    ----------
    encoders : EncoderStack
        The encoders.
    cells : int
        Normaliser cells of a model in each step.
    """

    def __init__(self, encoders: EncoderStack, cells: int) -> None:
        parameters, shape = encoders.parameters, encoders.shape
        models = len(parameters)
        self.gradient = EncoderStack(shape, torch.zeros(parameters.shape).to(parameters))
        self.whole = cells <= CPU_CHUNK
        room = PassBuffers(
            shape, (models,) if self.whole else (), min(cells, CPU_CHUNK), parameters
        )
        chosen = [None] if self.whole else range(models)
        self.passes = [EncoderPass(encoders, self.gradient, room, model) for model in chosen]

    def mean_with_gradient(self, cells: torch.Tensor) -> torch.Tensor:
        """Return the mean norm of each model's outputs and leave its gradient in ``gradient``.

        Parameters
        ----------
        cells : Tensor, shape (S, m, inputs + 1)
            Normaliser cells of each model.

        Returns
        -------
        Tensor, shape (S,)
        """
        self.gradient.parameters.zero_()
        own = [cells] if self.whole else cells
        means = [_mean_norm_of(one, part) for one, part in zip(self.passes, own, strict=True)]
        return torch.stack(means).flatten()

    def wait(self) -> None:
        """Do nothing: the gradient is there already."""

    def mean(self, cells: torch.Tensor) -> torch.Tensor:
        """Return the mean norm of each model's outputs, shape (S,), without a gradient."""
        norms: torch.Tensor = self.encode(cells).norm(dim=2)
        return norms.mean(dim=1)

    def encode(self, cells: torch.Tensor) -> torch.Tensor:
        """Encode any number of cells, shape (S, n, inputs + 1), to shape (S, n, d)."""
        own = [cells] if self.whole else cells
        encoded = [_encoded(one, part) for one, part in zip(self.passes, own, strict=True)]
        return torch.stack(encoded).reshape(*cells.shape[:2], -1)


class PaddedNormPass:
    """Does what `NormPass` does, for a whole stack, in the layout that a GPU multiplies fastest.

    Rows of matrices start at multiples of 16 bytes. Each model's cells are divided into parts that are
    multiplied side by side, since a product over thousands of cells with a small result, such as the
    gradient of a layer, would leave most of the GPU idle. The gradient is computed beside the loss,
    which needs the mean norm alone.

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
        size = aligned(math.ceil(cells / parts))
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
        self.beside = new_stream(parameters.device) if on_gpu else None

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
        for part, own in zip(
            self.parts, torch.split(cells, self.parts.shape[2], dim=1), strict=False
        ):
            part[:, : own.shape[1], :inputs].copy_(own[..., :-1])
            part[:, : own.shape[1], -1].copy_(own[..., -1])
        self.filled = True

    def encode(self, cells: torch.Tensor) -> torch.Tensor:
        """Encode any number of cells, shape (S, n, inputs + 1), to shape (S, n, d)."""
        return self.encoders.encode(cells[..., :-1])


def _mean_norm_of(encoder_pass: EncoderPass, cells: torch.Tensor) -> torch.Tensor:
    """Return the mean norm of outputs and add its gradient to that of the parameters."""
    total, share = cells.new_zeros(()), 1 / cells.shape[-2]
    for chunk in torch.split(cells, encoder_pass.buffers.cells, dim=-2):
        output = encoder_pass.forward(chunk)
        norms = output.square().sum(dim=-2).sqrt_()
        total = total + norms.sum(dim=-1)
        output.mul_(weight_over_norm(share, norms))
        encoder_pass.backward(chunk, output)
    return total * share


def weight_over_norm(weight: float | torch.Tensor, norms: torch.Tensor) -> torch.Tensor:
    """Turn outputs into the gradient of their weighted norms: return what to multiply them by.

    Parameters
    ----------
    weight : float or Tensor, shape (..., n)
        Of each cell's norm in the sum.
    norms : Tensor, shape (..., n)
        Overwritten.

    Returns
    -------
    Tensor, shape (..., 1, n)
    """
    # At a norm of 0 the gradient is taken as 0, as PyTorch does.
    norms.clamp_min_(torch.finfo(norms.dtype).tiny)
    return norms.reciprocal_().mul_(weight).unsqueeze(-2)


def _encoded(encoder_pass: EncoderPass, cells: torch.Tensor) -> torch.Tensor:
    chunks = torch.split(cells, encoder_pass.buffers.cells, dim=-2)
    return torch.cat([encoder_pass.forward(chunk).mT.clone() for chunk in chunks], dim=-2)
