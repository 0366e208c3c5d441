"""Monitoring between epochs: evaluation on held-out pairs, history, best weights, early stopping."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from functools import partial

import torch

from sharedim.training.engine import StackEngine, ThreadedEngine, comparable, temperature_of
from sharedim.training.foscttm import foscttm_of_similarities
from sharedim.training.history import HISTORY
from sharedim.training.losses import infonce
from sharedim.training.mle_dimension import likelihood_dimensions
from sharedim.training.recipe_types import ContrastiveRecipe
from sharedim.training.state import PairShape, StackState

logger = logging.getLogger(__name__)

# Candidate initial temperatures, where the recipe gives none.
TEMPERATURES = torch.logspace(-2, 0.5, 26)


# Normaliser cells on which models are evaluated after each epoch.
EVALUATED_CELLS = 2048


def start_from_best_temperature(
    engine: ThreadedEngine, state: StackState, recipe: ContrastiveRecipe
) -> StackState:
    """Return the state before the first step: with its temperature, and as the best so far."""
    if recipe.initial_temperature is None:
        scales = TEMPERATURES.log() / recipe.temperature_multiplier
        losses = []
        for scale in scales.tolist():
            state.parameters[:, -1] = scale
            losses.append(engine.evaluate(evaluate)["held_out_loss"])
        best = torch.stack(losses).argmin(dim=0).cpu()
        state.parameters[:, -1] = scales[best].to(state.parameters)
    if recipe.averaged_steps is not None:
        state.averages.copy_(state.parameters)
    if recipe.patience is None:
        return state
    return replace(
        state,
        best_parameters=state.parameters.clone(),
        best_foscttm=engine.evaluate(evaluate)["held_out_foscttm"],
    )


def evaluate_epoch(
    engine: ThreadedEngine, state: StackState, recipe: ContrastiveRecipe, *, dimensions: bool
) -> dict[str, torch.Tensor]:
    """Bring the averages of the weights up to date, and evaluate them, or else the weights.

    See `evaluate`.
    """
    measure = partial(evaluate, dimensions=dimensions)
    if recipe.averaged_steps is None:
        return engine.evaluate(measure)
    state.averages.lerp_(state.parameters, -math.expm1(-engine.batches / recipe.averaged_steps))
    # The engine evaluates the weights where they lie.
    trained = state.parameters.clone()
    state.parameters.copy_(state.averages)
    evaluation = engine.evaluate(measure)
    state.parameters.copy_(trained)
    return evaluation


@torch.no_grad()
def evaluate(engine: StackEngine, *, dimensions: bool = False) -> dict[str, torch.Tensor]:
    """Evaluate the models of an engine on normaliser cells, whose pairs they are never trained on.

    Parameters
    ----------
    engine : StackEngine
        Holds the models and their cells.
    dimensions : bool
        Whether to estimate intrinsic dimensions too, which takes longer than all the rest.

    Returns
    -------
    dict of str to Tensor, shape (S,)
        ``held_out_loss`` in nats, over batches as large as those of training where there are
        cells enough; ``held_out_foscttm``, the fraction of other cells of the same batches that
        are closer than the true match, ties counting half; ``alignment``, the mean squared
        distance of paired cells at unit length (0 to 4; Wang and Isola, 2020); and for each
        modality ``norm_mean`` and ``norm_spread``, the mean norm and the standard deviation of
        norms divided by it, and ``id``, see `sharedim.training.mle_dimension`; nan where not
        computed.
    """
    recipe = engine.recipe
    rna, prot = engine.cells.normaliser
    f, g = engine.encode((rna[:, :EVALUATED_CELLS], prot[:, :EVALUATED_CELLS]))
    found = {}
    for name, side in (("rna", f), ("prot", g)):
        norms = side.norm(dim=2)
        mean = found[f"norm_mean_{name}"] = norms.mean(dim=1)
        found[f"norm_spread_{name}"] = norms.std(dim=1, correction=0) / mean
        missing = torch.full_like(mean, torch.nan)
        found[f"id_{name}"] = likelihood_dimensions(side) if dimensions else missing
    at_unit_length = [torch.nn.functional.normalize(side, dim=2) for side in (f, g)]
    apart = at_unit_length[0] - at_unit_length[1]
    found["alignment"] = apart.square().sum(dim=2).mean(dim=1)

    f, g = comparable(f, g, [found["norm_mean_rna"], found["norm_mean_prot"]], recipe.similarity)
    temperature = temperature_of(engine.state.parameters[:, -1], recipe)
    size = min(engine.batch_size, f.shape[1])
    losses, foscttms = [], []
    for start in range(0, f.shape[1] - size + 1, size):
        batch = [side[:, start : start + size] for side in (f, g)]
        losses.append(infonce(batch[0], batch[1], temperature, recipe.loss))
        foscttms.append(foscttm_of_similarities(batch[0] @ batch[1].mT))
    found["held_out_loss"] = torch.stack(losses).mean(dim=0)
    found["held_out_foscttm"] = torch.stack(foscttms).mean(dim=0).to(f.dtype)
    return found


def record_epoch(
    state: StackState,
    losses: torch.Tensor,
    temperatures: torch.Tensor,
    evaluation: dict[str, torch.Tensor],
) -> StackState:
    """Return the state after an epoch, with its history and the best weights so far."""
    trained = {"loss": losses.mean(dim=0), "temperature": temperatures.mean(dim=0)}
    measured = {**trained, **evaluation}
    # A model that failed has no numbers for the epoch in which it did.
    failed = ~(torch.isfinite(losses).all(dim=0) & torch.isfinite(state.parameters).all(dim=1))
    for quantity, name in enumerate(HISTORY):
        state.history[quantity, state.epoch] = measured[name].masked_fill(failed, torch.nan)
    better = evaluation["held_out_foscttm"] < state.best_foscttm
    best = state.best_parameters
    if best.shape[1]:
        best = torch.where(better[:, None], kept_parameters(state), best)
    return replace(
        state,
        epoch=state.epoch + 1,
        best_parameters=best,
        best_foscttm=torch.where(better, evaluation["held_out_foscttm"], state.best_foscttm),
        best_epoch=torch.where(better, state.epoch + 1, state.best_epoch),
    )


def log_failures(
    engine: ThreadedEngine,
    state: StackState,
    losses: torch.Tensor,
    shape: PairShape,
    recipe: ContrastiveRecipe,
) -> set[int]:
    """Return the models that failed in the last epoch, and log which and in which step."""
    failed = torch.isnan(state.history[0, state.epoch - 1]).nonzero().flatten().tolist()
    for model in failed:
        broken = (~torch.isfinite(losses[:, model])).nonzero().flatten().tolist()
        # Weights may break in the last update, after the last loss.
        step = (state.epoch - 1) * engine.batches + (broken[0] + 1 if broken else len(losses))
        logger.error(
            "%s, d = %d, seed %d: the loss is not finite at step %d; this model stops as failed, "
            "the others go on",
            recipe.name,
            shape.rna.outputs,
            state.seeds[model],
            step,
        )
    return set(failed)


def stopped_early(engine: ThreadedEngine, state: StackState, recipe: ContrastiveRecipe) -> set[int]:
    """Return the models whose held-out FOSCTTM has not improved for as long as the recipe waits."""
    if recipe.patience is None:
        return set()
    waited = (state.epoch - state.best_epoch) * engine.batches
    return set((waited >= recipe.patience).nonzero().flatten().tolist())


def kept_parameters(state: StackState) -> torch.Tensor:
    """Return the weights that count: their averages along training, where there are any."""
    return state.averages if state.averages.shape[1] else state.parameters
