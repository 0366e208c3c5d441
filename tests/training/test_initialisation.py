"""Initial weights: those of PyTorch's layers, and those of canonical correlation analysis."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from quick_engine import QUICK, quick_engine
from simulated_pairs import paired_features
from torch import nn

from sharedim.training.cca import confirmed_cca
from sharedim.training.encoders import EncoderShape
from sharedim.training.initialisation import initial_encoder
from sharedim.training.splits import split_cells


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


@pytest.mark.parametrize("name", ["0.weight", "0.bias", "1.weight", "1.bias"])
def test_initial_values_are_distributed_as_torch_draws_them(name):
    widths = (100, 400, 300)
    shape = EncoderShape(100, (400,), 300)
    drawn = initial_encoder(shape, torch.Generator().manual_seed(3))[name]
    layer = int(name[0])
    torch.manual_seed(4)
    reference = getattr(nn.Linear(widths[layer], widths[layer + 1]), name[2:])
    assert drawn.shape == reference.shape
    bound = widths[layer] ** -0.5
    assert drawn.abs().max() <= bound
    # Standard error of a uniform's standard deviation is about 0.4 / sqrt(n) of it.
    assert drawn.std() == pytest.approx(reference.std().item(), rel=3 / drawn.numel() ** 0.5)
