from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch
from mle import mle_dimension
from naive_training import naive_training
from simulated_pairs import paired_features

from sharedim.errors import InputError
from sharedim.evaluation.retrieval import search
from sharedim.training.devices import choose_device
from sharedim.training.encoders import EncoderStack
from sharedim.training.engine import StackEngine, ThreadedEngine
from sharedim.training.initialisation import initial_models
from sharedim.training.loop import epochs_of, train_seeds
from sharedim.training.monitoring import evaluate
from sharedim.training.precision import choose_precision
from sharedim.training.recipe_types import ContrastiveRecipe
from sharedim.training.recipes import PAPER
from sharedim.training.splits import Split, split_cells
from sharedim.training.state import PairShape, StackCells, StackState

QUICK = replace(PAPER, name="quick", epochs=25, learning_rate=1e-3, batch_size=64)


def engine_for(rna, prot, splits, recipe, dim, parameters=None):
    """Return an engine on chosen splits, from chosen parameters or the models of seeds 0, 1, ..."""
    seeds = list(range(len(splits)))
    cells = StackCells.gather(rna, prot, splits, torch.device("cpu"))
    shape = PairShape.of(rna.shape[1], prot.shape[1], dim, recipe)
    models = initial_models(seeds, shape, cells, recipe)
    if parameters is not None:
        models = parameters, models[1]
    epochs = epochs_of(recipe, len(splits[0].train))
    state = StackState.start(seeds, *models, epochs, recipe)
    return StackEngine(cells, state, shape, recipe)


def trained(engine):
    """Train to the end; return the loss and the temperature of every step and model."""
    epochs = engine.state.history.shape[1]
    losses, temperatures = zip(*(engine.run_epoch(epoch) for epoch in range(epochs)), strict=True)
    return torch.cat(losses), torch.cat(temperatures)


def follow_the_naive_loop(recipe, dim):
    """Train two models both ways and compare every loss, temperature and final weight."""
    # In double precision, since training amplifies the rounding of single precision.
    rna, prot = (side.astype(np.float64) for side in paired_features())
    splits = [split_cells(len(rna), seed) for seed in (0, 1)]
    engine = engine_for(rna, prot, splits, recipe, dim)
    plain = [
        naive_training(rna, prot, split, engine, model, recipe)
        for model, split in enumerate(splits)
    ]
    found_losses, found_temperatures = trained(engine)
    for model, (losses, temperatures, networks) in enumerate(plain):
        np.testing.assert_allclose(found_losses[:, model], losses, rtol=1e-7)
        np.testing.assert_allclose(found_temperatures[:, model], temperatures, rtol=1e-7)
        for encoder, tensors in zip(engine.encoders, networks, strict=True):
            for name, tensor in encoder.tensors_of(model).items():
                torch.testing.assert_close(tensor, tensors[name], rtol=1e-5, atol=1e-7)

    return found_losses


@pytest.mark.parametrize("dim", [1, 5])
def test_follows_the_naive_loop(dim):
    losses = follow_the_naive_loop(QUICK, dim)
    assert losses[-1, 0] < 0.8 * losses[0, 0]


# Every field of a recipe, alone and in company.
OPTIONS = {
    "narrow and shallow": {"hidden_width": 9, "hidden_layers": 1},
    "linear": {"hidden_layers": 0},
    "skip": {"linear_skip": True},
    "from cca": {"linear_skip": True, "start": "cca"},
    "linear from cca": {"hidden_layers": 0, "start": "cca"},
    "input noise": {"linear_skip": True, "start": "cca", "input_noise": True},
    "cosine": {"similarity": "cosine"},
    "euclidean": {"similarity": "euclidean", "normaliser_cells": 40},
    "unnormalised": {"similarity": "unnormalised"},
    "unnormalised euclidean": {"similarity": "unnormalised_euclidean"},
    "sampled normaliser": {"normaliser_cells": 40},
    "rna to prot": {"loss": "rna_to_prot"},
    "prot to rna": {"loss": "prot_to_rna"},
    "joint": {"loss": "joint"},
    "fixed temperature": {"learn_temperature": False, "initial_temperature": 0.2},
    "other temperature": {
        "initial_temperature": 0.5,
        "temperature_multiplier": 4.0,
        "temperature_floor": 0.1,
    },
    "reshuffled": {"reshuffle": True},
    "steps": {"steps": 17},
    "adamw": {"optimiser": "adamw", "weight_decay": 0.05},
    "schedule": {"schedule": "cosine", "warmup_steps": 7},
    "dropout": {"dropout": 0.3},
    "all": {
        "dropout": 0.3,
        "linear_skip": True,
        "start": "cca",
        "normaliser_cells": 40,
        "reshuffle": True,
        "optimiser": "adamw",
        "schedule": "cosine",
        "warmup_steps": 7,
    },
}


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_follows_the_naive_loop(name):
    recipe = replace(QUICK, **{"epochs": 6, **OPTIONS[name]})
    losses = follow_the_naive_loop(recipe, 3)
    plain = follow_the_naive_loop(replace(QUICK, epochs=6), 3)
    # An option that changes nothing is none.
    assert losses.shape != plain.shape or not torch.allclose(losses, plain, rtol=1e-4)
    if name == "steps":
        assert len(losses) == 17


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_share_the_models_out(threads):
    rna, prot = (side.astype(np.float64) for side in paired_features())
    splits = [split_cells(len(rna), seed) for seed in range(5)]
    alone = engine_for(rna, prot, splits, QUICK, 3)
    like = engine_for(rna, prot, splits, QUICK, 3)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    shared = ThreadedEngine(like.cells, like.state, alone.shape, QUICK)
    found = shared.run_epoch(0)
    found_after = shared.evaluate(evaluate)
    assert torch.get_num_threads() == threads
    torch.set_num_threads(before)
    assert [len(part.state.seeds) for part in shared.parts] == {2: [2, 3], 3: [1, 2, 2]}[threads]
    torch.testing.assert_close(found, alone.run_epoch(0))
    torch.testing.assert_close(found_after, evaluate(alone), equal_nan=True)
    # The parts train the stack's own state.
    torch.testing.assert_close(like.state.parameters, alone.state.parameters)
    assert not torch.equal(like.state.first_moment, torch.zeros_like(like.state.first_moment))


def test_the_mean_norm_in_chunks_is_the_mean_norm():
    # More cells than a chunk, and not a multiple.
    rng = np.random.default_rng(0)
    rna, prot = (rng.normal(size=(5_000, width)) for width in (9, 4))
    rows = np.arange(5_000)
    splits = [Split(train=rows[:100], normaliser=rows[100:], test=rows[:0])] * 3
    engine = engine_for(rna, prot, splits, QUICK, 3)
    assert not engine.norm_passes[0].whole
    norms = engine.norm_passes[0].mean_with_gradient(engine.cells.normaliser[0])
    for model in range(3):
        tensors = engine.encoders[0].tensors_of(model)
        tensors = {name: t.detach().clone().requires_grad_() for name, t in tensors.items()}
        hidden = torch.from_numpy(rna[100:])
        for layer in range(4):
            hidden = hidden @ tensors[f"{layer}.weight"].T + tensors[f"{layer}.bias"]
            hidden = torch.relu(hidden) if layer < 3 else hidden
        mean = hidden.norm(dim=1).mean()
        mean.backward()
        torch.testing.assert_close(norms[model], mean.detach())
        for name, gradient in engine.norm_passes[0].gradient.tensors_of(model).items():
            torch.testing.assert_close(gradient, tensors[name].grad, rtol=1e-7, atol=1e-12)


def test_a_constant_encoder_of_norm_zero_has_no_gradient_but_a_number():
    rna, prot = (side.astype(np.float64) for side in paired_features())
    engine = engine_for(rna, prot, [split_cells(len(rna), 0)], QUICK, 3)
    engine.state.parameters.zero_()
    norms = engine.norm_passes[0].mean_with_gradient(engine.cells.normaliser[0])
    assert norms.tolist() == [0]
    assert torch.all(engine.norm_passes[0].gradient.parameters == 0)


def test_a_seed_alone_follows_itself_in_a_stack_of_eight():
    rna, prot = paired_features(cells=3000)
    recipe = replace(QUICK, steps=50)
    splits = [split_cells(len(rna), seed) for seed in range(8)]
    shape = PairShape.of(rna.shape[1], prot.shape[1], 4, recipe)
    together = engine_for(rna, prot, splits, recipe, 4)
    start = together.state.parameters.clone()
    losses, _ = trained(together)
    assert losses.shape == (50, 8)
    for model in (0, 7):
        one = slice(model, model + 1)
        alone = engine_for(rna, prot, splits[one], recipe, 4, start[one].clone())
        np.testing.assert_allclose(trained(alone)[0][:, 0], losses[:, model], rtol=1e-4)
    assert shape.parameters == start.shape[1]


def test_a_seed_does_not_depend_on_its_block_mates(monkeypatch):
    # But for rounding, which TF32 does more of.
    monkeypatch.setenv("SHAREDIM_PRECISION", "highest")
    rna, prot = paired_features()
    # In longer training a unit that rounding switches on lets models part, on some processors.
    recipe = replace(QUICK, steps=20)
    together = dict(train_seeds(rna, prot, recipe=recipe, dim=4, seeds=[0, 1, 2, 3, 4, 5]))
    alone = dict(train_seeds(rna, prot, recipe=recipe, dim=4, seeds=[5]))
    assert sorted(together) == [0, 1, 2, 3, 4, 5]
    for name, expected in together[5].items():
        np.testing.assert_allclose(alone[5][name], expected, rtol=1e-4, atol=1e-5, err_msg=name)


def test_features_on_disk_are_read_where_they_are_used(tmp_path):
    rng = np.random.default_rng(0)
    recipe = replace(QUICK, steps=3, normaliser_cells=64)
    sides = [rng.standard_normal((200_000, width), dtype=np.float32) for width in (40, 10)]
    for name, side in zip("xy", sides, strict=True):
        np.save(tmp_path / f"{name}.npy", side)
    [(_, expected)] = train_seeds(*sides, recipe=recipe, dim=2, seeds=[0])
    mapped = [np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in "xy"]
    tracemalloc.start()
    [(_, found)] = train_seeds(*mapped, recipe=recipe, dim=2, seeds=[0])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # 18,000 cells are gathered, and an order of all 200,000 is drawn; the features are 40 MB.
    assert peak < 12e6
    for name, tensor in expected.items():
        assert np.array_equal(tensor, found[name], equal_nan=True), name


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
    assert tensors["history.chance_loss"].shape == tensors["temperature"].shape == ()
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
    for name in ("cuda:x", "cuda0", "CPU"):
        monkeypatch.setenv("SHAREDIM_DEVICE", name)
        with pytest.raises(InputError, match="not a device to train on"):
            choose_device()
    beyond = f"cuda:{torch.cuda.device_count()}"
    monkeypatch.setenv("SHAREDIM_DEVICE", beyond)
    with pytest.raises(InputError, match=f"{beyond}: . CUDA devices are visible"):
        choose_device()
    monkeypatch.setenv("SHAREDIM_DEVICE", "cpu")
    assert choose_device().type == "cpu"


def test_an_unknown_precision_is_refused(monkeypatch):
    monkeypatch.setenv("SHAREDIM_PRECISION", "double")
    with pytest.raises(InputError, match="not a precision; use highest, high, medium"):
        choose_precision()
    monkeypatch.delenv("SHAREDIM_PRECISION")
    assert choose_precision() == "high"


def test_test_cells_do_not_influence_training():
    rna, prot = paired_features()
    changed = rna.copy()
    changed[split_cells(len(rna), 0).test] += 100
    recipe = replace(QUICK, epochs=2)
    [(_, expected)] = train_seeds(rna, prot, recipe=recipe, dim=3, seeds=[0])
    [(_, found)] = train_seeds(changed, prot, recipe=recipe, dim=3, seeds=[0])
    for name in expected:
        assert np.array_equal(found[name], expected[name], equal_nan=True), name


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
    engine = engine_for(rna, prot, [split], recipe, dim)
    _, temperatures = trained(engine)
    f, g = (
        encoder.encode(torch.from_numpy(side[split.test])[None])[0].numpy()
        for encoder, side in zip(engine.encoders, (rna, prot), strict=True)
    )
    assert mle_dimension(f).mean == pytest.approx(2, abs=0.4)
    assert mle_dimension(g).mean == pytest.approx(2, abs=0.4)
    # The best match of 2,000 is the partner for about a quarter of the cells, more or fewer with the
    # rounding of so many steps; guessing finds one.
    assert np.mean(search(f, g).ranks.rivals == 0) > 0.2
    assert temperatures[-1] < 0.1


class TestTrajectory:
    """Against a run of the original authors' program."""

    recipe = ContrastiveRecipe(
        name="trajectory", learning_rate=1e-3, epochs=30, normaliser_cells=None
    )

    def engine(self, trajectory):
        n_train, n_normaliser = int(trajectory["n_train"]), int(trajectory["n_normaliser"])
        rows = np.arange(len(trajectory["X"]))
        split = Split(
            train=rows[:n_train],
            normaliser=rows[n_train : n_train + n_normaliser],
            test=rows[n_train + n_normaliser :],
        )
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
        parameters = torch.cat([*(stack.parameters for stack in stacks), torch.zeros(1, 1)], dim=1)
        dim = stacks[0].shape.outputs
        return engine_for(trajectory["X"], trajectory["Y"], [split], self.recipe, dim, parameters)

    def test_losses_are_followed(self, trajectory):
        assert trajectory["lr"] == self.recipe.learning_rate
        assert trajectory["epochs"] == self.recipe.epochs
        losses, temperatures = trained(self.engine(trajectory))
        losses = losses[:, 0].numpy()
        assert losses.shape == (120,)
        np.testing.assert_allclose(losses[:60], trajectory["losses"][:60], rtol=1e-3)
        np.testing.assert_allclose(losses, trajectory["losses"], rtol=1e-2)
        np.testing.assert_allclose(temperatures[:, 0], trajectory["taus"], rtol=1e-3)

    def test_first_gradients_are_reproduced(self, trajectory):
        engine = self.engine(trajectory)
        for batch, train in zip(engine.batch, engine.cells.train, strict=True):
            batch.copy_(train[:, : engine.batch_size])
        engine.gradient_of_batch()
        compared = 0
        for side, gradients in zip(("x", "y"), engine.encoder_gradients, strict=True):
            for name, gradient in gradients.tensors_of(0).items():
                layer, kind = name.split(".")
                expected = trajectory[f"grad_{side}_linear{int(layer) + 1}.{kind}"]
                tolerance = 1e-4 * np.abs(expected).max()
                np.testing.assert_allclose(gradient, expected, rtol=0, atol=tolerance)
                compared += 1
        assert compared == 16
