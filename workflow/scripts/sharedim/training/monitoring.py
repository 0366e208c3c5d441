"""Between the epochs of a stack: what is recorded, whose weights are kept, and which models stop."""

from __future__ import annotations

import logging
import math
from dataclasses import replace

import torch

from sharedim.training.history import HISTORY
from sharedim.training.recipes import ContrastiveRecipe
from sharedim.training.state import PairShape, StackCells, StackState
from sharedim.training.threaded_engine import SharedEngine

logger = logging.getLogger(__name__)

# That models may start with where it is not given.
TEMPERATURES = torch.logspace(-2, 0.5, 26)


def begin(engine: SharedEngine, state: StackState, recipe: ContrastiveRecipe) -> StackState:
    """Return the state before the first step: with its temperature, and as the best so far."""
    if recipe.initial_temperature is None:
        scales = TEMPERATURES.log() / recipe.temperature_multiplier
        losses = []
        for scale in scales.tolist():
            state.parameters[:, -1] = scale
            losses.append(engine.evaluate()["held_out_loss"])
        best = torch.stack(losses).argmin(dim=0).cpu()
        state.parameters[:, -1] = scales[best].to(state.parameters)
    if recipe.averaged_steps is not None:
        state.averages.copy_(state.parameters)
    if recipe.patience is None:
        return state
    return replace(
        state,
        best_parameters=state.parameters.clone(),
        best_foscttm=engine.evaluate()["held_out_foscttm"],
    )


def record_epoch(
    state: StackState,
    losses: torch.Tensor,
    temperatures: torch.Tensor,
    seen: dict[str, torch.Tensor],
) -> StackState:
    """Return the state after an epoch: what was seen of it, and the best weights so far."""
    seen = {"loss": losses.mean(dim=0), "temperature": temperatures.mean(dim=0), **seen}
    # A model that failed has no numbers for the epoch in which it did.
    failed = ~(torch.isfinite(losses).all(dim=0) & torch.isfinite(state.parameters).all(dim=1))
    for quantity, name in enumerate(HISTORY):
        state.history[quantity, state.epoch] = seen[name].masked_fill(failed, torch.nan)
    better = seen["held_out_foscttm"] < state.best_foscttm
    best = state.best_parameters
    if best.shape[1]:
        best = torch.where(better[:, None], kept_parameters(state), best)
    return replace(
        state,
        epoch=state.epoch + 1,
        best_parameters=best,
        best_foscttm=torch.where(better, seen["held_out_foscttm"], state.best_foscttm),
        best_epoch=torch.where(better, state.epoch + 1, state.best_epoch),
    )


def name_failures(
    state: StackState,
    losses: torch.Tensor,
    cells: StackCells,
    shape: PairShape,
    recipe: ContrastiveRecipe,
) -> set[int]:
    """Return the models that failed in the last epoch, and say which and in which step."""
    failed = torch.isnan(state.history[0, state.epoch - 1]).nonzero().flatten().tolist()
    batches = recipe.steps_an_epoch(cells.train[0].shape[1])
    for model in failed:
        broken = (~torch.isfinite(losses[:, model])).nonzero().flatten().tolist()
        # Weights may break in the last update, after the last loss.
        step = (state.epoch - 1) * batches + (broken[0] + 1 if broken else len(losses))
        logger.error(
            "%s, d = %d, seed %d: the loss is not finite at step %d; this model stops as failed, "
            "the others go on",
            recipe.name,
            shape.rna.outputs,
            state.seeds[model],
            step,
        )
    return set(failed)


def stopping(state: StackState, recipe: ContrastiveRecipe, train_cells: int) -> set[int]:
    """Return the models whose held-out FOSCTTM has not improved for as long as the recipe waits."""
    if recipe.patience is None:
        return set()
    waited = (state.epoch - state.best_epoch) * recipe.steps_an_epoch(train_cells)
    return set((waited >= recipe.patience).nonzero().flatten().tolist())


def kept_parameters(state: StackState) -> torch.Tensor:
    """Return the weights that count: their averages along training, where there are any."""
    return state.averages if state.averages.shape[1] else state.parameters


def look_at(
    engine: SharedEngine,
    state: StackState,
    recipe: ContrastiveRecipe,
    train_cells: int,
    *,
    dimensions: bool,
) -> dict[str, torch.Tensor]:
    """Bring the averages of the weights up to date, and evaluate them, or else the weights.

    See `sharedim.training.engine.StackEngine.evaluate`.
    """
    if recipe.averaged_steps is None:
        return engine.evaluate(dimensions=dimensions)
    passed = recipe.steps_an_epoch(train_cells) / recipe.averaged_steps
    state.averages.lerp_(state.parameters, -math.expm1(-passed))
    # The engine looks at the weights where they lie.
    trained = state.parameters.clone()
    state.parameters.copy_(state.averages)
    seen = engine.evaluate(dimensions=dimensions)
    state.parameters.copy_(trained)
    return seen
