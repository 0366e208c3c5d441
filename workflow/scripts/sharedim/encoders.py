"""Encoders: a stack of S independent multilayer perceptrons as one module."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import nn


class EncoderStack(nn.Module):
    """S encoders of one shape, evaluated together by batched matrix products.

    ReLU stands between the linear layers, none after the last. One layer makes the stack linear,
    which is how the closed-form baselines are stored.

    Parameters
    ----------
    weights : list of Tensor, each of shape (S, out, in)
        Weight of every linear layer, in PyTorch's layout.
    biases : list of Tensor, each of shape (S, out)
        Bias of every linear layer.
    """

    def __init__(self, weights: list[torch.Tensor], biases: list[torch.Tensor]) -> None:
        super().__init__()
        self.weights = nn.ParameterList(nn.Parameter(w) for w in weights)
        self.biases = nn.ParameterList(nn.Parameter(b) for b in biases)

    def forward(self, cells: torch.Tensor) -> torch.Tensor:
        """Encode cells.

        Parameters
        ----------
        cells : Tensor, shape (S, n, in)
            The cells of each model.

        Returns
        -------
        Tensor, shape (S, n, d)
        """
        hidden = cells
        last = len(self.weights) - 1
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            hidden = torch.baddbmm(bias[:, None, :], hidden, weight.mT)
            if layer < last:
                hidden = torch.relu(hidden)
        return hidden

    def tensors_of(self, model: int) -> dict[str, torch.Tensor]:
        """Return one model's tensors, named ``0.weight``, ``0.bias``, ``1.weight`` and so on."""
        tensors = {}
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            tensors[f"{layer}.weight"] = weight.detach()[model]
            tensors[f"{layer}.bias"] = bias.detach()[model]
        return tensors

    @classmethod
    def from_tensors(cls, tensors: dict[str, torch.Tensor]) -> EncoderStack:
        """Build a stack from stacked tensors named as by `tensors_of`, each with a leading axis S."""
        layers = range(sum(name.endswith(".weight") for name in tensors))
        return cls(
            [tensors[f"{layer}.weight"] for layer in layers],
            [tensors[f"{layer}.bias"] for layer in layers],
        )


def initial_encoder(widths: tuple[int, ...], generator: torch.Generator) -> dict[str, torch.Tensor]:
    """Draw the initial tensors of one encoder as ``torch.nn.Linear`` does.

    Weights and biases are uniform on [-1/sqrt(in), 1/sqrt(in)].

    Parameters
    ----------
    widths : tuple of int
        Input width, hidden widths and output dimension.
    generator : torch.Generator
        The model's own source of randomness, on the CPU.

    Returns
    -------
    dict of str to Tensor
        Named as by `EncoderStack.tensors_of`.
    """
    tensors = {}
    for layer, (inputs, outputs) in enumerate(pairwise(widths)):
        bound = 1 / math.sqrt(inputs)
        for name, shape in (("weight", (outputs, inputs)), ("bias", (outputs,))):
            uniform = torch.rand(shape, generator=generator)
            tensors[f"{layer}.{name}"] = (2 * uniform - 1) * bound
    return tensors


def stack_tensors(models: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Stack models of one shape along a new first axis S."""
    return {name: torch.stack([model[name] for model in models]) for name in models[0]}
