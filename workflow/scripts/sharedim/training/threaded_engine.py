"""A stack shared out between the threads of a CPU."""

from __future__ import annotations

import torch

from sharedim.training.engine import StackEngine
from sharedim.training.recipes import ContrastiveRecipe
from sharedim.training.state import PairShape, StackCells, StackState
from sharedim.training.thread_pool import each


class SharedEngine:
    """Engines that each train a part of a stack in a thread of their own.

    Products as small as these gain more from a thread a model than from threads within. Takes
    what `sharedim.training.engine.StackEngine` takes and does what that does, in as many parts as PyTorch
    has threads; on a GPU in one.
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

    def run_epoch(self, epoch: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Train for one epoch; see `StackEngine.run_epoch`."""
        losses, temperatures = zip(
            *each(lambda part: part.run_epoch(epoch), self.parts), strict=True
        )
        return torch.cat(losses, dim=1), torch.cat(temperatures, dim=1)

    def evaluate(self, *, dimensions: bool = False) -> dict[str, torch.Tensor]:
        """Look at the models; see `StackEngine.evaluate`."""
        seen = each(lambda part: part.evaluate(dimensions=dimensions), self.parts)
        return {name: torch.cat([part[name] for part in seen]) for name in seen[0]}
