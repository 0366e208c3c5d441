from __future__ import annotations

import pytest
import torch

from sharedim.training import backprop
from sharedim.training.backprop import NormPass, PaddedNormPass
from sharedim.training.encoders import EncoderShape, EncoderStack

SHAPES = (
    EncoderShape(inputs=9, hidden=(6, 7), outputs=5),
    EncoderShape(inputs=7, hidden=(3,), outputs=4, linear_skip=True),
    EncoderShape(inputs=8, hidden=(), outputs=1),
)


def stack_and_cells(shape, cells):
    generator = torch.Generator().manual_seed(0)
    draw = lambda *size: torch.randn(*size, generator=generator, dtype=torch.float64)  # noqa: E731
    features = torch.cat([draw(3, cells, shape.inputs), torch.ones(3, cells, 1)], dim=2)
    return EncoderStack(shape, draw(3, shape.parameters)), features


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("cells", [1, 512, 401])
@pytest.mark.parametrize("part_cells", [1000, 100])
def test_padding_changes_nothing(monkeypatch, shape, cells, part_cells):
    monkeypatch.setattr(backprop, "PART_CELLS", part_cells)
    encoders, features = stack_and_cells(shape, cells)
    plain = NormPass(encoders, cells)
    padded = PaddedNormPass(encoders, cells, fixed=False)
    for _ in range(2):
        expected = plain.mean_with_gradient(features)
        torch.testing.assert_close(padded.mean_with_gradient(features), expected)
        torch.testing.assert_close(padded.gradient.parameters, plain.gradient.parameters)
        torch.testing.assert_close(padded.encode(features), plain.encode(features))
        # The next step has other cells and parameters, in the same places.
        features[..., :-1].mul_(1.5)
        encoders.parameters.add_(0.1)


def test_fixed_cells_are_copied_once():
    encoders, features = stack_and_cells(SHAPES[0], 50)
    padded = PaddedNormPass(encoders, 50, fixed=True)
    expected = padded.mean_with_gradient(features)
    assert torch.equal(padded.mean_with_gradient(features * torch.nan), expected)


def test_rows_start_at_multiples_of_16_bytes():
    encoders, _ = stack_and_cells(SHAPES[0], 50)
    padded = PaddedNormPass(
        EncoderStack(encoders.shape, encoders.parameters.float()), 50, fixed=True
    )
    tensors = [
        *padded.copies.layers,
        padded.parts,
        padded.parts,
        *padded.encoder_pass.buffers.hidden,
    ]
    for tensor in tensors:
        assert all(stride * 4 % 16 == 0 for stride in tensor.stride()[:-1])


def test_a_constant_encoder_of_norm_zero_has_no_gradient():
    encoders, features = stack_and_cells(SHAPES[0], 50)
    encoders.parameters.zero_()
    padded = PaddedNormPass(encoders, 50, fixed=True)
    assert padded.mean_with_gradient(features).tolist() == [0, 0, 0]
    assert torch.all(padded.gradient.parameters == 0)
