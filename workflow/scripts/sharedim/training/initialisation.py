"""Initial weights of models: random, or started from canonical correlation analysis."""

from __future__ import annotations

import math

import numpy as np
import torch

from sharedim.training.cca import LinearStart, confirmed_cca
from sharedim.training.encoders import EncoderShape, EncoderStack, stack_tensors
from sharedim.training.recipe_types import ContrastiveRecipe
from sharedim.training.state import PairShape, StackCells


def initial_models(
    seeds: list[int], shape: PairShape, cells: StackCells, recipe: ContrastiveRecipe
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw the untrained models, each from its own seed's generator, or start them from CCA.

    Returns
    -------
    parameters : Tensor, shape (S, shape.parameters)
        On the device of the cells, s being 0.
    input_noise : Tensor, shape (S, 2)
        As `StackState` has it.
    """
    sides: tuple[list[dict[str, torch.Tensor]], list[dict[str, torch.Tensor]]] = ([], [])
    noise = torch.zeros(len(seeds), 2)
    for model, seed in enumerate(seeds):
        generator = torch.Generator().manual_seed(seed)
        pair = [initial_encoder(side, generator) for side in (shape.rna, shape.prot)]
        if recipe.start == "cca":
            x, y = (side[model, :, :-1].cpu().double().numpy() for side in cells.train)
            linear = confirmed_cca(x, y, shape.rna.outputs)
            _start_from(linear, pair, recipe)
            if recipe.input_noise:
                variances = np.array([side.var(axis=0).mean() for side in (x, y)])
                noise[model] = torch.from_numpy(np.sqrt(linear.ridge * variances))
        for side, tensors in zip(sides, pair, strict=True):
            side.append(tensors)
    stacks = [EncoderStack.from_tensors(stack_tensors(side)).parameters for side in sides]
    scale = torch.zeros(len(seeds), 1)
    like = cells.train[0]
    return torch.cat([*stacks, scale], dim=1).to(like.device, like.dtype), noise.to(like)


def _start_from(
    linear: LinearStart, pair: list[dict[str, torch.Tensor]], recipe: ContrastiveRecipe
) -> None:
    """Make the linear part of both encoders what is given, and the rest of their output 0."""
    last = f"{recipe.hidden_layers}."
    into = "skip.weight" if recipe.linear_skip else f"{last}weight"
    given = (linear.x_weight, linear.x_bias), (linear.y_weight, linear.y_bias)
    for tensors, (weight, bias) in zip(pair, given, strict=True):
        tensors[f"{last}weight"].zero_()
        tensors[into].copy_(torch.from_numpy(weight))
        tensors[f"{last}bias"].copy_(torch.from_numpy(bias))


def initial_encoder(shape: EncoderShape, generator: torch.Generator) -> dict[str, torch.Tensor]:
    """Draw the initial tensors of one encoder as ``torch.nn.Linear`` does.

    Weights and biases are uniform on [-1/sqrt(in), 1/sqrt(in)], the skip included.

    Parameters
    ----------
    shape : EncoderShape
        Its sizes.
    generator : torch.Generator
        The model's own source of randomness, on the CPU.

    Returns
    -------
    dict of str to Tensor
        Named as by `EncoderStack.tensors_of`.
    """
    tensors = {}
    for number, (outputs, columns) in enumerate(shape.matrices):
        for name, size in (("weight", (outputs, columns - 1)), ("bias", (outputs,))):
            tensors[f"{number}.{name}"] = _uniform(size, columns - 1, generator)
    if shape.linear_skip:
        size = (shape.outputs, shape.inputs)
        tensors["skip.weight"] = _uniform(size, shape.inputs, generator)
    return tensors


def _uniform(size: tuple[int, ...], inputs: int, generator: torch.Generator) -> torch.Tensor:
    return (2 * torch.rand(size, generator=generator) - 1) / math.sqrt(inputs)
