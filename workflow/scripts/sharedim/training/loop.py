"""Training loop: many seeds as stacks of models, epoch by epoch, each model until it is done."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from sharedim.training.backprop import NormPass
from sharedim.training.devices import choose_device
from sharedim.training.engine import ThreadedEngine, temperature_of
from sharedim.training.history import HISTORY
from sharedim.training.initialisation import initial_models
from sharedim.training.monitoring import (
    evaluate_epoch,
    kept_parameters,
    log_failures,
    record_epoch,
    start_from_best_temperature,
    stopped_early,
)
from sharedim.training.precision import choose_precision
from sharedim.training.recipe_types import ContrastiveRecipe
from sharedim.training.similarity import UNNORMALISED
from sharedim.training.splits import Split, split_cells
from sharedim.training.stack_size import (
    memory_of_model,
    models_per_stack,
    smaller_size,
    stacks_to_train,
)
from sharedim.training.state import PairShape, StackCells, StackState, StateKeeper


@dataclass(frozen=True)
class TrainingProgress:
    """Progress of training a block, as epochs of its stacks.

    Attributes
    ----------
    models_trained, models : int
        Of the seeds to train.
    share : float
        Fraction of all the work, between 0 and 1.
    stack_size : int
        Models in the stack that is training.
    epoch, epochs : int
        Of that stack.
    loss, temperature : float
        Means over its models.
    """

    models_trained: int
    models: int
    share: float
    stack_size: int
    epoch: int
    epochs: int
    loss: float
    temperature: float

    @classmethod
    def of(cls, state: StackState, done: int, models: int) -> TrainingProgress:
        """Return the progress of a block of so many models, some done, with a stack in training."""
        epochs = state.history.shape[1]
        loss, temperature = state.history[:2, state.epoch - 1].nanmean(dim=1).tolist()
        share = (done + len(state.seeds) * state.epoch / epochs) / models
        counts = (done, models, share, len(state.seeds), state.epoch, epochs)
        return cls(*counts, loss=loss, temperature=temperature)

    def __str__(self) -> str:
        return (
            f"{self.models_trained} of {self.models} models done, {self.stack_size} at epoch "
            f"{self.epoch} of {self.epochs}, loss {self.loss:.3f}, "
            f"temperature {self.temperature:.3f}"
        )


@dataclass(frozen=True)
class Task:
    """What all stacks of a block have in common; see `train_seeds`."""

    rna: NDArray[np.float32]
    prot: NDArray[np.float32]
    shape: PairShape
    recipe: ContrastiveRecipe
    device: torch.device
    test_cells: NDArray[np.int64] | None = None
    hold_out: bool = True

    def split_of(self, seed: int) -> Split:
        """Return which cells of a seed train, normalise and test."""
        fraction = self.recipe.validation_share
        return split_cells(len(self.rna), seed, self.test_cells, fraction, hold_out=self.hold_out)

    def prepare(self, stack: list[int] | StackState) -> tuple[StackCells, StackState]:
        """Gather the cells of a stack, and its untrained models unless it is one that goes on."""
        seeds = stack.seeds if isinstance(stack, StackState) else stack
        splits = [self.split_of(seed) for seed in seeds]
        partners = None
        if self.recipe.shuffle_pairs:
            partners = [split.shuffled(seed) for split, seed in zip(splits, seeds, strict=True)]
        cells = StackCells.gather(self.rna, self.prot, splits, self.device, partners)
        if isinstance(stack, StackState):
            # A copy: training changes it in place, and it may have to start from here once more.
            return cells, stack.take(list(range(len(seeds))))
        models = initial_models(seeds, self.shape, cells, self.recipe)
        epochs = epochs_of(self.recipe, len(splits[0].train))
        return cells, StackState.start(seeds, *models, epochs, self.recipe)


def train_seeds(
    rna: NDArray[np.float32],
    prot: NDArray[np.float32],
    *,
    recipe: ContrastiveRecipe,
    dim: int,
    seeds: list[int],
    test_cells: NDArray[np.int64] | None = None,
    hold_out: bool = True,
    dimension_every: int = 0,
    keeper: StateKeeper | None = None,
    observe: Callable[[TrainingProgress], None] | None = None,
) -> Iterator[tuple[int, dict[str, NDArray[np.float32]]]]:
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
    task = Task(rna, prot, shape, recipe, device, test_cells, hold_out)
    size = models_per_stack(device, memory_of_model(shape, task.split_of(0), recipe))
    waiting = stacks_to_train(seeds, size, keeper, device)
    done: set[int] = set()
    cells: StackCells | None
    state: StackState | None

    def report(state: StackState) -> None:
        if observe:
            observe(TrainingProgress.of(state, len(done), len(seeds)))

    while waiting:
        stack = waiting.pop(0)
        try:
            cells, state = task.prepare(stack)
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
) -> Iterator[tuple[int, dict[str, NDArray[np.float32]]]]:
    """Train a stack from a state to the end; models that stop leave it.

    Yields
    ------
    seed : int
    tensors : dict of str to ndarray
        As `model_tensors` describes.
    """
    engine = ThreadedEngine(cells, state, shape, recipe)
    epochs = state.history.shape[1]
    if state.epoch == 0:
        state = start_from_best_temperature(engine, state, recipe)
    while state.epoch < epochs:
        losses, temperatures = engine.run_epoch(state.epoch)
        dimensions = dimension_every > 0 and (state.epoch + 1) % dimension_every == 0
        evaluation = evaluate_epoch(engine, state, recipe, dimensions=dimensions)
        state = record_epoch(state, losses, temperatures, evaluation)
        if observe:
            observe(state)
        leaving = log_failures(engine, state, losses, shape, recipe)
        if state.epoch < epochs:
            leaving |= stopped_early(engine, state, recipe)
        if leaving:
            # Its buffers are freed before the models that leave are copied.
            del engine
            gone = sorted(leaving)
            yield from model_tensors(cells.take(gone), state.take(gone), shape, recipe)
            cells, state = without(gone, cells, state, keeper)
            if not state.seeds:
                return
            engine = ThreadedEngine(cells, state, shape, recipe)
        elif keeper and state.epoch < epochs:
            keeper.offer(state.as_arrays)
    del engine
    if keeper:
        keeper.keep(state.as_arrays())
    yield from model_tensors(cells, state, shape, recipe)
    if keeper:
        keeper.discard(state.seeds)


def without(
    gone: list[int], cells: StackCells, state: StackState, keeper: StateKeeper | None
) -> tuple[StackCells, StackState]:
    """Return a stack without the models that left, which alone is kept from now on."""
    stay = [model for model in range(len(state.seeds)) if model not in gone]
    smaller = state.take(stay)
    if keeper and stay:
        keeper.keep(smaller.as_arrays())
    if keeper:
        keeper.discard(state.seeds)
    return cells.take(stay), smaller


def model_tensors(
    cells: StackCells, state: StackState, shape: PairShape, recipe: ContrastiveRecipe
) -> Iterator[tuple[int, dict[str, NDArray[np.float32]]]]:
    """Yield what is stored of each model of a stack.

    Yields
    ------
    seed : int
    tensors : dict of str to ndarray
        ``rna.<layer>.weight`` and so on, ``mean_norm.rna`` and ``mean_norm.prot`` over the
        normaliser cells (1 where the similarity is of what the encoders give), the ``temperature``, and ``history.<quantity>`` for each of
        `sharedim.training.history.HISTORY`, shape (epochs,), missing (nan) after the last epoch trained, with
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
