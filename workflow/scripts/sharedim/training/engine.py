"""The engine: one stack of models, one epoch at a time, each step a fixed program on the device."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

import torch
from torch.optim.adam import adam
from torch.optim.adamw import adamw

from sharedim.training.backprop import EncoderPass, NormPass, PassBuffers
from sharedim.training.cca import closer_shares
from sharedim.training.encoders import EncoderStack
from sharedim.training.losses import infonce
from sharedim.training.mean_norm import PaddedNormPass
from sharedim.training.mle_dimension import likelihood_dimensions
from sharedim.training.recipes import ContrastiveRecipe
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
# Normaliser cells on which a model is looked at after each epoch.
EVALUATED_CELLS = 2048
ROUNDS_BEFORE_CAPTURE = 3


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
        self.step_cells = recipe.normaliser_cells if sampled else self.normaliser_cells
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
        self.kept, self.kept_scale = [None, None], 1.0
        if recipe.dropout and recipe.hidden_layers:
            layers = (2, recipe.hidden_layers, models, recipe.hidden_width, self.batch_size)
            self.kept = torch.ones(layers, dtype=torch.bool, device=self.device)
            self.kept_scale = DROPOUT_LEVELS / (DROPOUT_LEVELS - dropout_threshold(recipe))
        self.loss, self.temperature = new(models), new(models)

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
        for batch_pass, batch, kept in zip(self.batch_passes, self.batch, self.kept, strict=True):
            leaves.append(batch_pass.forward(batch, kept, self.kept_scale).mT)

        with torch.enable_grad():
            leaves = [leaf.detach().requires_grad_() for leaf in leaves]
            temperature = temperature_of(leaves[0], recipe)
            first, second = self._comparable(*leaves[-2:], leaves[1:-2])
            loss = infonce(first, second, temperature, recipe.loss)
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

    def _comparable(
        self, first: torch.Tensor, second: torch.Tensor, mean_norms: list[torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return representations, shape (S, n, d), whose inner products are the similarities."""
        similarity = self.recipe.similarity
        if similarity == "cosine":
            normalize = torch.nn.functional.normalize
            return normalize(first, dim=2), normalize(second, dim=2)
        if similarity == "inner_product":
            return first / (mean_norms[0] * mean_norms[1])[:, None, None], second
        if similarity == "euclidean":
            first, second = (
                side / norm[:, None, None]
                for side, norm in zip((first, second), mean_norms, strict=True)
            )
        if similarity in EUCLIDEAN:
            # As `sharedim.training.similarity.as_inner_products`.
            sides = (first, second)
            to_first, to_second = (-0.5 * side.square().sum(dim=2, keepdim=True) for side in sides)
            one = torch.ones_like(to_first)
            return torch.cat([first, to_first, one], 2), torch.cat([second, one, to_second], 2)
        return first, second

    @torch.no_grad()
    def evaluate(self, *, dimensions: bool = False) -> dict[str, torch.Tensor]:
        """Look at the models on normaliser cells, whose pairs they are never trained on.

        Parameters
        ----------
        dimensions : bool
            Whether to estimate intrinsic dimensions too, which takes longer than all the rest.

        Returns
        -------
        dict of str to Tensor, shape (S,)
            ``held_out_loss`` in nats, over batches as large as those of training where there are
            cells enough; ``held_out_foscttm``, the share of other cells of the same batches that
            are closer than the partner, ties counting half; ``alignment``, the mean squared
            distance of partners at unit length (0 to 4; Wang and Isola, 2020); and for each
            modality ``norm_mean`` and ``norm_spread``, the mean norm and the standard deviation of
            norms divided by it, and ``id``, see
            `sharedim.training.mle_dimension`; nan where not asked for.
        """
        seen, representations, units = {}, [], []
        for name, norm_pass, cells in zip(
            ("rna", "prot"), self.norm_passes, self.cells.normaliser, strict=True
        ):
            output = norm_pass.encode(cells[:, :EVALUATED_CELLS])
            norms = output.norm(dim=2)
            mean = seen[f"norm_mean_{name}"] = norms.mean(dim=1)
            seen[f"norm_spread_{name}"] = norms.std(dim=1, correction=0) / mean
            missing = torch.full_like(mean, torch.nan)
            seen[f"id_{name}"] = likelihood_dimensions(output) if dimensions else missing
            representations.append(output)
            units.append(torch.nn.functional.normalize(output, dim=2))
        seen["alignment"] = (units[0] - units[1]).square().sum(dim=2).mean(dim=1)

        norm_means = [seen["norm_mean_rna"], seen["norm_mean_prot"]]
        first, second = self._comparable(*representations, norm_means)
        temperature = temperature_of(self.state.parameters[:, -1], self.recipe)
        size = min(self.batch_size, first.shape[1])
        losses, closer = [], []
        for start in range(0, first.shape[1] - size + 1, size):
            batch = [side[:, start : start + size] for side in (first, second)]
            losses.append(infonce(*batch, temperature, self.recipe.loss))
            closer.append(closer_shares(batch[0] @ batch[1].mT))
        seen["held_out_loss"] = torch.stack(losses).mean(dim=0)
        seen["held_out_foscttm"] = torch.stack(closer).mean(dim=0).to(first.dtype)
        return seen

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
    stream = torch.cuda.Stream()
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
