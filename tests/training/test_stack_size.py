"""Seeds divided into stacks, also where some go on from a kept state."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from simulated_pairs import paired_features

from sharedim.jobs.checkpoints import StackFiles
from sharedim.training.loop import Task
from sharedim.training.recipes import PAPER
from sharedim.training.stack_size import stacks_to_train
from sharedim.training.state import PairShape

QUICK = replace(PAPER, name="quick", epochs=6, learning_rate=1e-3, batch_size=64)


def test_a_stack_of_which_seeds_are_no_longer_wanted_goes_on_with_the_others(tmp_path):
    rna, prot = paired_features()
    keeper = StackFiles(tmp_path, {"recipe": "quick"}, list(range(10)), "engine", every=0)
    shape = PairShape.of(rna.shape[1], prot.shape[1], 3, QUICK)
    _, state = Task(rna, prot, shape, QUICK, torch.device("cpu")).prepare([0, 1, 2])
    keeper.keep(replace(state, epoch=4).as_arrays())
    [one, other] = stacks_to_train([1, 5], 8, keeper, torch.device("cpu"))
    assert (one.seeds, one.epoch, other) == ([1], 4, [5])
    torch.testing.assert_close(one.parameters, state.parameters[1:2])
    assert stacks_to_train([7, 8, 9], 2, keeper, torch.device("cpu")) == [[7, 8], [9]]
    parts = stacks_to_train([0, 1, 2], 2, keeper, torch.device("cpu"))
    assert [(part.seeds, part.epoch) for part in parts] == [([0, 1], 4), ([2], 4)]


@pytest.mark.parametrize("seeds", range(1, 30))
def test_the_stacks_stay_the_same_when_the_first_is_finished(seeds):
    device = torch.device("cpu")
    stacks = stacks_to_train(list(range(seeds)), 8, None, device)
    assert [seed for stack in stacks for seed in stack] == list(range(seeds))
    assert max(map(len, stacks)) <= 8
    assert max(map(len, stacks)) - min(map(len, stacks)) <= 1
    rest = list(range(len(stacks[0]), seeds))
    assert stacks_to_train(rest, 8, None, device) == stacks[1:]
