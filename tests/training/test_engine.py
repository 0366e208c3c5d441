from __future__ import annotations

import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch
from simulated_pairs import paired_features
from torch.nn.functional import normalize

from sharedim.evaluation.intrinsic_dimension import intrinsic_dimensions
from sharedim.evaluation.retrieval import search
from sharedim.training import engine as engine_module
from sharedim.training.cca import closer_shares, confirmed_cca
from sharedim.training.engine import StackEngine, learning_rate_at, temperature_of
from sharedim.training.recipes import PAPER, ContrastiveRecipe
from sharedim.training.splits import split_cells
from sharedim.training.state import PairShape, StackCells, StackState, initial_models

QUICK = replace(PAPER, name="quick", epochs=3, learning_rate=1e-3, batch_size=64)


def quick_engine(recipe=QUICK, seeds=(0, 1), dim=4, dtype=np.float64):
    rna, prot = (side.astype(dtype) for side in paired_features())
    splits = [split_cells(len(rna), seed) for seed in seeds]
    cells = StackCells.gather(rna, prot, splits, torch.device("cpu"))
    shape = PairShape.of(rna.shape[1], prot.shape[1], dim, recipe)
    models = initial_models(list(seeds), shape, cells, recipe)
    state = StackState.start(list(seeds), *models, recipe.epochs, recipe)
    return StackEngine(cells, state, shape, recipe)


def test_what_is_seen_after_an_epoch():
    engine = quick_engine()
    engine.run_epoch(0)
    seen = engine.evaluate()
    for model in range(2):
        f, g = (
            encoder.encode(cells[:, :, :-1])[model]
            for encoder, cells in zip(engine.encoders, engine.cells.normaliser, strict=True)
        )
        norms = f.norm(dim=1)
        assert seen["norm_mean_rna"][model].item() == pytest.approx(norms.mean().item())
        spread = norms.std(correction=0) / norms.mean()
        assert seen["norm_spread_rna"][model].item() == pytest.approx(spread.item())
        distance = (normalize(f, dim=1) - normalize(g, dim=1)).square().sum(dim=1).mean()
        assert seen["alignment"][model].item() == pytest.approx(distance.item())
        tau = temperature_of(engine.state.parameters[model, -1], QUICK)
        scale = norms.mean() * g.norm(dim=1).mean() * tau
        losses, closer = [], []
        for start in range(0, len(f) - 63, 64):
            batch = [side[start : start + 64].numpy() for side in (f, g)]
            closer += [search(*pair).ranks.fraction_closer for pair in (batch, batch[::-1])]
            logits = f[start : start + 64] @ g[start : start + 64].T / scale
            target = torch.arange(64)
            both = [torch.nn.functional.cross_entropy(s, target) for s in (logits, logits.T)]
            losses.append(sum(both) / 2)
        expected = torch.stack(losses).mean().item()
        assert seen["held_out_loss"][model].item() == pytest.approx(expected)
        assert seen["held_out_foscttm"][model].item() == pytest.approx(np.mean(closer))
        assert seen["id_rna"][model].isnan()
        found = engine.evaluate(dimensions=True)["id_rna"][model].item()
        expected = intrinsic_dimensions(f.numpy(), errors=False).estimates["mle"].value
        assert found == pytest.approx(expected)


def test_ties_count_half_in_foscttm():
    engine = quick_engine(replace(QUICK, similarity="cosine"), dim=1)
    ones = torch.ones(2, 5, 5)
    assert closer_shares(ones).tolist() == [0.5, 0.5]
    # At unit length a single coordinate is a sign.
    assert 0.2 < engine.evaluate()["held_out_foscttm"].mean().item() < 0.8


def test_the_start_from_cca_is_cca():
    recipe = replace(QUICK, start="cca", linear_skip=True)
    engine = quick_engine(recipe)
    rna, prot = (side.astype(np.float64) for side in paired_features())
    train = split_cells(len(rna), 1).train
    linear = confirmed_cca(rna[train], prot[train], 4)
    weights = linear.x_weight, linear.y_weight
    for encoder, side, weight in zip(engine.encoders, (rna, prot), weights, strict=True):
        found = encoder.encode(torch.from_numpy(side)[None].expand(2, -1, -1))[1]
        expected = (side - side[train].mean(axis=0)) @ weight.T
        # The starting weights are drawn and stored in single precision.
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_start_from_cca_needs_a_linear_part():
    with pytest.raises(ValueError, match="start='cca' needs a linear part"):
        ContrastiveRecipe(name="wrong", start="cca")


def test_dropout_is_a_share():
    with pytest.raises(ValueError, match="dropout=30"):
        ContrastiveRecipe(name="wrong", dropout=30)


def test_the_learning_rate_rises_and_falls():
    recipe = replace(QUICK, learning_rate=0.1, warmup_steps=4, schedule="cosine")
    rates = [learning_rate_at(step, 24, recipe) for step in range(24)]
    assert rates[:5] == pytest.approx([0.025, 0.05, 0.075, 0.1, 0.1])
    assert rates[14] == pytest.approx(0.05)
    assert np.all(np.diff(rates[4:]) < 0)
    assert 0 < rates[-1] < 0.001
    assert [learning_rate_at(step, 24, QUICK) for step in (0, 23)] == [1e-3, 1e-3]


def test_the_temperature_is_learned_fixed_or_bounded_below():
    scale = torch.tensor([0.0, -1.0, -100.0])
    found = temperature_of(scale, replace(PAPER, temperature_floor=0.01, initial_temperature=0.5))
    expected = [0.51, 0.5 * np.exp(-2) + 0.01, 0.01]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    fixed = replace(PAPER, learn_temperature=False, initial_temperature=0.07, temperature_floor=0.0)
    np.testing.assert_allclose(temperature_of(scale, fixed), 0.07, rtol=1e-6)


def test_without_a_cuda_graph_training_is_the_same(monkeypatch, caplog):
    # Trying to capture a step trains the models, here until it fails as an old driver would.
    expected = quick_engine()
    losses, _ = expected.run_epoch(0)

    def fails(step):
        step()
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(engine_module, "captured", fails)
    engine = quick_engine()
    assert engine._capture() is None
    assert "training without a CUDA graph: operation not permitted" in caplog.text
    torch.testing.assert_close(engine.run_epoch(0)[0], losses, rtol=0, atol=0)
    assert torch.equal(engine.state.parameters, expected.state.parameters)


def test_a_step_can_be_replayed():
    # What a graph relies on: a step reads and writes the same places every time.
    engine = quick_engine()
    expected = quick_engine()
    engine._replay = engine._step
    places = [tensor.data_ptr() for tensor in (*engine.batch, engine.loss, engine.state.parameters)]
    for epoch in (0, 1):
        torch.testing.assert_close(engine.run_epoch(epoch), expected.run_epoch(epoch))
    after = [tensor.data_ptr() for tensor in (*engine.batch, engine.loss, engine.state.parameters)]
    assert places == after


def test_an_engine_that_is_done_with_frees_its_buffers():
    gc.disable()
    engine = quick_engine()
    engine.run_epoch(0)
    buffers = weakref.ref(engine.batch_passes[0].buffers.output)
    del engine
    assert buffers() is None
    gc.enable()
