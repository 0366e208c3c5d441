from __future__ import annotations

import pytest
import torch
from torch import nn

from sharedim.training.encoders import EncoderShape, EncoderStack, stack_tensors
from sharedim.training.initialisation import initial_encoder


def test_equals_plain_linear_layers_with_relu_between():
    generator = torch.Generator().manual_seed(0)
    models = [initial_encoder(EncoderShape(6, (5, 5), 3), generator) for _ in range(4)]
    stack = EncoderStack.from_tensors(stack_tensors(models))
    cells = torch.randn(4, 11, 6, generator=generator)
    encoded = stack.encode(cells)
    for number, tensors in enumerate(models):
        layers = []
        for layer in range(3):
            weight, bias = tensors[f"{layer}.weight"], tensors[f"{layer}.bias"]
            linear = nn.Linear(weight.shape[1], weight.shape[0])
            linear.weight.data, linear.bias.data = weight, bias
            layers += [linear, nn.ReLU()]
        plain = nn.Sequential(*layers[:-1])
        torch.testing.assert_close(encoded[number], plain(cells[number]), rtol=1e-5, atol=1e-6)


def test_one_layer_is_linear():
    generator = torch.Generator().manual_seed(0)
    stack = EncoderStack.from_tensors(
        stack_tensors([initial_encoder(EncoderShape(4, (), 2), generator)])
    )
    cells = torch.randn(1, 9, 4, generator=generator)
    constant = stack.encode(torch.zeros_like(cells))
    doubled = stack.encode(2 * cells) - constant
    torch.testing.assert_close(doubled, 2 * (stack.encode(cells) - constant))


def test_the_skip_adds_a_linear_map_of_the_input():
    generator = torch.Generator().manual_seed(0)
    tensors = initial_encoder(EncoderShape(4, (5,), 2, linear_skip=True), generator)
    cells = torch.randn(1, 9, 4, generator=generator)
    with_skip = EncoderStack.from_tensors(stack_tensors([tensors])).encode(cells)
    skip = tensors.pop("skip.weight")
    without = EncoderStack.from_tensors(stack_tensors([tensors])).encode(cells)
    torch.testing.assert_close(with_skip, without + cells @ skip.T)


def test_parameters_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="encoders that have 27 numbers each"):
        EncoderStack(EncoderShape(4, (3,), 3), torch.zeros(2, 26))


def test_tensors_survive_a_round_trip():
    generator = torch.Generator().manual_seed(0)
    shape = EncoderShape(6, (5,), 3, linear_skip=True)
    models = [initial_encoder(shape, generator) for _ in range(2)]
    stack = EncoderStack.from_tensors(stack_tensors(models))
    for number, tensors in enumerate(models):
        for name, tensor in stack.tensors_of(number).items():
            assert torch.equal(tensor, tensors[name])
