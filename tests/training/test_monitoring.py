"""What happens to models between epochs: they are looked at, averaged, stopped, and named as failed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from simulated_pairs import paired_features

from sharedim.training import loop, monitoring
from sharedim.training.loop import train_seeds
from sharedim.training.recipes import PAPER
from sharedim.training.splits import split_cells

QUICK = replace(PAPER, name="quick", epochs=6, learning_rate=1e-3, batch_size=64)


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
    cells, state = loop.prepare_stack(
        [0], rna, prot, shape, QUICK, torch.device("cpu"), lambda seed: split
    )
    losses = torch.tensor([[1.0], [torch.nan]])
    seen = {name: torch.ones(1) for name in monitoring.HISTORY}
    state = monitoring.record_epoch(replace(state, epoch=2), losses, torch.ones(2, 1), seen)
    assert monitoring.name_failures(state, losses, cells, shape, QUICK) == {0}
    assert f"not finite at step {2 * batches + 2};" in caplog.text
