"""The training engine: epochs of a stack, each step a fixed program on the device.

A step draws its cells (`sampling`), encodes them and takes gradients back (`backprop`), compares them
(`losses`), and updates the weights.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TypeVar

import torch
from torch.optim.adam import adam
from torch.optim.adamw import adamw

from sharedim.training.backprop import EncoderPass, NormPass, PaddedNormPass, PassBuffers
from sharedim.training.devices import new_stream
from sharedim.training.encoders import EncoderStack
from sharedim.training.losses import infonce
from sharedim.training.recipe_types import ContrastiveRecipe
from sharedim.training.sampling import (
    DROPOUT_LEVELS,
    EpochDraws,
    draw_epoch,
    dropout_threshold,
    samples_normaliser,
)
from sharedim.training.similarity import EUCLIDEAN, OVER_MEAN_NORMS
from sharedim.training.state import PairShape, StackCells, StackState

logger = logging.getLogger(__name__)

# Their plain functions: the classes import PyTorch's compiler, which doubles the start-up of a job.
OPTIMISERS = {"adam": adam, "adamw": adamw}
ROUNDS_BEFORE_CAPTURE = 3

Item = TypeVar("Item")
Result = TypeVar("Result")


def temperature_of(scale: torch.Tensor, recipe: ContrastiveRecipe) -> torch.Tensor:
    """Return the temperature ``initial * exp(multiplier * s) + floor`` of each s.

    Where it is not learned, s has no part in it.
    """
    grown = torch.exp(recipe.temperature_multiplier * scale) if recipe.learn_temperature else 1.0
    # Where the recipe leaves it open, s alone says how the models start.
    initial = 1.0 if recipe.initial_temperature is None else recipe.initial_temperature
    return torch.zeros_like(scale) + initial * grown + recipe.temperature_floor


def learning_rate_at(step: int, steps: int, recipe: ContrastiveRecipe) -> float:
    """Return the learning rate of a step, counted from 0, of so many."""
    share = min(1.0, (step + 1) / recipe.warmup_steps) if recipe.warmup_steps else 1.0
    if recipe.schedule == "cosine" and step >= recipe.warmup_steps:
        after = (step - recipe.warmup_steps) / max(1, steps - recipe.warmup_steps)
        share = (1 + math.cos(math.pi * after)) / 2
    return recipe.learning_rate * share


def comparable(
    f: torch.Tensor, g: torch.Tensor, mean_norms: list[torch.Tensor], similarity: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return representations, shape (S, n, d), whose inner products are the similarities.

    What `sharedim.training.similarity.comparable` is for a single model after training.
    """
    if similarity == "cosine":
        normalize = torch.nn.functional.normalize
        return normalize(f, dim=2), normalize(g, dim=2)
    if similarity == "inner_product":
        return f / (mean_norms[0] * mean_norms[1])[:, None, None], g
    if similarity == "euclidean":
        f, g = (side / norm[:, None, None] for side, norm in zip((f, g), mean_norms, strict=True))
    if similarity in EUCLIDEAN:
        to_f, to_g = (-0.5 * side.square().sum(dim=2, keepdim=True) for side in (f, g))
        one = torch.ones_like(to_f)
        return torch.cat([f, to_f, one], 2), torch.cat([g, one, to_g], 2)
    return f, g


class StackEngine:
    """Trains the models of a state in place.

    The similarity of cells i and j is ``<f(x_i), g(y_j)> / (E|f| E|g|)``, the mean norms taken
    over normaliser cells anew in every step, with the gradient flowing through them; or another
    that the recipe names. Gradients of the encoders are written out (`sharedim.training.backprop`); between the batch's
    representations and the loss PyTorch derives them.

    Parameters
    ----------
    cells : StackCells
        What each model sees.
    state : StackState
        The models; parameters and moments are trained in place.
    shape : PairShape
        Of the encoders.
    recipe : ContrastiveRecipe
        All other choices.
    """

    def __init__(
        self, cells: StackCells, state: StackState, shape: PairShape, recipe: ContrastiveRecipe
    ) -> None:
        self.cells, self.state, self.shape, self.recipe = cells, state, shape, recipe
        models, self.train_cells = cells.train[0].shape[:2]
        self.normaliser_cells = cells.normaliser[0].shape[1]
        self.batch_size = recipe.cells_a_step(self.train_cells)
        self.batches = recipe.steps_an_epoch(self.train_cells)
        self.steps = recipe.steps or recipe.epochs * self.batches

        self.device = state.parameters.device
        self.encoders = shape.encoders(state.parameters)
        self.gradient = torch.zeros_like(state.parameters)
        self.encoder_gradients = shape.encoders(self.gradient)
        sampled = samples_normaliser(recipe, self.normaliser_cells)
        drawn = recipe.normaliser_cells if sampled else None
        self.step_cells = self.normaliser_cells if drawn is None else drawn
        self.norm_passes = [self._norm_pass(encoder) for encoder in self.encoders]
        self.batch_passes = []
        for encoder, into in zip(self.encoders, self.encoder_gradients, strict=True):
            buffers = PassBuffers(encoder.shape, (models,), self.batch_size, self.gradient)
            self.batch_passes.append(EncoderPass(encoder, into, buffers))
        self._allocate_inputs(models)
        self.learning_rate = torch.tensor(recipe.learning_rate, device=self.device)
        self.updates = torch.tensor(float(state.epoch * self.batches), device=self.device)
        self._replay: Callable[[], None] | None = None
        self.tried_capture = False

    def _norm_pass(self, encoder: EncoderStack) -> NormPass | PaddedNormPass:
        if self.device.type == "cpu":
            return NormPass(encoder, self.step_cells)
        fixed = self.step_cells == self.normaliser_cells
        return PaddedNormPass(encoder, self.step_cells, fixed=fixed)

    def _allocate_inputs(self, models: int) -> None:
        """Make the buffers that a step reads and writes, at the same place in every step."""
        recipe, new = self.recipe, self.state.parameters.new_empty
        self.batch = [new(models, self.batch_size, side.shape[2]) for side in self.cells.train]
        self.sample = list(self.cells.normaliser)
        if self.step_cells < self.normaliser_cells:
            shapes = [(models, self.step_cells, side.shape[2]) for side in self.cells.normaliser]
            self.sample = [new(shape) for shape in shapes]
        if recipe.input_noise:
            self.noise = [torch.empty_like(batch[..., :-1]) for batch in self.batch]
        self.kept: torch.Tensor | None = None
        self.kept_scale = 1.0
        if recipe.dropout and recipe.hidden_layers:
            layers = (2, recipe.hidden_layers, models, recipe.hidden_width, self.batch_size)
            self.kept = torch.ones(layers, dtype=torch.bool, device=self.device)
            self.kept_scale = DROPOUT_LEVELS / (DROPOUT_LEVELS - dropout_threshold(recipe))
        self.loss, self.temperature = new(models), new(models)

    def run_epoch(self, epoch: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Train for one epoch, counted from 0.

        Returns
        -------
        losses, temperatures : Tensor, shape (steps of the epoch, S)
            Batch loss in nats and temperature of every step, before its update.
        """
        if self.device.type == "cuda" and not self.tried_capture:
            self._replay, self.tried_capture = self._capture(), True
        draws = draw_epoch(
            self.state.seeds,
            epoch,
            self.recipe,
            train_cells=self.train_cells,
            normaliser_cells=self.normaliser_cells,
            batch_size=self.batch_size,
            device=self.device,
        )
        first = epoch * self.batches
        steps = min(self.batches, self.steps - first)
        losses = self.loss.new_empty(steps, len(self.loss))
        temperatures = torch.empty_like(losses)
        for step in range(steps):
            self._feed(draws, step)
            self.learning_rate.fill_(learning_rate_at(first + step, self.steps, self.recipe))
            if self._replay:
                self._replay()
            else:
                self._step()
            losses[step] = self.loss
            temperatures[step] = self.temperature
        return losses, temperatures

    def _feed(self, draws: EpochDraws, step: int) -> None:
        """Put the cells and the dropout of a step where the step reads them."""
        batch = slice(step * self.batch_size, (step + 1) * self.batch_size)
        for side in range(2):
            train = self.cells.train[side]
            if draws.order is None:
                self.batch[side].copy_(train[:, batch])
            else:
                _select(train, draws.order[:, batch], self.batch[side])
            if draws.normaliser is not None:
                _select(self.cells.normaliser[side], draws.normaliser[step], self.sample[side])
            if draws.noise is not None:
                self._add_noise(side, draws.noise)
        if draws.dropout is not None:
            torch.ge(draws.dropout[step], dropout_threshold(self.recipe), out=self.kept)

    def _add_noise(self, side: int, generators: list[torch.Generator]) -> None:
        """Add noise to the features of a batch, but not to its column of ones."""
        noise = self.noise[side]
        for own, generator in zip(noise, generators, strict=True):
            own.normal_(generator=generator)
        self.batch[side][..., :-1].addcmul_(noise, self.state.input_noise[:, side, None, None])

    @torch.no_grad()
    def _step(self) -> None:
        """Compute loss and gradient on the cells that were fed, and update the models."""
        self.gradient_of_batch()
        self._update()

    def gradient_of_batch(self) -> None:
        """Leave the loss of the cells that were fed, the temperature, and the gradient in place."""
        recipe = self.recipe
        normalised = recipe.similarity in OVER_MEAN_NORMS
        leaves = [self.state.parameters[:, -1].clone()]
        if normalised:
            for norm_pass, sample in zip(self.norm_passes, self.sample, strict=True):
                leaves.append(norm_pass.mean_with_gradient(sample))
        masks = (None, None) if self.kept is None else self.kept
        for batch_pass, batch, kept in zip(self.batch_passes, self.batch, masks, strict=True):
            leaves.append(batch_pass.forward(batch, kept, self.kept_scale).mT)

        with torch.enable_grad():
            leaves = [leaf.detach().requires_grad_() for leaf in leaves]
            temperature = temperature_of(leaves[0], recipe)
            f, g = comparable(leaves[-2], leaves[-1], leaves[1:-2], recipe.similarity)
            loss = infonce(f, g, temperature, recipe.loss)
            # The sum keeps every model's gradient its own: no term depends on two models.
            to_leaves = torch.autograd.grad(loss.sum(), leaves, materialize_grads=True)

        self.gradient.zero_()
        self.gradient[:, -1] = to_leaves[0]
        for side in range(2):
            into = self.encoder_gradients[side]
            if normalised:
                self.norm_passes[side].wait()
                to_norm = to_leaves[1 + side][:, None]
                of_norm = self.norm_passes[side].gradient.parameters
                torch.mul(of_norm, to_norm, out=into.parameters)
            to_output = to_leaves[side - 2].mT
            self.batch_passes[side].backward(self.batch[side], to_output, self.kept_scale)
        self.loss.copy_(loss.detach())
        self.temperature.copy_(temperature.detach())

    def _update(self) -> None:
        """Take one step of the optimiser, with the weights that its authors give the moments."""
        OPTIMISERS[self.recipe.optimiser](
            [self.state.parameters],
            [self.gradient],
            [self.state.first_moment],
            [self.state.second_moment],
            [],
            [self.updates],
            fused=True,
            capturable=self.device.type == "cuda",
            amsgrad=False,
            maximize=False,
            beta1=0.9,
            beta2=0.999,
            eps=1e-8,
            lr=self.learning_rate,
            weight_decay=self.recipe.weight_decay,
        )

    @torch.no_grad()
    def encode(self, cells: tuple[torch.Tensor, torch.Tensor]) -> list[torch.Tensor]:
        """Encode cells of both modalities, each of shape (S, n, features + 1), to shape (S, n, d)."""
        return [one.encode(side) for one, side in zip(self.norm_passes, cells, strict=True)]

    def _capture(self) -> Callable[[], None] | None:
        """Return the step as a CUDA graph, which spares launching its kernels one by one.

        None where it cannot be captured. Trying it out trains the models, so they are put back.
        """
        state = self.state
        changed = [state.parameters, state.first_moment, state.second_moment, self.updates]
        before = [tensor.clone() for tensor in changed]
        try:
            return captured(self._step)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            logger.warning("training without a CUDA graph: %s", str(error).splitlines()[0])
            return None
        finally:
            for tensor, value in zip(changed, before, strict=True):
                tensor.copy_(value)


def captured(step: Callable[[], None]) -> Callable[[], None]:
    """Capture a step that reads and writes fixed places as a CUDA graph; return its replay."""
    stream = new_stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(ROUNDS_BEFORE_CAPTURE):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def _select(cells: torch.Tensor, rows: torch.Tensor, into: torch.Tensor) -> None:
    """Copy each model's rows, shape (S, k), of cells, shape (S, n, width), into a buffer."""
    models, n = cells.shape[:2]
    offsets = torch.arange(models, device=cells.device)[:, None] * n
    torch.index_select(
        cells.flatten(0, 1), 0, (rows + offsets).flatten(), out=into.view(-1, into.shape[2])
    )


class ThreadedEngine:
    """Engines that each train a part of a stack in a thread of their own.

    Products as small as these gain more from a thread per model than from threads within. Takes
    what `StackEngine` takes and does what that does, in as many parts as PyTorch has threads; on a
    GPU in one.
    """

    def __init__(
        self, cells: StackCells, state: StackState, shape: PairShape, recipe: ContrastiveRecipe
    ) -> None:
        models = len(state.seeds)
        on_cpu = state.parameters.device.type == "cpu"
        parts = min(torch.get_num_threads(), models) if on_cpu else 1
        borders = [models * part // parts for part in range(parts + 1)]
        self.parts = [
            StackEngine(cells.take(own), state.take(own), shape, recipe)
            for own in map(slice, borders[:-1], borders[1:])
        ]
        self.batches = self.parts[0].batches

    def run_epoch(self, epoch: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Train for one epoch; see `StackEngine.run_epoch`."""
        trained = in_threads(lambda part: part.run_epoch(epoch), self.parts)
        losses, temperatures = zip(*trained, strict=True)
        return torch.cat(losses, dim=1), torch.cat(temperatures, dim=1)

    def evaluate(
        self, measure: Callable[[StackEngine], dict[str, torch.Tensor]]
    ) -> dict[str, torch.Tensor]:
        """Measure the models of every part, and return what was measured of all, shape (S,) each."""
        found = in_threads(measure, self.parts)
        return {name: torch.cat([part[name] for part in found]) for name in found[0]}


def in_threads(work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Do the same to every item, in as many threads as PyTorch has, each with one for itself."""
    items, threads = list(items), torch.get_num_threads()
    if len(items) == 1 or threads == 1:
        return [work(item) for item in items]
    torch.set_num_threads(1)
    try:
        return list(_thread_pool(min(threads, len(items))).map(work, items))
    finally:
        torch.set_num_threads(threads)


@lru_cache(maxsize=1)
def _thread_pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads)
