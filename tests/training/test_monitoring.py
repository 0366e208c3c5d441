"""What happens to models between epochs: they are looked at, averaged, stopped, and named as failed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from quick_engine import quick_engine
from simulated_pairs import paired_features
from torch.nn.functional import normalize

from sharedim.evaluation.intrinsic_dimension import intrinsic_dimensions
from sharedim.evaluation.retrieval import search
from sharedim.training import loop, monitoring
from sharedim.training.engine import ThreadedEngine, temperature_of
from sharedim.training.loop import train_seeds
from sharedim.training.monitoring import evaluate
from sharedim.training.recipes import PAPER
from sharedim.training.splits import split_cells

QUICK = replace(PAPER, name="quick", epochs=6, learning_rate=1e-3, batch_size=64)


def test_the_evaluation_of_an_epoch():
    engine = quick_engine()
    engine.run_epoch(0)
    found = evaluate(engine)
    for model in range(2):
        f, g = (
            encoder.encode(cells[:, :, :-1])[model]
            for encoder, cells in zip(engine.encoders, engine.cells.normaliser, strict=True)
        )
        norms = f.norm(dim=1)
        assert found["norm_mean_rna"][model].item() == pytest.approx(norms.mean().item())
        spread = norms.std(correction=0) / norms.mean()
        assert found["norm_spread_rna"][model].item() == pytest.approx(spread.item())
        distance = (normalize(f, dim=1) - normalize(g, dim=1)).square().sum(dim=1).mean()
        assert found["alignment"][model].item() == pytest.approx(distance.item())
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
        assert found["held_out_loss"][model].item() == pytest.approx(expected)
        assert found["held_out_foscttm"][model].item() == pytest.approx(np.mean(closer))
        assert found["id_rna"][model].isnan()
        dimension = evaluate(engine, dimensions=True)["id_rna"][model].item()
        expected = intrinsic_dimensions(f.numpy(), errors=False).estimates["mle"].value
        assert dimension == pytest.approx(expected)


def test_signs_tie_in_foscttm():
    # At unit length a single coordinate is a sign.
    engine = quick_engine(replace(QUICK, similarity="cosine"), dim=1)
    assert 0.2 < evaluate(engine)["held_out_foscttm"].mean().item() < 0.8


def test_stopping_early_keeps_the_best_weights():
    # In double precision, so that company makes no difference.
    rna, prot = (side.astype(np.float64) for side in paired_features())
    batches = len(split_cells(len(rna), 0).train) // 64
    # So few cells and so high a rate that matching soon gets worse again.
    recipe = replace(QUICK, learning_rate=0.02, epochs=60, patience=4 * batches)
    models = dict(train_seeds(rna, prot, recipe=recipe, dim=3, seeds=[0, 1, 2]))
    stopped = {}
    for seed, tensors in models.items():
        held_out = tensors["history.held_out_foscttm"]
        epochs = int(np.isfinite(held_out).sum())
        best = int(np.nanargmin(held_out)) + 1
        stopped[seed] = epochs
        assert epochs == best + 4
        assert np.isnan(tensors["history.loss"][epochs:]).all()
        as_long = replace(recipe, epochs=best, patience=None)
        [(_, expected)] = train_seeds(rna, prot, recipe=as_long, dim=3, seeds=[seed])
        for name in ("rna.0.weight", "prot.3.bias", "mean_norm.rna", "temperature"):
            np.testing.assert_allclose(tensors[name], expected[name], rtol=1e-5, atol=1e-7)
    assert len(set(stopped.values())) > 1


def test_averages_of_weights_are_kept():
    rna, prot = (side.astype(np.float64) for side in paired_features())
    batches = len(split_cells(len(rna), 0).train) // 64

    def trained(**choices):
        [(_, tensors)] = train_seeds(rna, prot, recipe=replace(QUICK, **choices), dim=3, seeds=[0])
        return tensors

    start = trained(epochs=1, learning_rate=1e-300)["rna.0.weight"]
    weights = [trained(epochs=epochs)["rna.0.weight"] for epochs in (1, 2, 3)]
    share = 1 - np.exp(-batches / 20)
    expected = start
    for own in weights:
        expected = (1 - share) * expected + share * own
    found = trained(epochs=3, averaged_steps=20)
    np.testing.assert_allclose(found["rna.0.weight"], expected, rtol=1e-9)
    # What is seen along training is seen of the averages.
    assert found["history.loss"][2] == trained(epochs=3)["history.loss"][2]
    assert found["history.alignment"][2] != trained(epochs=3)["history.alignment"][2]


def test_dimensions_along_training_are_estimated_when_asked():
    rna, prot = paired_features()
    choices = {"recipe": QUICK, "dim": 3, "seeds": [0, 1]}
    models = dict(train_seeds(rna, prot, **choices, dimension_every=2))
    for tensors in models.values():
        for side in ("rna", "prot"):
            found = tensors[f"history.id_{side}"]
            assert np.isfinite(found).tolist() == [False, True] * 3
            assert (found[1::2] > 0.5).all()
    # The same seeds together: in a stack of another size, numbers are rounded differently.
    without = dict(train_seeds(rna, prot, **choices))[0]
    assert np.isnan(without["history.id_rna"]).all()
    np.testing.assert_array_equal(without["rna.0.weight"], models[0]["rna.0.weight"])


def test_a_model_that_fails_stops_alone_and_is_named(caplog):
    rna, prot = paired_features()
    splits = [split_cells(len(rna), seed) for seed in range(3)]
    used = [set(split.train) | set(split.normaliser) for split in splits]
    cell = min(set(splits[1].train[64:128]) - used[0] - used[2])
    rna[cell] = 3e38
    models = dict(train_seeds(rna, prot, recipe=QUICK, dim=3, seeds=[0, 1, 2]))
    # The second batch of the first epoch holds the cell.
    assert (
        "quick, d = 3, seed 1: the loss is not finite at step 2; this model stops as failed"
        in caplog.text
    )
    assert caplog.text.count("not finite") == 1
    for name, tensor in models[1].items():
        assert np.isnan(tensor).all() or name == "history.chance_loss", name
    clean, _ = paired_features()
    expected = dict(train_seeds(clean, prot, recipe=QUICK, dim=3, seeds=[0, 2]))
    for seed in (0, 2):
        assert np.isfinite(models[seed]["history.loss"]).all()
        for name, tensor in expected[seed].items():
            np.testing.assert_allclose(models[seed][name], tensor, rtol=1e-3, atol=1e-4)


def test_a_model_that_breaks_in_its_last_update_has_failed(caplog):
    rna, prot = paired_features()
    recipe = replace(QUICK, steps=6, learning_rate=1e38)
    models = dict(train_seeds(rna, prot, recipe=replace(recipe, steps=1), dim=3, seeds=[0]))
    assert np.isnan(models[0]["temperature"])
    assert "seed 0: the loss is not finite at step 1" in caplog.text


def test_the_step_of_a_failure_is_counted_from_the_start(caplog):
    rna, prot = paired_features()
    split = split_cells(len(rna), 0)
    batches = len(split.train) // 64
    shape = loop.PairShape.of(rna.shape[1], prot.shape[1], 3, QUICK)
    cells, state = loop.Task(rna, prot, shape, QUICK, torch.device("cpu")).prepare([0])
    engine = ThreadedEngine(cells, state, shape, QUICK)
    losses = torch.tensor([[1.0], [torch.nan]])
    evaluation = {name: torch.ones(1) for name in monitoring.HISTORY}
    state = monitoring.record_epoch(replace(state, epoch=2), losses, torch.ones(2, 1), evaluation)
    assert monitoring.log_failures(engine, state, losses, shape, QUICK) == {0}
    assert f"not finite at step {2 * batches + 2};" in caplog.text
