"""State of a stack in training: its cells, shapes, weights, optimiser and history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from sharedim.training.encoders import EncoderShape, EncoderStack
from sharedim.training.history import HISTORY
from sharedim.training.recipe_types import ContrastiveRecipe
from sharedim.training.splits import Split


@dataclass(frozen=True)
class StackCells:
    """The features that each of S models sees, RNA first, each with a last column of ones.

    Attributes
    ----------
    train, normaliser : tuple of two Tensor, each of shape (S, cells, features + 1)
    """

    train: tuple[torch.Tensor, torch.Tensor]
    normaliser: tuple[torch.Tensor, torch.Tensor]

    @classmethod
    def gather(
        cls,
        rna: NDArray[np.float32],
        prot: NDArray[np.float32],
        splits: list[Split],
        device: torch.device,
        partners: list[Split] | None = None,
    ) -> StackCells:
        """Copy the models' rows, and no others, out of features that may lie on disk.

        Partners are the splits that protein is taken by, where they differ from those of RNA.
        """
        train, normaliser = [], []
        for features, own in ((rna, splits), (prot, partners or splits)):
            train.append(_rows(features, [split.train for split in own], device))
            normaliser.append(_rows(features, [split.normaliser for split in own], device))
        return cls((train[0], train[1]), (normaliser[0], normaliser[1]))

    def take(self, models: list[int] | slice) -> StackCells:
        """Return the cells of some of the models; a slice shares their memory."""
        return StackCells(
            (self.train[0][models], self.train[1][models]),
            (self.normaliser[0][models], self.normaliser[1][models]),
        )


def _rows(
    features: NDArray[np.float32], rows: list[NDArray[np.int64]], device: torch.device
) -> torch.Tensor:
    # One model at a time, so that no more than its rows are copied beside what the device holds.
    first = torch.from_numpy(features[rows[0]])
    gathered = first.new_ones(len(rows), *first.shape[:-1], first.shape[-1] + 1, device=device)
    for model, chosen in enumerate(rows):
        gathered[model, :, :-1] = torch.from_numpy(features[chosen])
    return gathered


@dataclass(frozen=True)
class PairShape:
    """Shapes of the two encoders of a model, whose numbers lie in one row with s behind them."""

    rna: EncoderShape
    prot: EncoderShape

    @classmethod
    def of(
        cls, rna_features: int, prot_features: int, dim: int, recipe: ContrastiveRecipe
    ) -> PairShape:
        """Return the shapes a recipe asks for."""
        hidden = (recipe.hidden_width,) * recipe.hidden_layers
        return cls(
            EncoderShape(rna_features, hidden, dim, recipe.linear_skip),
            EncoderShape(prot_features, hidden, dim, recipe.linear_skip),
        )

    @property
    def parameters(self) -> int:
        """Numbers a model has."""
        return self.rna.parameters + self.prot.parameters + 1

    def encoders(self, parameters: torch.Tensor) -> tuple[EncoderStack, EncoderStack]:
        """Return both stacks as views of the parameters, shape (S, self.parameters)."""
        border = self.rna.parameters
        return (
            EncoderStack(self.rna, parameters[:, :border]),
            EncoderStack(self.prot, parameters[:, border:-1]),
        )


@dataclass(frozen=True)
class StackState:
    """All that training changes in a stack of S models, after a number of finished epochs.

    Attributes
    ----------
    seeds : list of int, length S
    epoch : int
        Finished epochs.
    parameters, first_moment, second_moment : Tensor, shape (S, P)
        The models, one a row as `PairShape` says, and the optimiser's averages.
    input_noise : Tensor, shape (S, 2)
        Standard deviation of the noise that is added to features of RNA and of protein.
    averages : Tensor, shape (S, P)
        Averages of the parameters along training; only where the recipe keeps them, else without
        columns.
    best_parameters : Tensor, shape (S, P)
        The models (their averages, where there are any) at the epoch of least held-out FOSCTTM;
        only where the recipe stops early, else without columns.
    best_foscttm : Tensor, shape (S,)
        That FOSCTTM, infinite before the first epoch.
    best_epoch : Tensor of int64, shape (S,)
        That epoch.
    history : Tensor, shape (len(HISTORY), epochs, S)
        What was seen after each epoch, missing (nan) for those to come.
    """

    seeds: list[int]
    epoch: int
    parameters: torch.Tensor
    first_moment: torch.Tensor
    second_moment: torch.Tensor
    input_noise: torch.Tensor
    averages: torch.Tensor
    best_parameters: torch.Tensor
    best_foscttm: torch.Tensor
    best_epoch: torch.Tensor
    history: torch.Tensor

    @classmethod
    def start(
        cls,
        seeds: list[int],
        parameters: torch.Tensor,
        input_noise: torch.Tensor,
        epochs: int,
        recipe: ContrastiveRecipe,
    ) -> StackState:
        """Return the state of untrained models."""
        models, size = parameters.shape
        averaged, chosen = (
            size if choice is not None else 0 for choice in (recipe.averaged_steps, recipe.patience)
        )
        return cls(
            seeds=list(seeds),
            epoch=0,
            parameters=parameters,
            first_moment=torch.zeros_like(parameters),
            second_moment=torch.zeros_like(parameters),
            input_noise=input_noise,
            averages=parameters[:, :averaged].clone(),
            best_parameters=parameters[:, :chosen].clone(),
            best_foscttm=torch.full_like(parameters[:, 0], torch.inf),
            best_epoch=torch.zeros(models, dtype=torch.int64, device=parameters.device),
            history=parameters.new_full((len(HISTORY), epochs, models), torch.nan),
        )

    def take(self, models: list[int] | slice) -> StackState:
        """Return the state of some of the models; a slice shares their memory."""
        tensors = {name: tensor[models] for name, tensor in self._by_model().items()}
        seeds = np.array(self.seeds)[models].tolist()
        history = self.history[:, :, models]
        return replace(self, seeds=seeds, epoch=self.epoch, history=history, **tensors)

    def as_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return everything as arrays, for a file."""
        tensors = {**self._by_model(), "history": self.history}
        arrays = {name: tensor.cpu().numpy() for name, tensor in tensors.items()}
        return {**arrays, "seeds": np.array(self.seeds), "epoch": np.array(self.epoch)}

    @classmethod
    def from_arrays(
        cls, arrays: dict[str, NDArray[np.generic]], device: torch.device
    ) -> StackState:
        """Return the state that `as_arrays` was asked for."""
        tensors = {
            name: torch.tensor(array, device=device)
            for name, array in arrays.items()
            if name not in ("seeds", "epoch")
        }
        return cls(seeds=arrays["seeds"].tolist(), epoch=int(arrays["epoch"]), **tensors)

    def _by_model(self) -> dict[str, torch.Tensor]:
        """Return the tensors whose first axis is the models."""
        return {
            name: getattr(self, name)
            for name in (
                "parameters",
                "first_moment",
                "second_moment",
                "input_noise",
                "averages",
                "best_parameters",
                "best_foscttm",
                "best_epoch",
            )
        }


class StateKeeper(Protocol):
    """Where stacks in training are kept, so that an interrupted one goes on."""

    def unfinished(self) -> list[dict[str, NDArray[np.generic]]]:
        """Return the stacks that were kept and not discarded, as `StackState.as_arrays` gave them."""

    def offer(self, arrays: Callable[[], dict[str, NDArray[np.generic]]]) -> None:
        """Keep a stack if it is time to."""

    def keep(self, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Keep a stack in place of what was kept of it before."""

    def discard(self, seeds: list[int]) -> None:
        """Forget the stack that has these seeds."""
