"""Training one model as one would write it down: autograd, nothing stacked, nothing spared."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch.nn.functional import normalize

from sharedim.training.sampling import draw_epoch, dropout_threshold


def encode(tensors, cells, layers, kept=None, scale=1.0):
    hidden = cells
    for layer in range(layers):
        hidden = torch.relu(hidden @ tensors[f"{layer}.weight"].T + tensors[f"{layer}.bias"])
        if kept is not None:
            hidden = hidden * kept[layer].T * scale
    output = hidden @ tensors[f"{layers}.weight"].T + tensors[f"{layers}.bias"]
    return output + cells @ tensors["skip.weight"].T if "skip.weight" in tensors else output


def loss_of(similarity, kind):
    partner = similarity.diagonal()
    rows = (similarity.logsumexp(dim=1) - partner).mean()
    columns = (similarity.logsumexp(dim=0) - partner).mean()
    everything = similarity.flatten().logsumexp(dim=0) - partner.mean() - math.log(len(partner))
    return {
        "two_sided": (rows + columns) / 2,
        "rna_to_prot": rows,
        "prot_to_rna": columns,
        "joint": everything,
    }[kind]


def similarity_of(f, g, f_norm, g_norm, kind):
    if kind == "cosine":
        return normalize(f, dim=1) @ normalize(g, dim=1).T
    if "unnormalised" not in kind:
        f, g = f / f_norm, g / g_norm
    if "euclidean" in kind:
        return -0.5 * (f[:, None] - g[None]).square().sum(dim=2)
    return f @ g.T


def learning_rate(recipe, step, steps):
    if step < recipe.warmup_steps:
        return recipe.learning_rate * (step + 1) / recipe.warmup_steps
    if recipe.schedule == "constant":
        return recipe.learning_rate
    done = (step - recipe.warmup_steps) / (steps - recipe.warmup_steps)
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


def naive_training(rna, prot, split, engine, model, recipe):
    """Train one model from the weights that an engine starts from, with that engine's draws.

    Returns
    -------
    losses, temperatures : ndarray, shape (steps,)
    networks : list of two dict of Tensor
        The trained weights of both modalities.
    """
    sides = [torch.from_numpy(rna), torch.from_numpy(prot)]
    networks = [
        {name: t.detach().clone().requires_grad_() for name, t in e.tensors_of(model).items()}
        for e in engine.encoders
    ]
    s = torch.zeros((), dtype=sides[0].dtype, requires_grad=True)
    optimiser = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[recipe.optimiser](
        [*networks[0].values(), *networks[1].values(), s], weight_decay=recipe.weight_decay
    )
    size = min(recipe.batch_size, len(split.train))
    batches = len(split.train) // size
    steps = recipe.steps or recipe.epochs * batches
    keep_from = dropout_threshold(recipe)
    losses, temperatures = [], []
    for step in range(steps):
        epoch, batch = divmod(step, batches)
        draws = draw_epoch(
            [engine.state.seeds[model]], epoch, recipe, train_cells=len(split.train),
            normaliser_cells=len(split.normaliser), batch_size=size, device=torch.device("cpu"),
        )  # fmt: skip
        order = np.arange(len(split.train)) if draws.order is None else draws.order[0].numpy()
        if batch == 0:
            noise = draws.noise
        rows = split.train[order[batch * size : (batch + 1) * size]]
        norm_rows = split.normaliser
        if draws.normaliser is not None:
            norm_rows = norm_rows[draws.normaliser[batch, 0].numpy()]
        outputs, norms = [], []
        for side, (cells, tensors) in enumerate(zip(sides, networks, strict=True)):
            kept, scale = None, 1.0
            seen = cells[rows]
            if noise is not None:
                drawn = torch.empty_like(seen).normal_(generator=noise[0])
                seen = seen + engine.state.input_noise[model, side] * drawn
            if draws.dropout is not None:
                kept = draws.dropout[batch, side, :, 0] >= keep_from
                scale = 256 / (256 - keep_from)
            outputs.append(encode(tensors, seen, recipe.hidden_layers, kept, scale))
            norms.append(encode(tensors, cells[norm_rows], recipe.hidden_layers).norm(dim=1).mean())
        similarity = similarity_of(*outputs, *norms, recipe.similarity)
        grown = torch.exp(recipe.temperature_multiplier * s) if recipe.learn_temperature else 1.0
        tau = recipe.initial_temperature * grown + recipe.temperature_floor
        loss = loss_of(similarity / tau, recipe.loss)
        optimiser.param_groups[0]["lr"] = learning_rate(recipe, step, steps)
        optimiser.zero_grad()
        loss.backward()
        if s.grad is None:
            s.grad = torch.zeros_like(s)
        optimiser.step()
        losses.append(loss.item())
        temperatures.append(float(torch.as_tensor(tau).detach()))
    return np.array(losses), np.array(temperatures), networks
