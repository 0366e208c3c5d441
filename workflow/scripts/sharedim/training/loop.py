"""Contrastive training of many seeds: stacks of models, epoch by epoch, each model until it is done."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from sharedim.errors import InputError
from sharedim.training.backprop import NormPass
from sharedim.training.devices import (
    choose_device,
    choose_precision,
    memory_of_model,
    models_per_stack,
)
from sharedim.training.engine import temperature_of
from sharedim.training.history import HISTORY
from sharedim.training.monitoring import (
    begin,
    kept_parameters,
    look_at,
    name_failures,
    record_epoch,
    stopping,
)
from sharedim.training.recipes import ContrastiveRecipe
from sharedim.training.similarity import UNNORMALISED
from sharedim.training.splits import Split, split_cells
from sharedim.training.state import PairShape, StackCells, StackState, initial_models
from sharedim.training.threaded_engine import SharedEngine

logger = logging.getLogger(__name__)


class StateKeeper(Protocol):
    """Where stacks in training are kept, so that an interrupted one goes on."""

    def unfinished(self) -> list[dict[str, np.ndarray]]:
        """Return the stacks that were kept and not discarded, as `StackState.as_arrays` gave them."""

    def offer(self, arrays: Callable[[], dict[str, np.ndarray]]) -> None:
        """Keep a stack if it is time to."""

    def keep(self, arrays: dict[str, np.ndarray]) -> None:
        """Keep a stack in place of what was kept of it before."""

    def discard(self, seeds: list[int]) -> None:
        """Forget the stack that has these seeds."""


@dataclass(frozen=True)
class Progress:
    """Where the training of a block stands.

    Attributes
    ----------
    models_done, models : int
        Of the seeds asked for.
    share : float
        Of all the work, between 0 and 1.
    stack : int
        Models in training now.
    epoch, epochs : int
        Of the stack in training.
    loss, temperature : float
        Means over its models.
    """

    models_done: int
    models: int
    share: float
    stack: int
    epoch: int
    epochs: int
    loss: float
    temperature: float

    def __str__(self) -> str:
        return (
            f"{self.models_done} of {self.models} models done, {self.stack} at epoch "
            f"{self.epoch} of {self.epochs}, loss {self.loss:.3f}, "
            f"temperature {self.temperature:.3f}"
        )


def train_seeds(
    rna: np.ndarray,
    prot: np.ndarray,
    *,
    recipe: ContrastiveRecipe,
    dim: int,
    seeds: list[int],
    test_cells: np.ndarray | None = None,
    hold_out: bool = True,
    dimension_every: int = 0,
    keeper: StateKeeper | None = None,
    observe: Callable[[Progress], None] | None = None,
) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """Train one model a seed and hand each over as soon as it is done.

    Parameters
    ----------
    rna : ndarray of float32, shape (n, dx)
        RNA features of all paired cells; may be mapped from disk, only the rows in use are read.
    prot : ndarray of float32, shape (n, dy)
        Protein features of the same cells, in the same order.
    recipe : ContrastiveRecipe
        How to train.
    dim : int
        Output dimension d of both encoders.
    seeds : list of int
        The repetitions; each has its own split, initial weights and draws.
    test_cells : ndarray of int64, optional
        Test cells that are the same for every seed, as `sharedim.training.splits.split_cells` takes them.
    hold_out : bool
        False makes no cell a test cell, for a model that is to be used rather than judged.
    dimension_every : int
        Epochs between estimates of the intrinsic dimension; 0 for none.
    keeper : StateKeeper, optional
        Keeps stacks in training. Those it still has go on where they were.
    observe : callable, optional
        Told of the progress after every epoch.

    Yields
    ------
    seed : int
    tensors : dict of str to ndarray
        As `model_tensors` describes.

    Raises
    ------
    ValueError
        If the two modalities do not have the same number of cells.
    InputError
        If a single model does not fit the memory of the GPU.
    """
    if len(rna) != len(prot):
        raise ValueError(f"RNA has {len(rna)} cells and protein {len(prot)}; pairs are needed")
    device = choose_device()
    if device.type == "cuda":
        # Graphs are captured on the current device.
        torch.cuda.set_device(device)
        torch.set_float32_matmul_precision(choose_precision())
    shape = PairShape.of(rna.shape[1], prot.shape[1], dim, recipe)

    def split_of(seed: int) -> Split:
        share = recipe.validation_share
        return split_cells(len(rna), seed, test_cells, share, hold_out=hold_out)

    size = models_per_stack(device, memory_of_model(shape, split_of(0), recipe))
    waiting = stacks_to_train(seeds, size, keeper, device)
    done = set()

    def report(state: StackState) -> None:
        epochs = state.history.shape[1]
        seen = state.history[:2, state.epoch - 1].nanmean(dim=1)
        share = (len(done) + len(state.seeds) * state.epoch / epochs) / len(seeds)
        counts = (len(done), len(seeds), share, len(state.seeds), state.epoch, epochs)
        observe(Progress(*counts, loss=float(seen[0]), temperature=float(seen[1])))

    while waiting:
        stack = waiting.pop(0)
        try:
            cells, state = prepare_stack(stack, rna, prot, shape, recipe, device, split_of)
            for seed, tensors in train_stack(
                cells,
                state,
                shape,
                recipe,
                dimension_every=dimension_every,
                keeper=keeper,
                observe=report if observe else None,
            ):
                yield seed, tensors
                done.add(seed)
        except torch.OutOfMemoryError as error:
            size = smaller_size(stack, error)
        else:
            continue
        # Here the error no longer holds on to what the stack had allocated.
        cells = state = None
        gc.collect()
        torch.cuda.empty_cache()
        left = [seed for seed in seeds if seed not in done]
        waiting = stacks_to_train(left, size, keeper, device)


def stacks_to_train(
    seeds: list[int], size: int, keeper: StateKeeper | None, device: torch.device
) -> list[list[int] | StackState]:
    """Divide seeds into stacks: first those that were interrupted, then the others in even parts.

    The first part is never smaller than the next, so that the parts stay the same when the first
    is finished and the rest are divided again.
    """
    stacks, rest = [], list(seeds)
    for arrays in keeper.unfinished() if keeper else []:
        state = StackState.from_arrays(arrays, device)
        wanted = [model for model, seed in enumerate(state.seeds) if seed in rest]
        for part in even_parts(wanted, size):
            stacks.append(state.take(part))
            logger.info("seeds %s go on after epoch %d", stacks[-1].seeds, state.epoch)
        rest = [seed for seed in rest if seed not in state.seeds]
    return stacks + even_parts(rest, size)


def even_parts(items: list[int], size: int) -> list[list[int]]:
    """Divide a list into as few parts of at most a size as there can be, each as long as the next."""
    parts = -(-len(items) // size)
    return [part.tolist() for part in np.array_split(items, parts)] if items else []


def smaller_size(stack: list[int] | StackState, error: Exception) -> int:
    """Return how many models to train at once where a stack was too many for the GPU's memory."""
    models = len(stack.seeds if isinstance(stack, StackState) else stack)
    if models == 1:
        raise InputError(
            "the GPU's memory cannot hold even one model; free it, or set SHAREDIM_DEVICE=cpu"
        ) from error
    logger.warning("out of GPU memory with %d models at once: trying half as many", models)
    return (models + 1) // 2


def prepare_stack(
    stack: list[int] | StackState,
    rna: np.ndarray,
    prot: np.ndarray,
    shape: PairShape,
    recipe: ContrastiveRecipe,
    device: torch.device,
    split_of: Callable[[int], Split],
) -> tuple[StackCells, StackState]:
    """Gather the cells of a stack, and its untrained models unless it is one that goes on."""
    started = isinstance(stack, StackState)
    seeds = stack.seeds if started else stack
    splits = [split_of(seed) for seed in seeds]
    partners = None
    if recipe.shuffle_pairs:
        partners = [split.shuffled(seed) for split, seed in zip(splits, seeds, strict=True)]
    cells = StackCells.gather(rna, prot, splits, device, partners)
    if started:
        # A copy: training changes it in place, and it may have to start from here once more.
        return cells, stack.take(list(range(len(seeds))))
    models = initial_models(seeds, shape, cells, recipe)
    epochs = epochs_of(recipe, len(splits[0].train))
    return cells, StackState.start(seeds, *models, epochs, recipe)


def epochs_of(recipe: ContrastiveRecipe, train_cells: int) -> int:
    """Return how many epochs training takes at most, the last of which may be cut short."""
    batches = recipe.steps_an_epoch(train_cells)
    return recipe.epochs if recipe.steps is None else -(-recipe.steps // batches)


def train_stack(
    cells: StackCells,
    state: StackState,
    shape: PairShape,
    recipe: ContrastiveRecipe,
    *,
    dimension_every: int = 0,
    keeper: StateKeeper | None = None,
    observe: Callable[[StackState], None] | None = None,
) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """Train a stack from a state to the end; models that stop leave it.

    Yields
    ------
    seed : int
    tensors : dict of str to ndarray
        As `model_tensors` describes.
    """
    engine = SharedEngine(cells, state, shape, recipe)
    epochs, train_cells = state.history.shape[1], cells.train[0].shape[1]
    if state.epoch == 0:
        state = begin(engine, state, recipe)
    while state.epoch < epochs:
        losses, temperatures = engine.run_epoch(state.epoch)
        asked = dimension_every > 0 and (state.epoch + 1) % dimension_every == 0
        seen = look_at(engine, state, recipe, train_cells, dimensions=asked)
        state = record_epoch(state, losses, temperatures, seen)
        if observe:
            observe(state)
        leaving = name_failures(state, losses, cells, shape, recipe)
        if state.epoch < epochs:
            leaving |= stopping(state, recipe, train_cells)
        if leaving:
            engine = None
            yield from model_tensors(
                cells.take(sorted(leaving)), state.take(sorted(leaving)), shape, recipe
            )
            before = state.seeds
            stay = [model for model in range(len(before)) if model not in leaving]
            cells, state = cells.take(stay), state.take(stay)
            if keeper and stay:
                keeper.keep(state.as_arrays())
            if keeper:
                keeper.discard(before)
            if not stay:
                return
            engine = SharedEngine(cells, state, shape, recipe)
        elif keeper and state.epoch < epochs:
            keeper.offer(state.as_arrays)
    engine = None
    if keeper:
        keeper.keep(state.as_arrays())
    yield from model_tensors(cells, state, shape, recipe)
    if keeper:
        keeper.discard(state.seeds)


def model_tensors(
    cells: StackCells, state: StackState, shape: PairShape, recipe: ContrastiveRecipe
) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """Yield what is stored of each model of a stack.

    Yields
    ------
    seed : int
    tensors : dict of str to ndarray
        ``rna.<layer>.weight`` and so on, ``mean_norm.rna`` and ``mean_norm.prot`` over the
        normaliser cells (1 where the similarity is of what the encoders give), the ``temperature``, and ``history.<quantity>`` for each of
        `quantities.HISTORY`, shape (epochs,), missing (nan) after the last epoch trained, with
        ``history.chance_loss`` beside, the loss of a model that tells nothing apart. Those of
        the best epoch where the recipe stops early; nothing but nan for a model that failed.
    """
    parameters = kept_parameters(state) if recipe.patience is None else state.best_parameters
    failed = torch.isnan(state.history[0, state.epoch - 1])
    parameters = parameters.masked_fill(failed[:, None], torch.nan)

    encoders = shape.encoders(parameters)
    rna_norm, prot_norm = (
        NormPass(encoder, side.shape[1]).mean(side)
        for encoder, side in zip(encoders, cells.normaliser, strict=True)
    )
    if recipe.similarity in UNNORMALISED:
        rna_norm, prot_norm = torch.ones_like(rna_norm), torch.ones_like(prot_norm)
    temperature = temperature_of(parameters[:, -1], recipe).masked_fill(failed, torch.nan)
    rna, prot = encoders
    # A model that tells nothing apart has the log of the batch size.
    chance_loss = torch.tensor(recipe.cells_a_step(cells.train[0].shape[1])).log()
    for model, seed in enumerate(state.seeds):
        tensors = {
            **{f"rna.{name}": tensor for name, tensor in rna.tensors_of(model).items()},
            **{f"prot.{name}": tensor for name, tensor in prot.tensors_of(model).items()},
            "mean_norm.rna": rna_norm[model],
            "mean_norm.prot": prot_norm[model],
            "temperature": temperature[model],
            **{f"history.{name}": state.history[q, :, model] for q, name in enumerate(HISTORY)},
            "history.chance_loss": chance_loss,
        }
        # Copies: the tensors are views of the stack.
        yield seed, {name: np.array(t.cpu().numpy(), order="C") for name, t in tensors.items()}
