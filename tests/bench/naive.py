"""The plain way to train one model, which the engine is measured against."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

HIDDEN = 50


def perceptron(inputs: int, dim: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, HIDDEN), nn.ReLU(),
        nn.Linear(HIDDEN, HIDDEN), nn.ReLU(),
        nn.Linear(HIDDEN, HIDDEN), nn.ReLU(),
        nn.Linear(HIDDEN, dim),
    )  # fmt: skip


def naive_step(
    train: tuple[torch.Tensor, torch.Tensor],
    normaliser: tuple[torch.Tensor, torch.Tensor],
    dim: int,
    batch: int,
) -> Callable[[int], None]:
    """Return a function that trains one model for so many steps of the paper's recipe."""
    device = train[0].device
    f, g = (perceptron(side.shape[1], dim).to(device) for side in train)
    s = nn.Parameter(torch.zeros((), device=device))
    optimiser = torch.optim.Adam([*f.parameters(), *g.parameters(), s], lr=1e-4, weight_decay=1e-4)
    target = torch.arange(batch, device=device)

    def run(steps: int) -> None:
        for step in range(steps):
            rows = slice(step * batch, (step + 1) * batch)
            x = f(train[0][rows]) / f(normaliser[0]).norm(dim=1).mean()
            y = g(train[1][rows]) / g(normaliser[1]).norm(dim=1).mean()
            logits = x @ y.T / (torch.exp(2 * s) + 1e-4)
            loss = (
                nn.functional.cross_entropy(logits, target)
                + nn.functional.cross_entropy(logits.T, target)
            ) / 2
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    return run
