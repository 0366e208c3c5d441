"""Contrastive training of many seeds at once: one flat loop over a stack of models."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from sharedim.encoders import EncoderStack, initial_encoder, stack_tensors
from sharedim.errors import InputError
from sharedim.losses import infonce
from sharedim.recipes import ContrastiveRecipe
from sharedim.splits import Split, split_cells

# More models a stack spare little on a CPU and cost memory; a GPU fills only with many.
MODELS_PER_STACK = {"cpu": 5, "cuda": 25}


@dataclass(frozen=True)
class TrainedStack:
    """What training a stack of S models leaves behind.

    Attributes
    ----------
    rna, prot : EncoderStack
        The trained encoders.
    logit_scale : Tensor, shape (S,)
        Final s of the temperature ``exp(multiplier * s) + floor``.
    losses, temperatures : Tensor, shape (steps, S)
        Batch loss in nats and temperature of every step, before its update.
    """

    rna: EncoderStack
    prot: EncoderStack
    logit_scale: torch.Tensor
    losses: torch.Tensor
    temperatures: torch.Tensor


def choose_device() -> torch.device:
    """Return the device to train on: ``SHAREDIM_DEVICE`` if set, else CUDA if visible, else the CPU."""
    fallback = "cuda" if torch.cuda.is_available() else "cpu"
    name = os.environ.get("SHAREDIM_DEVICE") or fallback
    if name.split(":")[0] not in MODELS_PER_STACK:
        raise InputError(
            f"SHAREDIM_DEVICE={name}: not a device to train on; use cpu, cuda or cuda:1"
        )
    return torch.device(name)


def temperature_of(logit_scale: torch.Tensor, recipe: ContrastiveRecipe) -> torch.Tensor:
    """Return the temperature ``exp(multiplier * s) + floor`` of each s."""
    return torch.exp(recipe.temperature_multiplier * logit_scale) + recipe.temperature_floor


def mean_norm(representation: torch.Tensor) -> torch.Tensor:
    """Return the mean Euclidean norm over cells, shape (S,), of a (S, n, d) representation."""
    return representation.norm(dim=-1).mean(dim=-1)


def train_stack(
    rna: torch.Tensor,
    prot: torch.Tensor,
    splits: list[Split],
    encoders: tuple[EncoderStack, EncoderStack],
    recipe: ContrastiveRecipe,
) -> TrainedStack:
    """Train S models side by side; none knows of the others.

    The similarity of cells i and j is ``<f(x_i), g(y_j)> / (E|f| E|g|)``, the mean norms taken
    over the normaliser cells anew in every step, with the gradient flowing through them.

    Parameters
    ----------
    rna : Tensor, shape (n, dx)
        RNA features of all paired cells.
    prot : Tensor, shape (n, dy)
        Protein features of the same cells.
    splits : list of Split, length S
        Each model's own cells; all splits have the same sizes.
    encoders : tuple of EncoderStack
        Initial RNA and protein encoders, trained in place.
    recipe : ContrastiveRecipe
        All other choices.

    Returns
    -------
    TrainedStack
    """
    device = rna.device
    train_rows = torch.as_tensor(np.stack([s.train for s in splits]), device=device)
    normaliser_rows = torch.as_tensor(np.stack([s.normaliser for s in splits]), device=device)
    rna_train, rna_normaliser = rna[train_rows], rna[normaliser_rows]
    prot_train, prot_normaliser = prot[train_rows], prot[normaliser_rows]

    rna_encoder, prot_encoder = encoders
    logit_scale = torch.zeros(len(splits), dtype=rna.dtype, device=device, requires_grad=True)
    optimiser = torch.optim.Adam(
        [*rna_encoder.parameters(), *prot_encoder.parameters(), logit_scale],
        lr=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        fused=True,
    )

    n_train = train_rows.shape[1]
    batch_size = min(recipe.batch_size, n_train)
    batches = n_train // batch_size
    steps = recipe.epochs * batches
    losses = rna.new_empty(steps, len(splits))
    temperatures = rna.new_empty(steps, len(splits))

    for step in range(steps):
        start = (step % batches) * batch_size
        batch = slice(start, start + batch_size)
        rna_batch = rna_encoder(rna_train[:, batch])
        prot_batch = prot_encoder(prot_train[:, batch])
        scale = mean_norm(rna_encoder(rna_normaliser)) * mean_norm(prot_encoder(prot_normaliser))
        temperature = temperature_of(logit_scale, recipe)
        loss = infonce(rna_batch / scale[:, None, None], prot_batch, temperature)

        optimiser.zero_grad()
        # The sum keeps every model's gradient its own: no term depends on two models.
        loss.sum().backward()
        optimiser.step()
        losses[step] = loss.detach()
        temperatures[step] = temperature.detach()

    return TrainedStack(rna_encoder, prot_encoder, logit_scale.detach(), losses, temperatures)


def initial_encoders(
    seeds: list[int], rna_width: int, prot_width: int, dim: int, recipe: ContrastiveRecipe
) -> tuple[EncoderStack, EncoderStack]:
    """Draw the initial RNA and protein encoders, each model from its own seed's generator."""
    hidden = (recipe.hidden_width,) * recipe.hidden_layers
    rna, prot = [], []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        rna.append(initial_encoder((rna_width, *hidden, dim), generator))
        prot.append(initial_encoder((prot_width, *hidden, dim), generator))
    return (
        EncoderStack.from_tensors(stack_tensors(rna)),
        EncoderStack.from_tensors(stack_tensors(prot)),
    )


@torch.no_grad()
def model_tensors(
    stack: TrainedStack,
    rna: torch.Tensor,
    prot: torch.Tensor,
    splits: list[Split],
    recipe: ContrastiveRecipe,
) -> list[dict[str, np.ndarray]]:
    """Take a trained stack apart into what is stored of each model.

    Returns
    -------
    list of dict of str to ndarray, length S
        ``rna.<layer>.weight`` and so on, ``mean_norm.rna`` and ``mean_norm.prot`` over the
        normaliser cells, the final ``temperature``, and ``history.loss`` and
        ``history.temperature``, the mean of each epoch, shape (epochs,), with
        ``history.chance_loss`` beside, the loss of a model that tells nothing apart.
    """
    rows = torch.as_tensor(np.stack([s.normaliser for s in splits]), device=rna.device)
    rna_norm = mean_norm(stack.rna(rna[rows]))
    prot_norm = mean_norm(stack.prot(prot[rows]))
    temperature = temperature_of(stack.logit_scale, recipe)
    loss_history = stack.losses.unflatten(0, (recipe.epochs, -1)).mean(1)
    temperature_history = stack.temperatures.unflatten(0, (recipe.epochs, -1)).mean(1)

    # A model that tells nothing apart has the log of the batch size.
    chance_loss = torch.tensor(min(recipe.batch_size, len(splits[0].train))).log()

    models = []
    for model in range(len(splits)):
        tensors = {
            **{f"rna.{name}": t for name, t in stack.rna.tensors_of(model).items()},
            **{f"prot.{name}": t for name, t in stack.prot.tensors_of(model).items()},
            "mean_norm.rna": rna_norm[model],
            "mean_norm.prot": prot_norm[model],
            "temperature": temperature[model],
            "history.loss": loss_history[:, model],
            "history.temperature": temperature_history[:, model],
            "history.chance_loss": chance_loss,
        }
        models.append({name: t.detach().cpu().numpy().copy() for name, t in tensors.items()})
    return models


def train_seeds(
    rna: np.ndarray, prot: np.ndarray, *, recipe: ContrastiveRecipe, dim: int, seeds: list[int]
) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """Train one model a seed and hand each over as soon as its stack is done.

    Parameters
    ----------
    rna : ndarray of float32, shape (n, dx)
        RNA features of all paired cells.
    prot : ndarray of float32, shape (n, dy)
        Protein features of the same cells, in the same order.
    recipe : ContrastiveRecipe
        How to train.
    dim : int
        Output dimension d of both encoders.
    seeds : list of int
        The repetitions; each has its own split and initial weights.

    Yields
    ------
    seed : int
    tensors : dict of str to ndarray
        As `model_tensors` describes.

    Raises
    ------
    ValueError
        If the two modalities do not have the same number of cells.
    """
    if len(rna) != len(prot):
        raise ValueError(f"RNA has {len(rna)} cells and protein {len(prot)}; pairs are needed")
    device = choose_device()
    rna_cells = torch.as_tensor(np.array(rna), device=device)
    prot_cells = torch.as_tensor(np.array(prot), device=device)
    size = MODELS_PER_STACK[device.type]
    for first in range(0, len(seeds), size):
        stacked = seeds[first : first + size]
        splits = [split_cells(len(rna), seed) for seed in stacked]
        encoders = initial_encoders(stacked, rna.shape[1], prot.shape[1], dim, recipe)
        encoders = tuple(encoder.to(device) for encoder in encoders)
        trained = train_stack(rna_cells, prot_cells, splits, encoders, recipe)
        models = model_tensors(trained, rna_cells, prot_cells, splits, recipe)
        yield from zip(stacked, models, strict=True)
