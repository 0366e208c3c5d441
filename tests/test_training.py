from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from sharedim.dimension import mle_dimension
from sharedim.encoders import EncoderStack
from sharedim.errors import InputError
from sharedim.recipes import PAPER, ContrastiveRecipe
from sharedim.retrieval import rivals
from sharedim.splits import Split, split_cells
from sharedim.training import choose_device, initial_encoders, train_seeds, train_stack

QUICK = replace(PAPER, name="quick", epochs=25, learning_rate=1e-3, batch_size=64)


def paired_features(cells=800, rna_width=12, prot_width=7, shared=3):
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(cells, shared))
    sides = []
    for width in (rna_width, prot_width):
        noise = rng.normal(scale=0.3, size=(cells, width))
        sides.append((latent @ rng.normal(size=(shared, width)) + noise).astype(np.float32))
    return sides


def one_model(encoder, model):
    return EncoderStack(
        [w.detach()[model : model + 1].clone() for w in encoder.weights],
        [b.detach()[model : model + 1].clone() for b in encoder.biases],
    )


def naive_training(rna, prot, split, encoders, recipe):
    """Train one model with nn.Linear, torch.optim.Adam and F.cross_entropy, nothing stacked."""
    networks = []
    for encoder in encoders:
        layers = []
        for weight, bias in zip(encoder.weights, encoder.biases, strict=True):
            linear = nn.Linear(weight.shape[2], weight.shape[1], dtype=rna.dtype)
            linear.weight.data = weight.detach()[0].clone()
            linear.bias.data = bias.detach()[0].clone()
            layers += [linear, nn.ReLU()]
        networks.append(nn.Sequential(*layers[:-1]))
    s = nn.Parameter(torch.zeros((), dtype=rna.dtype))
    f, g = networks
    optimiser = torch.optim.Adam(
        [*f.parameters(), *g.parameters(), s],
        lr=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
    )
    losses, temperatures = [], []
    size = min(recipe.batch_size, len(split.train))
    for _ in range(recipe.epochs):
        for batch in range(len(split.train) // size):
            rows = split.train[batch * size : (batch + 1) * size]
            x_norm = f(rna[split.normaliser]).norm(dim=1).mean()
            y_norm = g(prot[split.normaliser]).norm(dim=1).mean()
            similarity = (f(rna[rows]) / x_norm) @ (g(prot[rows]) / y_norm).T
            tau = torch.exp(recipe.temperature_multiplier * s) + recipe.temperature_floor
            target = torch.arange(size)
            loss = (
                nn.functional.cross_entropy(similarity / tau, target)
                + nn.functional.cross_entropy(similarity.T / tau, target)
            ) / 2
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
            temperatures.append(tau.item())
    weights = [layer.weight for layer in f if isinstance(layer, nn.Linear)]
    return np.array(losses), np.array(temperatures), weights


@pytest.mark.parametrize("dim", [1, 5])
def test_follows_the_naive_loop(dim):
    # In double precision, since training amplifies the rounding of single precision.
    rna, prot = (torch.as_tensor(side, dtype=torch.float64) for side in paired_features())
    seeds = [0, 1]
    splits = [split_cells(len(rna), seed) for seed in seeds]
    start = initial_encoders(seeds, rna.shape[1], prot.shape[1], dim, QUICK)
    start = tuple(encoder.double() for encoder in start)
    plain = [
        naive_training(rna, prot, split, [one_model(encoder, model) for encoder in start], QUICK)
        for model, split in enumerate(splits)
    ]
    trained = train_stack(rna, prot, splits, start, QUICK)
    assert plain[0][0][-1] < 0.8 * plain[0][0][0]
    for model, (losses, temperatures, weights) in enumerate(plain):
        np.testing.assert_allclose(trained.losses[:, model], losses, rtol=1e-7)
        np.testing.assert_allclose(trained.temperatures[:, model], temperatures, rtol=1e-7)
        for stacked, weight in zip(trained.rna.weights, weights, strict=True):
            torch.testing.assert_close(stacked[model], weight, rtol=1e-5, atol=1e-7)


def test_a_seed_does_not_depend_on_its_block_mates():
    rna, prot = paired_features()
    together = dict(train_seeds(rna, prot, recipe=QUICK, dim=4, seeds=[0, 1, 2, 3, 4, 5]))
    alone = dict(train_seeds(rna, prot, recipe=QUICK, dim=4, seeds=[5]))
    assert sorted(together) == [0, 1, 2, 3, 4, 5]
    for name, expected in together[5].items():
        np.testing.assert_allclose(alone[5][name], expected, rtol=1e-3, atol=1e-4, err_msg=name)


def test_different_seeds_give_different_models():
    rna, prot = paired_features()
    models = dict(train_seeds(rna, prot, recipe=replace(QUICK, epochs=1), dim=4, seeds=[0, 1]))
    assert not np.allclose(models[0]["rna.0.weight"], models[1]["rna.0.weight"])


def test_what_is_stored_of_a_model():
    rna, prot = paired_features()
    recipe = replace(QUICK, epochs=3)
    [(seed, tensors)] = train_seeds(rna, prot, recipe=recipe, dim=4, seeds=[7])
    assert seed == 7
    assert tensors["rna.3.weight"].shape == (4, 50)
    assert tensors["prot.0.weight"].shape == (50, 7)
    assert tensors["history.loss"].shape == tensors["history.temperature"].shape == (3,)
    assert tensors["history.chance_loss"] == pytest.approx(np.log(64))
    assert 0 < tensors["temperature"] < 1
    split = split_cells(len(rna), 7)
    hidden = rna[split.normaliser]
    for layer in range(4):
        hidden = hidden @ tensors[f"rna.{layer}.weight"].T + tensors[f"rna.{layer}.bias"]
        hidden = np.maximum(hidden, 0) if layer < 3 else hidden
    expected = np.linalg.norm(hidden, axis=1).mean()
    assert tensors["mean_norm.rna"] == pytest.approx(expected, rel=1e-5)


def test_unpaired_features_are_refused():
    rna, prot = paired_features()
    with pytest.raises(ValueError, match="RNA has 800 cells and protein 799"):
        list(train_seeds(rna, prot[:-1], recipe=QUICK, dim=2, seeds=[0]))


def test_an_unknown_device_is_refused(monkeypatch):
    monkeypatch.setenv("SHAREDIM_DEVICE", "abacus")
    with pytest.raises(InputError, match="SHAREDIM_DEVICE=abacus: not a device to train on"):
        choose_device()
    monkeypatch.setenv("SHAREDIM_DEVICE", "cpu")
    assert choose_device().type == "cpu"


def test_test_cells_do_not_influence_training():
    rna, prot = paired_features()
    changed = rna.copy()
    changed[split_cells(len(rna), 0).test] += 100
    recipe = replace(QUICK, epochs=2)
    [(_, expected)] = train_seeds(rna, prot, recipe=recipe, dim=3, seeds=[0])
    [(_, found)] = train_seeds(changed, prot, recipe=recipe, dim=3, seeds=[0])
    for name in expected:
        assert np.array_equal(found[name], expected[name]), name


@pytest.mark.parametrize("dim", [5, 12])
def test_the_intrinsic_dimension_of_linear_pairs_is_the_shared_one(dim):
    # The paper's linear setting: 20 coordinates a side, the first 2 of them shared.
    rng = np.random.default_rng(0)
    prot = rng.normal(size=(13_000, 20)).astype(np.float32)
    rna = rng.normal(size=prot.shape).astype(np.float32)
    rna[:, :2] = prot[:, :2]
    rows = np.arange(len(prot))
    split = Split(train=rows[:10_000], normaliser=rows[10_000:11_000], test=rows[11_000:])
    recipe = replace(PAPER, learning_rate=1e-3, epochs=60, temperature_multiplier=4.0)
    start = initial_encoders([0], 20, 20, dim, recipe)
    trained = train_stack(torch.as_tensor(rna), torch.as_tensor(prot), [split], start, recipe)
    with torch.no_grad():
        f = trained.rna(torch.as_tensor(rna[split.test])[None])[0].numpy()
        g = trained.prot(torch.as_tensor(prot[split.test])[None])[0].numpy()
    assert mle_dimension(f).mean == pytest.approx(2, abs=0.4)
    assert mle_dimension(g).mean == pytest.approx(2, abs=0.4)
    # The best match of 2,000 is the partner for a third of the cells; guessing finds one.
    assert np.mean(rivals(f, g) == 0) > 0.25
    assert trained.temperatures[-1] < 0.1


class TestTrajectory:
    """Against a run of the original authors' program."""

    recipe = ContrastiveRecipe(name="trajectory", learning_rate=1e-3, epochs=30)

    @staticmethod
    def split(trajectory):
        n_train, n_normaliser = int(trajectory["n_train"]), int(trajectory["n_normaliser"])
        rows = np.arange(len(trajectory["X"]))
        return Split(
            train=rows[:n_train],
            normaliser=rows[n_train : n_train + n_normaliser],
            test=rows[n_train + n_normaliser :],
        )

    @staticmethod
    def encoders(trajectory):
        stacks = []
        for side in ("x", "y"):
            tensors = {
                f"{layer}.{kind}": torch.tensor(trajectory[f"{side}_linear{layer + 1}.{kind}"])[
                    None
                ]
                for layer in range(4)
                for kind in ("weight", "bias")
            }
            stacks.append(EncoderStack.from_tensors(tensors))
        return tuple(stacks)

    def test_losses_are_followed(self, trajectory):
        assert trajectory["lr"] == self.recipe.learning_rate
        assert trajectory["epochs"] == self.recipe.epochs
        trained = train_stack(
            torch.tensor(trajectory["X"]),
            torch.tensor(trajectory["Y"]),
            [self.split(trajectory)],
            self.encoders(trajectory),
            self.recipe,
        )
        losses = trained.losses[:, 0].numpy()
        assert losses.shape == (120,)
        np.testing.assert_allclose(losses[:60], trajectory["losses"][:60], rtol=1e-3)
        np.testing.assert_allclose(losses, trajectory["losses"], rtol=1e-2)
        np.testing.assert_allclose(trained.temperatures[:, 0], trajectory["taus"], rtol=1e-3)

    def test_first_gradients_are_reproduced(self, trajectory):
        # One epoch on the first batch alone is one step; hooks see the gradient before weight decay.
        rna, prot = torch.tensor(trajectory["X"]), torch.tensor(trajectory["Y"])
        encoders = self.encoders(trajectory)
        recipe = replace(self.recipe, epochs=1, batch_size=256, weight_decay=0.0)
        split = self.split(trajectory)
        first_batch = replace(split, train=split.train[:256])
        gradients = {}
        for side, encoder in zip(("x", "y"), encoders, strict=True):
            for kind, parameters in (("weight", encoder.weights), ("bias", encoder.biases)):
                for layer, parameter in enumerate(parameters, start=1):
                    name = f"grad_{side}_linear{layer}.{kind}"
                    parameter.register_hook(
                        lambda gradient, name=name: gradients.update({name: gradient[0].numpy()})
                    )
        train_stack(rna, prot, [first_batch], encoders, recipe)
        assert len(gradients) == 16
        for name, gradient in gradients.items():
            tolerance = 1e-4 * np.abs(trajectory[name]).max()
            np.testing.assert_allclose(gradient, trajectory[name], rtol=0, atol=tolerance)
