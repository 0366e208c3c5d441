from __future__ import annotations

import gc
import sys
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from quick_engine import QUICK, quick_engine

from sharedim.training import engine as engine_module
from sharedim.training.engine import learning_rate_at, temperature_of
from sharedim.training.recipes import PAPER


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


def test_a_step_passes_through_four_files_beside_the_loop():
    # In the order in which they are read to follow it; beyond them there are PyTorch and numpy.
    engine, passed = (
        quick_engine(replace(PAPER, epochs=2, normaliser_cells=100, reshuffle=True)),
        {},
    )

    def note(frame, event, _):
        folder, file = Path(frame.f_code.co_filename).parent, Path(frame.f_code.co_filename).stem
        if event == "call" and folder.name == "training" and folder.parent.name == "sharedim":
            passed.setdefault(file)

    sys.setprofile(note)
    try:
        engine.run_epoch(0)
    finally:
        sys.setprofile(None)
    assert list(passed) == ["engine", "sampling", "backprop", "losses"]
